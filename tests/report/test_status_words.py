"""One line a sync: how it stands, at a glance."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.report.heed import RED, YELLOW, Heed
from bisync.report.status_words import DETAILS, status_lines
from tests.support import results

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHERE = "2 projects, 2.0 KiB in /data/notes"


def test_no_sync_has_no_line() -> None:
    assert list(status_lines([], NOW)) == []


def test_a_line_for_each() -> None:
    found = [
        results.status(),
        results.status(name="work", projects=1, conflicts=1, running=True),
        results.status(name="x", left_out=("a", "b")),
        results.status(name="new", initialised=False, last_sync=None),
        results.status(name="off", blocked="nobody answers", local=Path.home() / "notes"),
    ]

    assert list(status_lines(found, NOW)) == [
        f"✓ notes  synced 2 hours ago, {WHERE}",
        "! work   syncing now, 1 conflict, 1 project, 2.0 KiB in /data/notes",
        f"! x      synced 2 hours ago, 2 files left out, {WHERE}",
        "✗ new    not initialized (type: bisync setup)",
        "✗ off    synced 2 hours ago, 2 projects, 2.0 KiB in ~/notes, blocked: nobody answers",
        DETAILS,
    ]


def test_what_needs_a_person_is_marked_and_nothing_else() -> None:
    found = [results.status(), results.status(conflicts=2), results.status(blocked="no")]

    lines = [line for line in status_lines(found, NOW) if isinstance(line, Heed)]

    assert [line.colour for line in lines] == [YELLOW, RED]
