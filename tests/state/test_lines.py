"""Lines that a crash cannot lose: a fold that is cut anywhere, files that are put aside, readers in between."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core.history import is_replaced
from bisync.state import lines, runs
from bisync.state.paths import SyncState
from bisync.state.runs import amend_history, append_history, latest_history, read_history

pytestmark = pytest.mark.pure


def idle(number: int, **more: Any) -> dict[str, Any]:
    return {
        "at": f"2026-11-22T10:{number:02}:00",
        "run": f"r{number}",
        "outcome": "idle",
        "exit_code": 0,
        **more,
    }


def done(number: int) -> dict[str, Any]:
    return {**idle(number), "outcome": "done", "uploaded": 1}


def seen(state: SyncState) -> list[tuple[Any, Any]]:
    """The lines as readers have them: the newest run of each, and how many it stands for."""
    found = [(entry.get("run"), entry.get("runs", 1)) for entry in read_history(state)]
    assert found == [(entry.get("run"), entry.get("runs", 1)) for entry in latest_history(state)][::-1]
    return found


@pytest.fixture
def here(tmp_path: Path) -> SyncState:
    return SyncState(tmp_path)


def test_a_day_of_idle_runs_is_one_line(here: SyncState) -> None:
    append_history(here, done(0))
    for number in range(1, 1441):
        append_history(here, idle(number, seconds=number / 7))
    append_history(here, done(2000))

    raw = here.history.read_bytes()
    assert seen(here) == [("r0", 1), ("r1440", 1440), ("r2000", 1)]
    assert len(raw.splitlines()) == 3 and len(raw) < 600
    told = json.loads(raw.splitlines()[1])
    assert (told["first"], told["first_run"], told["at"]) == (
        "2026-11-22T10:01:00",
        "r1",
        "2026-11-22T10:1440:00",
    )
    assert stat.S_IMODE(here.history.stat().st_mode) == 0o600


def test_a_line_of_an_older_version_is_joined(here: SyncState) -> None:
    here.history.write_text(json.dumps({"version": 1, **idle(1)}) + "\n")

    append_history(here, idle(2))

    assert seen(here) == [("r2", 2)]
    assert next(read_history(here))["first_run"] == "r1"


@pytest.mark.parametrize(
    "between",
    [
        idle(2, notes=["look"]),
        idle(2, left_out=[{"path": "a", "why": "b"}]),
        idle(2, exit_code=1),
        idle(2, device="other"),
        done(2),
        {"run": "r2", "outcome": "failed"},
        {"run": "unknown", "outcome": "failed"},
        {},
    ],
)
def test_what_is_new_in_a_run_ends_the_row(here: SyncState, between: dict[str, Any]) -> None:
    for entry in (idle(0), idle(1), between, idle(3), idle(4)):
        append_history(here, entry)

    assert seen(here) == [("r1", 2), (between.get("run"), 1), ("r4", 2)]


def test_a_line_that_was_cut_short_is_not_joined(here: SyncState) -> None:
    append_history(here, idle(1))
    with here.history.open("ab") as stream:
        stream.write(b'{"run": "cu')

    append_history(here, idle(2))

    assert seen(here) == [("r1", 1), ("r2", 1)]


def test_a_line_longer_than_one_look_is_joined(here: SyncState) -> None:
    long = [{"path": "x" * 50, "why": "y" * 50}] * 2_000
    for number in range(3):
        append_history(here, idle(number, left_out=long))

    assert seen(here) == [("r2", 3)]


# -- more is said of a run ----------------------------------------------------------------------------


def test_more_is_said_of_the_last_run(here: SyncState) -> None:
    append_history(here, done(1))
    joined = append_history(here, done(2))

    amend_history(here, {**done(2), "exit_code": 1, "notes": ["a hook failed"]}, joined)

    assert seen(here) == [("r1", 1), ("r2", 1)]
    assert next(latest_history(here))["exit_code"] == 1
    assert len(here.history.read_bytes().splitlines()) == 2


def test_a_run_of_which_more_is_said_leaves_the_row(here: SyncState) -> None:
    for number in range(3):
        append_history(here, idle(number))
    joined = append_history(here, idle(3))

    amend_history(here, {**idle(3), "exit_code": 1, "notes": ["a hook failed"]}, joined)
    append_history(here, idle(4))

    assert seen(here) == [("r2", 3), ("r3", 1), ("r4", 1)]


def test_the_later_word_on_a_run_counts_also_after_another_run(here: SyncState) -> None:
    joined = append_history(here, done(1))
    append_history(here, done(2))

    amend_history(here, {**done(1), "exit_code": 1}, joined)

    assert [entry["exit_code"] for entry in read_history(here)] == [0, 1]


# -- a crash at any byte ------------------------------------------------------------------------------


class _Died(Exception):
    """The power went."""


@contextmanager
def power_for(count: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """So many bytes reach the disk, and cutting off counts as one."""
    left = count
    write, cut = os.pwrite, os.ftruncate

    def some(file: int, raw: bytes, at: int) -> int:
        nonlocal left
        fit, left = raw[:left], max(0, left - len(raw))
        if fit:
            write(file, fit, at)
        if len(fit) < len(raw):
            raise _Died
        return len(raw)

    def maybe(file: int, length: int) -> None:
        if left < 1:
            raise _Died
        cut(file, length)

    with patch.context() as during:
        during.setattr(os, "pwrite", some)
        during.setattr(os, "ftruncate", maybe)
        yield


CRASHES = {
    "append": ([done(1)], done(2), [("r1", 1)], [("r1", 1), ("r2", 1)]),
    "first join": ([done(0), idle(1)], idle(2), [("r0", 1), ("r1", 1)], [("r0", 1), ("r2", 2)]),
    "later join": ([idle(1), idle(2)], idle(3), [("r2", 2)], [("r3", 3)]),
    "a digit more": ([idle(n) for n in range(9)], idle(9), [("r8", 9)], [("r9", 10)]),
    "a shorter line": ([idle(1, seconds=1234567.125)], idle(2, seconds=1), [("r1", 1)], [("r2", 2)]),
}


@pytest.mark.parametrize("case", CRASHES)
def test_a_crash_at_any_byte_loses_no_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, entry, old, new = CRASHES[case]
    state, died = SyncState(tmp_path), 0
    while True:
        state.history.unlink(missing_ok=True)
        for one in before:
            append_history(state, one)
        try:
            with power_for(died, monkeypatch):
                append_history(state, entry)
        except _Died:
            died += 1
        else:
            break
        assert seen(state) in (old, new), died
        append_history(state, done(50))
        assert seen(state) in ([*old, ("r50", 1)], [*new, ("r50", 1)]), died

    assert seen(state) == new
    assert died > len(json.dumps(entry))


def test_a_crash_while_more_is_said_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, died = SyncState(tmp_path), 0
    more = {**idle(3), "notes": ["a hook failed"]}
    while True:
        state.history.unlink(missing_ok=True)
        append_history(state, idle(1))
        append_history(state, idle(2))
        joined = append_history(state, idle(3))
        try:
            with power_for(died, monkeypatch):
                amend_history(state, more, joined)
        except _Died:
            died += 1
        else:
            break
        assert seen(state) in ([("r3", 3)], [("r2", 2), ("r3", 1)]), died
        append_history(state, done(50))
        assert sum(count for _, count in seen(state)) == 4, died
    assert died > 500


@given(
    before=st.lists(st.sampled_from(["idle", "noted", "done"]), min_size=1, max_size=5),
    cut=st.integers(0, 2_000),
    seconds=st.lists(st.floats(0, 1e6), min_size=7, max_size=7),
)
def test_whatever_came_before_a_crash_is_there(
    before: list[str], cut: int, seconds: list[float], tmp_path_factory
) -> None:  # type: ignore[no-untyped-def]
    state = SyncState(tmp_path_factory.mktemp("state"))
    made = {
        "idle": idle,
        "noted": lambda n, **more: idle(n, notes=["n"], **more),
        "done": lambda n, **more: done(n),
    }
    for number, kind in enumerate(before):
        append_history(state, made[kind](number, seconds=seconds[number]))
    with pytest.MonkeyPatch.context() as patch:
        try:
            with power_for(cut, patch):
                append_history(state, idle(6, seconds=seconds[6]))
            ended = True
        except _Died:
            ended = False

    runs_told = sum(count for _, count in seen(state))
    assert runs_told in ((len(before) + 1,) if ended else (len(before), len(before) + 1))
    append_history(state, done(7))
    assert sum(count for _, count in seen(state)) == runs_told + 1


def test_only_the_same_row_is_replaced() -> None:
    row = {"first_run": "r1", "run": "r2", "runs": 2}

    assert is_replaced({"run": "r1"}, by=row)
    assert is_replaced({"first_run": "r1", "run": "half"}, by=row)
    assert not is_replaced({"run": "r0"}, by=row)
    assert not is_replaced({"first_run": "r0", "run": "r0"}, by=row)
    assert not is_replaced({"run": None}, by={"run": None})
    assert not is_replaced({"run": "unknown"}, by={"run": "unknown"})


# -- full files, readers, writers -----------------------------------------------------------------------


def put(path: Path, number: int, *, keep: int = 3) -> None:
    text = json.dumps({"run": f"r{number}", "more": "x" * 60})
    lines.put(path, text, lambda last: None, limit=300, keep=keep)


def numbers(path: Path, *, keep: int = 3) -> list[int]:
    return [int(entry["run"][1:]) for entry in lines.oldest_first(path, keep=keep)]


def test_a_full_file_is_put_aside_and_read_on(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for number in range(9):
        put(path, number)

    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "history.1.jsonl",
        "history.2.jsonl",
        "history.jsonl",
    ]
    assert numbers(path) == list(range(9))
    assert [entry["run"] for entry in lines.newest_first(path)] == [f"r{n}" for n in range(8, -1, -1)]
    assert all(one.stat().st_size <= 300 for one in tmp_path.iterdir())
    assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}


def test_only_a_few_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for number in range(40):
        put(path, number)

    assert len(list(tmp_path.iterdir())) == 4
    assert numbers(path) == list(range(numbers(path)[0], 40))
    assert len(numbers(path)) >= 10


def test_a_line_longer_than_a_file_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    put(path, 1)
    lines.put(path, json.dumps({"run": "r2", "more": "x" * 500}), lambda last: None, limit=300)
    put(path, 3)

    assert numbers(path) == [1, 2, 3]


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_crash_while_files_are_put_aside_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    path = tmp_path / "history.jsonl"
    for number in range(9):
        put(path, number, keep=9)
    replace, done_so_far = Path.replace, 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal done_so_far
        if done_so_far == dies_at:
            raise _Died
        done_so_far += 1
        return replace(self, target)

    with monkeypatch.context() as during:
        during.setattr(Path, "replace", dying)
        with pytest.raises(_Died):
            put(path, 9, keep=9)
    assert numbers(path, keep=9) == list(range(9))

    for number in range(9, 15):
        put(path, number, keep=9)
    assert numbers(path, keep=9) == list(range(15))


def test_the_end_reaches_into_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for number in range(4):
        put(path, number)

    assert lines.end(path, 10_000).count(b"\n") == 4
    assert lines.end(path, 250).count(b"\n") == 3
    assert b"r3" in lines.end(path, 100)
    assert lines.end(tmp_path / "none", 100) == b""


def test_an_id_in_a_file_put_aside_is_taken(here: SyncState, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    monkeypatch.setattr(os, "urandom", lambda count: b"\0" * count)
    first = runs.unused_run_id(here, now, "d")
    append_history(here, {"run": first})
    here.history.rename(lines.aside(here.history, 1))
    append_history(here, {"run": "other"})

    assert runs.unused_run_id(here, now, "d") != first
    assert runs.in_order(["other", first], here) == [first, "other"]


def test_readers_without_a_lock_never_fail_and_miss_nothing_old(here: SyncState) -> None:
    append_history(here, done(0))
    ended, seen_by_readers, problems = threading.Event(), 0, list[Exception]()

    def read() -> None:
        nonlocal seen_by_readers
        while not ended.is_set():
            try:
                assert next(read_history(here))["run"] == "r0"
                seen_by_readers += 1
            except Exception as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    for number in range(1, 300):
        append_history(here, idle(number))
    ended.set()
    for one in readers:
        one.join()

    assert problems == [] and seen_by_readers > 0
    assert seen(here) == [("r0", 1), ("r299", 299)]


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"

    def write(first: int) -> None:
        for number in range(first, first + 50):
            put(path, number, keep=99)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 100, 200)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()

    assert sorted(numbers(path, keep=99)) == [first + n for first in (0, 100, 200) for n in range(50)]
