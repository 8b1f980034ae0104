"""What a person reads about a plan and a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bisync.core.change import Action, Change
from bisync.core.result import Conflict, Outcome, SyncResult
from bisync.core.snapshot import LeftOut
from bisync.report import plan_words, run_words, words
from bisync.report.words import Line, Problem
from tests.support import results

pytestmark = pytest.mark.pure


# -- what a run does ------------------------------------------------------------------------------------


def test_every_action_has_a_verb() -> None:
    assert list(plan_words.VERBS) == [action.value for action in Action]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([], "nothing to do"),
        ([Action.UPLOAD], "1 to upload"),
        ([Action.CONFLICT], "1 conflict"),
        ([Action.CONFLICT, Action.CONFLICT], "2 conflicts"),
        (
            [Action.DELETE_CLOUD, Action.DOWNLOAD, Action.UPLOAD, Action.UPLOAD, Action.DELETE_LOCAL],
            "2 to upload, 1 to download, 1 to delete here, 1 to delete in the cloud",
        ),
        ([Action.REGISTER_PROJECT], "1 project to create"),
    ],
)
def test_plan_summary(changes: Sequence[Action], text: str) -> None:
    assert plan_words.plan_summary([results.change(action) for action in changes]) == text


def test_plan_lines_are_aligned() -> None:
    changes = [
        results.change(Action.UPLOAD, "a.md"),
        results.change(Action.DELETE_CLOUD, "b.md", "deleted here"),
    ]

    assert plan_words.plan_lines(changes) == [
        "  upload               a.md  (new here)",
        "  delete in the cloud  b.md  (deleted here)",
    ]
    assert plan_words.plan_lines([]) == []


@pytest.mark.parametrize(
    ("count", "limit", "shown", "more"),
    [
        (20, 20, 20, None),
        (21, 20, 20, "  … and 1 more (see: bisync plan)"),
        (45, 20, 20, "  … and 25 more (see: bisync plan)"),
        (45, None, 45, None),
        (3, 0, 0, "  … and 3 more (see: bisync plan)"),
    ],
)
def test_plan_lines_stop_at_the_limit(count: int, limit: int | None, shown: int, more: str | None) -> None:
    changes = [results.change(path=f"{number}.md") for number in range(count)]

    lines = plan_words.plan_lines(changes, limit=limit)

    assert lines[:shown] == [f"  upload  {number}.md  (new here)" for number in range(shown)]
    assert lines[shown:] == ([] if more is None else [more])


def test_names_are_their_users_own() -> None:
    odd = results.change(path="tab␉here.md")
    copy = Conflict(path="a␊b.md", copies=("a␊b.md.conflict1", "a␊b.md.conflict2"), winner="both")
    left = (LeftOut("real ‛␉.md", "it has an escape"),)

    lines = run_words.sync_lines(results.sync_result(conflicts=(copy,), left_out=left), dry_run=False)

    assert plan_words.plan_lines([odd]) == ["  upload  tab\there.md  (new here)"]
    assert lines[:4] == [
        "Conflict detected: a\nb.md",
        "Saved as: a\nb.md.conflict1 and a\nb.md.conflict2",
        "Please resolve manually, or: bisync resolve $'a\\012b.md' --keep newer",
        "Left out: real ␉.md: it has an escape",
    ]


def test_the_limit_is_twenty_unless_told() -> None:
    changes = [results.change(path=f"{number}.md") for number in range(21)]

    assert len(plan_words.plan_lines(changes)) == 21
    assert len(plan_words.planned_lines("notes", changes, verbose=False)) == 22
    assert plan_words.planned_lines("notes", changes, verbose=True)[-1] == "  upload  20.md  (new here)"
    assert plan_words.planned_lines("notes", changes, verbose=True)[0] == "notes: 21 to upload"
    assert plan_words.planned_lines("notes", [], verbose=True) == []


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (results.sync_result(), ""),
        (results.sync_result(uploaded=1), "1 file uploaded"),
        (results.sync_result(uploaded=2, downloaded=1), "2 files uploaded, 1 file downloaded"),
        (results.sync_result(downloaded=2, deleted_local=1), "2 files downloaded, 1 deleted"),
        (results.sync_result(deleted_local=1, deleted_cloud=2), "3 deleted"),
    ],
)
def test_outcome_text(result: SyncResult, text: str) -> None:
    assert run_words.outcome_text(result) == text


LEFT_OUT = (LeftOut("big.md", "the disk has no room for it"),)


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        pytest.param(results.sync_result(), ["✓ Sync completed"], id="done, nothing moved"),
        pytest.param(results.sync_result(uploaded=1), ["✓ Sync completed - 1 file uploaded"], id="done"),
        pytest.param(
            results.sync_result(outcome=Outcome.IDLE), ["✓ Sync completed - nothing to do"], id="idle"
        ),
        pytest.param(
            results.sync_result(outcome=Outcome.IDLE, left_out=LEFT_OUT),
            [
                "Left out: big.md: the disk has no room for it",
                "! Sync completed - nothing to do, 1 file left out",
            ],
            id="idle, left out",
        ),
        pytest.param(
            results.sync_result(left_out=LEFT_OUT),
            ["Left out: big.md: the disk has no room for it", "! Sync completed - 1 file left out"],
            id="done, left out",
        ),
        pytest.param(
            results.sync_result(downloaded=2, notes=("profile safe", "a hook failed")),
            ["Note: profile safe", "Note: a hook failed", "✓ Sync completed - 2 files downloaded"],
            id="notes",
        ),
        pytest.param(
            results.sync_result(outcome=Outcome.REFUSED, error="too many", hint="look"),
            [Problem("too many", "look")],
            id="refused",
        ),
        pytest.param(
            results.sync_result(outcome=Outcome.FAILED, error="no network", notes=("it recovered",)),
            ["Note: it recovered", Problem("no network")],
            id="failed",
        ),
    ],
)
def test_sync_lines(result: SyncResult, lines: list[Line]) -> None:
    assert run_words.sync_lines(result) == lines


@pytest.mark.parametrize(
    ("winner", "resolve", "lines"),
    [
        (
            "both",
            "none",
            [
                "Saved as: ideas.md.conflict1 and ideas.md.conflict2",
                "Please resolve manually, or: bisync resolve ideas.md --keep newer",
            ],
        ),
        ("local", "newer", ["Resolving conflict: using newer version"]),
        ("cloud", "older", ["Resolving conflict: using older version"]),
        ("cloud", "larger", ["Resolving conflict: using cloud version"]),
        ("local", "local", ["Resolving conflict: using local version"]),
    ],
)
def test_sync_lines_about_a_conflict(winner: str, resolve: str, lines: list[str]) -> None:
    result = results.sync_result(conflicts=(results.conflict(winner),), resolve=resolve, downloaded=1)
    kept = [] if winner == "both" else ["The other version is kept as: ideas.md.conflict1"]

    assert run_words.sync_lines(result) == [
        "Conflict detected: ideas.md",
        *lines,
        *kept,
        "✓ Sync completed - 1 file downloaded, 1 conflict (see: bisync conflicts)",
    ]


@pytest.mark.parametrize("resolve", ["newer", "older", "none"])
def test_times_that_nobody_looked_at_are_no_reason(resolve: str) -> None:
    room = Conflict(path="p", copies=("p.conflict1",), winner="folder", side="cloud")
    late = Conflict(path="a", copies=("a.conflict1",), winner="local", planned=False)

    lines = run_words.sync_lines(results.sync_result(conflicts=(room, late), resolve=resolve))

    assert lines[:6] == [
        "Conflict detected: p",
        "Resolving conflict: the name is a folder on the other side, and the file makes room",
        "The file is kept as: p.conflict1",
        "Conflict detected: a",
        "Resolving conflict: using local version",
        "The other version is kept as: a.conflict1",
    ]


MANY = tuple(results.change(path=f"{number}.md") for number in range(21))


def test_sync_lines_of_a_dry_run_show_everything() -> None:
    result = results.sync_result(outcome=Outcome.IDLE, preview=MANY, notes=("it changed",), left_out=LEFT_OUT)

    lines = run_words.sync_lines(result, dry_run=True)

    assert lines[0] == "notes: 21 to upload"
    assert lines[1:-3] == [f"  upload  {number}.md  (new here)" for number in range(21)]
    assert lines[-3:-1] == ["Note: it changed", "Left out: big.md: the disk has no room for it"]
    assert lines[-1] == "Nothing was changed (dry run)."
    assert run_words.sync_lines(results.sync_result(outcome=Outcome.IDLE), dry_run=True) == [
        "notes: nothing to do",
        "Nothing was changed (dry run).",
    ]


@pytest.mark.parametrize(("verbose", "count"), [(False, 21), (True, 21)])
def test_sync_lines_of_a_dry_run_that_a_guard_refuses(verbose: bool, count: int) -> None:
    result = results.sync_result(outcome=Outcome.REFUSED, preview=MANY, error="too many", hint="look")

    lines = run_words.sync_lines(result, dry_run=True, verbose=verbose)

    assert lines[0] == "notes: 21 to upload"
    assert len(lines[1:-1]) == count
    assert (lines[-2] == "  … and 1 more (see: bisync plan)") is not verbose
    assert lines[-1] == Problem("too many", "look")


def test_preview_lines() -> None:
    made = results.plan_result(
        results.change(), notes=("the ignore rules changed",), left_out=LEFT_OUT, refused=True
    )

    assert plan_words.preview_lines(made) == [
        "notes (sync): 1 to upload",
        "  upload  a.md  (new here)",
        "Note: the ignore rules changed",
        "Left out: big.md: the disk has no room for it",
        Problem("Deletion exceeds safety limit (26 > 25)", "look at them: bisync plan"),
    ]
    assert plan_words.preview_lines(results.plan_result()) == ["notes (sync): nothing to do"]
    assert plan_words.preview_lines(results.no_plan()) == [Problem("nobody answers", "check your network")]


def test_preview_lines_know_no_limit() -> None:
    changes: tuple[Change, ...] = MANY

    assert len(plan_words.preview_lines(results.plan_result(*changes))) == 22


def test_what_was_written() -> None:
    assert plan_words.plan_file_lines("p.json") == [
        "Plan written. Carry it out with: bisync sync --plan p.json"
    ]
    assert plan_words.script_lines("p.sh") == ["Script written: p.sh"]
    assert words.init_lines(Path("b.yaml")) == ["✓ Wrote b.yaml: edit it, then type: bisync validate"]
