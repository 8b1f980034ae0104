"""(baseline, local, cloud) -> what to do. Pure: same inputs, same plan.

The table of `_compare` is the specification: for each path, what became of it on either side since the
baseline, and what follows. Without a baseline every path is new on the sides that have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple

from bisync.config import Compare, ConflictResolve
from bisync.conflicts import free_copy_name
from bisync.names import to_rclone
from bisync.snapshot import BaseFile, CloudFile, CloudSnapshot, LeftOut, LocalFile, LocalSnapshot


class Mode(StrEnum):
    """What kind of run is next."""

    SYNC = "sync"
    BASELINE = "baseline"
    REBASELINE = "rebaseline"
    IDLE = "idle"
    BLOCKED = "blocked"


class Action(StrEnum):
    """What happens to one path."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE_LOCAL = "delete_local"
    DELETE_CLOUD = "delete_cloud"
    CONFLICT = "conflict"
    REGISTER_PROJECT = "register_project"


Winner = Literal["local", "cloud", "both", "folder"]


class Change(NamedTuple):
    """One action on one path. `size` in bytes of what travels or goes.

    For a conflict: who wins the name, and the names of the copies kept beside it, the local version's
    first. `replaces`: a file of that name is there already on the receiving side. `unhashed`: the cloud's
    version has no hash, so bisync takes files of one size for equal and cannot be left with it. The winner
    "folder": the name is a file on `side` alone and a folder on the other; the file makes room.
    """

    action: Action
    path: str
    size: int
    why: str
    winner: Winner | None = None
    copies: tuple[str, ...] = ()
    replaces: bool = False
    side: Literal["local", "cloud"] | None = None
    unhashed: bool = False


class Difference(NamedTuple):
    """A path changed on both sides to different content: a conflict to be decided."""

    path: str
    local: LocalFile
    cloud: CloudFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What follows by itself, and what is to be decided. `settled`: both sides changed alike."""

    changes: tuple[Change, ...]
    conflicts: tuple[Difference, ...]
    settled: int
    left_out: tuple[LeftOut, ...]
    missing_local: int
    missing_cloud: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What only the world can tell about a comparison's conflicts, by path.

    `contents`: of equal size, no hashes that tell: are they byte for byte the same? `times`: when was the
    cloud's version last modified? `copies`: which names of conflict copies are taken beside it?
    """

    contents: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The world's answers. `equal`: these paths are the same on both sides. `times`: ns since the epoch.

    `taken`: names that no conflict copy can have though no snapshot holds them (ignored files).
    """

    equal: frozenset[str] = frozenset()
    times: Mapping[str, int] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions of one run, sorted by path. `deletions`: files that go on either side, renames not."""

    mode: Mode
    changes: tuple[Change, ...]
    deletions: int
    edited: int
    missing_local: int
    missing_cloud: int
    left_out: tuple[LeftOut, ...] = ()

    def count(self, action: Action) -> int:
        """How many actions of one kind."""
        return sum(change.action is action for change in self.changes)


def local_changed(base: BaseFile, file: LocalFile, compare: Compare) -> bool:
    """Whether a local file differs from what was synced."""
    if base.stamp == file.stamp and base.size == file.size:
        return False
    if base.size != file.size:
        return True
    if compare is Compare.CHECKSUM and base.md5 is not None:
        return file.md5 != base.md5
    return file.stamp.mtime_ns != base.local_mtime_ns


def cloud_changed(base: BaseFile, file: CloudFile, compare: Compare) -> bool:
    """Whether a cloud file differs from what was synced.

    By checksum, an object without a hash (put there in parts by another program: its ETag is no MD5) is
    judged by the time it was stored.
    """
    if base.size != file.size:
        return True
    if compare is Compare.MODTIME:
        return not same_time(file.mtime_ns, base.cloud_mtime_ns)
    if file.md5 is not None:
        return file.md5 != base.md5
    return base.cloud_mtime_ns is None or file.mtime_ns != base.cloud_mtime_ns


def same_time(one: int | None, other: int | None) -> bool:
    """Whether two modification times (ns) are one, as far as the coarser of two clocks can tell.

    A remote may keep seconds or milliseconds only (rclone docs, overview, "ModTime"), while bisync notes
    the local file's own time as that of the copy it uploaded.
    """
    if one is None or other is None or one == other:
        return one == other
    for step in (1_000_000_000, 1_000_000):
        if one % step == 0 or other % step == 0:
            return abs(one - other) < step
    return False


def same_content(local: LocalFile, cloud: CloudFile, compare: Compare) -> bool | None:
    """Whether two files are equal; None when size, hashes and times do not tell."""
    if local.size != cloud.size:
        return False
    if local.md5 is not None and cloud.md5 is not None:
        return local.md5 == cloud.md5
    if compare is Compare.MODTIME and same_time(local.stamp.mtime_ns, cloud.mtime_ns):
        return True
    return None


def compare_sides(
    baseline: Mapping[str, BaseFile] | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
) -> Comparison:
    """What became of every path since the baseline, and what follows from it.

    Paths that are left out, or below a folder that is, are not judged at all.
    """
    left_out = tuple(sorted({*local.left_out, *cloud.left_out}))
    found = _compare_all(baseline, local, cloud, compare, left_out)
    clashes = _clashes(found, local, cloud)
    on_both = {path for path in clashes if path in local.files and path in cloud.files}
    if on_both:
        # The cloud holds a key and keys "below" it; no disk can. The file goes on, the folder waits.
        why = "the cloud has a file of its folder's name, too"
        hidden = {LeftOut(path, why, folder=True) for path in on_both}
        found = _compare_all(baseline, local, cloud, compare, tuple(sorted({*left_out, *hidden})))
    return _make_room(found, clashes - on_both, local, cloud)


def _clashes(found: Comparison, local: LocalSnapshot, cloud: CloudSnapshot) -> set[str]:
    """Names that are to stay a file on one side and a folder on the other."""
    going = {c.path for c in found.changes if c.action in (Action.DELETE_LOCAL, Action.DELETE_CLOUD)}
    files = (local.files.keys() | cloud.files.keys()) - going
    folders = set()
    for path in files:
        while "/" in path:
            path = path.rpartition("/")[0]  # noqa: PLW2901 - climbing
            if path in folders:
                break
            folders.add(path)
    hidden = {one.path for one in found.left_out}
    return (files & folders) - hidden


def _make_room(
    found: Comparison, clashes: set[str], local: LocalSnapshot, cloud: CloudSnapshot
) -> Comparison:
    """A file that stands where the other side has a folder moves aside, as a conflict copy."""
    if not clashes:
        return found
    taken = {*local.files, *cloud.files}
    changes = [change for change in found.changes if change.path not in clashes]
    for path in sorted(clashes):
        copy = free_copy_name(path, taken)
        taken.add(copy)
        side: Literal["local", "cloud"] = "local" if path in local.files else "cloud"
        size = local.files[path].size if side == "local" else cloud.files[path].size
        why = f"a file {'here' if side == 'local' else 'in the cloud'}, a folder on the other side"
        changes.append(Change(Action.CONFLICT, path, size, why, "folder", (copy,), side=side))
    return replace(found, changes=tuple(changes))


def _compare_all(
    baseline: Mapping[str, BaseFile] | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
    left_out: tuple[LeftOut, ...],
) -> Comparison:
    changes: list[Change] = []
    conflicts: list[Difference] = []
    settled = 0
    base = baseline or {}
    skip = {one.path for one in left_out if not one.folder}
    folders = tuple(one.path + "/" for one in left_out if one.folder)
    missing_local = missing_cloud = 0
    for path in sorted(base.keys() | local.files.keys() | cloud.files.keys()):
        here, there, before = local.files.get(path), cloud.files.get(path), base.get(path)
        if path in skip or path.startswith(folders):
            # Its filter rule hides it from bisync on both sides.
            missing_local += before is not None
            missing_cloud += before is not None
            continue
        missing_local += before is not None and here is None
        # A name that is spelled anew (NFC, NFD) looks to bisync like a deletion and a new file.
        respelled = here is not None and there is not None and to_rclone(here.name) != there.name
        missing_cloud += before is not None and (there is None or respelled)
        found = _compare(path, before, here, there, compare)
        if isinstance(found, Change):
            changes.append(found)
        elif isinstance(found, Difference):
            conflicts.append(found)
        else:
            settled += found
    return Comparison(
        changes=tuple(changes),
        conflicts=tuple(conflicts),
        settled=settled,
        left_out=left_out,
        missing_local=missing_local,
        missing_cloud=missing_cloud,
    )


def _compare(
    path: str,
    before: BaseFile | None,
    here: LocalFile | None,
    there: CloudFile | None,
    compare: Compare,
) -> Change | Difference | bool:
    """The decision table for one path. A bool: nothing to do; True when both sides moved alike."""
    if here is None and there is None:
        return before is not None  # deleted on both sides
    if before is None:
        if here is None and there is not None:
            return Change(Action.DOWNLOAD, path, there.size, "new in the cloud")
        if there is None and here is not None:
            return Change(Action.UPLOAD, path, here.size, "new here")
        assert here is not None and there is not None
        return True if same_content(here, there, compare) else Difference(path, here, there)
    here_moved = here is not None and local_changed(before, here, compare)
    there_moved = there is not None and cloud_changed(before, there, compare)
    if here is None and there is not None:
        if there_moved:
            return Change(Action.DOWNLOAD, path, there.size, "edited in the cloud, deleted here")
        return Change(Action.DELETE_CLOUD, path, there.size, "deleted here")
    if there is None and here is not None:
        if here_moved:
            return Change(Action.UPLOAD, path, here.size, "edited here, deleted in the cloud")
        return Change(Action.DELETE_LOCAL, path, here.size, "deleted in the cloud", replaces=True)
    assert here is not None and there is not None
    if here_moved and there_moved:
        return True if same_content(here, there, compare) else Difference(path, here, there)
    if here_moved:
        return Change(Action.UPLOAD, path, here.size, "edited here", replaces=True)
    if there_moved:
        return Change(Action.DOWNLOAD, path, there.size, "edited in the cloud", replaces=True)
    return False


def questions(comparison: Comparison, resolve: ConflictResolve, *, first: bool) -> Questions:
    """What must be asked before the conflicts can be decided. `first`: both sides meet for the first time."""
    conflicts = comparison.conflicts
    by_time = first or resolve in (ConflictResolve.NEWER, ConflictResolve.OLDER)
    return Questions(
        contents=tuple(
            one.path
            for one in conflicts
            if one.local.size == one.cloud.size and (one.local.md5 is None or one.cloud.md5 is None)
        ),
        times=tuple(one.path for one in conflicts) if by_time else (),
        copies=tuple(one.path for one in conflicts),
    )


def make_plan(
    comparison: Comparison,
    answers: Answers,
    *,
    baseline: Mapping[str, BaseFile] | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
    resolve: ConflictResolve,
    mode: Mode,
    idle_allowed: bool = True,
) -> Plan:
    """Decide the conflicts and put the plan together.

    A plan to sync with nothing to do is idle, unless the run has something else to bring about
    (`idle_allowed`).
    """
    used = {*local.files, *cloud.files, *answers.taken}
    decided = list(comparison.changes)
    conflicts = [one for one in comparison.conflicts if one.path not in answers.equal]
    for one in conflicts:
        if mode is Mode.BASELINE:
            decided.append(_first_meeting(one, answers.times.get(one.path), used))
        else:
            decided.append(_conflict(one, resolve, answers.times.get(one.path), used))
    renamed = dict(_renames(decided, baseline or {}, local, cloud))
    if compare is Compare.CHECKSUM:
        decided = [
            change._replace(unhashed=True)
            if change.action in (Action.UPLOAD, Action.DOWNLOAD)
            and (there := cloud.files.get(change.path)) is not None
            and there.md5 is None
            else change
            for change in decided
        ]
    changes = tuple(
        change._replace(why=f"{change.why}: renamed to {renamed[change.path]}")
        if change.path in renamed and change.action in (Action.DELETE_CLOUD, Action.DELETE_LOCAL)
        else change
        for change in sorted(decided, key=lambda change: change.path)
    )
    deletions = sum(
        change.action in (Action.DELETE_LOCAL, Action.DELETE_CLOUD) and change.path not in renamed
        for change in changes
    )
    settled = comparison.settled + len(comparison.conflicts) - len(conflicts)
    if mode is Mode.SYNC and idle_allowed and not changes and not settled:
        mode = Mode.IDLE
    return Plan(
        mode=mode,
        changes=changes,
        deletions=deletions,
        edited=sum(c.path in (baseline or {}) and c.path not in renamed for c in changes),
        missing_local=comparison.missing_local,
        missing_cloud=comparison.missing_cloud,
        left_out=comparison.left_out,
    )


def _winner(one: Difference, resolve: ConflictResolve, cloud_time: int | None) -> Winner:
    here, there = one.local, one.cloud
    time = here.stamp.mtime_ns
    order: dict[ConflictResolve, int | None] = {
        ConflictResolve.LOCAL: 1,
        ConflictResolve.CLOUD: -1,
        ConflictResolve.LARGER: here.size - there.size,
        ConflictResolve.SMALLER: there.size - here.size,
        ConflictResolve.NEWER: None if cloud_time is None else time - cloud_time,
        ConflictResolve.OLDER: None if cloud_time is None else cloud_time - time,
        ConflictResolve.NONE: None,
    }
    lead = order[resolve]
    return "both" if not lead else "local" if lead > 0 else "cloud"


def _conflict(one: Difference, resolve: ConflictResolve, cloud_time: int | None, taken: set[str]) -> Change:
    winner = _winner(one, resolve, cloud_time)
    copies = []
    for loser in ("local", "cloud"):
        if winner != loser:
            copies.append(free_copy_name(one.path, taken))
            taken.add(copies[-1])
    size = one.cloud.size if winner == "cloud" else one.local.size
    how = {
        "both": "no winner: both versions are kept beside each other",
        "local": f"the local version wins ({resolve.value})",
        "cloud": f"the cloud version wins ({resolve.value})",
    }[winner]
    return Change(Action.CONFLICT, one.path, size, f"changed on both sides; {how}", winner, tuple(copies))


def _first_meeting(one: Difference, cloud_time: int | None, taken: set[str]) -> Change:
    """Two files that meet for the first time: the newer one wins, the other goes to the trash.

    Where the times do not tell, both are kept beside each other.
    """
    winner = _winner(one, ConflictResolve.NEWER, cloud_time)
    if winner == "local":
        return Change(Action.UPLOAD, one.path, one.local.size, "differs; newer here", "local", replaces=True)
    if winner == "cloud":
        why = "differs; newer in the cloud"
        return Change(Action.DOWNLOAD, one.path, one.cloud.size, why, "cloud", replaces=True)
    return _conflict(one, ConflictResolve.NONE, None, taken)


def _renames(
    changes: Iterable[Change], baseline: Mapping[str, BaseFile], local: LocalSnapshot, cloud: CloudSnapshot
) -> Iterator[tuple[str, str]]:
    """Deleted paths whose content turned up under a new name on the side that deleted: (old, new)."""
    new: dict[tuple[str, int, str | int | None], list[str]] = {}
    deleted: list[tuple[tuple[str, int, str | int | None], str]] = []
    for change in changes:
        if change.action is Action.UPLOAD and change.path not in baseline:
            file = local.files[change.path]
            new.setdefault(("here", file.size, file.md5 or file.stamp.mtime_ns), []).append(change.path)
        elif change.action is Action.DOWNLOAD and change.path not in baseline:
            there = cloud.files[change.path]
            new.setdefault(("there", there.size, there.md5 or there.mtime_ns), []).append(change.path)
        elif change.action is Action.DELETE_CLOUD:
            base = baseline[change.path]
            deleted.append((("here", base.size, base.md5 or base.local_mtime_ns), change.path))
        elif change.action is Action.DELETE_LOCAL:
            base = baseline[change.path]
            deleted.append((("there", base.size, base.md5 or base.cloud_mtime_ns), change.path))
    used: Counter[tuple[str, int, str | int | None]] = Counter()
    for content, path in deleted:
        targets = new.get(content, [])
        # One new file answers for one deleted file: two copies collapsed into one are a deletion.
        if used[content] < len(targets):
            yield path, sorted(targets)[used[content]]
            used[content] += 1
