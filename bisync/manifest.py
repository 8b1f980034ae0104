"""The manifest: found, read with its overlay, checked as a whole, and turned into `bisync.config` values.

Three steps, in this order: the schema says which keys and types there may be, the rules below what must
hold between them, and only then is anything built. All problems are collected first and raised at once.
No secret is looked at here; a reference stays one until `bisync.secrets` resolves it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import bmconfig, source
from .config import (
    BUILTIN_PROFILES,
    DEFAULT_IGNORE_FILES,
    DEFAULT_KEEP_DAYS,
    DEFAULT_PROFILE,
    DEFAULT_WATCH_INTERVAL,
    BasicMemoryTenant,
    Compare,
    ConflictResolve,
    EmbeddedTenant,
    Hooks,
    KeyPair,
    Manifest,
    Profile,
    RcloneTenant,
    S3Tenant,
    SecretRef,
    Sync,
    Tenant,
)
from .errors import ManifestError, UsageError
from .schema import check
from .source import Document, KeyPath, Place, Problem, dotted, quoted

NAME = "bisync.yaml"
OVERLAY_NAME = "bisync.local.yaml"
DEFAULT_SYNC_DIR = "~/basic-memory-cloud-sync"
DEFAULT_MOUNT_DIR = "~/basic-memory-cloud"
DEFAULT_STATE_DIR = "~/.basic-memory"
DEFAULT_RCLONE_CONFIG = "~/.config/rclone/rclone.conf"


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
    raise ManifestError(
        [f"no manifest: looked for {NAME} in {cwd} and the folders above it, and for {mine}"],
        hint="write one with: bisync init",
    )


def _given(path: Path, by: str, cwd: Path, home: Path) -> Path:
    target = cwd / _from_home(str(path), home)
    if not os.path.lexists(target):
        raise ManifestError(
            [f"no manifest at {target} (given by {by})"], hint=f"write one with: bisync init --manifest {path}"
        )
    return target


def load(path: Path, *, env: Mapping[str, str], home: Path) -> Manifest:
    """Read the manifest at `path`, with the overlay beside it, into typed values.

    Raises ManifestError with every problem of both files and of the values that config.json lends.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a linked manifest to its repo
    files, document = _read(path)
    names = [one.name for one in files]
    found = list(document.problems)
    if document.data is None:
        found.append(Problem(Place(path.name), (), "is empty; see what `bisync init` writes for a start"))
        raise ManifestError([str(one) for one in found])
    reading = _Reading(document=document, folder=path.parent, env=env, home=home, problems=found)
    for key_path, text in check.problems(document.data):
        reading.report(key_path, text)
    draft = _Draft.of(reading)
    _check(reading, draft)
    if reading.problems:
        raise ManifestError([str(one) for one in source.ordered(reading.problems, names)])
    return _build(reading, draft, path, files)


def select_syncs(manifest: Manifest, names: Iterable[str] = ()) -> tuple[Sync, ...]:
    """The syncs called `names`, in the manifest's order; all when there are none.

    Raises UsageError for a name that is not in the manifest.
    """
    wanted = tuple(names)
    known = [sync.name for sync in manifest.syncs]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        near = check.did_you_mean(unknown[0], known)
        raise UsageError(f"no sync is called {quoted(unknown[0])}{near} ({', '.join(known)})")
    return manifest.select(wanted)


def starter() -> str:
    """The text of the manifest that `init` writes: the example, all but its first tenant commented out."""
    from .render import render

    return render("bisync.yaml.j2", example=False)


def write_starter(path: Path) -> None:
    """Write a commented manifest to `path`, readable for the team it is shared with.

    Raises UsageError when there is something at `path`, or nothing can be written there.
    """
    from .files import atomic_write, private_dir

    if os.path.lexists(path):
        raise UsageError(
            f"{path} exists already; it is left as it is",
            hint="edit it and check it with: bisync validate, or name another file with --manifest",
        )
    try:
        private_dir(path.parent)
        atomic_write(path, starter(), mode=0o644)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _read(path: Path) -> tuple[tuple[Path, ...], Document]:
    """Both files, merged. Raises ManifestError with the syntax errors of both."""
    overlay = path.with_name(OVERLAY_NAME)
    files = (path, overlay) if os.path.lexists(overlay) and overlay != path else (path,)
    documents, problems, hint = [], [], None
    for one in files:
        try:
            documents.append(source.read(one))
        except ManifestError as error:
            problems += error.problems
            hint = hint or error.hint
    if problems:
        raise ManifestError(problems, hint=hint)
    document = documents[0]
    for overlay_document in documents[1:]:
        if overlay_document.data is not None and not isinstance(overlay_document.data, dict):
            problem = Problem(Place(overlay.name, 1, 1), (), "expected a mapping that overrides the manifest's keys")
            document = dataclasses.replace(document, problems=(*document.problems, problem))
        else:
            document = source.merge(document, overlay_document)
    return files, document


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A document that may be wrong anywhere, asked without fear: what is not as expected is None."""

    document: Document
    folder: Path
    env: Mapping[str, str]
    home: Path
    problems: list[Problem]
    _paths: dict[KeyPath, Path | None] = field(default_factory=dict)

    def report(self, path: KeyPath, text: str, *, place: Place | None = None) -> None:
        """Note a problem at `path`; its place is that of the nearest key that is written down."""
        written = path
        while written not in self.document.places:
            written = written[:-1]
        self.problems.append(Problem(place or self.document.places[written], path, text))

    def get(self, *path: str | int) -> Any:
        value = self.document.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def mapping(self, *path: str | int) -> dict[str, Any]:
        value = self.get(*path)
        return value if isinstance(value, dict) else {}

    def text(self, *path: str | int) -> str | None:
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def local_path(self, *path: str | int) -> Path | None:
        """The path written at `path`, expanded and absolute; None (reported once) when it cannot be."""
        if path not in self._paths:
            text = self.text(*path)
            self._paths[path] = None if not text else self._expanded(text, path)
        return self._paths[path]

    def _expanded(self, text: str, path: KeyPath) -> Path | None:
        try:
            return expand(text, env=self.env, home=self.home, folder=self.folder)
        except ValueError as error:
            self.report(path, str(error))
            return None


def expand(text: str, *, env: Mapping[str, str], home: Path, folder: Path) -> Path:
    """`text` as an absolute path: `${VAR}` and `${VAR:-default}`, then a leading `~`, then relative to `folder`.

    Raises ValueError, with words for the user, for an unset variable and for what cannot be a path.
    """
    full = _from_home(_with_variables(text, env), home)
    if re.search("[\x00-\x1f\x7f]", full):
        raise ValueError("a path has no line breaks or other control characters")
    if full.startswith("~"):
        raise ValueError("another user's home is not expanded; write the path out (or ./~ for a folder of that name)")
    return Path(os.path.normpath(folder / full))


def _with_variables(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            raise ValueError("write ${NAME} or ${NAME:-default}")
        # As in a shell: `:-` stands in for an empty variable too, and without it an empty one is a slip.
        if env.get(name):
            return env[name]
        if default is None:
            raise ValueError(
                f"the environment variable {name} is not set; set it, or give a default: ${{{name}:-PATH}}"
            )
        return default

    return re.sub(r"\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|)", value, text)


def _from_home(text: str, home: Path) -> str:
    return str(home) + text[1:] if text == "~" or text.startswith("~/") else text


@dataclass(slots=True, kw_only=True)
class _Folder:
    """Where one sync's folder is, and where that is written (`place` None: in the manifest)."""

    sync: str
    path: Path
    shown: str
    place: Place | None = None

    @property
    def real(self) -> Path:
        return Path(os.path.realpath(self.path))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What the manifest says once defaults have filled its gaps; as far as it makes sense."""

    syncs: dict[str, dict[str, Any]]
    folders: dict[str, _Folder]
    profile: str
    watch_interval: int
    keep_days: int
    api_url: str | None
    mount_dir: Path
    state_dir: Path
    rclone_config: Path

    @classmethod
    def of(cls, reading: _Reading) -> _Draft:
        """Fill the gaps: from config.json where it speaks, else with our own defaults; report its problems."""
        home = reading.home

        def path(default: str, *keys: str) -> Path:
            return reading.local_path(*keys) or Path(_from_home(default, home))

        state_dir = path(DEFAULT_STATE_DIR, "state_dir")
        config_json = state_dir / "config.json"
        shared = bmconfig.SharedConfig()
        try:
            shared = bmconfig.read(config_json)
        except ManifestError as error:
            for text in error.problems:
                place, _, rest = text.partition(": ")
                reading.problems.append(Problem(Place(place), (), rest))
        beside = Place(str(config_json))

        profile = reading.text("defaults", "profile")
        if profile is None and shared.default_profile is not None:
            profile = shared.default_profile
            _known_profile(reading, ("bisync_config", "default_profile"), profile, place=beside)
        api_url = reading.env.get("BASIC_MEMORY_API_URL") or None
        if api_url is not None:
            _safe_url(reading, (), api_url, place=Place("$BASIC_MEMORY_API_URL"))
        elif shared.api_url is not None and any(
            tenant.get("provider") == "basic-memory" and "api_url" not in tenant
            for tenant in reading.mapping("tenants").values()
            if isinstance(tenant, dict)
        ):
            api_url = shared.api_url
            _safe_url(reading, ("api_url",), api_url, place=beside)

        syncs = _syncs(reading)
        return cls(
            syncs=syncs,
            folders=_folders(reading, syncs, shared.sync_dir, beside),
            profile=profile or DEFAULT_PROFILE,
            watch_interval=reading.get("defaults", "watch_interval")
            or shared.auto_sync_interval
            or DEFAULT_WATCH_INTERVAL,
            keep_days=reading.get("defaults", "keep_days") or DEFAULT_KEEP_DAYS,
            api_url=api_url,
            mount_dir=path(DEFAULT_MOUNT_DIR, "mount_dir"),
            state_dir=state_dir,
            rclone_config=path(
                os.path.abspath(reading.env.get("RCLONE_CONFIG") or "") # noqa: PTH100 - as rclone reads it
                if reading.env.get("RCLONE_CONFIG")
                else DEFAULT_RCLONE_CONFIG,
                "rclone",
                "config",
            ),
        )


def _syncs(reading: _Reading) -> dict[str, dict[str, Any]]:
    """The syncs as written; of a manifest without any and one tenant, the one that goes without saying."""
    written = reading.mapping("syncs")
    if written:
        return {name: sync for name, sync in written.items() if isinstance(sync, dict)}
    tenants = list(reading.mapping("tenants"))
    if len(tenants) == 1:
        return {tenants[0]: {"tenant": tenants[0]}}
    if len(tenants) > 1 and reading.get("syncs") in (None, {}):
        reading.report(("syncs",), f"missing; say which folder goes where: NAME: {{tenant: {tenants[0]}, dir: PATH}}")
    return {}


def _folders(
    reading: _Reading, syncs: dict[str, dict[str, Any]], sync_dir: str | None, beside: Place
) -> dict[str, _Folder]:
    folders = {}
    for name, sync in syncs.items():
        keys = ("syncs", name, "dir")
        if "dir" in sync:
            path = reading.local_path(*keys)
            if path is not None:
                folders[name] = _Folder(sync=name, path=path, shown=sync["dir"])
        elif len(syncs) > 1:
            reading.report(("syncs", name), 'needs "dir": the folder on this machine (one for each of several syncs)')
        elif sync_dir is not None:
            try:
                path = expand(sync_dir, env=reading.env, home=reading.home, folder=reading.home)
            except ValueError as error:
                reading.report(("bisync_config", "sync_dir"), str(error), place=beside)
            else:
                folders[name] = _Folder(sync=name, path=path, shown=sync_dir, place=beside)
        else:
            path = Path(_from_home(DEFAULT_SYNC_DIR, reading.home))
            folders[name] = _Folder(sync=name, path=path, shown=DEFAULT_SYNC_DIR)
    return folders


def _check(reading: _Reading, draft: _Draft) -> None:
    """The rules between keys, which a schema cannot say (design: every one of them is exit code 2)."""
    _check_profiles(reading)
    _check_tenants(reading)
    _check_syncs(reading, draft)
    _check_folders(reading, draft)
    _check_remotes(reading, draft)
    reading.local_path("rclone", "config")
    binary = reading.text("rclone", "binary")
    if binary and _is_path(binary):
        reading.local_path("rclone", "binary")


def _check_profiles(reading: _Reading) -> None:
    own = reading.mapping("profiles")
    for name, profile in own.items():
        if name in BUILTIN_PROFILES:
            reading.report(
                ("profiles", name),
                f"{name} is built in and stays what it is; give yours another name, with extends: {name}",
            )
            continue
        base = profile.get("extends") if isinstance(profile, dict) else None
        if isinstance(base, str):
            _known_profile(reading, ("profiles", name, "extends"), base)
        seen = [name]
        while isinstance(base, str) and base in own and base not in BUILTIN_PROFILES:
            if base in seen:
                if base == name:  # once for each profile in the cycle, not for those that lead into it
                    chain = " -> ".join([*seen, base])
                    reading.report(("profiles", name, "extends"), f"extends itself ({chain}); extend a built-in one")
                break
            seen.append(base)
            base = reading.get("profiles", base, "extends")
    profile_name = reading.text("defaults", "profile")
    if profile_name is not None:
        _known_profile(reading, ("defaults", "profile"), profile_name)


def _known_profile(reading: _Reading, path: KeyPath, name: str, *, place: Place | None = None) -> None:
    known = [*BUILTIN_PROFILES, *(one for one in reading.mapping("profiles") if one not in BUILTIN_PROFILES)]
    if name not in known:
        text = f"unknown profile {quoted(name)}{check.did_you_mean(name, known)} ({', '.join(known)})"
        reading.report(path, text, place=place)


def _check_tenants(reading: _Reading) -> None:
    ids: dict[str, str] = {}
    for name, tenant in reading.mapping("tenants").items():
        here = ("tenants", name)
        if not isinstance(tenant, dict):
            continue
        for key in ("endpoint", "api_url"):
            if isinstance(tenant.get(key), str):
                _safe_url(reading, (*here, key), tenant[key])
        for path in _secret_files(tenant, here):
            reading.local_path(*path)
        reading.local_path(*here, "storage")
        if tenant.get("provider") != "basic-memory":
            own_id = tenant.get("tenant_id", name)
            if isinstance(own_id, str) and ids.setdefault(own_id, name) != name:
                at = (*here, "tenant_id") if "tenant_id" in tenant else here
                reading.report(at, f"tenants.{ids[own_id]} has this tenant id too; each needs one of its own")


def _secret_files(tenant: dict[str, Any], here: KeyPath) -> Iterator[KeyPath]:
    for keys in (("credentials", "access_key_id"), ("credentials", "secret_access_key"), ("token",)):
        value: Any = tenant
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, dict) and "file" in value:
            yield (*here, *keys, "file")


def _safe_url(reading: _Reading, path: KeyPath, url: str, *, place: Place | None = None) -> None:
    """Report a URL that would send keys or notes in the clear. It is not repeated: it may hold a password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or re.search(r"[\s\x00-\x1f\x7f]", url) or parts.query or parts.fragment:
        reading.report(path, "expected an address such as https://fly.storage.tigris.dev", place=place)
    elif parts.username is not None or parts.password is not None:
        reading.report(path, "no user name or password in an address; keys are given as credentials", place=place)
    elif parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        reading.report(
            path, "neither https nor on this machine; write https://… (http only for localhost or 127.0.0.1)", place=place
        )


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_syncs(reading: _Reading, draft: _Draft) -> None:
    tenants = list(reading.mapping("tenants"))
    for name, sync in draft.syncs.items():
        here = ("syncs", name)
        tenant = sync.get("tenant")
        if isinstance(tenant, str) and tenant not in tenants:
            near = check.did_you_mean(tenant, tenants)
            reading.report((*here, "tenant"), f"unknown tenant {quoted(tenant)}{near} ({', '.join(tenants)})")
        if isinstance(sync.get("profile"), str):
            _known_profile(reading, (*here, "profile"), sync["profile"])
        if isinstance(sync.get("path"), str):
            try:
                _remote_path(sync["path"])
            except ValueError as error:
                reading.report((*here, "path"), str(error))


def _remote_path(text: str) -> str:
    """`text` without slashes at its ends. Raises ValueError for what could lead out of the bucket."""
    path = text.strip("/")
    if path and any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError('no "..", "." or "//" in it; write the folders below the root, such as notes/work')
    if re.search("[\x00-\x1f\x7f]", path):
        raise ValueError("no line breaks or other control characters in it")
    return path


def _check_folders(reading: _Reading, draft: _Draft) -> None:
    home = Path(os.path.realpath(reading.home))
    mount = Path(os.path.realpath(draft.mount_dir))
    private = [("the state folder (state_dir)", draft.state_dir)]
    for name, tenant in reading.mapping("tenants").items():
        if isinstance(tenant, dict) and tenant.get("provider") == "embedded":
            storage = reading.local_path("tenants", name, "storage")
            if storage is not None:
                private.append((f"the storage of tenants.{name}", storage))

    folders = list(draft.folders.values())
    for index, folder in enumerate(folders):
        at: KeyPath = ("syncs", folder.sync, "dir")
        if folder.place is not None:
            at = ("bisync_config", "sync_dir")

        def report(text: str, at: KeyPath = at, folder: _Folder = folder) -> None:
            reading.report(at, text, place=folder.place)

        if folder.real == mount:
            report(
                f"Cannot use {folder.shown} for bisync - it's the mount directory!"
                f" Give it a folder of its own, such as {DEFAULT_SYNC_DIR}"
            )
        elif _overlap(folder.real, mount) and folder.real not in (home, *home.parents):
            how = "lies in" if mount in folder.real.parents else "contains"
            report(f"{folder.shown} {how} the mount directory (mount_dir); choose a folder beside it")
        if folder.real == home:
            report(f"{folder.shown} is the home itself; choose a folder in it")
            continue
        if folder.real in home.parents:
            what = "the root of the file system" if folder.real == folder.real.parent else "a folder above the home"
            report(f"{folder.shown} is {what}; choose a folder in the home")
            continue
        if folder.real == folder.real.parent:
            report(f"{folder.shown} is the root of the file system; choose a folder in the home")
            continue
        for what, path in private:
            if _overlap(folder.real, Path(os.path.realpath(path))):
                report(f"{folder.shown} overlaps {what}; choose a folder beside it")
        if folder.real in Path(os.path.realpath(draft.rclone_config)).parents:
            report(f"{folder.shown} contains rclone's configuration, so its keys would be uploaded; choose another")
        for other in folders[:index]:
            if _overlap(folder.real, other.real):
                report(f"overlaps the folder of syncs.{other.sync} ({other.shown}); give each sync one of its own")


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _check_remotes(reading: _Reading, draft: _Draft) -> None:
    """No two syncs write to the same place of the same store, whatever their tenants are called."""
    seen: list[tuple[str, tuple[Any, ...], tuple[str, ...]]] = []
    for name, sync in draft.syncs.items():
        tenant = sync.get("tenant")
        store = _store(reading, tenant) if isinstance(tenant, str) else None
        text = sync.get("path", "")
        if store is None or not isinstance(text, str):
            continue
        identity, root = store
        parts = (*root, *(part for part in text.split("/") if part))
        for other, their_identity, theirs in seen:
            shorter = min(len(parts), len(theirs))
            if identity == their_identity and parts[:shorter] == theirs[:shorter]:
                key = "path" if "path" in sync else "tenant"
                reading.report(
                    ("syncs", name, key),
                    f"overlaps what syncs.{other} keeps in the cloud; give each sync a path of its own",
                )
        seen.append((name, identity, parts))


def _store(reading: _Reading, name: str) -> tuple[tuple[Any, ...], tuple[str, ...]] | None:
    """What tells this tenant's store from others, and the folder in it that the tenant begins at."""
    tenant = reading.mapping("tenants", name)
    match tenant.get("provider"):
        case "s3":
            endpoint = str(tenant.get("endpoint", tenant.get("s3_provider", "AWS"))).rstrip("/").lower()
            return ("s3", endpoint, str(tenant.get("bucket"))), ()
        case "rclone" if isinstance(tenant.get("remote"), str):
            remote, _, path = tenant["remote"].partition(":")
            return ("rclone", remote), tuple(part for part in path.split("/") if part)
        case "embedded":
            storage = reading.local_path("tenants", name, "storage")
            return None if storage is None else (("embedded", os.path.realpath(storage)), ())
        case "basic-memory":
            # Which tenant a token opens only the API knows; without one, all use the same login.
            return ("basic-memory", str(tenant.get("api_url")), json.dumps(tenant.get("token"), sort_keys=True)), ()
        case _:
            return None


def _is_path(binary: str) -> bool:
    return "/" in binary or binary.startswith(("~", "${"))


def _build(reading: _Reading, draft: _Draft, path: Path, files: tuple[Path, ...]) -> Manifest:
    """Typed values from a document without problems."""
    data = reading.document.data
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    tenants = {name: _tenant(reading, name, draft.api_url) for name in data["tenants"]}
    profiles = dict(BUILTIN_PROFILES)
    for name in reading.mapping("profiles"):
        _profile(reading, name, profiles)
    # In the manifest's order, although a profile may extend one that is written after it.
    own = {name: profiles[name] for name in reading.mapping("profiles")}
    binary = reading.text("rclone", "binary")
    if binary and _is_path(binary):
        binary = str(reading.local_path("rclone", "binary"))
    ignore_files = data.get("ignore_files")
    return Manifest(
        path=path,
        files=files,
        digest="sha256:" + hashlib.sha256(canonical.encode()).hexdigest(),
        tenants=tuple(tenants.values()),
        syncs=tuple(
            Sync(
                name=name,
                tenant=tenants[sync["tenant"]],
                dir=draft.folders[name].path,
                path=_remote_path(sync.get("path", "")),
                profile=profiles[sync.get("profile", draft.profile)],
                ignore=tuple(sync.get("ignore", ())),
                hooks=Hooks(
                    **{when: tuple(map(tuple, commands)) for when, commands in sync.get("hooks", {}).items()}
                ),
            )
            for name, sync in draft.syncs.items()
        ),
        profiles=(*BUILTIN_PROFILES.values(), *own.values()),
        ignore=tuple(data.get("ignore", ())),
        ignore_files=DEFAULT_IGNORE_FILES if ignore_files is None else tuple(ignore_files),
        watch_interval=int(draft.watch_interval),
        keep_days=int(draft.keep_days),
        mount_dir=draft.mount_dir,
        state_dir=draft.state_dir,
        rclone_binary=binary,
        rclone_config=draft.rclone_config,
    )


def _tenant(reading: _Reading, name: str, api_url: str | None) -> Tenant:
    here = ("tenants", name)
    tenant = reading.mapping(*here)
    tenant_id = tenant.get("tenant_id", name)
    match tenant["provider"]:
        case "s3":
            endpoint = tenant.get("endpoint")
            keys = None
            if tenant["credentials"] != "aws":
                keys = KeyPair(
                    access_key_id=_secret(reading, (*here, "credentials", "access_key_id")),
                    secret_access_key=_secret(reading, (*here, "credentials", "secret_access_key")),
                )
            return S3Tenant(
                name=name,
                tenant_id=tenant_id,
                bucket=tenant["bucket"],
                endpoint=endpoint,
                region=tenant.get("region"),
                s3_provider=tenant.get("s3_provider", "Other" if endpoint else "AWS"),
                credentials=keys,
            )
        case "rclone":
            return RcloneTenant(name=name, tenant_id=tenant_id, remote=tenant["remote"])
        case "embedded":
            storage = reading.local_path(*here, "storage")
            assert storage is not None
            return EmbeddedTenant(name=name, tenant_id=tenant_id, storage=storage)
        case _:
            return BasicMemoryTenant(
                name=name,
                tenant_id=None,
                api_url=tenant.get("api_url", api_url),
                token=_secret(reading, (*here, "token")) if "token" in tenant else None,
            )


def _secret(reading: _Reading, path: KeyPath) -> SecretRef:
    ((kind, value),) = reading.mapping(*path).items()
    if kind == "file":
        value = str(reading.local_path(*path, "file"))
    return SecretRef(kind=kind, value=tuple(value) if isinstance(value, list) else value, where=dotted(path))


def _profile(reading: _Reading, name: str, built: dict[str, Profile]) -> Profile:
    """The profile `name`, and whatever it extends, put into `built`."""
    if name not in built:
        says = dict(reading.mapping("profiles", name))
        base = _profile(reading, says.pop("extends", DEFAULT_PROFILE), built)
        says["description"] = says.get("description", "")
        if "conflict_resolve" in says:
            says["conflict_resolve"] = ConflictResolve(says["conflict_resolve"])
        if "compare" in says:
            says["compare"] = Compare(says["compare"])
        if says.get("max_delete") == "none":
            says["max_delete"] = None
        for key in ("max_delete", "checkers", "transfers"):
            if says.get(key) is not None:
                says[key] = int(says[key])
        built[name] = dataclasses.replace(base, name=name, **says)
    return built[name]
