"""What a ping says to others of a run that did not end well."""

from __future__ import annotations

import pytest

from bisync.core.pings import LENGTH, brief, failure_text
from bisync.core.result import Outcome
from bisync.core.snapshot import LeftOut
from tests.support.results import sync_result

pytestmark = pytest.mark.pure

HOOK = "notes: the after_sync hook ended with code 1: sh -c 'cat key': hunter2; all that it said is in /h/hooks.log"


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            {"outcome": Outcome.REFUSED, "exit_code": 4, "error": "too many (26 > 25)", "hint": "look"},
            "notes: refused (exit code 4): too many (26 > 25)",
        ),
        (
            {"outcome": Outcome.FAILED, "exit_code": 1, "error": HOOK},
            "notes: failed (exit code 1): notes: the after_sync hook ended with code 1",
        ),
        (
            {"exit_code": 1, "notes": ("a remark", HOOK), "left_out": (LeftOut("a", "b"),)},
            "notes: done (exit code 1): notes: the after_sync hook ended with code 1",
        ),
        ({"exit_code": 1, "left_out": (LeftOut("a", "b"),)}, "notes: done (exit code 1): 1 file left out"),
        ({"exit_code": 1}, "notes: done (exit code 1): it did not end well"),
    ],
)  # fmt: skip
def test_what_went_wrong_is_said_in_a_line(facts: dict[str, object], text: str) -> None:
    assert failure_text(sync_result(**facts)) == text


def test_the_line_is_short_and_has_no_control_characters() -> None:
    text = failure_text(sync_result(outcome=Outcome.FAILED, exit_code=1, error="a\nb\x1b" + "x" * 10_000))

    assert text.startswith("notes: failed (exit code 1): a\\nb\\x1bxxx")
    assert len(text) == LENGTH


@pytest.mark.parametrize(
    "message",
    [
        "notes: the before_sync hook cannot start: /x: hunter2",
        "notes: the on_change hook had 5 s, took longer and was ended: sleep 9: hunter2",
        HOOK,
        HOOK + "\nhunter2",
    ],
)
def test_nothing_that_a_hook_has_said_is_passed_on(message: str) -> None:
    assert "hunter2" not in brief(message) and " hook " in brief(message)
