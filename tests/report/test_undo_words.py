"""A run that is taken back, as a person reads it."""

from __future__ import annotations

import pytest

from bisync.core.deeds import Deed, Kind, Left
from bisync.core.result import Outcome
from bisync.core.snapshot import LeftOut
from bisync.report.undo_words import undo_plan_lines, undone_lines
from bisync.report.words import Problem, clock_text
from tests.support import results
from tests.support.results import DEEDS, RUN

pytestmark = pytest.mark.pure

LEFT = (Left("a.md", "it was edited here since", "bisync log a.md"), Left("b.md", "it is odd"))


def test_what_will_be_done_is_shown_with_what_is_left_alone() -> None:
    found = results.undone(*DEEDS, left=LEFT, at="2026-11-22T10:15:07+00:00", notes=("profile fast",))

    assert list(undo_plan_lines(found)) == [
        f"notes: back to before run {RUN}, which ended {clock_text('2026-11-22T10:15:07+00:00')}",
        "Note: profile fast",
        "  take away    new.md  (new by that run)",
        "  bring back   old.md  (its version from before that run)",
        "  rename back  renamed.md → name.md",
        "  carry on     carried.md  (as before here already)",
        "  bring back   gone.md  (deleted by that run)",
        "2 files left as they are:",
        "  a.md: it was edited here since; see: bisync log a.md",
        "  b.md: it is odd",
        "2 to bring back, 1 to take away, 1 to rename back, 1 to carry on with; the same in the cloud; "
        "what goes is kept in the trash",
    ]
    assert list(undo_plan_lines(found, dry_run=True))[-1] == "Nothing was changed (dry run)."


def test_of_many_some_are_shown_unless_nothing_is_done() -> None:
    many = tuple(Deed(Kind.TAKE_AWAY, f"{number}.md", f"{number}.md", 1) for number in range(30))

    assert f"  … and 10 more (see: bisync undo {RUN} --dry-run)" in list(
        undo_plan_lines(results.undone(*many))
    )
    assert len(list(undo_plan_lines(results.undone(*many), dry_run=True))) == 33


def test_nothing_to_do() -> None:
    head = f"notes: back to before run {RUN}"
    done = list(undo_plan_lines(results.undone(already=("a.md",)), dry_run=True))
    alone = list(undo_plan_lines(results.undone(left=LEFT[1:])))

    assert done == [head, "both sides are as before it already", "Nothing was changed (dry run)."]
    assert alone == [head, "1 file left as it is:", "  b.md: it is odd", "there is nothing to take back"]


def test_a_guard_that_refuses_has_the_last_word() -> None:
    found = results.undone(*DEEDS[:1], error="too many", hint="bisync undo --max-delete 26")

    assert list(undo_plan_lines(found, dry_run=True))[-1] == Problem(
        "too many", "bisync undo --max-delete 26"
    )


def test_what_became_of_it() -> None:
    clean = results.undone(*DEEDS, notes=("told",), result=results.sync_result(notes=("told", "one")))
    rest = results.undone(
        *DEEDS, left=LEFT, result=results.sync_result(exit_code=1, left_out=(LeftOut("old.md", "closed"),))
    )

    assert list(undone_lines(clean)) == [
        "Note: one",
        f"✓ Undone run {RUN} - 2 came back, 1 in the trash, 1 renamed back, 1 as before in the cloud, too",
        f"  Take that back with: bisync undo {RUN}",
    ]
    assert list(undone_lines(rest))[-2] == (
        f"! Undone run {RUN} - 1 came back, 1 in the trash, 1 renamed back, 1 as before in the cloud, too, "
        "1 left out, 2 left alone"
    )
    assert [clean.exit_code, rest.exit_code, results.undone(left=LEFT).exit_code] == [0, 1, 3]


def test_what_failed_is_said() -> None:
    failed = results.sync_result(outcome=Outcome.FAILED, exit_code=1, error="no network", hint="again")
    found = results.undone(*DEEDS, result=failed, error="no network", hint="again")

    assert list(undone_lines(found)) == [Problem("no network", "again")]
    assert (found.exit_code, found.outcome) == (1, "failed")
    assert list(undone_lines(results.undone(*DEEDS))) == []
