"""What a watch says, and that it says nothing twice."""

from __future__ import annotations

import json

import pytest

from bisync.core.agenda import Reason
from bisync.core.change import Action
from bisync.core.result import Outcome, SyncResult
from bisync.core.snapshot import LeftOut
from bisync.report.watch_words import Sayings, event_document, state_text
from bisync.report.words import Problem
from bisync.watch import news
from tests.support.results import change, sync_result

pytestmark = pytest.mark.pure

AT = "2026-11-22T10:00:00+00:00"
IDLE = sync_result(outcome=Outcome.IDLE)
FAILED = sync_result(outcome=Outcome.FAILED, exit_code=1, error="no network", hint="look at it")


def ended(result: SyncResult, next_in: float = 60.0) -> news.Ended:
    return news.Ended("notes", result, next_in)


def test_an_idle_run_says_nothing() -> None:
    assert Sayings().lines(ended(IDLE)) == []
    assert Sayings().lines(news.Began("notes", Reason.INTERVAL)) == []
    assert Sayings().lines(news.Busy("notes", "another run")) == []


def test_what_moved_is_said() -> None:
    assert Sayings().lines(ended(sync_result(uploaded=1))) == ["✓ Sync completed - 1 file uploaded"]


def test_an_error_is_said_once_and_again_when_it_is_another() -> None:
    said = Sayings()
    again = "(tried again in 1:00, or as soon as something changes)"
    assert said.lines(ended(FAILED)) == [Problem(f"no network {again}", "look at it")]
    assert said.lines(ended(FAILED, 120.0)) == []
    other = sync_result(outcome=Outcome.FAILED, exit_code=1, error="no disk")
    assert said.lines(ended(other)) == [Problem(f"no disk {again}", None)]
    assert said.lines(ended(IDLE)) == ["works again"]
    assert said.lines(ended(IDLE)) == []
    assert said.lines(ended(FAILED)) != []


def test_each_sync_has_errors_of_its_own() -> None:
    said = Sayings()
    said.lines(ended(FAILED))
    assert said.lines(news.Ended("other", FAILED, 60.0)) != []


def test_what_is_left_out_and_notes_are_said_when_they_change() -> None:
    said, left = Sayings(), (LeftOut("a\\b", "no name"),)
    idle = sync_result(outcome=Outcome.IDLE, left_out=left, notes=("mind this",))
    first = said.lines(ended(idle))
    assert any("mind this" in str(line) for line in first) and any("no name" in str(line) for line in first)
    assert said.lines(ended(idle)) == []


def test_a_plan_of_a_dry_run_is_said_when_it_is_another() -> None:
    said = Sayings(dry_run=True)
    one = sync_result(preview=(change(),))
    assert said.lines(ended(one)) != []
    assert said.lines(ended(one)) == []
    assert said.lines(ended(sync_result(preview=(change(Action.DELETE_CLOUD),)))) != []


def test_verbose_says_why_it_looks() -> None:
    assert Sayings(verbose=True).lines(news.Began("notes", Reason.EDITED)) == ["looking: edited here"]


def test_a_broken_manifest_is_named() -> None:
    (line,) = Sayings().lines(news.Broken("bisync.yaml:1:1: no", "mend it"))
    assert line == Problem("the last good manifest goes on: bisync.yaml:1:1: no", "mend it")


def test_a_state_is_a_few_words() -> None:
    assert state_text(ended(IDLE)) == "nothing to do"
    assert state_text(ended(FAILED)) == "no network"
    assert state_text(ended(sync_result(uploaded=2, left_out=(LeftOut("a", "b"),)))) == (
        "2 files uploaded, 1 file left out"
    )


@pytest.mark.parametrize(
    ("one", "keys"),
    [
        (news.Watching(("notes",), 60.0), {"syncs", "interval"}),
        (news.Began("notes", Reason.START), {"sync", "reason"}),
        (news.Busy("notes", "x"), {"sync", "text"}),
        (news.Note(None, "x"), {"sync", "text"}),
        (news.Broken("x", None), {"error", "hint"}),
        (news.Stopped("x"), {"text"}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_each_event_is_json(one: news.News, keys: set[str]) -> None:
    document = json.loads(json.dumps(event_document(one, AT)))
    assert document.keys() - keys == {"version", "at", "event"}
    assert (document["event"], document["at"]) == (type(one).__name__.lower(), AT)


def test_a_run_is_json_as_sync_has_it() -> None:
    document = event_document(ended(sync_result(uploaded=1), 59.96), AT)
    assert (document["sync"], document["uploaded"], document["next_in"]) == ("notes", 1, 60.0)
