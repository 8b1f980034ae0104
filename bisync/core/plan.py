"""A plan: conflicts decided, renames found, everything in the order of its paths. Pure.

What follows from the two sides by itself comes from `reconcile`; what only the world can tell about a
conflict is asked as `Questions` and comes back as `Answers`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bisync.config import Compare, ConflictResolve
from bisync.core import renames
from bisync.core.change import Action, Change, Merging, Winner
from bisync.core.conflict_names import AT_THE_END, CopyNames, Naming, beside
from bisync.core.counting import counted
from bisync.core.merge import LARGEST
from bisync.core.names import is_too_long, key, parents, to_rclone
from bisync.core.reconcile import Clash, Comparison, Difference, no_file_here
from bisync.core.snapshot import (
    OCCUPIED,
    BaseFile,
    CloudSnapshot,
    LeftOut,
    LocalSnapshot,
)


class Mode(StrEnum):
    """What kind of run is next."""

    SYNC = "sync"
    BASELINE = "baseline"
    REBASELINE = "rebaseline"
    IDLE = "idle"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What only the world can tell about a comparison's conflicts, by path.

    `contents`: of equal size, no hashes that tell: are they byte for byte the same? `times`: when was the
    cloud's version last modified? `copies`: which names of conflict copies are taken beside it? `kept`: is the cloud's
    version here already, as a conflict copy? `merges`: what do both versions and the one before make as one text?
    """

    contents: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The world's answers. `equal`: these paths are the same on both sides. `times`: ns since the epoch.

    `taken`: names that no conflict copy can have though no snapshot holds them (ignored files). `kept`: of these paths
    the cloud's version is here, as a conflict copy. `merged`: what three versions make, or why they make nothing.
    """

    equal: frozenset[str] = frozenset()
    times: Mapping[str, int] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    merged: Mapping[str, Merging | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions of one run, sorted by path. `deletions`: files that go on either side, renames not."""

    mode: Mode
    changes: tuple[Change, ...]
    deletions: int
    edited: int
    left_out: tuple[LeftOut, ...] = ()

    def count(self, action: Action) -> int:
        """How many actions of one kind."""
        return sum(change.action is action for change in self.changes)


def questions(
    comparison: Comparison,
    resolve: ConflictResolve,
    *,
    first: bool,
    keeps_both: bool = False,
    own_times: bool = True,
    bases: Collection[str] = (),
) -> Questions:
    """What must be asked before the conflicts can be decided. `first`: both sides meet for the first time.

    `own_times`: the cloud keeps those of files. When one was stored there tells nothing of two that never met.
    `bases`: the texts (paths) of which the version is known that both sides had.
    """
    conflicts = comparison.conflicts
    by_time = own_times if first else resolve in (ConflictResolve.NEWER, ConflictResolve.OLDER)
    return Questions(
        contents=tuple(
            one.path
            for one in conflicts
            if one.local.size == one.cloud.size and (one.local.md5 is None or one.cloud.md5 is None)
        ),
        times=tuple(one.path for one in conflicts) if by_time else (),
        copies=tuple(sorted([one.path for one in conflicts] + [one.path for one in comparison.clashes])),
        kept=tuple(one.path for one in conflicts) if keeps_both else (),
        merges=tuple(one.path for one in conflicts if _may_merge(one, bases))
        if resolve is ConflictResolve.MERGE and not first and not keeps_both
        else (),
    )


def _may_merge(one: Difference, bases: Collection[str]) -> bool:
    return one.path in bases and max(one.local.size, one.cloud.size) <= LARGEST


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
    moves: bool = True,
    keeps_both: bool = False,
    naming: Naming = AT_THE_END,
) -> Plan:
    """Decide the conflicts and put the plan together.

    A plan to sync with nothing to do is idle, unless the run has something else to bring about
    (`idle_allowed`). `moves`: the cloud can move a file on its own side. `keeps_both`: whatever the mode, the newer
    version wins, the local one where the times do not tell, and the other stays beside it. `naming`: what conflict
    copies are called.
    """
    contested = comparison.conflicts or comparison.clashes
    copy_names = CopyNames(_names_taken(local, cloud, answers) if contested else set(), naming)
    decided = list(comparison.changes)
    decided += [_room_for_folder(one, copy_names) for one in comparison.clashes]
    conflicts = [one for one in comparison.conflicts if one.path not in answers.equal]
    for one in conflicts:
        if keeps_both:
            decided.append(_both_kept(one, answers, copy_names))
        elif mode is Mode.BASELINE:
            decided.append(_first_meeting(one, answers.times.get(one.path), copy_names))
        else:
            decided.append(_decided(one, resolve, answers, copy_names))
    decided, unnamed = _without_long_copies(decided, local, cloud)
    carried = list(renames.carried(decided, baseline or {}, local, cloud, compare, in_cloud=moves))
    ends = {path for change in carried for path in change.paths}
    decided = [change for change in decided if change.path not in ends] + carried
    decided, blocked = _without_blocked(decided, local)
    renamed = dict(renames.answered(decided, baseline or {}, local, cloud, compare))
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
        edited=sum(
            c.path in (baseline or {}) and c.path not in renamed and c.action is not Action.RENAME
            for c in changes
        ),
        left_out=tuple(sorted({*comparison.left_out, *unnamed, *blocked})),
    )


def _without_blocked(decided: list[Change], local: LocalSnapshot) -> tuple[list[Change], list[LeftOut]]:
    """The changes without those that something here keeps from coming, which no plan moves, and these as left out."""
    left: list[LeftOut] = []
    kept = []
    for change in decided:
        comes = change.action is Action.DOWNLOAD or (
            change.action is Action.RENAME and change.side == "cloud"
        )
        why = _obstacle(change.paths[-1], local) if comes else None
        if why is None:
            kept.append(change)
        else:
            left.append(LeftOut(change.paths[-1], why))
            if change.to is not None:
                left.append(
                    LeftOut(
                        change.path, f"it was renamed in the cloud to {change.to}, which cannot come here"
                    )
                )
    return kept, left


def _obstacle(path: str, local: LocalSnapshot) -> str | None:
    return OCCUPIED if path in local.occupied else no_file_here(path, local)


def _without_long_copies(
    decided: list[Change], local: LocalSnapshot, cloud: CloudSnapshot
) -> tuple[list[Change], list[LeftOut]]:
    """The changes without those that need a copy with a longer name than a disk takes, and these as left out.

    A file that would have to make room stays, and the folder of its name waits.
    """
    waiting: list[LeftOut] = []
    for change in decided:
        path, here, there = change.path, local.files.get(change.path), cloud.files.get(change.path)
        spelled = [path, *([here.name] if here else []), *([there.name] if there else [])]
        if any(is_too_long(beside(one, path, copy)) for copy in change.copies for one in spelled):
            name = there.name if there else to_rclone(here.name) if here else path
            waiting.append(LeftOut(name, "the name of its conflict copy would be too long for a disk"))
            if change.winner == "folder":
                waiting.append(waiting[-1]._replace(folder=True))
    if not waiting:
        return decided, waiting
    out = {key(one.path) for one in waiting}
    return [change for change in decided if out.isdisjoint((change.path, *parents(change.path)))], waiting


def _names_taken(local: LocalSnapshot, cloud: CloudSnapshot, answers: Answers) -> set[str]:
    """Names that no conflict copy can have: those of files, and of folders that are called like a copy."""
    used = {*local.files, *cloud.files, *answers.taken}
    for path in [path for path in used if ".conflict" in path]:
        used.update(parents(path))
    return used


def _room_for_folder(one: Clash, copy_names: CopyNames) -> Change:
    """A file that stands where the other side has a folder moves aside, as a conflict copy."""
    copy = copy_names.take(one.path)
    why = f"a file {'here' if one.side == 'local' else 'in the cloud'}, a folder on the other side"
    return Change(Action.CONFLICT, one.path, one.size, why, "folder", (copy,), side=one.side)


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
        ConflictResolve.MERGE: None,
    }
    lead = order[resolve]
    return "both" if not lead else "local" if lead > 0 else "cloud"


def _decided(one: Difference, resolve: ConflictResolve, answers: Answers, copy_names: CopyNames) -> Change:
    """What becomes of a conflict by the profile's rule."""
    merged = answers.merged.get(one.path)
    if isinstance(merged, Merging):
        edits = counted(merged.hunks, "edit")
        why = f"changed on both sides; {edits} that do not overlap become one text"
        return Change(Action.MERGE, one.path, merged.size, why, merged=merged)
    change = _conflict(one, resolve, answers.times.get(one.path), copy_names)
    if merged is None:
        return change
    return change._replace(why=f"changed on both sides; {merged}: both versions are kept beside each other")


def _conflict(
    one: Difference, resolve: ConflictResolve, cloud_time: int | None, copy_names: CopyNames
) -> Change:
    winner = _winner(one, resolve, cloud_time)
    copies = []
    for loser in ("local", "cloud"):
        if winner != loser:
            copies.append(copy_names.take(one.path))
    size = one.cloud.size if winner == "cloud" else one.local.size
    how = {
        "both": "no winner: both versions are kept beside each other",
        "local": f"the local version wins ({resolve.value})",
        "cloud": f"the cloud version wins ({resolve.value})",
    }[winner]
    return Change(Action.CONFLICT, one.path, size, f"changed on both sides; {how}", winner, tuple(copies))


def _both_kept(one: Difference, answers: Answers, copy_names: CopyNames) -> Change:
    """The newer of two files wins, and the other is kept beside it, once."""
    time = answers.times.get(one.path)
    wins = _winner(one, ConflictResolve.NEWER, time)
    if wins != "cloud" and one.path in answers.kept:
        return Change(Action.UPLOAD, one.path, one.local.size, "differs; newer here", "local", replaces=True)
    resolve = ConflictResolve.LOCAL if wins == "both" else ConflictResolve.NEWER
    return _conflict(one, resolve, time, copy_names)


def _first_meeting(one: Difference, cloud_time: int | None, copy_names: CopyNames) -> Change:
    """Two files that meet for the first time: the newer one wins, the other goes to the trash.

    Where the times do not tell, both are kept beside each other.
    """
    winner = _winner(one, ConflictResolve.NEWER, cloud_time)
    if winner == "local":
        return Change(Action.UPLOAD, one.path, one.local.size, "differs; newer here", "local", replaces=True)
    if winner == "cloud":
        why = "differs; newer in the cloud"
        return Change(Action.DOWNLOAD, one.path, one.cloud.size, why, "cloud", replaces=True)
    return _conflict(one, ConflictResolve.NONE, None, copy_names)
