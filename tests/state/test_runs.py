"""Run ids, the journal of a run under way, and the history: written, read, cut short."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.state.paths import SyncState, sync_state
from bisync.state.runs import (
    append_history,
    close_journal,
    known,
    new_run_id,
    open_journal,
    read_history,
    read_journal,
    run_time,
)

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 10, 15, 0, tzinfo=UTC)
# A step of the fraction in an id: a second has 65,536.
STEP = timedelta(microseconds=16)


@pytest.fixture
def here(tmp_path: Path) -> SyncState:
    """A sync's state dir, made."""
    state = sync_state(tmp_path, "acme-7f3a", "notes")
    state.prepare()
    return state


# -- run ids ----------------------------------------------------------------------------------------


def test_a_run_is_named_by_when_it_began() -> None:
    assert new_run_id(NOW).startswith("20261122T101500Z-0000")
    assert new_run_id(NOW.replace(microsecond=500_000)).startswith("20261122T101500Z-8000")
    assert new_run_id(NOW.replace(microsecond=999_999)).startswith("20261122T101500Z-ffff")
    assert len(new_run_id(NOW)) == len("20261122T101500Z-3f2a7c")


def test_a_run_is_named_by_the_same_clock_everywhere() -> None:
    abroad = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert new_run_id(abroad)[:-2] == new_run_id(NOW)[:-2]


def test_devices_that_start_together_have_two_names() -> None:
    assert len({new_run_id(NOW) for _ in range(50)}) > 10


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)), st.timedeltas(STEP, timedelta(days=400)))
def test_run_ids_sort_by_time(earlier: datetime, passed: timedelta) -> None:
    one = earlier.replace(tzinfo=UTC)

    assert new_run_id(one) < new_run_id(one + passed)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)))
def test_a_run_id_tells_its_second(began: datetime) -> None:
    one = began.replace(tzinfo=UTC)

    assert run_time(new_run_id(one)) == one.replace(microsecond=0)


@pytest.mark.parametrize(
    "name",
    ["", "-", "trash", "unknown", "20261122-3f2a7c", "20261122T101500-3f2a7c", "20261322T101500Z-3f2a7c",
     "20261122T251500Z-3f2a7c", "20261122T101500Z.md", " 20261122T101500Z-3f2a7c", "x20261122T101500Z-3f2a7c",
     "20260229T101500Z-3f2a7c", "-20261122T101500Z"],
)  # fmt: skip
def test_what_is_no_run_id_has_no_time(name: str) -> None:
    assert run_time(name) is None


# -- the journal ------------------------------------------------------------------------------------


def test_a_run_under_way_is_found_again(here: SyncState) -> None:
    assert read_journal(here) is None
    open_journal(here, "20261122T101500Z-3f2a7c", "rebaseline")

    found = read_journal(here)

    assert found is not None
    assert (found["run"], found["mode"], found["version"]) == ("20261122T101500Z-3f2a7c", "rebaseline", 2)
    assert stat.S_IMODE(here.journal.stat().st_mode) == 0o600


def test_a_run_that_ended_is_not(here: SyncState) -> None:
    open_journal(here, "20261122T101500Z-3f2a7c", "sync")
    close_journal(here)
    close_journal(here)

    assert read_journal(here) is None


def test_the_last_run_under_way_counts(here: SyncState) -> None:
    open_journal(here, "one", "sync")
    open_journal(here, "two", "baseline")

    found = read_journal(here)

    assert found is not None and (found["run"], found["mode"]) == ("two", "baseline")


@pytest.mark.parametrize(
    "content", [b"", b'{"version": 1, "run": "2026', b"\0" * 60, b"\xff\xfe", b"nonsense"]
)
def test_a_journal_that_was_cut_short_still_tells_of_a_run(here: SyncState, content: bytes) -> None:
    here.journal.write_bytes(content)

    found = read_journal(here)

    assert found == {"version": 2, "run": "unknown", "mode": "unknown"}


@pytest.mark.parametrize("content", ["null", "[]", '"run"', "1", "true"])
def test_a_journal_of_another_shape_says_that_a_run_was_killed(here: SyncState, content: str) -> None:
    here.journal.write_text(content)

    assert read_journal(here) == {"version": 2, "run": "unknown", "mode": "unknown"}


# -- the history ------------------------------------------------------------------------------------


def runs(here: SyncState) -> list[object]:
    return [entry.get("run") for entry in read_history(here)]


def test_history_is_read_in_the_order_it_was_written(here: SyncState) -> None:
    assert runs(here) == []
    for run in ("b", "a", "c"):
        append_history(here, {"run": run, "note": 'ä\n"x"'})

    assert runs(here) == ["b", "a", "c"]
    assert next(read_history(here)) == {"version": 1, "run": "b", "note": 'ä\n"x"'}
    assert len(here.history.read_bytes().splitlines()) == 3
    assert here.history.read_bytes().isascii()
    assert stat.S_IMODE(here.history.stat().st_mode) == 0o600


def test_the_first_entry_makes_what_it_needs(tmp_path: Path) -> None:
    state = sync_state(tmp_path / "home", "t", "s")

    append_history(state, {"run": "a"})

    assert runs(state) == ["a"]
    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700


@pytest.mark.parametrize("cut", [b'{"run": "cu', b"{", b"\0\0\0", b'{"run": "cut"}'])
def test_after_a_line_that_was_cut_short_the_next_begins_anew(here: SyncState, cut: bytes) -> None:
    append_history(here, {"run": "a"})
    with here.history.open("ab") as stream:
        stream.write(cut)

    append_history(here, {"run": "b"})

    assert [run for run in runs(here) if run != "cut"] == ["a", "b"]
    assert here.history.read_bytes().splitlines()[1] == cut
    assert here.history.read_bytes().endswith(b"}\n")
    assert b"\n\n" not in here.history.read_bytes()


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"\xff\xfe\x00", b"[1, 2]", b"null", b'"run"', b'{"run": "cu']
)
def test_lines_that_cannot_be_read_are_passed_over(here: SyncState, line: bytes) -> None:
    good = [json.dumps({"run": run}).encode() for run in "ab"]
    here.history.write_bytes(good[0] + b"\n" + line + b"\n" + good[1] + b"\n")

    assert runs(here) == ["a", "b"]


def test_a_run_that_was_killed_is_known_before_the_next_one_has_recovered_from_it(here: SyncState) -> None:
    """What it kept in the cloud comes back without its name: it is no stranger's."""
    append_history(here, {"run": "one", "outcome": "done"})
    open_journal(here, "two", "sync")

    assert known(here) == {"one", "two"}
