"""Which run `bisync undo` means, and what it says of those that cannot be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bisync.actions.undo import find
from bisync.app import App
from bisync.config import Compare
from bisync.core.did import Did
from bisync.core.snapshot import Baseline
from bisync.errors import BaselineNeeded, BisyncError, UsageError
from bisync.state import baseline, changes, runs
from tests.support.world import Device

pytestmark = pytest.mark.pure

BASELINE, FIRST, SECOND, KILLED, IDLE = (f"2026112{day}T101500Z-3f2a7c-laptop" for day in range(5))
MANIFEST = """\
version: 1
tenants: {try: {provider: embedded, storage: ~/cloud}}
syncs:
  notes: {tenant: try, path: notes, dir: ~/notes}
  work: {tenant: try, path: work, dir: ~/work}
"""
LINES: tuple[dict[str, Any], ...] = (
    {
        "run": BASELINE,
        "mode": "baseline",
        "outcome": "done",
        "uploaded": 2,
        "paths": {"uploaded": ["a", "b"]},
    },
    {"run": FIRST, "mode": "sync", "outcome": "done", "uploaded": 1, "paths": {"uploaded": ["a"]}},
    {"run": SECOND, "mode": "sync", "outcome": "done", "deleted_cloud": 1, "paths": {"deleted_cloud": ["b"]}},
    {"run": KILLED, "mode": "sync", "outcome": "failed", "error": "the run was killed"},
    {"run": IDLE, "mode": "idle", "outcome": "idle", "uploaded": 0},
)


@pytest.fixture
def app(tmp_path: Path) -> App:
    device = Device(tmp_path / "home")
    device.write_manifest(MANIFEST)
    return device.app(for_now=True)


def ran(app: App, sync: int, *lines: dict[str, Any]) -> None:
    state = app.state(app.manifest.syncs[sync])
    state.prepare()
    for line in lines:
        runs.append_history(state, line)
    known = Baseline(
        files={}, compare=Compare.CHECKSUM, profile="", filters="", device=0, run=BASELINE, listings=""
    )
    baseline.save(state.baseline, known)


def refused(app: App, run: str | None = None) -> tuple[str, str | None]:
    with pytest.raises(BisyncError) as caught:
        find(app, app.manifest.syncs, run)
    assert isinstance(caught.value, UsageError)
    return caught.value.message, caught.value.hint


def test_it_is_the_newest_that_changed_anything(app: App) -> None:
    ran(app, 0, *LINES)
    ran(app, 1, LINES[4])

    assert find(app, app.manifest.syncs, None).run == SECOND
    assert find(app, app.manifest.syncs, FIRST[:10]).run == FIRST


def test_a_run_that_failed_after_it_had_come_to_its_end_counts(app: App) -> None:
    """As where a hook failed after it."""
    failed = {**LINES[2], "outcome": "failed", "error": "the hook failed"}
    ran(app, 0, LINES[1], failed)
    assert find(app, app.manifest.syncs, None).run == FIRST
    changes.save(app.state(app.manifest.syncs[0]), SECOND, [Did("delete_cloud", "b")])

    assert find(app, app.manifest.syncs, None).run == SECOND


def test_before_any_run_it_says_what_is_missing(app: App) -> None:
    with pytest.raises(BaselineNeeded, match="First bisync requires --resync"):
        find(app, app.manifest.syncs, None)
    ran(app, 0, LINES[4])
    ran(app, 1, LINES[4])

    assert refused(app) == ("no run in the history changed anything", "see: bisync history")


def test_an_unknown_run_is_answered_with_those_there_are(app: App) -> None:
    ran(app, 0, *LINES)
    ran(app, 1)

    said, hint = refused(app, "2025")

    assert said == (
        f"no run in the history begins with '2025'; the newest that changed anything: {SECOND}, {FIRST}, {BASELINE}"
    )
    assert hint == "see: bisync history"
    assert refused(app, "202611")[0].startswith("5 runs begin with '202611'")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (BASELINE, "brought both sides together for the first time: there is nothing before it"),
        (KILLED, "did not come to its end: the next sync carries on with what it had done"),
        (IDLE, "changed nothing"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(app: App, run: str, said: str) -> None:
    ran(app, 0, *LINES)

    message, hint = refused(app, run)

    assert message == f"run {run} {said}"
    assert hint is not None and ("bisync history" in hint or f"bisync restore PATH --run {run}" in hint)


def test_the_first_baseline_is_no_run_to_take_back(app: App) -> None:
    ran(app, 0, LINES[0], LINES[4])

    assert refused(app)[0].startswith(f"the newest run that changed anything, {BASELINE}, brought both sides")


def test_of_several_syncs_one_is_to_be_named(app: App) -> None:
    ran(app, 0, *LINES)
    ran(app, 1, LINES[1])
    named = f"notes (run {SECOND}), work (run {FIRST})"

    assert refused(app) == (
        f"there are several syncs: {named}", f"name one, as in: bisync undo {SECOND} --only notes"
    )  # fmt: skip
    assert refused(app, FIRST) == (
        f"several syncs have a run {FIRST}: notes (run {FIRST}), work (run {FIRST})",
        f"name one, as in: bisync undo {FIRST} --only notes",
    )
    assert find(app, app.manifest.syncs[1:], None).run == FIRST
