"""The history as a person reads it: local times, and no line for every run that had nothing to do."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from bisync.actions.history import History
from bisync.report.heed import RED, YELLOW
from bisync.report.history_words import history_lines
from bisync.report.words import Painted, Shown, clock_text
from tests.support import results
from tests.support.results import RUN

pytestmark = pytest.mark.pure

HERE = timezone(timedelta(hours=1))
AT = "2026-11-22T10:15:01+00:00"
THEN = "2026-11-22 11:15"


def idle(at: str = AT, **more: Any) -> dict[str, Any]:
    return {"at": at, "run": RUN, "outcome": "idle", **more}


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (results.history(), ["no runs yet"]),
        (
            results.history({"at": AT, "run": RUN, "outcome": "done", "uploaded": 2, "deleted_cloud": 1}),
            [f"{THEN}  done     {RUN}  2 uploaded, 1 deleted in the cloud"],
        ),
        (results.history(idle(uploaded=0)), [f"{THEN}  idle     1 run with nothing to do"]),
        (results.history(idle(first=AT, runs=1)), [f"{THEN}  idle     1 run with nothing to do"]),
        (
            results.history(idle(first="2026-11-22T09:00:00+00:00", runs=7)),
            [f"{THEN}  idle     7 runs with nothing to do since 2026-11-22 10:00"],
        ),
        (
            results.history(
                idle(runs=7, first="2026-11-22T09:00:00+00:00"),
                idle("2026-11-22T08:30:00Z"),
                idle("2026-11-22T08:00:00Z"),
            ),
            [f"{THEN}  idle     9 runs with nothing to do since 2026-11-22 09:00"],
        ),
        (
            results.history(idle(), {"at": AT, "run": RUN, "outcome": "done", "merged": 1}, idle(), idle()),
            [
                f"{THEN}  idle     1 run with nothing to do",
                f"{THEN}  done     {RUN}  1 merged",
                f"{THEN}  idle     2 runs with nothing to do",
            ],
        ),
        (
            results.history(idle(left_out=[{"path": "a", "why": "b"}], runs=3), idle()),
            [
                Painted(f"{THEN}  idle     {RUN}  1 file left out, the last of 3 runs", YELLOW),
                f"{THEN}  idle     1 run with nothing to do",
            ],
        ),
        (
            results.history({"at": AT, "run": RUN, "outcome": "done", "uploaded": 1, "undoes": "another"}),
            [f"{THEN}  done     {RUN}  1 uploaded, undoes another"],
        ),
        (
            results.history({"at": AT, "run": RUN, "outcome": "done", "conflicts": [{}]}),
            [Painted(f"{THEN}  done     {RUN}  1 conflict", YELLOW)],
        ),
        (
            results.history(
                {"at": AT, "run": None, "outcome": "refused", "error": "too many", "uploaded": 1}
            ),
            [Painted(f"{THEN}  refused  -  too many", RED)],
        ),
        (results.history({}), ["-  -        -  -"]),
        (
            results.history(versions=(results.kept(), results.kept("b.md", size=2048))),
            [
                "no runs yet",
                f"  kept (cloud)  {RUN}         5 B  a.md",
                f"  kept (cloud)  {RUN}     2.0 KiB  b.md",
                "  Bring one back with: bisync restore PATH [--run RUN]",
            ],
        ),
    ],
)
def test_history_lines(result: History, lines: list[Shown]) -> None:
    assert list(history_lines(result, HERE)) == lines


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, THEN),
        ("2026-11-22T10:15:01Z", THEN),
        ("now", "now"),
        (None, "-"),
        ("", "-"),
        ("9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_a_time_as_the_clock_on_the_wall_shows_it(at: object, text: str) -> None:
    assert clock_text(at, HERE) == text
