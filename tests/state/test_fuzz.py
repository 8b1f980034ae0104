"""Every reader says yes, or no in its own words, whatever lies where it looks. (`make fuzz`: the same for minutes.)"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.errors import BisyncError
from bisync.ignore import cache as compiled
from bisync.providers import embedded
from bisync.providers.basic_memory import known
from bisync.rclone import binary
from bisync.state import aside, baseline, lease, runs
from bisync.state.migration import MigrationState
from bisync.state.paths import SyncState
from bisync.sync import trash
from tests.support.fuzz import readers
from tests.support.fuzz.play import attempt, play
from tests.support.fuzz.readers import READERS, Reader

pytestmark = pytest.mark.pure

# The first 32 or so hold for any file, the rest come by chance.
CASES = 120
FILES = {name: reader for name, reader in READERS.items() if reader.is_file}


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """What hangs ends here."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", READERS)
def test_what_chance_and_malice_leave(name: str) -> None:
    left = iter(range(CASES))

    assert play(READERS[name], 1, until=lambda: next(left, None) is None)[1] == []


@pytest.mark.parametrize("name", READERS)
def test_a_sample_is_a_good_one(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    path = tmp_path / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reader.sample)

    reader.read(path)


# What is made again where it cannot be read: a shape that never fits would only make it slow.
UNDERSTOOD = {
    "baseline": lambda path: baseline.load(path) == readers.KNOWN,
    "journal": lambda path: runs.read_journal(SyncState(path.parent))["run"] == "r",  # type: ignore[index]
    "partials": lambda path: runs.partials_before(SyncState(path.parent)) == {"a.partial"},
    "history": lambda path: len(list(runs.read_history(SyncState(path.parent)))) == 3,
    "lease": lambda path: lease.load(path, "s") == readers.LEASE,
    "trash": lambda path: trash._Seen.read(path) == ("2026-11-22", 1.5, {"r": 2.0}, {}),
    "versions": lambda path: binary._known_versions(path.parent) != {},
    "compiled": lambda path: compiled._read(path) is not None,
    "known": lambda path: known.load(readers.TENANT, path.parents[2]) is not None,
    "embedded": lambda path: len(embedded._read(path)) == 1,
    "migration": lambda path: MigrationState(path.parent).load() is not None,
    "aside": lambda path: len(aside.load(path)) == 1,
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_a_writer_of_ours_left_is_understood(name: str, tmp_path: Path) -> None:
    path = tmp_path / READERS[name].name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(READERS[name].sample)

    assert UNDERSTOOD[name](path)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(3 << 30)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [_pipe, Path.mkdir, _device, _huge, _loop], ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_of_ours(name: str, make: object, tmp_path: Path) -> None:
    reader = FILES[name]
    path = tmp_path / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)  # type: ignore[operator]

    assert _read(reader, path) is None


def _read(reader: Reader, path: Path) -> str | None:
    try:
        reader.read(path)
    except (BisyncError, OSError, *reader.refuses):
        return None
    except (Exception, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [name for name, reader in FILES.items() if reader.own])
def test_another_users_file_is_never_believed(name: str, tmp_path: Path) -> None:
    reader = FILES[name]
    path = tmp_path / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reader.sample)
    os.chown(path, 4242, 4242)

    with pytest.raises(BisyncError, match="belongs to another user") as caught:
        reader.read(path)
    assert caught.value.hint


def test_a_reader_with_a_fault_is_found(tmp_path: Path) -> None:
    import json

    naive = Reader(sample=b'{"a": 1}', read=lambda path: json.loads(path.read_bytes())["a"] + 1)
    left = iter(range(CASES))

    faults = play(naive, 1, until=lambda: next(left, None) is None)[1]

    assert any("RecursionError" in fault for fault in faults)
    assert any("KeyError" in fault for fault in faults)
    assert attempt(naive, b'{"a": 1}', tmp_path / "x") is None
