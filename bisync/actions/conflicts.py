"""List the conflict copies that wait for a decision, and settle one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from bisync import ignore
from bisync.app import App
from bisync.config import Sync
from bisync.core import conflict_names, names
from bisync.core.place import moved
from bisync.errors import BisyncError, UsageError
from bisync.state import baseline, runs
from bisync.state.paths import SyncState
from bisync.sync import swap
from bisync.sync.prepare import stay_in_place

Keep = Literal["local", "cloud", "newer", "both"]
KEEP: dict[str, Keep] = {"local": "local", "cloud": "cloud", "newer": "newer", "both": "both"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a contested file. `origin`: "this device", "another device", or None when unknown.

    `modified` RFC 3339, `size` in bytes.
    """

    path: str
    size: int
    modified: str
    mtime_ns: int
    origin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictGroup:
    """A contested name and every version that lies here, the one under the name itself first.

    `exit_code`: a decision waits.
    """

    sync: str
    path: str
    versions: tuple[Version, ...]
    exit_code: ClassVar[int] = 3


def run(app: App, sync: Sync) -> tuple[ConflictGroup, ...]:
    """The unsettled conflicts in one sync dir, sorted. Raises BisyncError when it cannot be read."""
    tree = app.walk(sync)
    files = {entry.path: entry for entry in tree.entries if entry.kind is ignore.Kind.FILE}
    known = baseline.load(app.state(sync).baseline)
    here = known is None or moved(known.place, app.place(sync)) is None
    origins = _origins(app.state(sync)) if here else {}
    found = []
    for group in conflict_names.groups(files):
        paths = [path for path in (group.path, *group.copies) if path in files]
        versions = tuple(
            Version(
                path=path,
                size=files[path].size,
                modified=datetime.fromtimestamp(files[path].mtime_ns / 1e9, UTC).isoformat(
                    timespec="seconds"
                ),
                mtime_ns=files[path].mtime_ns,
                origin=origins.get(names.key(names.to_rclone(path))),
            )
            for path in paths
        )
        found.append(ConflictGroup(sync=sync.name, path=group.path, versions=versions))
    return tuple(found)


def _origins(state: SyncState) -> Mapping[str, str]:
    """Which version came from where, as this device's own runs saw it."""
    origins: dict[str, str] = {}
    for entry in runs.read_history(state):
        for conflict in entry.get("conflicts", []):
            origins.update(_origins_of(conflict))
    return origins


def _origins_of(conflict: dict[str, Any]) -> dict[str, str]:
    ours, theirs = "this device", "another device"
    path, copies, winner = conflict["path"], conflict["copies"], conflict["winner"]
    if winner == "local":
        return {path: ours, **dict.fromkeys(copies, theirs)}
    if winner == "cloud":
        return {path: theirs, **dict.fromkeys(copies, ours)}
    return dict(zip(copies, (ours, theirs), strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a conflict was settled: the names that stay, and what went to the trash of run `run`."""

    sync: str
    path: str
    kept: tuple[str, ...]
    trashed: tuple[str, ...]
    run: str


def resolve(app: App, sync: Sync, path: str, keep: Keep) -> Settled:
    """Settle one conflict in the sync dir; the next sync carries it to the cloud.

    The kept version gets the contested name, the others go to the trash. `both` keeps every version under
    names that are no conflict copies. Raises UsageError when there is no such conflict or no such version.
    """
    wanted = conflict_names.original_of(path) or path
    with app.locked_dir(sync) as state:
        stay_in_place(state, app.place(sync), sync.name)
        group = next((one for one in run(app, sync) if one.path == wanted), None)
        if group is None:
            raise UsageError(f"{path}: no conflict waits here", hint="see: bisync conflicts")
        began = runs.unused_run_id(state, app.now())
        area = swap.Area(sync.dir, began, state.trash / began)
        if keep == "both":
            kept = _keep_both(area, group)
            trashed: list[str] = []
        else:
            chosen = _choose(group, keep)
            trashed = [version.path for version in group.versions if version.path != chosen.path]
            for name in trashed:
                swap.take_away(area, name, None)
            if chosen.path != group.path and not swap.place(area.root / chosen.path, area.root / group.path):
                swap.put_back(sync.dir, state.trash)
                raise BisyncError(
                    f"{group.path} was written to just now", hint="look again: bisync conflicts"
                )
            kept = [group.path]
        swap.empty_hold(area)
    return Settled(sync=sync.name, path=group.path, kept=tuple(kept), trashed=tuple(trashed), run=began)


def settle(app: App, syncs: Sequence[Sync], path: str, keep: Keep) -> Settled:
    """Settle the conflict that `path`, or a copy of that name, is about, in the first sync where one waits.

    Raises UsageError when none does, and as `resolve`.
    """
    for sync in syncs:
        if any(path in (group.path, *(one.path for one in group.versions)) for group in run(app, sync)):
            return resolve(app, sync, path, keep)
    raise UsageError(f"{path}: no conflict waits here", hint="see: bisync conflicts")


def _choose(group: ConflictGroup, keep: Keep) -> Version:
    if keep == "newer":
        return max(group.versions, key=lambda version: version.mtime_ns)
    origin = "this device" if keep == "local" else "another device"
    found = [version for version in group.versions if version.origin == origin]
    if not found:
        raise UsageError(
            f"{group.path}: this device does not know which version is the {keep} one",
            hint=f"choose by time: bisync resolve {group.path} --keep newer, or rename the files yourself",
        )
    return found[0]


def _keep_both(area: swap.Area, group: ConflictGroup) -> list[str]:
    """The newest version gets the contested name where it is free; copies get names of their own."""
    kept = []
    rest = list(group.versions)
    if rest[0].path != group.path:
        newest = max(rest, key=lambda version: version.mtime_ns)
        rest.remove(newest)
        swap.place(area.root / newest.path, area.root / group.path)
    else:
        rest = rest[1:]
    kept.append(group.path)
    original = Path(group.path)
    for version in rest:
        number = 2
        while True:
            name = str(original.with_name(f"{original.stem} ({number}){original.suffix}"))
            if swap.place(area.root / version.path, area.root / name):
                break
            number += 1
        kept.append(name)
    return kept
