"""Runs as the state dir knows them: their ids, the journal of the one under way, the history."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bisync.files import atomic_write, private_dir
from bisync.state.paths import SyncState

VERSION = 1
# Before 2 the listings of a run under way lay in `ancestor/`.
JOURNAL_VERSION = 2


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time: 20261122T101500Z-3f2a7c.

    After the second come its fraction, in 65,536ths, and a byte by chance for devices that start together.
    """
    fraction = now.microsecond * 65536 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fraction:04x}{secrets.token_hex(1)}"


def run_time(run: str) -> datetime | None:
    """When a run with this id began; None for a name that is no run id."""
    try:
        return datetime.strptime(run.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def open_journal(state: SyncState, run: str, mode: str, arriving: Mapping[str, Any] | None = None) -> None:
    """Say on disk that a run is under way, and what it is to bring where (rows of JSON); found again after a crash."""
    entry = {"version": JOURNAL_VERSION, "run": run, "mode": mode, "arriving": arriving or {}}
    atomic_write(state.journal, json.dumps(entry) + "\n")


def read_journal(state: SyncState) -> dict[str, Any] | None:
    """The run that never ended, or None."""
    try:
        found = json.loads(state.journal.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {"version": JOURNAL_VERSION, "run": "unknown", "mode": "unknown"}
    return found if isinstance(found, dict) else None


def close_journal(state: SyncState) -> None:
    """The run has ended, one way or the other."""
    state.journal.unlink(missing_ok=True)


def append_history(state: SyncState, entry: dict[str, Any]) -> None:
    """Add one line; a line that a crash cut short before is closed first."""
    private_dir(state.root)
    descriptor = os.open(state.history, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        broken = False
        if end:
            stream.seek(end - 1)
            broken = stream.read(1) != b"\n"
        text = json.dumps({"version": VERSION, **entry}, ensure_ascii=True)
        stream.write((b"\n" if broken else b"") + text.encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_history(state: SyncState) -> Iterator[dict[str, Any]]:
    """Every run, oldest first; lines that a crash cut short are passed over."""
    try:
        lines = state.history.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
