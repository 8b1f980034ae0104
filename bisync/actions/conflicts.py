"""List the conflict copies that wait for a decision, and settle one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from bisync import ignore
from bisync.app import App
from bisync.config import Sync
from bisync.core import conflict_names, names, text_diff
from bisync.core.counting import counted
from bisync.core.place import moved
from bisync.core.printable import typed, typed_path
from bisync.errors import BisyncError, UsageError
from bisync.state import baseline, runs
from bisync.state.contents import Contents
from bisync.state.paths import SyncState
from bisync.sync import inside, swap, texts
from bisync.sync.patterns import Wanted
from bisync.sync.prepare import stay_in_place

Keep = Literal["local", "cloud", "newer", "both", "merged"]
_ORIGINS = {"local": "this device", "cloud": "another device"}
KEEP: dict[str, Keep] = {word: word for word in get_args(Keep)}
TOOL = "BISYNC_MERGETOOL"
"""The variable that names the user's merge tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a contested file. `origin`: "this device", "another device", or None when unknown.

    `device`: what this one is called, or the one other that had synced since, where it was one.

    `modified` RFC 3339, `size` in bytes.
    """

    path: str
    size: int
    modified: str
    mtime_ns: int
    origin: str | None
    device: str | None = None


class _Whose(NamedTuple):
    origin: str | None
    device: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is different in two versions. `sizes`: those of them as they were read."""

    old: Version
    new: Version
    sizes: tuple[int | None, int | None]
    shown: text_diff.Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictGroup:
    """A contested name and every version that lies here, the one under the name itself first.

    `compared`: the first version with each of the others; None where nobody has asked. `exit_code`: a decision waits.
    """

    sync: str
    path: str
    versions: tuple[Version, ...]
    compared: tuple[Beside, ...] | None = None
    exit_code: ClassVar[int] = 3


def with_texts(syncs: Sequence[Sync], groups: Sequence[ConflictGroup]) -> list[ConflictGroup]:
    """These conflicts of `syncs` with what is different in their versions."""
    dirs = {sync.name: sync.dir for sync in syncs}
    effort, found = text_diff.TOTAL_EFFORT, []
    for group in groups:
        pairs = tuple(_compared(dirs[group.sync], group, effort))
        effort -= sum(one.shown.spent for one in pairs)
        found.append(replace(group, compared=pairs))
    return found


def _compared(root: Path, group: ConflictGroup, effort: int) -> Iterator[Beside]:
    """The version that holds the name, or the first copy where none does, beside each of the others.

    `effort`: what may be spent on all of them.
    """
    first, *others = group.versions
    for other in others:
        old, new = (texts.here(root, one.path, one.size) for one in (first, other))
        shown = text_diff.shown(old, new, effort=min(effort, text_diff.EFFORT))
        effort -= shown.spent
        yield Beside(old=first, new=other, sizes=(old.size, new.size), shown=shown)


def run(app: App, sync: Sync) -> tuple[ConflictGroup, ...]:
    """The unsettled conflicts in one sync dir, sorted. Raises BisyncError when it cannot be read."""
    tree = app.walk(sync)
    files = {entry.path: entry for entry in tree.entries if entry.kind is ignore.Kind.FILE}
    known = baseline.load(app.state(sync).baseline)
    here = known is None or moved(known.place, app.place(sync)) is None
    origins = _origins(app.state(sync), files) if here else {}
    found = []
    for group in conflict_names.groups(files, extensions=sync.keeps_extensions):
        paths = [path for path in (group.path, *group.copies) if path in files]
        versions = tuple(
            Version(
                path=path,
                size=files[path].size,
                modified=_time_text(files[path].mtime_ns),
                mtime_ns=files[path].mtime_ns,
                **origins.get(names.key(names.to_rclone(path)), _Whose(None, None))._asdict(),
            )
            for path in paths
        )
        found.append(ConflictGroup(sync=sync.name, path=group.path, versions=versions))
    return tuple(found)


def _time_text(ns: int) -> str:
    """RFC 3339, as far as there are years for it: a disk may say any time."""
    seconds = min(max(ns // 1_000_000_000, -62_135_596_800), 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _origins(state: SyncState, files: Mapping[str, ignore.Entry]) -> Mapping[str, _Whose]:
    """Which version came from where, by its key: what this device's own runs know of just these files.

    A conflict may have been settled since, and another one have left copies of the same names: a run speaks only
    of a conflict of which a copy still lies here as it left it, and in it of files that are as it left them.
    """
    lies = {names.key(names.to_rclone(path)): entry for path, entry in files.items()}
    origins: dict[str, _Whose] = {}
    for run_entry in runs.read_history(state):
        for conflict in run_entry.get("conflicts", []):
            devices = {"local": run_entry.get("device"), "cloud": conflict.get("device")}
            known = {
                each["path"]: _Whose(_ORIGINS[each["origin"]], devices[each["origin"]])
                for each in conflict.get("versions", [])
                if each["path"] in lies and _is_as_left(lies[each["path"]], each)
            }
            if set(conflict["copies"]) & set(known):
                origins.update(known)
    return origins


def _is_as_left(lies: ignore.Entry, left: dict[str, Any]) -> bool:
    return (lies.size, lies.mtime_ns, lies.inode) == (left["size"], left["mtime_ns"], left["inode"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a conflict was settled: the names that stay, and what went to the trash of run `run`."""

    sync: str
    path: str
    kept: tuple[str, ...]
    trashed: tuple[str, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSettled:
    """Conflicts that were settled, and those that were not: what each is about, and why."""

    settled: tuple[Settled, ...]
    refused: tuple[tuple[str, BisyncError], ...]

    @property
    def exit_code(self) -> int:
        """That of what was refused."""
        return max((error.exit_code for _, error in self.refused), default=0)


Meant = Sequence[tuple[Sync, Wanted]]
"""The syncs that a word for files is about, and what it means in each: `bisync.sync.located.wanted`."""


def waiting(app: App, meant: Sequence[tuple[Sync, Wanted | None]]) -> list[ConflictGroup]:
    """The conflicts that wait in these syncs, as `run`; where a word for files is given, those that it is about."""
    found: list[ConflictGroup] = []
    for sync, wanted in meant:
        groups = run(app, sync)
        found += groups if wanted is None else among(groups, wanted)
    return found


def among(groups: Sequence[ConflictGroup], wanted: Wanted) -> tuple[ConflictGroup, ...]:
    """The conflicts that a path, folder or pattern is about: by their own names or those of their copies."""
    paths = {path: group for group in groups for path in (group.path, *(one.path for one in group.versions))}
    chosen = {paths[path].path for path in wanted.among(paths)}
    return tuple(group for group in groups if group.path in chosen)


def resolve(app: App, sync: Sync, path: str, keep: Keep) -> Settled:
    """Settle one conflict in the sync dir; the next sync carries it to the cloud.

    The kept version gets the contested name, the others go to the trash. `merged` is what lies under that name, as
    somebody has made it of the others. `both` keeps every version under names that are no conflict copies. Raises
    UsageError when there is no such conflict or no such version.
    """
    wanted = conflict_names.original_of(path, extensions=sync.keeps_extensions) or path
    with _at_rest(app, sync) as state:
        group = next((one for one in run(app, sync) if one.path == wanted), None)
        if group is None:
            raise _none_waits(path)
        return _settle(sync, state, group, keep, runs.unused_run_id(state, app.now(), app.device))


def settle(app: App, meant: Meant, keep: Keep) -> Settled:
    """Settle the conflict that a path, or a copy of that name, is about, in the first sync where one waits.

    Raises UsageError when none does, where a folder or a pattern is about several, and as `resolve`.
    """
    sync, group = _one(app, meant, keep)
    return resolve(app, sync, group.path, keep)


def _one(app: App, meant: Meant, keep: Keep) -> tuple[Sync, ConflictGroup]:
    """The conflict that a path is about. `keep`: how several could be settled. Raises UsageError."""
    several = 0
    for sync, wanted in meant:
        groups = among(run(app, sync), wanted)
        if any(
            wanted.is_path(one) for each in groups for one in (each.path, *(v.path for v in each.versions))
        ):
            return sync, groups[0]
        several += len(groups)
    word = meant[0][1].word
    if several:
        raise UsageError(
            f"{word} is no conflict, but the name of {several}",
            hint=f"settle them all: bisync resolve {typed_path(word)} --all --keep {typed(keep)}",
        )
    raise _none_waits(word)


def settle_all(app: App, meant: Meant, keep: Keep) -> AllSettled:
    """Settle every conflict that is meant; one that cannot be keeps no other waiting.

    Raises UsageError for a word that is about none.
    """
    settled: list[Settled] = []
    refused: list[tuple[str, BisyncError]] = []
    for sync, wanted in meant:
        if not among(run(app, sync), wanted):
            continue
        with _at_rest(app, sync) as state:
            began = runs.unused_run_id(state, app.now(), app.device)
            for group in among(run(app, sync), wanted):
                try:
                    settled.append(_settle(sync, state, group, keep, began))
                except BisyncError as error:
                    refused.append((group.path, error))
    if not settled and not refused and meant[0][1].word:
        raise _none_waits(meant[0][1].word)
    return AllSettled(settled=tuple(settled), refused=tuple(refused))


@contextmanager
def _at_rest(app: App, sync: Sync) -> Iterator[SyncState]:
    """The sync's state under its lock, for the dir that it speaks of."""
    with app.locked_dir(sync) as state:
        stay_in_place(state, app.place(sync), sync.name)
        swap.put_back(sync.dir, state.trash)  # a version may still be held by a run that was killed
        yield state


def merge(app: App, meant: Meant, tool: str) -> Settled:
    """Settle the conflict that a path is about by what the user's merge tool makes of its two versions.

    It works on copies, and nobody waits for it: what was changed meanwhile is not settled by it. The base is the text
    that both sides had before, where that is known, else empty. Raises as `settle`, and as `mergetool.merged`.
    """
    from bisync.sync import mergetool

    sync, group = _one(app, meant, "newer")
    if len(group.versions) != 2:
        count_text = counted(len(group.versions), "version")
        raise UsageError(
            f"{group.path}: a merge is of two versions, and {count_text} lie here",
            hint=f"put them together by hand as {group.path}, then: "
            f"bisync resolve {typed_path(group.path)} --keep merged",
        )
    one, other = sorted(group.versions, key=lambda version: version.origin == _ORIGINS["cloud"])
    contents = {version.path: _content(sync, version.path) for version in group.versions}
    newest = max(group.versions, key=lambda version: version.mtime_ns)
    base = Contents.read(app.state(sync).contents).last(names.key(names.to_rclone(group.path))) or b""
    versions = mergetool.Versions(base, contents[one.path], contents[other.path], contents[newest.path])
    synced = [each.dir for each in app.manifest.syncs]
    with mergetool.merged(tool, group.path, versions, app.env, synced) as text, _at_rest(app, sync) as state:
        if next((each for each in run(app, sync) if each.path == group.path), None) != group:
            raise _moved(group.path)
        return _settle(sync, state, group, text, runs.unused_run_id(state, app.now(), app.device))


def _content(sync: Sync, name: str) -> bytes:
    try:
        with inside.at(sync.dir, name) as path:
            return path.read_bytes()
    except (inside.InTheWay, OSError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise BisyncError(f"{name}: {why}", hint="mend that, and look again: bisync conflicts") from problem


def _settle(sync: Sync, state: SyncState, group: ConflictGroup, by: Keep | bytes, began: str) -> Settled:
    """Settle a conflict, by keeping versions or `by` a text in place of all of them.

    What is dropped goes to the trash of the run `began`. Raises BisyncError.
    """
    area = swap.Area(sync.dir, began, state.trash / began)
    try:
        if by == "both":
            kept = _keep_both(area, group)
            trashed: list[str] = []
        elif isinstance(by, bytes):
            kept, trashed = [group.path], _put_in_place(area, group, by)
        else:
            kept, trashed = [group.path], _keep_one(area, group, _choose(group, by))
    except (inside.InTheWay, OSError) as problem:
        swap.put_back(sync.dir, state.trash)
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise BisyncError(
            f"{group.path}: {why}", hint="mend that, and look again: bisync conflicts"
        ) from problem
    except BisyncError:
        swap.put_back(sync.dir, state.trash)
        raise
    swap.empty_hold(area)
    return Settled(sync=sync.name, path=group.path, kept=tuple(kept), trashed=tuple(trashed), run=began)


def _none_waits(word: str) -> UsageError:
    return UsageError(f"{word}: no conflict waits here", hint="see: bisync conflicts")


def _choose(group: ConflictGroup, keep: Keep) -> Version:
    if keep == "merged":
        if group.versions[0].path == group.path:
            return group.versions[0]
        name = typed_path(group.path)
        raise UsageError(
            f"{group.path}: no file of that name lies here, which would be the merged one",
            hint=f"save what you made of the versions as {group.path}, or: bisync resolve {name} --tool meld",
        )
    if keep == "newer":
        return max(group.versions, key=lambda version: version.mtime_ns)
    found = [version for version in group.versions if version.origin == _ORIGINS[keep]]
    unknown = [version.path for version in group.versions if version.origin is None]
    if len(found) == 1 and not unknown:
        return found[0]
    if unknown:
        why = f"this device does not know where {', '.join(unknown)} came from"
    elif found:
        why = f"several are {keep} ones: {', '.join(version.path for version in found)}"
    else:
        why = f"no {keep} version lies here"
    name = typed_path(group.path)
    raise UsageError(
        f"{group.path}: {why}",
        hint=f"choose by time: bisync resolve {name} --keep newer, keep all: bisync resolve {name} --keep both, "
        "or rename and delete the files yourself",
    )


def _keep_one(area: swap.Area, group: ConflictGroup, chosen: Version) -> list[str]:
    """One version gets the contested name; the others, which go to the trash."""
    if not swap.is_file_here(area.root, chosen.path):
        raise _moved(chosen.path)
    trashed = [version.path for version in group.versions if version.path != chosen.path]
    for name in trashed:
        swap.take_away(area, name, None)
    if chosen.path != group.path and not _takes(area, chosen.path, group.path):
        raise _moved(group.path)
    return trashed


def _put_in_place(area: swap.Area, group: ConflictGroup, text: bytes) -> list[str]:
    """A text gets the contested name, and every version goes to the trash; which these are."""
    swap.stage(area, group.path, text)
    swap.keep_mode(area.root / group.versions[0].path, area.staging / group.path)
    trashed = [version.path for version in group.versions]
    for name in trashed:
        if not swap.take_away(area, name, None):
            raise _moved(name)
    with inside.at(area.root, group.path, make=True) as path:
        if not swap.place(area.staging / group.path, path):
            raise _moved(group.path)
    return trashed


def _takes(area: swap.Area, name: str, to: str) -> bool:
    """Give the file `name` the name `to` in its folder; False when it is taken."""
    with inside.at(area.root, name) as path:
        return swap.place(path, path.with_name(PurePath(to).name))


def _keep_both(area: swap.Area, group: ConflictGroup) -> list[str]:
    """The newest version gets the contested name where it is free; copies get names of their own."""
    kept = []
    rest = list(group.versions)
    if rest[0].path != group.path:
        newest = max(rest, key=lambda version: version.mtime_ns)
        rest.remove(newest)
        if not _takes(area, newest.path, group.path):
            raise _moved(newest.path)
    elif not swap.is_file_here(area.root, group.path):
        raise _moved(group.path)
    else:
        rest = rest[1:]
    kept.append(group.path)
    original = PurePath(group.path)
    for version in rest:
        with inside.at(area.root, version.path) as path:
            names = (path.with_name(f"{original.stem} ({number}){original.suffix}") for number in count(2))
            name = swap.place_at_first_free(path, names)
        if name is None:
            raise _moved(version.path)
        kept.append(str(original.with_name(name.name)))
    return kept


def _moved(path: str) -> BisyncError:
    return BisyncError(
        f"{path} was written to, moved or deleted just now", hint="look again: bisync conflicts"
    )
