"""--quiet: not a word on success, and on stderr what needs a person."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from rich.table import Table

from bisync import events
from bisync.core.change import Action
from bisync.core.result import Finding, Outcome, Passing
from bisync.core.snapshot import LeftOut
from bisync.errors import BisyncError
from bisync.report.documents import sync_document
from bisync.report.heed import Heed
from bisync.report.plan_words import preview_lines
from bisync.report.run_words import sync_lines
from bisync.report.screen import Screen
from bisync.report.setup_words import setup_lines
from bisync.report.watch_view import view
from bisync.report.words import Shown, check_lines, doctor_lines
from bisync.watch import news
from tests.support import results

pytestmark = pytest.mark.pure

GONE = BisyncError("the sync dir is gone", hint="mount it")
OUT = (LeftOut("a.md", "no room"),)


@pytest.mark.parametrize(
    "lines",
    [
        sync_lines(results.sync_result(uploaded=3)),
        sync_lines(results.sync_result(outcome=Outcome.IDLE)),
        sync_lines(results.sync_result(notes=(Passing("1 run older than 30 days left the trash"),))),
        sync_lines(results.sync_result(preview=(results.change(Action.DELETE_LOCAL),)), dry_run=True),
        preview_lines(results.plan_result(results.change(), results.change(Action.CONFLICT))),
        setup_lines(results.setup_result("ok", "changed")),
        check_lines(results.check_result(match=3, by_size_only=1)),
        doctor_lines([Finding(about="rclone", level="ok", text="1.75.2")]),
    ],
)
def test_success_is_silent(lines: Iterable[Shown], capfd: pytest.CaptureFixture[str]) -> None:
    with Screen(quiet=True) as screen:
        screen.tell(lines)
        screen.note("the manifest is another one")
        screen.show(Table(title="Table"))
        screen.plan("notes", (results.change(),))
        for event in (
            events.Step("looking"),
            events.HookLine("from a hook"),
            events.Waiting("desktop is syncing"),
        ):
            screen.hear("notes", event)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (sync_lines(results.sync_result(error="no network", hint="wait")), "Error: no network\n  → wait\n"),
        (sync_lines(results.sync_result(left_out=OUT)), "Left out: a.md: no room\n"),
        (sync_lines(results.sync_result(notes=("2 files wait",))), "Note: 2 files wait\n"),
        (
            sync_lines(results.sync_result(conflicts=(results.conflict(),))),
            "Conflict detected: ideas.md\nSaved as: ideas.md.conflict1 and ideas.md.conflict2\n"
            "Please resolve manually, or: bisync resolve ideas.md --keep newer\n",
        ),
        (
            sync_lines(results.sync_result(notes=(Passing("a hook failed"),), exit_code=1)),
            "Note: a hook failed\n",
        ),
        (
            preview_lines(results.plan_result(results.change(), refused=True)),
            "Error: Deletion exceeds safety limit (26 > 25)\n  → look at them: bisync plan\n",
        ),
        (setup_lines(results.setup_result("ok", "failed")), "Error: sync dir: about sync dir\n  → do it\n"),
        (
            check_lines(results.check_result(match=1, differ=("d",))),
            "  differs: d\n✗ 1 of 2 files is not in sync; see: bisync plan\n",
        ),
        (check_lines(results.check_result(error=GONE)), "Error: the sync dir is gone\n  → mount it\n"),
        (
            doctor_lines([
                Finding(about="rclone", level="ok", text="1.75.2"),
                Finding(about="notes", level="warning", text="old", cure="type: bisync sync"),
            ]),
            "! notes: old\n    → type: bisync sync\n",
        ),
    ],
)  # fmt: skip
def test_what_needs_a_person_is_said(
    lines: Iterable[Shown], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with Screen(quiet=True) as screen:
        screen.tell(lines)
    assert capfd.readouterr() == ("", said)


def test_a_document_that_was_asked_for_comes_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=True, quiet=True) as screen:
        screen.tell([Heed("Left out: a.md: no room")])
        screen.document(sync_document([]))
    assert capfd.readouterr() == ('{\n  "version": 1,\n  "syncs": []\n}\n', "")


def test_a_watch_says_what_needs_a_person(capfd: pytest.CaptureFixture[str]) -> None:
    eyes = view(as_json=False, verbose=False, dry_run=False, quiet=True)
    for one in (
        news.Watching(("notes",), 60.0),
        news.Ended("notes", results.sync_result(uploaded=1), 60.0),
        news.Ended("notes", results.sync_result(error="no network", hint="wait"), 60.0),
        news.Ended("notes", results.sync_result(outcome=Outcome.IDLE), 60.0),
        news.Stopped("Ctrl-C"),
    ):
        eyes.tell(one)
    eyes.hear("notes", events.Waiting("desktop is syncing"))
    out, err = capfd.readouterr()
    told = [line.partition(" ")[2] for line in err.splitlines()]
    assert out == ""
    assert told == [
        "notes: Error: no network (tried again in 1:00, or as soon as something changes)",
        "notes:   → wait",
        "notes: works again",
    ]
