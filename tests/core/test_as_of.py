"""What a sync held at a time: a table of histories, and a model that plays random ones forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core.as_of import Did, Then, Version, as_of

pytestmark = pytest.mark.pure


class Case(NamedTuple):
    """Runs before and after the time, what is kept, and what lies here now; the paths of what comes of it."""

    before: Sequence[Did]
    after: Sequence[Did]
    kept: Sequence[Version]
    here: Sequence[str]
    expected: Mapping[str, Any]
    more: Mapping[str, Any] = {}


def local(run: str, name: str = "a", written: float | None = None) -> Version:
    return Version(run, "local", name, written)


def cloud(run: str, name: str = "a") -> Version:
    return Version(run, "cloud", name)


UP = Did("1", came="a")
# fmt: off
CASES = {
    "never touched": Case([UP], [], [], "a", {"same": ("a",)}),
    "touched by others alone": Case([UP], [Did("2", came="b")], [], "ab", {"same": ("a",), "not_there": ("b",)}),
    "overwritten": Case([UP], [Did("2", came="a")], [cloud("2")], "a", {"back": {"a": cloud("2")}}),
    "overwritten twice": Case(
        [UP], [Did("2", came="a"), Did("3", came="a")], [cloud("2"), local("3")], "a", {"back": {"a": cloud("2")}}
    ),
    "overwritten before": Case([UP, Did("2", came="a")], [], [cloud("2")], "a", {"same": ("a",)}),
    "deleted": Case([UP], [Did("2", went="a")], [cloud("2")], "", {"back": {"a": cloud("2")}}),
    "deleted and made anew": Case(
        [UP], [Did("2", went="a"), Did("3", came="a")], [cloud("2")], "a", {"back": {"a": cloud("2")}}
    ),
    "new": Case([], [UP], [], "a", {"not_there": ("a",)}),
    "new, and gone by now": Case([], [UP, Did("2", went="a")], [cloud("2")], "", {}),
    "new after it was deleted": Case(
        [UP, Did("2", went="a")], [Did("3", came="a", whole=False)], [], "a", {"not_there": ("a",)}
    ),
    "deleted, and not kept any more": Case([UP], [Did("2", went="a", whole=False)], [], "", {"gone": ("a",)}),
    "overwritten, and not kept any more": Case([UP], [Did("2", came="a", whole=False)], [], "a", {"gone": ("a",)}),
    "perhaps overwritten, and not kept": Case([], [Did("2", came="a", whole=False)], [], "a", {"gone": ("a",)}),
    "overwritten where nothing is kept, though the history has it": Case(
        [UP], [Did("2", came="a")], [], "a", {"gone": ("a",)}
    ),
    "renamed": Case([UP], [Did("2", renamed={"a": "b"})], [], "b", {"under": {"a": "b"}, "not_there": ("b",)}),
    "renamed twice, then edited": Case(
        [UP],
        [Did("2", renamed={"a": "b"}), Did("3", renamed={"b": "c"}), Did("4", came="c")],
        [cloud("4", "c")], "c", {"back": {"a": cloud("4", "c")}, "not_there": ("c",)},
    ),
    "renamed there and back": Case(
        [UP], [Did("2", renamed={"a": "b"}), Did("3", renamed={"b": "a"})], [], "a", {"same": ("a",)}
    ),
    "renamed, deleted here, and no run has seen it": Case(
        [UP], [Did("2", renamed={"a": "b"})], [], "", {"unsynced": ("a",)}, {"missing": "b"}
    ),
    "renamed, and edited here since": Case(
        [UP], [Did("2", renamed={"a": "b"})], [], "b", {"unsynced": ("a",), "not_there": ("b",)}, {"unlike": "b"}
    ),
    "renamed, then edited and not kept": Case(
        [UP], [Did("2", renamed={"a": "b"}), Did("3", came="b", whole=False)], [], "b",
        {"gone": ("a",), "not_there": ("b",)},
    ),
    "taken away here by a restore": Case(
        [UP], [Did("2", recorded=False)], [local("2")], "a", {"back": {"a": local("2")}}
    ),
    "an edit that no run has seen, taken away by a restore, which went up": Case(
        [UP], [Did("2", recorded=False), Did("3", came="a")], [local("2", written=9.0), cloud("3")], "a",
        {"back": {"a": cloud("3")}}, {"at": 5.0},
    ),
    "such an edit, and nothing has gone up": Case(
        [UP], [Did("2", recorded=False)], [local("2", written=9.0)], "a",
        {"unsynced": ("a",)}, {"at": 5.0, "unlike": "a"},
    ),
    "a new file that a restore has replaced": Case(
        [], [Did("2", recorded=False), Did("3", came="a")], [local("2", written=9.0)], "a",
        {"not_there": ("a",)}, {"at": 5.0},
    ),
    "replaced here by a run, though touched since": Case(
        [UP], [Did("2", came="a")], [local("2", written=9.0)], "a",
        {"back": {"a": local("2", written=9.0)}}, {"at": 5.0},
    ),
    "taken away on both sides": Case(
        [UP], [Did("2", contested="a")], [cloud("2"), local("2", written=1.0)], "a",
        {"back": {"a": local("2", written=1.0)}}, {"at": 5.0},
    ),
    "both sides changed it since": Case(
        [UP], [Did("2", contested="a")], [cloud("2"), local("2", written=9.0)], "a", {"gone": ("a",)}, {"at": 5.0}
    ),
    "changed here before, and contested since": Case(
        [UP], [Did("2", contested="a")], [local("2", written=1.0)], "a",
        {"back": {"a": local("2", written=1.0)}}, {"at": 5.0},
    ),
    "contested since, and the cloud's version gave way": Case(
        [UP], [Did("2", came="a", contested="a")], [cloud("2")], "a", {"gone": ("a",)}
    ),
    "contested, and neither kept": Case([], [Did("2", contested="a")], [], "a", {"gone": ("a",)}),
    "a run that was killed kept it": Case([UP], [Did("2")], [cloud("2")], "a", {"back": {"a": cloud("2")}}),
    "edited here": Case([UP], [], [], "a", {"unsynced": ("a",)}, {"unlike": "a"}),
    "edited here, and turned back by a restore": Case(
        [UP], [Did("2", recorded=False)], [local("2", written=9.0)], "a", {"same": ("a",)}, {"at": 5.0}
    ),
    "deleted here": Case([UP], [], [], "", {"unsynced": ("a",)}, {"missing": "a"}),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_what_was_there(name: str) -> None:
    case = CASES[name]
    kept: dict[tuple[str, str], list[Version]] = {}
    for one in case.kept:
        kept.setdefault((one.run, one.name), []).append(one)

    found = as_of([*case.before, *case.after], len(case.before), kept, here=case.here, **case.more)

    nothing = {"back": {}, "under": {}, "same": (), "not_there": (), "gone": (), "unsynced": ()}
    assert found == Then(**{**nothing, **case.expected})


# -- the model --------------------------------------------------------------------------------------------


@dataclass
class World:
    """A device and a cloud that agree after each run. A content is a number that was never written before."""

    here: dict[str, int] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    clock: int = 0
    runs: list[Did] = field(default_factory=list)
    trash: dict[Version, int] = field(default_factory=dict)
    then: list[tuple[int, int, dict[str, int], dict[str, int]]] = field(default_factory=list)

    def write(self, path: str) -> None:
        self.here[path], self.written[path] = self.clock, self.clock

    def delete(self, path: str) -> None:
        self.here.pop(path, None)

    def move(self, path: str, to: str) -> None:
        if path in self.here and to not in self.here:
            self.here[to], self.written[to] = self.here.pop(path), self.written[path]

    def far(self, deed: str, path: str, to: str) -> None:
        """Somebody else's deed, and the run that brings it; where no conflict comes of it."""
        for one in (path, to):
            if self.here.get(one) != self.agreed.get(one) or (one in self.here and one not in self.there):
                return
        if deed == "write":
            self.there[path] = self.clock
        elif deed == "delete":
            self.there.pop(path, None)
        elif path in self.there and to not in self.there and self.there[path] == self.agreed.get(path):
            self.there[to] = self.there.pop(path)
        self.run()

    def restore(self, path: str, pick: int) -> None:
        """Bring back a version: whatever lies here goes to the trash of a run that the history does not name.

        It has its old time. So nobody can tell whether it lay here all the time, once a second one takes it away that
        no run has seen to be missing: a run sees it first.
        """
        if path in self.agreed and path not in self.here:
            self.run()
        found = [one for one in self.trash if one.name == path]
        if not found:
            return
        run = str(len(self.runs))
        if path in self.here:
            self.trash[Version(run, "local", path, self.written[path])] = self.here[path]
        self.here[path], self.written[path] = self.trash[found[pick % len(found)]], 0
        self.runs.append(Did(run, recorded=False))

    def run(self) -> None:
        """Bring both sides together; what is overwritten or deleted goes to the trash of its side."""
        run, came, went = str(len(self.runs)), set(), set()
        renamed = {**self._renamed(self.here), **self._renamed(self.there)}
        moved = {*renamed, *renamed.values()}
        result = dict(self.agreed)
        for path in {*self.here, *self.there, *self.agreed} - moved:
            base, ours, theirs = (side.get(path) for side in (self.agreed, self.here, self.there))
            if ours == theirs == base:
                continue
            new, old, side = (ours, theirs, "cloud") if theirs == base else (theirs, ours, "local")
            if old is not None:
                written = self.written[path] if side == "local" else None
                self.trash[Version(run, side, path, written)] = old  # type: ignore[arg-type]
            (went if new is None else came).add(path)
            result[path] = new  # type: ignore[assignment]
            if side == "local" and new is not None:
                self.written[path] = new
        for path, to in renamed.items():
            result[to] = result.pop(path)
            self.written.setdefault(to, 0)
        result = {path: content for path, content in result.items() if content is not None}
        self.here, self.there, self.agreed = dict(result), dict(result), dict(result)
        self.runs.append(Did(run, came=came, went=went, renamed=renamed))

    def _renamed(self, side: Mapping[str, int]) -> dict[str, str]:
        """What left one name and came under another: one alone of its content, on a side alone."""
        other = self.there if side is self.here else self.here
        found = {}
        for path, content in self.agreed.items():
            to = [one for one in side if one not in self.agreed and side[one] == content]
            left = [one for one in self.agreed if one not in side and self.agreed[one] == content]
            if left == [path] and len(to) == 1 and other.get(path) == content and to[0] not in other:
                found[path] = to[0]
        return found

    def tick(self) -> None:
        self.clock += 1
        self.then.append((self.clock, len(self.runs), dict(self.agreed), dict(self.here)))
        self.clock += 1


PATHS = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS),
        st.tuples(st.just("delete"), PATHS),
        st.tuples(st.just("move"), PATHS, PATHS),
        st.tuples(st.just("far"), st.sampled_from(("write", "delete", "move")), PATHS, PATHS),
        st.tuples(st.just("restore"), PATHS, st.integers(0, 3)),
        st.tuples(st.just("run")),
        st.tuples(st.just("run")),
    ),
    max_size=30,
)


def played(steps: Sequence[tuple[Any, ...]]) -> World:
    world = World()
    for name, *given_to in steps:
        world.tick()
        getattr(world, name)(*given_to)
    return world


def looked_back(world: World, since: int, at: int, expired: int = 0) -> tuple[Then, dict[str, int]]:
    """What is said of a time, and what would lie here once that was carried out. The first runs have expired."""
    kept: dict[tuple[str, str], list[Version]] = {}
    for one in world.trash:
        if int(one.run) >= expired:
            kept.setdefault((one.run, one.name), []).append(one)
    runs = [
        Did(one.run, one.came, one.went, one.renamed, recorded=one.recorded, whole=int(one.run) >= expired)
        for one in world.runs
    ]
    unlike = [path for path, content in world.here.items() if world.agreed.get(path) != content]
    missing = [path for path in world.agreed if path not in world.here]
    found = as_of(runs, since, kept, here=world.here, unlike=unlike, missing=missing, at=at)
    result = {path: world.here[path] for path in found.same}
    result |= {path: world.here[name] for path, name in found.under.items()}
    result |= {path: world.trash[version] for path, version in found.back.items()}
    return found, result


@given(STEPS, st.integers(0, 12))
def test_what_was_there_comes_back_or_is_named(steps: Sequence[tuple[Any, ...]], expired: int) -> None:
    world = played([*steps, ("tick",)])

    for at, since, agreed, lay_here in world.then:
        found, result = looked_back(world, since, at, expired)
        told = {*found.gone, *found.unsynced}
        for path in agreed:
            assert path in result or path in told, (path, at, found)
        for path, content in result.items():
            assert content in (agreed.get(path), lay_here.get(path)), (path, at, found)
        # Each path has one answer, and what lies here has one in any case.
        answers = [*found.back, *found.under, *found.same, *found.not_there, *found.gone, *found.unsynced]
        assert len(answers) == len(set(answers)) and set(answers) >= set(world.here)
        assert not set(found.not_there) & agreed.keys(), (at, found)


@given(STEPS)
def test_nothing_is_gone_while_all_is_kept(steps: Sequence[tuple[Any, ...]]) -> None:
    world = played([*steps, ("run",), ("tick",)])

    for at, since, agreed, _ in world.then:
        found, result = looked_back(world, since, at)
        assert found.gone == () and found.unsynced == (), (at, found)
        assert agreed.keys() <= result.keys(), (at, found)
