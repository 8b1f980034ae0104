"""What one run did: the one that is named, or the last that was not idle. And what runs did to one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.core import names
from bisync.core.metadata import CLOUD_TRASH
from bisync.errors import UsageError
from bisync.state import baseline, runs
from bisync.sync import located
from bisync.sync.located import locate
from bisync.sync.named_runs import beginning, several
from bisync.sync.patterns import Wanted, is_pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One run of a sync as its history has it; None: there was none yet.

    `local_trash`: the folder here that keeps what it overwrote or deleted, while it is there. `cloud_trash`: the one in
    the cloud below the sync's path, where the run may have put something; nobody has looked. `keep_days`: for how long.
    """

    name: str
    entry: dict[str, Any] | None
    local_trash: Path | None = None
    cloud_trash: str | None = None
    keep_days: int = 0


def find(app: App, syncs: Sequence[Sync], run: str | None) -> list[Logged]:
    """The run whose id begins with `run`, alone; without one, each sync's last that found something to do, or failed.

    Raises UsageError where no run or several begin so.
    """
    if run is None:
        return [_logged(app, sync, _last(runs.latest_history(app.state(sync)))) for sync in syncs]
    found = {one.run: one for one in reversed(beginning(app, syncs, run))}
    if not found:
        raise UsageError(f"no run in the history begins with {run!r}", hint="see: bisync history")
    if len(found) > 1:
        raise several(run, reversed(found.values()))
    [one] = found.values()
    return [_logged(app, one.sync, one.entry)]


def _last(entries: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    return next((entry for entry in entries if entry.get("outcome") != "idle"), None)


def _logged(app: App, sync: Sync, entry: dict[str, Any] | None) -> Logged:
    if entry is None or not entry.get("run"):
        return Logged(name=sync.name, entry=entry)
    state, run = app.state(sync), str(entry["run"])
    # The name is a run's and no path: whatever a line says, it stays in the trash.
    here = state.trash / Path(run).name
    paths = entry.get("paths") or {}
    known = baseline.load(state.baseline)
    kept_there = (known is None or known.keeps_versions) and (
        paths.keys() & {"uploaded", "deleted_cloud", "conflicts"} or entry.get("conflicts")
    )
    return Logged(
        name=sync.name,
        entry=entry,
        local_trash=here if here.is_dir() else None,
        cloud_trash=f"{CLOUD_TRASH}/{run}" if kept_there else None,
        keep_days=app.manifest.keep_days,
    )


# How the id of a run begins, as far as somebody types it: no daily note is called so.
_RUN = re.compile(r"\d{1,8}(T\d*(Z(-[\w.-]*)?)?)?")
_KINDS = ("merged", "uploaded", "downloaded", "deleted_local", "deleted_cloud")


def is_run(word: str) -> bool:
    """Whether a word looks like the id of a run, or its beginning, and not like a path."""
    return _RUN.fullmatch(word) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What a run did to a file, which was called `path` then. `at`: when it ended (RFC 3339).

    `what`: `renamed` (`to` what), `conflict` (`copies` of it, `winner`; `other` device that had synced since), or as
    in the history: `merged`, `uploaded`, `downloaded`, `deleted_local`, `deleted_cloud`.
    """

    run: str | None
    at: str | None
    device: str | None
    what: str
    path: str
    to: str | None = None
    copies: tuple[str, ...] = ()
    winner: str | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What happened to a file, or below a folder: newest first. `unnamed`: runs that did not name all their paths."""

    name: str
    path: str
    events: tuple[Happened, ...]
    unnamed: int


def follow(
    app: App, syncs: tuple[Sync, ...], path: str, cwd: Path, *, run: str | None = None
) -> list[Followed]:
    """What the runs of this device did to `path`, under its former names too; `run`: what that one did.

    `path` as for `locate`, and then it is one sync's; or a pattern, which may be about several. Raises UsageError
    where it lies in no sync dir, and as `find`.
    """
    if not is_pattern(path):
        sync, below = locate(syncs, path, cwd)
        key = names.key(names.to_rclone(below))
        return [_followed(app, sync, below, lambda _: [key], folder=key, run=run)]
    found = []
    meant = located.wanted(syncs, path, cwd)
    if run is not None and len(meant) > 1:
        of = {one.name for one in find(app, syncs, run)}
        meant = [(sync, wanted) for sync, wanted in meant if sync.name in of]
    for sync, wanted in meant:

        def chosen(listed: Iterable[str], wanted: Wanted = wanted) -> list[str]:
            own = {names.shown(one): one for one in listed}
            return [own[name] for name in wanted.among(own)]

        found.append(_followed(app, sync, path, chosen, folder=None, run=run))
    having = [one for one in found if one.events]
    return having or found


def _followed(
    app: App,
    sync: Sync,
    path: str,
    chosen: Callable[[Iterable[str]], Iterable[str]],
    *,
    folder: str | None,
    run: str | None,
) -> Followed:
    """What the runs of one sync did to the paths that `chosen` picks of all that they name, and below `folder`."""
    if run is None:
        entries = list(runs.latest_history(app.state(sync)))
    else:
        entries = [one.entry for one in find(app, [sync], run) if one.entry is not None]
    listed = dict.fromkeys(one for entry in entries for one in _named(entry))
    events = tuple(_traced(entries, set(map(names.key, chosen(listed))), folder))
    unnamed = sum(1 for entry in entries if entry.get("more_paths"))
    return Followed(name=sync.name, path=path, events=events, unnamed=unnamed)


def _named(entry: Mapping[str, Any]) -> Iterator[str]:
    """Every path that a line of the history names."""
    for one in entry.get("conflicts") or ():
        yield from (one["path"], *(one.get("copies") or ()))
    for found in (entry.get("paths") or {}).values():
        for one in found:
            yield from ((one["path"], one.get("to") or one["path"]) if isinstance(one, dict) else (one,))


def _traced(
    entries: Iterable[Mapping[str, Any]], paths: Iterable[str], folder: str | None
) -> Iterator[Happened]:
    """What lines of a history (newest first) say of these paths (keys), or of what lies below `folder`. Pure.

    Where one was renamed, what they say of its former name; of a conflict's copy, what they say of the file.
    """
    known = set(paths)

    def is_meant(one: object) -> bool:
        if not isinstance(one, str):
            return False
        key = names.key(one)
        return key in known or (folder is not None and key.startswith(f"{folder}/"))

    for entry in entries:
        paths, former = entry.get("paths") or {}, set[str]()

        of_run: dict[str, Any] = {key: entry.get(key) for key in ("run", "at", "device")}

        for one in entry.get("conflicts") or ():
            copies = tuple(one.get("copies") or ())
            if is_meant(one.get("path")) or any(map(is_meant, copies)):
                former.add(names.key(one["path"]))
                yield Happened(
                    **of_run, what="conflict", path=one["path"],
                    copies=copies, winner=one.get("winner"), other=one.get("device"),
                )  # fmt: skip
        for one in paths.get("renamed") or ():
            if is_meant(one.get("to")):
                former.add(names.key(one["path"]))
            if is_meant(one.get("to")) or is_meant(one.get("path")):
                yield Happened(**of_run, what="renamed", path=one["path"], to=one.get("to"))
        for kind in _KINDS:
            for one in paths.get(kind) or ():
                if is_meant(one):
                    yield Happened(**of_run, what=kind, path=one)
        known |= former
