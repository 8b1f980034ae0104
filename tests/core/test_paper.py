"""The world on paper: laws that the planning core keeps, and faults by which they are seen to bite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from bisync.config import Compare, ConflictResolve
from bisync.core import guard, plan, reconcile
from bisync.core.change import Action, Change
from bisync.core.guard import Verdict
from bisync.core.plan import Plan
from bisync.core.reconcile import Comparison
from bisync.core.snapshot import BaseFile, CloudSnapshot, LocalSnapshot
from tests.support.paper.__main__ import main
from tests.support.paper.chance import History, draw
from tests.support.paper.laws import Law
from tests.support.paper.shrink import in_words, shrink
from tests.support.paper.steps import Delete, Put, Remove, Rename, Rules, Settle, Switch, Sync, Write
from tests.support.paper.world import Core

HISTORIES = 400
"""Within so many histories every fault shows."""
HANDFUL = 6

LONG = "x" * 250
CHECKSUM, MODTIME = Compare.CHECKSUM, Compare.MODTIME
EXACT, SECONDS = 1, 1_000_000_000
REGRESSIONS = {
    "a file in the cloud goes before bisync looks, for a folder to take its place": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (
            *(Write(0, "a", 1), Write(0, "d", 2), Sync(0)),
            *(Remove("a"), Write(0, "a", 3), Delete(0, "d"), Write(0, "d/a", 4), Sync(0)),
        ),
    ),
    "what a killed run has fetched is deleted elsewhere": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (
            *(Write(1, "b", 1), Settle(), Write(0, "a", 2), Sync(0)),
            *(Delete(0, "a"), Sync(1, stop=2), Settle()),
        ),
    ),
    "a file that cannot be read when changes come to be told in another way": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (
            *(Write(0, "a", 1), Settle(), Switch(0, MODTIME)),
            *(Sync(0, unreadable=("a",)), Remove("a"), Settle()),
        ),
    ),
    "a folder of ignored files where the cloud has a file": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d/a", 1), Rules(0, ("d/a",)), Put("d", 2), Sync(0)),
    ),
    "a folder of closed files where the cloud has a file": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d/a", 1), Put("d", 2), Sync(0, unreadable=("d/a",))),
    ),
    "a decomposed name that cannot be read": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "e\u0301", 1), Sync(0), Sync(0, unreadable=("e\u0301",))),
    ),
    "a conflict whose copy would have too long a name": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, LONG, 1), Sync(0), Write(0, LONG, 2), Put(LONG, 3), Sync(0)),
    ),
    "a file with too long a name for its copy where the cloud has a folder": History(
        (CHECKSUM, CHECKSUM), EXACT, (Write(0, LONG, 1), Put(f"{LONG}/a", 3), Sync(0)),
    ),
    "a closed file where the cloud has a folder": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d", 1), Put("d/a", 2), Sync(0, unreadable=("d",))),
    ),
    "a name in two spellings where the cloud has a folder": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "e\u0301", 1), Write(0, "\u00e9", 2), Put("\u00e9/a", 3), Sync(0)),
    ),
    "a file makes room beside an ignored copy": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d.conflict1", 1), Rules(0, ("*.conflict1",)), Write(0, "d", 2), Put("d/a", 3), Sync(0)),
    ),
    "an edit that leaves size and time as they were": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "a", 1, at=1), Sync(0), Put("a", 2), Sync(0, meanwhile=((0, Write(0, "a", 4, at=1)),))),
    ),
    "deleted here, edited in the cloud": History(
        (MODTIME,), EXACT, (Put("a", 1), Sync(0), Delete(0, "a"), Put("a", 4), Settle())
    ),
    "edited on one device, deleted on another": History(
        (CHECKSUM, CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d/a", 1), Settle(), Write(0, "d/a", 2), Delete(2, "d/a"), Settle()),
    ),
    "deleted on one of two devices": History(
        (CHECKSUM, CHECKSUM), EXACT, (Write(1, "d/a", 1), Settle(), Delete(1, "d/a"), Settle())
    ),
    "edits of one size on both sides": History(
        (MODTIME,), EXACT, (Write(0, "a", 1), Settle(), Put("a", 4), Write(0, "a", 7), Settle())
    ),
    "written alike on two devices": History(
        (CHECKSUM, CHECKSUM), EXACT, (Sync(1), Write(1, "a", 1), Write(0, "a", 1), Settle())
    ),
    "deleted on both sides, then written again": History(
        (CHECKSUM,), EXACT,
        (Write(0, "a", 1), Sync(0), Delete(0, "a"), Remove("a"), Sync(0), Write(0, "a", 2), Settle()),
    ),
    "a file that cannot be read, new on both sides": History(
        (CHECKSUM,), EXACT, (Put("a", 1), Write(0, "a", 2), Sync(0, unreadable=("a",)), Settle())
    ),
    "a copy's name is taken": History(
        (MODTIME, MODTIME), EXACT,
        (Sync(1), Write(0, "a", 1), Write(1, "a", 2), Write(1, "a.conflict1", 3), Settle()),
    ),
    "nobody wins": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Sync(1), Write(1, "d/a", 1), Write(0, "d/a", 2), Settle(ConflictResolve.NONE)),
    ),
    "two of one time and size meet for the first time": History(
        (CHECKSUM, CHECKSUM), EXACT, (Write(0, "a", 1, at=1), Write(1, "a", 4, at=1), Settle())
    ),
    "renamed while a run begins": History(
        (CHECKSUM,), EXACT, (Write(0, "a", 2), Sync(0), Sync(0, meanwhile=((0, Rename(0, "a", "b")),)), Settle())
    ),
    "a file here, a folder there": History(
        (CHECKSUM, CHECKSUM), EXACT, (Write(0, "d", 1), Write(1, "d/a", 2), Settle())
    ),
    "a file becomes a folder, another is edited in it": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "d", 1), Settle(), Rename(0, "d", "d/a"), Sync(0), Write(1, "d", 2), Settle()),
    ),
    "killed when the old object is in the trash": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "a", 1), Settle(), Write(0, "a", 2), Sync(0, stop=1), Sync(1), Settle()),
    ),
    "killed between two names of a conflict": History(
        (CHECKSUM,), EXACT,
        (Write(0, "a", 1), Sync(0), Write(0, "a", 2), Put("a", 3), Sync(0, ConflictResolve.CLOUD, stop=2), Settle()),
    ),
    "edited between look and download": History(
        (CHECKSUM,), EXACT,
        (Write(0, "a", 1), Sync(0), Put("a", 2), Sync(0, meanwhile=((0, Write(0, "a", 4)),)), Settle()),
    ),
    "composed here, decomposed there": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "e\u0301", 1), Sync(0), Write(1, "\u00e9", 2), Settle(ConflictResolve.NONE)),
    ),
    "put there in parts, edited, put there again": History(
        (CHECKSUM,), EXACT,
        (Put("a", 1, hashed=False), Sync(0), Write(0, "a", 4), Sync(0), Put("a", 7, hashed=False), Settle()),
    ),
    "ignored, edited elsewhere, no longer ignored": History(
        (CHECKSUM, CHECKSUM), EXACT,
        (Write(0, "a", 1), Settle(), Rules(0, ("a",)), Write(1, "a", 2), Settle(), Rules(0, ()), Settle()),
    ),
    "a store that keeps seconds": History(
        (MODTIME, MODTIME), SECONDS, (Write(0, "a", 1), Settle(), Write(1, "a", 4), Settle())
    ),
    "changes told in another way from now on": History(
        (CHECKSUM,), EXACT, (Write(0, "a", 1), Sync(0), Switch(0, MODTIME), Write(0, "a", 4), Settle())
    ),
}  # fmt: skip

Base = Mapping[str, BaseFile] | None


def test_every_law_holds_in_a_few_hundred_histories() -> None:
    for seed in range(300):
        played = draw(seed, Core())
        assert played.broken is None, f"{played.broken}\n{in_words(played.history)}"


def test_a_seed_is_a_history_and_a_history_is_a_value() -> None:
    for seed in range(20):
        drawn = draw(seed, Core())

        assert draw(seed, Core()) == drawn
        assert drawn.history.play(Core()) == drawn


@pytest.mark.parametrize("history", REGRESSIONS.values(), ids=REGRESSIONS)
def test_a_history_with_a_past_holds(history: History) -> None:
    played = history.play(Core())

    assert played.broken is None, played.broken


# -- faults, each of its own kind --------------------------------------------------------------------------


Decided = TypeVar("Decided", Comparison, Plan)


def with_changes(decided: Decided, how: Callable[[Change], Change]) -> Decided:
    return replace(decided, changes=tuple(map(how, decided.changes)))


def a_deletion_beats_an_edit(
    base: Base, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> Comparison:
    found = reconcile.compare_sides(base, local, cloud, compare)
    return with_changes(
        found,
        lambda c: (
            c._replace(action=Action.DELETE_CLOUD)
            if c.action is Action.DOWNLOAD and c.path in (base or {}) and c.path not in local.files
            else c
        ),
    )


def a_deleted_file_is_a_new_one(
    base: Base, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> Comparison:
    present = {path: file for path, file in (base or {}).items() if path in local.files}
    return reconcile.compare_sides(present, local, cloud, compare)


def an_edit_of_one_size_is_none(
    base: Base, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> Comparison:
    files = {
        path: file._replace(stamp=base[path].stamp or file.stamp)
        if base is not None and path in base and base[path].size == file.size
        else file
        for path, file in local.files.items()
    }
    return reconcile.compare_sides(base, local._replace(files=files), cloud, compare)


def what_is_deleted_on_both_sides_stays_known(
    base: Base, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> Comparison:
    return replace(reconcile.compare_sides(base, local, cloud, compare), settled=0)


def what_was_left_out_is_gone(
    base: Base, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> Comparison:
    return reconcile.compare_sides(base, local._replace(left_out=()), cloud, compare)


def a_loser_has_no_copy(*given: Any, **about: Any) -> Plan:
    actions = {"local": Action.UPLOAD, "cloud": Action.DOWNLOAD}
    return with_changes(
        plan.make_plan(*given, **about),
        lambda c: (
            c._replace(action=actions[c.winner], copies=(), replaces=True) if c.winner in actions else c
        ),
    )


def a_copy_takes_any_name(*given: Any, **about: Any) -> Plan:
    return with_changes(
        plan.make_plan(*given, **about),
        lambda c: c._replace(copies=(f"{c.path}.conflict1",)) if len(c.copies) == 1 else c,
    )


def the_wrong_side_wins(*given: Any, **about: Any) -> Plan:
    swapped = {ConflictResolve.NEWER: ConflictResolve.OLDER, ConflictResolve.OLDER: ConflictResolve.NEWER}
    resolve = about.pop("resolve")
    return plan.make_plan(*given, **about, resolve=swapped.get(resolve, resolve))


def a_run_is_never_idle(*given: Any, **about: Any) -> Plan:
    return plan.make_plan(*given, **{**about, "idle_allowed": False})


def a_rename_counts_as_a_deletion(*given: Any, **about: Any) -> Plan:
    made = plan.make_plan(*given, **about)
    deletions = (Action.DELETE_LOCAL, Action.DELETE_CLOUD)
    return replace(made, deletions=sum(change.action in deletions for change in made.changes))


def a_plan_lists_files_as_they_come(*given: Any, **about: Any) -> Plan:
    made = plan.make_plan(*given, **about)
    order = list(about["cloud"].files)
    return replace(
        made,
        changes=tuple(sorted(made.changes, key=lambda c: order.index(c.path) if c.path in order else -1)),
    )


def a_limit_admits_one_more(made: Plan, *, max_delete: int | None, **about: Any) -> tuple[Verdict, ...]:
    return guard.judge(made, max_delete=None if max_delete is None else max_delete + 1, **about)


FAULTS = [
    (Core(compare_sides=a_deletion_beats_an_edit), Law.KEPT),
    (Core(compare_sides=a_deleted_file_is_a_new_one), Law.GONE),
    (Core(compare_sides=an_edit_of_one_size_is_none), Law.KEPT),
    (Core(compare_sides=what_is_deleted_on_both_sides_stays_known), Law.REST),
    (Core(compare_sides=what_was_left_out_is_gone), Law.PLAN),
    (Core(make_plan=a_loser_has_no_copy), Law.KEPT),
    (Core(make_plan=a_copy_takes_any_name), Law.PLAN),
    (Core(make_plan=the_wrong_side_wins), Law.PLAN),
    (Core(make_plan=a_run_is_never_idle), Law.REST),
    (Core(make_plan=a_rename_counts_as_a_deletion), Law.GUARDS),
    (Core(make_plan=a_plan_lists_files_as_they_come), Law.SAME),
    (Core(judge=a_limit_admits_one_more), Law.GUARDS),
]


def name_of(value: Core | Law) -> str:
    if isinstance(value, Law):
        return value.name
    given = (value.compare_sides, value.make_plan, value.judge)
    return next(one.__name__ for one in given if one.__module__ == __name__)


@pytest.mark.parametrize(("core", "law"), FAULTS, ids=name_of)
def test_a_faulty_core_is_found_by_a_short_history(core: Core, law: Law) -> None:
    found = next(
        played
        for played in (draw(seed, core) for seed in range(HISTORIES))
        if played.broken is not None and played.broken.law is law
    )

    short = shrink(found.history, law, core)

    assert short.broken is not None and short.broken.law is law
    assert short.history.play(core).broken is not None, "what shrinking says still is so"
    assert len(short.history.steps) <= HANDFUL, in_words(short.history)
    assert short.history.play(Core()).broken is None, "it is the fault that breaks the law"


def test_a_history_is_printed_as_a_test_has_it() -> None:
    history = History(
        (Compare.CHECKSUM, Compare.MODTIME),
        1,
        (
            Write(0, "e\u0301", 1, at=1),
            Rules(1, ("a",)),
            Sync(1, ConflictResolve.NONE, meanwhile=((0, Remove("a")), (2, Put("a", 2, hashed=False)))),
        ),
    )

    assert eval(in_words(history)) == history


def test_the_command_plays_so_many_plans(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plans", "200", "--seed", "7"]) == 0

    assert capsys.readouterr().out.startswith("seed 7: ")


def test_the_command_prints_the_shortest_history(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Core(make_plan=the_wrong_side_wins)
    monkeypatch.setattr("tests.support.paper.__main__.Core", lambda: core)

    assert main(["--plans", "100000", "--seed", "7"]) == 1

    first, _, history = capsys.readouterr().out.partition("\n")
    assert first.startswith("seed 7, history ") and Law.PLAN.value in first
    assert eval(history).play(core).broken is not None
