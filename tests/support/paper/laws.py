"""The laws of the world on paper: what holds of every plan, after every run, and once all is at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Set
from enum import StrEnum
from typing import NamedTuple

from bisync.config import Compare, ConflictResolve
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.plan import Mode, Plan
from tests.support.paper.run import Run
from tests.support.paper.world import (
    Case,
    Device,
    File,
    Object,
    World,
    hides,
    is_ignored,
    key_of,
    size_of,
)

NAME_BYTES = 255


class Law(StrEnum):
    """What holds whatever happens."""

    PLAN = "a plan says what is, and a run does that and nothing else"
    KEPT = "what a run displaces is kept, and what nobody replaced or deleted stays in a tree"
    REST = "a run leaves both sides equal, and all devices come to rest"
    GONE = "what was deleted or replaced does not return under its name"
    SAME = "the same inputs give the same plan"
    GUARDS = "the deletions that are planned are the files that vanish"


class Broken(Exception):
    """A law that does not hold."""

    def __init__(self, law: Law, text: str) -> None:
        super().__init__(f"{law.name} ({law.value}): {text}")
        self.law = law


class Sides(NamedTuple):
    """What lies on a device's disk and in the store, by path."""

    local: dict[str, int]
    cloud: dict[str, int]

    @classmethod
    def of(cls, world: World, device: Device, without: Container[str] = ()) -> Sides:
        """Both sides as they are now, without the files of these names here."""
        return cls(
            {
                key_of(name): file.content
                for name, file in sorted(device.tree.items(), reverse=True)
                if name not in without
            },
            {path: there.content for path, there in world.store.items()},
        )


def check_plan(case: Case, plan: Plan) -> None:
    """A plan speaks of files that are there, and names its copies as nothing is named."""
    taken = {key_of(name) for name in case.seen.disk} | case.seen.store.keys()
    paths = [change.path for change in plan.changes]
    ends = [path for change in plan.changes for path in change.paths]
    if len(ends) != len(set(ends)):
        raise Broken(Law.PLAN, f"a name is in two changes: {ends}")
    if paths != sorted(set(paths)):
        raise Broken(Law.PLAN, f"its paths are not in order, or not one each: {paths}")
    for change in plan.changes:
        if change.path in case.seen.out:
            raise Broken(Law.PLAN, f"{change.path!r} was left out: {change}")
        _check_change(case, change)
        for copy in change.copies:
            if copy in taken:
                raise Broken(Law.PLAN, f"there is a {copy!r} already: {change}")
            if len(copy.rpartition("/")[2].encode()) > NAME_BYTES:
                raise Broken(Law.PLAN, f"no disk takes the name of a copy: {change}")
            taken.add(copy)


def _check_change(case: Case, change: Change) -> None:
    here, there = case.seen.tree.get(change.path), case.seen.store.get(change.path)
    travels: File | Object | None = None
    match change.action:
        case Action.UPLOAD:
            travels, right = here, change.replaces is (there is not None)
        case Action.DOWNLOAD:
            travels, right = there, change.replaces is (here is not None)
        case Action.DELETE_LOCAL:
            travels, right = here, there is None
        case Action.DELETE_CLOUD:
            travels, right = there, here is None
        case Action.RENAME:
            old: File | Object | None = there
            new: File | Object | None = case.seen.tree.get(change.paths[-1])
            if change.side == "cloud":
                old, new = here, case.seen.store.get(change.paths[-1])
            travels, right = old, old is not None and new is not None and old.content == new.content
            right = right and (here is None) is (change.side == "local")
        case Action.CONFLICT if change.winner == "folder":
            travels = here if change.side == "local" else there
            right = (here is None or there is None) and len(change.copies) == 1
        case Action.CONFLICT:
            travels = there if change.winner == "cloud" else here
            right = here is not None and there is not None and here.content != there.content
            right = right and len(change.copies) == (2 if change.winner == "both" else 1)
        case _:
            right = False
    if not right or travels is None or change.size != size_of(travels.content):
        raise Broken(Law.PLAN, f"here {here}, there {there}, but {change}")
    if change.winner not in (None, "folder") and here is not None and there is not None:
        resolve = ConflictResolve.NEWER if case.mode is Mode.BASELINE else case.resolve
        if change.winner != winner(resolve, here, there):
            raise Broken(Law.PLAN, f"here {here}, there {there}, {resolve}, but {change}")


def winner(resolve: ConflictResolve, here: File, there: Object) -> str:
    """Which side has the name after a conflict, as the profile promises it."""
    lead = {
        ConflictResolve.NONE: 0,
        ConflictResolve.MERGE: 0,  # on paper contents are no texts, and nothing is merged
        ConflictResolve.LOCAL: 1,
        ConflictResolve.CLOUD: -1,
        ConflictResolve.NEWER: here.stamp.mtime_ns - there.mtime,
        ConflictResolve.OLDER: there.mtime - here.stamp.mtime_ns,
        ConflictResolve.LARGER: size_of(here.content) - size_of(there.content),
        ConflictResolve.SMALLER: size_of(there.content) - size_of(here.content),
    }[resolve]
    return "both" if lead == 0 else "local" if lead > 0 else "cloud"


def check_versions(world: World, device: Device, at_stake: set[int], live: set[int]) -> None:
    """Everything a run had in its hands is somewhere, and in a tree if nobody wanted it away."""
    in_trees = {file.content for file in device.tree.values()}
    in_trees |= {there.content for there in world.store.values()}
    lost = at_stake - in_trees - device.trash - world.store_trash
    if lost:
        raise Broken(Law.KEPT, f"lost: {sorted(lost)}")
    alone = (at_stake & live) - in_trees
    alone -= {file.content for each in world.devices for file in each.tree.values()} if alone else set()
    if alone:
        raise Broken(Law.KEPT, f"in a trash alone: {sorted(alone)}")


def check_run(world: World, run: Run, before: Sides, *, forced: bool) -> None:
    """An undisturbed run does all its plan says, nothing else, and counts its deletions right."""
    if run.skipped:
        raise Broken(Law.PLAN, f"nobody was in the way, but it skipped {sorted(run.skipped)}")
    plan, case = run.plan, run.case
    after = Sides.of(world, run.device)
    _check_only_planned(plan, before, after)
    check_level(world, run.device, plan)
    if case.known is None or any(one.twin for one in plan.left_out):
        return  # where a twin takes the place of what vanished, paths do not tell
    contested = {path for change in plan.changes if change.copies for path in (change.path, *change.copies)}
    vanished = sum(
        _vanished(old, new, case.known.files.keys(), contested)
        for old, new in zip(before, after, strict=True)
    )
    told_by_hash = case.compare is Compare.CHECKSUM and all(one.hashed for one in case.seen.store.values())
    if plan.deletions < vanished or (told_by_hash and plan.deletions != vanished):
        raise Broken(Law.GUARDS, f"{plan.deletions} planned, {vanished} vanished: {plan.changes}")
    if case.max_delete is not None and vanished > case.max_delete and not forced:
        raise Broken(Law.GUARDS, f"{vanished} vanished, {case.max_delete} may")


def check_limit(run: Run) -> None:
    """rclone's own limit admits what the guards admitted. bisync counts the marker among what it knew."""
    known = len(run.frame.base) + 1
    if 100 * run.missing > (run.admitted or 0) * known:
        changes = run.plan.changes
        raise Broken(Law.GUARDS, f"bisync misses {run.missing} of {known}, {run.admitted} % may: {changes}")


def _check_only_planned(plan: Plan, before: Sides, after: Sides) -> None:
    local: set[str] = set()
    cloud: set[str] = set()
    for change in plan.changes:
        if change.action is Action.CONFLICT:
            local |= {change.path, *change.copies}
            cloud |= {change.path, *change.copies}
        elif change.action is Action.RENAME:
            (cloud if change.side == "local" else local).update(change.paths)
        else:
            side = local if change.action in (Action.DOWNLOAD, Action.DELETE_LOCAL) else cloud
            side.add(change.path)
    for old, new, named in zip(before, after, (local, cloud), strict=True):
        changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
        if not changed <= named:
            raise Broken(Law.PLAN, f"it does not name {sorted(changed - named)}")


def _vanished(
    before: Mapping[str, int], after: Mapping[str, int], known: Set[str], contested: Set[str]
) -> int:
    """How many files went, but for those whose content turned up under a new name."""
    gone = Counter(before[path] for path in before.keys() - after.keys() - contested)
    new = Counter(after[path] for path in after.keys() - before.keys() - known - contested)
    return (gone - new).total()


def check_level(world: World, device: Device, plan: Plan) -> None:
    """Both sides hold the same, and the baseline says so."""
    assert device.baseline is not None
    twins = {names.from_rclone(one.path) for one in plan.left_out if one.twin}
    local, cloud = (
        {
            path: content
            for path, content in side.items()
            if not is_ignored(path, device.rules) and not hides(plan, path)
        }
        for side in Sides.of(world, device, twins)
    )
    if local != cloud:
        raise Broken(Law.REST, f"here {local}, there {cloud}")
    known = {path: agreed.file.content for path, agreed in device.known.items() if not hides(plan, path)}
    # bisync keeps no note of a new name whose content no hash confirms; its next run does.
    unsure = {path for path in cloud.keys() - known.keys() if not world.store[path].hashed}
    if known != {path: content for path, content in cloud.items() if path not in unsure}:
        raise Broken(Law.REST, f"both sides hold {cloud}, the baseline {known}")


def check_rest(world: World, plans: Iterable[Plan], live: set[int], gone: set[tuple[str, int]]) -> None:
    """Nothing that was deleted is back, and everything that nobody wanted away is in a tree."""
    trees = [Sides.of(world, device).local for device in world.devices]
    trees.append({path: there.content for path, there in world.store.items()})
    back = [
        (path, content)
        for path, content in gone
        if any(tree.get(path) == content for tree in trees)
        and not any(hides(plan, path, twins=True) for plan in plans)
    ]
    if back:
        raise Broken(Law.GONE, f"back again: {sorted(back)}")
    missing = live - {file.content for device in world.devices for file in device.tree.values()}
    missing -= {there.content for there in world.store.values()}
    if missing:
        raise Broken(Law.KEPT, f"in no tree: {sorted(missing)}")
