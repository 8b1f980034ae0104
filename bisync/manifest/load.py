"""The manifest: found, read with its overlay, checked as a whole, and turned into `bisync.config` values.

Three steps, in this order: the schema says which keys and types there may be, `cross_check` what must hold
between them, and only then is anything built. All problems are collected first and raised at once.
No secret is looked at here; a reference stays one until `bisync.secret` resolves it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bisync.config import (
    BUILTIN_PROFILES,
    DEFAULT_HOOK_SECONDS,
    DEFAULT_IGNORE_FILES,
    DEFAULT_PROFILE,
    Compare,
    ConflictName,
    ConflictResolve,
    Hooks,
    KeysIn,
    Manifest,
    Profile,
    Sync,
)
from bisync.core.printable import typed
from bisync.errors import Fault, ManifestError, UsageError
from bisync.manifest import cross_check, migration, pings, schema_check, tenants, trust
from bisync.manifest.document import Document, Place, Problem, merge, ordered, parse, quoted, read
from bisync.manifest.draft import Draft, Reading, from_home, is_path, remote_path

NAME = "bisync.yaml"
OVERLAY_NAME = "bisync.local.yaml"


class NotFound(ManifestError):
    """There is no manifest anywhere."""


def find(explicit: Path | None, env: Mapping[str, str], cwd: Path, home: Path) -> Path:
    """The manifest to use: `explicit`, $BISYNC_MANIFEST, bisync.yaml in `cwd` or a parent, the home's own.

    Whatever has the name counts, also a folder: `load` says what is wrong with it. Raises ManifestError
    with the places it looked at when there is none.
    """
    if explicit is not None:
        return _given(explicit, "--manifest", cwd, home)
    if env.get("BISYNC_MANIFEST"):
        return _given(Path(env["BISYNC_MANIFEST"]), "$BISYNC_MANIFEST", cwd, home)
    mine = home / ".config" / "bisync" / NAME
    for candidate in (*(folder / NAME for folder in (cwd, *cwd.parents)), mine):
        if os.path.lexists(candidate):
            return candidate
    raise NotFound(
        [f"no manifest: looked for {NAME} in {cwd} and the folders above it, and for {mine}"],
        hint="write one with: bisync init",
    )


def _given(path: Path, by: str, cwd: Path, home: Path) -> Path:
    target = cwd / from_home(str(path), home)
    if not os.path.lexists(target):
        raise ManifestError(
            [f"no manifest at {target} (given by {by})"],
            hint=f"write one with: bisync init --manifest {typed(path)}",
        )
    return target


def load(path: Path, *, env: Mapping[str, str], home: Path, sync_dir: str | None = None) -> Manifest:
    """Read the manifest at `path`, with the overlay beside it, into typed values.

    `sync_dir` (from `setup --dir`) stands in for config.json's: the folder of the one sync whose `dir` the
    manifest leaves open. It is judged like any other folder, so that a bad one is never written down.
    Raises ManifestError with every problem of both files and of the values that config.json lends, and for files that
    somebody else can have written.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a linked manifest to its repo
    files, document = _read(path)
    reading = Reading(
        document=document,
        files=files,
        env=env,
        home=home,
        problems=list(document.problems),
        sync_dir=sync_dir,
    )
    names = [one.name for one in files]
    if document.data is None:
        text = "is empty; see what `bisync init` writes for a start"
        empty = Problem(Place(path.name, 1, 1), (), text)
        raise ManifestError([one.fault(document.sources) for one in (*reading.problems, empty)])
    draft = _judged(reading)
    if reading.problems:
        raise ManifestError([one.fault(document.sources) for one in ordered(reading.problems, names)])
    return _build(reading, draft, path, files)


def problems(text: str, path: Path, *, env: Mapping[str, str], home: Path) -> list[Problem]:
    """What a manifest of this text would be refused for, were it at `path`, which nobody looks at.

    Raises ManifestError for what is no YAML.
    """
    document = parse(text, path.name)
    found = list(document.problems)
    _judged(Reading(document=document, files=(path,), env=env, home=home, problems=found))
    return found


def _judged(reading: Reading) -> Draft:
    """What a document says with its gaps filled; all its problems are in `reading` then."""
    for wrong in schema_check.problems(reading.document.data):
        reading.report(wrong.path, wrong.text, at_key=wrong.at_key)
    draft = Draft.of(reading)
    cross_check.check(reading, draft)
    return draft


def select_syncs(manifest: Manifest, names: Iterable[str] = ()) -> tuple[Sync, ...]:
    """The syncs called `names`, in the manifest's order; all when there are none.

    Raises UsageError for a name that is not in the manifest.
    """
    wanted = tuple(names)
    known = [sync.name for sync in manifest.syncs]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        near = schema_check.did_you_mean(unknown[0], known)
        meant = schema_check.nearest(unknown[0], known) or known[0]
        raise UsageError(
            f"no sync is called {quoted(unknown[0])}{near} ({', '.join(known)})",
            hint=f"as in: --only {typed(meant)}",
        )
    return manifest.select(wanted)


def _read(path: Path) -> tuple[tuple[Path, ...], Document]:
    """Both files, merged. Raises ManifestError with the syntax errors of both."""
    overlay = path.with_name(OVERLAY_NAME)
    files = (path, overlay) if os.path.lexists(overlay) and overlay != path else (path,)
    trust.check(files)
    documents: list[Document] = []
    problems: list[Fault] = []
    hint = None
    for one in files:
        try:
            documents.append(read(one))
        except ManifestError as error:
            problems += error.faults
            hint = hint or error.hint
    if problems:
        raise ManifestError(problems, hint=hint)
    document = documents[0]
    for overlay_document in documents[1:]:
        if overlay_document.data is not None and not isinstance(overlay_document.data, dict):
            problem = Problem(
                Place(overlay.name, 1, 1), (), "expected a mapping that overrides the manifest's keys"
            )
            document = dataclasses.replace(document, problems=(*document.problems, problem))
        else:
            document = merge(document, overlay_document)
    return files, document


def _build(reading: Reading, draft: Draft, path: Path, files: tuple[Path, ...]) -> Manifest:
    """Typed values from a document without problems."""
    data = reading.document.data
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    made = {name: tenants.build(reading, name, draft) for name in data["tenants"]}
    profiles = dict(BUILTIN_PROFILES)
    for name in reading.mapping("profiles"):
        _profile(reading, name, profiles)
    # In the manifest's order, although a profile may extend one that is written after it.
    own = {name: profiles[name] for name in reading.mapping("profiles")}
    binary = reading.text("rclone", "binary")
    if binary and is_path(binary):
        binary = str(reading.local_path("rclone", "binary"))
    ignore_files = data.get("ignore_files")
    keeps_extensions = any(one.conflict_name is ConflictName.BEFORE_EXTENSION for one in own.values())
    return Manifest(
        path=path,
        files=files,
        digest="sha256:" + hashlib.sha256(canonical.encode()).hexdigest(),
        tenants=tuple(made.values()),
        syncs=tuple(
            Sync(
                name=name,
                tenant=made[sync["tenant"]],
                dir=draft.folders[name].path,
                path=remote_path(sync.get("path", "")),
                profile=profiles[sync.get("profile", draft.profile)],
                ignore=tuple(sync.get("ignore", ())),
                hooks=_hooks(sync.get("hooks", {})),
                ping=pings.ping(reading, name),
                keeps_extensions=keeps_extensions,
            )
            for name, sync in draft.syncs.items()
        ),
        profiles=(*BUILTIN_PROFILES.values(), *own.values()),
        ignore=tuple(data.get("ignore", ())),
        ignore_files=DEFAULT_IGNORE_FILES if ignore_files is None else tuple(ignore_files),
        watch_interval=int(draft.watch_interval),
        keep_days=int(draft.keep_days),
        device=data.get("device"),
        migration=migration.build(reading),
        mount_dir=draft.mount_dir,
        state_dir=draft.state_dir,
        rclone_binary=binary,
        rclone_config=draft.rclone_config,
        rclone_keys=KeysIn(reading.text("rclone", "keys") or KeysIn.FILE),
    )


def _hooks(says: Mapping[str, Any]) -> Hooks:
    commands = {when: tuple(map(tuple, listed)) for when, listed in says.items() if when != "timeout"}
    return Hooks(timeout=int(says.get("timeout", DEFAULT_HOOK_SECONDS)), **commands)


def _profile(reading: Reading, name: str, built: dict[str, Profile]) -> Profile:
    """The profile `name`, and whatever it extends, put into `built`."""
    if name not in built:
        says = dict(reading.mapping("profiles", name))
        base = _profile(reading, says.pop("extends", DEFAULT_PROFILE), built)
        says["description"] = says.get("description", "")
        if "conflict_resolve" in says:
            says["conflict_resolve"] = ConflictResolve(says["conflict_resolve"])
        if "conflict_name" in says:
            says["conflict_name"] = ConflictName(says["conflict_name"])
        if "compare" in says:
            says["compare"] = Compare(says["compare"])
        for key in ("max_delete", "max_new"):
            if says.get(key) == "none":
                says[key] = None
        for key in ("max_delete", "max_new", "checkers", "transfers"):
            if says.get(key) is not None:
                says[key] = int(says[key])
        built[name] = dataclasses.replace(base, name=name, **says)
    return built[name]
