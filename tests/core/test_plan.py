"""What holds for every plan, whatever the situation: nothing is lost, both sides come together, a crash is harmless.

Each property is tried on every world of two files that have to do with each other, and on some larger ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.core.change import Action, Change
from bisync.core.plan import Answers, Mode, Plan, make_plan
from bisync.core.reconcile import compare_sides
from tests.core.paper import on_paper
from tests.core.situations import Situation, situation

pytestmark = pytest.mark.pure

Tree = Mapping[str, str]


@dataclass(frozen=True)
class World:
    """What both sides hold and held, path to content; without a base they have never met."""

    base: Tree | None
    local: Tree
    cloud: Tree
    resolve: str = "newer"
    compare: str = "checksum"
    hashes: bool = True

    @cached_property
    def situation(self) -> Situation:
        """The situation this amounts to, all questions answered as they are.

        Every content has a time of its own, so that times and hashes tell the same.
        """
        said = {
            "local": words(self.local),
            "cloud": words(self.cloud, "" if self.hashes else " no-hash"),
            "resolve": self.resolve,
            "compare": self.compare,
        }
        if self.base is not None:
            said["baseline"] = words(self.base, "" if self.hashes else " no-hash")
        found = situation("a world", said)
        asked = found.asked()
        equal = frozenset(path for path in asked.contents if self.local[path] == self.cloud[path])
        times = {path: seconds(self.cloud[path]) * 1_000_000_000 for path in asked.times}
        return replace(found, answers=Answers(equal=equal, times=times))

    @cached_property
    def plan(self) -> Plan:
        return self.situation.planned()

    @cached_property
    def changes(self) -> Mapping[str, Change]:
        return {change.path: change for change in self.plan.changes}

    @cached_property
    def after(self) -> tuple[Tree, Tree]:
        """Both sides when the plan is carried out."""
        return on_paper(self.plan.changes, self.local, self.cloud)

    def waits(self, path: str) -> bool:
        """Whether a path lies below a folder that is left out."""
        return path.startswith(tuple(f"{one.path}/" for one in self.plan.left_out))


def seconds(content: str) -> int:
    return ord(content) - ord("A") + 1


def words(tree: Tree, mark: str = "") -> dict[str, str]:
    return {path: f"{content} @{seconds(content)}{mark}" for path, content in tree.items()}


def possible(tree: Tree) -> dict[str, str]:
    """The tree without files that lie below a file: no disk can hold both."""
    return {path: tree[path] for path in tree if not any(path.startswith(f"{other}/") for other in tree)}


# -- the properties ---------------------------------------------------------------------------------


def both_sides_come_together(world: World) -> None:
    here, there = world.after

    assert {path: here[path] for path in here if not world.waits(path)} == {
        path: there[path] for path in there if not world.waits(path)
    }


def no_edit_is_lost(world: World) -> None:
    """What differs from the baseline is kept, under its name or as a copy beside it.

    When both sides meet for the first time, the older of two versions goes to the trash.
    """
    here, _ = world.after
    for path in {*world.local, *world.cloud}:
        if world.waits(path):
            continue
        change = world.changes.get(path)
        kept = {here.get(name) for name in (path, *((*change.copies, *change.paths) if change else ()))}
        for side, tree in (("local", world.local), ("cloud", world.cloud)):
            trashed = world.base is None and change is not None and change.winner not in (None, side, "both")
            if path in tree and tree[path] != (world.base or {}).get(path):
                assert tree[path] in kept or (trashed and change and change.action is not Action.CONFLICT)


def only_what_the_other_side_deleted_is_deleted(world: World) -> None:
    base = world.base or {}
    for path, change in world.changes.items():
        if change.action is Action.DELETE_LOCAL:
            assert path not in world.cloud and world.local[path] == base[path]
        if change.action is Action.DELETE_CLOUD:
            assert path not in world.local and world.cloud[path] == base[path]


def what_is_alike_is_left_alone(world: World) -> None:
    assert not [path for path in world.changes if world.local.get(path) == world.cloud.get(path)]


def every_copy_gets_a_name_of_its_own(world: World) -> None:
    copies = [copy for change in world.plan.changes for copy in change.copies]
    held = {*world.local, *world.cloud}

    assert len({*copies, *held}) == len(copies) + len(held)


def renames_are_no_deletions(world: World) -> None:
    """A file is renamed where its side has its content under a new name; no new name answers for two."""
    renamed, renamed_as_such = [], []
    for path, change in world.changes.items():
        if change.action is Action.RENAME:
            assert change.to is not None and change.to not in world.changes.keys() | (world.base or {}).keys()
            assert (world.local if change.side == "local" else world.cloud)[change.to] == (world.base or {})[
                path
            ]
            renamed_as_such.append(change.to)
        _, is_renamed, new = change.why.partition(": renamed to ")
        if is_renamed:
            deleted_here = change.action is Action.DELETE_CLOUD
            assert (world.local if deleted_here else world.cloud)[new] == (world.base or {})[path]
            assert new not in (world.base or {})
            renamed.append(new)

    assert len(renamed) == len({*renamed} - {*renamed_as_such})
    assert len(renamed_as_such) == len({*renamed_as_such})
    deleted = world.plan.count(Action.DELETE_LOCAL) + world.plan.count(Action.DELETE_CLOUD)
    assert world.plan.deletions == deleted - len(renamed)


def afterwards_there_is_nothing_left_to_do(world: World) -> None:
    """Also with the baseline from before, as after a crash, when there is only something to settle."""
    here, there = world.after
    if here == there:
        assert replace(world, local=here, cloud=there).plan.changes == ()
        assert mode_of_equal_sides(tuple(here.items())) is Mode.IDLE


@cache
def mode_of_equal_sides(files: tuple[tuple[str, str], ...]) -> Mode:
    return World(dict(files), dict(files), dict(files)).plan.mode


def a_run_that_stops_half_way_is_finished_by_the_next(world: World) -> None:
    """The baseline from before a run stays a common ancestor, whatever part of the plan was carried out."""
    if world.base is None or world.plan.left_out:
        return
    changes = world.plan.changes
    wanted, _ = world.after
    for one in changes if len(changes) > 1 else ():
        for done in ([one], [change for change in changes if change != one]):
            here, there = on_paper(done, world.local, world.cloud)
            if here != possible(here):
                continue
            half = replace(world, local=here, cloud=there)
            both_sides_come_together(half)
            # A copy may get a lower number: a file that had it is gone by now.
            assert sorted(half.after[0].values()) == sorted(wanted.values())


Property = Callable[[World], None]
PROPERTIES: tuple[Property, ...] = (
    both_sides_come_together,
    no_edit_is_lost,
    only_what_the_other_side_deleted_is_deleted,
    what_is_alike_is_left_alone,
    every_copy_gets_a_name_of_its_own,
    renames_are_no_deletions,
    afterwards_there_is_nothing_left_to_do,
    a_run_that_stops_half_way_is_finished_by_the_next,
)

# -- the worlds -------------------------------------------------------------------------------------

# Two files that may have one content; a file and its conflict copy; a file and a folder of one name.
PAIRS = (("a", "b"), ("a", "a.conflict1"), ("d", "d/x"))
# What the baseline, this side and the other one hold of a file. A was synced; B and C are two edits.
STATES = [
    (base, here, there)
    for base, here, there in product("-A", "-AB", "-ABC")
    if there != "C" or here == "B"
]  # fmt: skip


def pair_worlds(one: str, two: str) -> Iterator[World]:
    for first, second in product(STATES, STATES):
        base, local, cloud = (
            {path: content for path, content in ((one, a), (two, b)) if content != "-"}
            for a, b in zip(first, second, strict=True)
        )
        if base == possible(base) and local == possible(local):
            yield World(base, local, cloud)
            if not base:
                yield World(None, local, cloud)
            elif any(local[path] != cloud[path] for path in local.keys() & cloud.keys()):
                yield World(base, local, cloud, resolve="none")


@cache
def small_worlds() -> list[World]:
    return [world for one, two in PAIRS for world in pair_worlds(one, two)]


@pytest.mark.parametrize("holds", [pytest.param(each, id=each.__name__) for each in PROPERTIES])
def test_in_every_world_of_two_files(holds: Property) -> None:
    worlds = small_worlds()
    assert len(worlds) > 1000
    for world in worlds:
        holds(world)


NAMES = ["a", "a.conflict1", "a.conflict2", "b", "d", "d/x", "d/y", "d.conflict1", "e/f", "e/f/g"]
trees = st.dictionaries(st.sampled_from(NAMES), st.sampled_from("AAAABC"), max_size=6)


@settings(max_examples=80)
@given(
    st.builds(
        World,
        base=trees.map(possible),
        local=trees.map(possible),
        cloud=trees,
        resolve=st.sampled_from(["none", "newer", "older", "larger", "smaller", "local", "cloud"]),
        compare=st.sampled_from(["checksum", "modtime"]),
        hashes=st.booleans(),
    )
)
def test_in_larger_worlds(world: World) -> None:
    for holds in PROPERTIES:
        holds(world)


def test_a_run_with_nothing_to_do_is_idle_where_nobody_says_otherwise() -> None:
    one = World({}, {}, {}).situation
    found = compare_sides(one.baseline, one.local, one.cloud, one.compare)

    plan = make_plan(found, one.answers, baseline=one.baseline, local=one.local, cloud=one.cloud,
                     compare=one.compare, resolve=one.resolve, mode=one.mode)  # fmt: skip

    assert plan.mode is Mode.IDLE


# -- words that others rely on ----------------------------------------------------------------------


def test_modes_and_actions_bear_the_names_of_the_plans_document() -> None:
    assert {mode.value for mode in Mode} == {"sync", "baseline", "rebaseline", "idle", "blocked"}
    assert {action.value for action in Action} == {
        "upload", "download", "delete_local", "delete_cloud", "rename", "conflict", "merge", "register_project",
    }  # fmt: skip
