"""Runs as the state dir knows them: their ids, the journal of the one under way, the history."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bisync.core import history
from bisync.files import atomic_write, private_dir
from bisync.state import lines
from bisync.state.baseline import expecting_rows
from bisync.state.paths import SyncState
from bisync.stored import LARGE, Damaged, Fields, fits, open_plain
from bisync.stored import load as load_stored
from bisync.stored import read as read_stored

VERSION = 1
# Before 2 the listings of a run under way lay in `ancestor/`.
JOURNAL_VERSION = 2
# So many bytes of the history are looked through for an id that was given before: one line may name a thousand files.
LATELY = 1 << 18
# So much of a device's name is in the ids of its runs: old versions in the cloud need room for their own.
DEVICE_LENGTH = 24

_JOURNAL = {
    "version": int,
    "run": str,
    "mode": str,
    "arriving?": {str: Fields(({"local", "cloud"}, list))},
}
_PARTIALS = {"version": int, "there": [str]}
_TEXT = (None, str)
# What readers take from a line of the history. A line of an older version may lack any of it.
_ENTRY = {
    **{
        f"{key}?": _TEXT
        for key in ("at", "run", "first", "first_run", "mode", "outcome", "device", "profile", "undoes")
    },
    **{f"{key}?": _TEXT for key in ("error", "hint")},
    **{
        f"{key}?": int
        for key in ("exit_code", "runs", "uploaded", "downloaded", "renamed", "merged", "more_paths", "bytes")
    },
    **{f"{key}?": int for key in ("deleted_local", "deleted_cloud")},
    "seconds?": (None, float),
    **{f"{key}?": (None, [str]) for key in ("notes", "registered")},
    "left_out?": (None, [{"path": str, "why": str}]),
    "conflicts?": [
        {
            "path": str,
            "copies": [str],
            "winner?": _TEXT,
            "device?": _TEXT,
            "versions?": [
                {"path": str, "origin": {"local", "cloud"}, "size": int, "mtime_ns": int, "inode": int}
            ],
        }
    ],
    "paths?": (None, {str: [(str, {"path": str, "to": _TEXT})]}),
}


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time: 20261122T101500Z-3f2a7c.

    After the second come its fraction, in 65,536ths, and a byte by chance for devices that start together.
    """
    fraction = now.microsecond * 65536 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fraction:04x}{os.urandom(1).hex()}"


def on_device(run: str, device: str) -> str:
    """The id with its device in it, as 20261122T101500Z-3f2a7c-laptop: every version in a trash says whose run kept it.

    Of the device's name what fits into a path anywhere, at most 24 characters of it.
    """
    plain = unicodedata.normalize("NFKD", device).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:DEVICE_LENGTH].rstrip("-")
    return f"{run}-{slug}" if slug else run


def unused_run_id(state: SyncState, now: datetime, device: str) -> str:
    """As `new_run_id`, one that no run of this sync had before: a clock that is set back says the same twice."""
    taken = {run.name for run in state.trash.iterdir()} if state.trash.is_dir() else set()
    lately = lines.end(state.history, LATELY)
    run = on_device(new_run_id(now), device)
    while run in taken or run.encode() in lately:
        now += timedelta(microseconds=16)
        run = on_device(new_run_id(now), device)
    return run


def in_order(found: Collection[str], state: SyncState) -> list[str]:
    """The runs `found` as they came: by their ids, but our own among themselves as the history has them.

    An id says what the clock said then, and a clock may have been wrong. What other devices' ids say stands.
    """
    known = dict.fromkeys(str(entry.get("run")) for entry in read_history(state) if entry.get("run") in found)
    ours = iter(known)
    return [next(ours) if run in known else run for run in sorted(found)]


def known(state: SyncState) -> frozenset[str]:
    """The runs that are this device's own: those of its history, one that is under way or was killed, and what it did
    in the cloud beside its runs."""
    try:
        noted = read_stored(state.other_runs).decode("utf-8", "replace").split()
    except FileNotFoundError:
        noted = []
    told = [entry.get(key) for entry in read_history(state) for key in ("run", "first_run")]
    # One that was killed has its line once the next run has recovered from it.
    told.append((read_journal(state) or {}).get("run"))
    return frozenset([*noted, *(one for one in told if isinstance(one, str) and one not in history.NAMELESS)])


def note_run(state: SyncState, run: str) -> None:
    """Say on disk that `run`, which has no line in the history, is this device's own. Raises OSError."""
    private_dir(state.root)
    with os.fdopen(open_plain(state.other_runs, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as stream:
        stream.write(f"{run}\n".encode())


def run_time(run: str) -> datetime | None:
    """When a run with this id began; None for a name that is no run id."""
    try:
        return datetime.strptime(run.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def run_began(run: str) -> float | None:
    """As `run_time`, with the fraction that an id has, in seconds since the epoch."""
    began = run_time(run)
    if began is None:
        return None
    fraction = re.match(r"[^-]*-([0-9a-f]{4})", run)
    return began.timestamp() + (int(fraction.group(1), 16) / 65536 if fraction else 0.0)


def open_journal(state: SyncState, run: str, mode: str, arriving: Mapping[str, Any] | None = None) -> None:
    """Say on disk that a run is under way, and what it is to bring where (rows of JSON); found again after a crash."""
    entry = {"version": JOURNAL_VERSION, "run": run, "mode": mode, "arriving": arriving or {}}
    atomic_write(state.journal, json.dumps(entry) + "\n")


def read_journal(state: SyncState) -> dict[str, Any] | None:
    """The run that never ended, or None. Of one whose note is damaged nothing is known but that. Raises StateError."""
    try:
        found: dict[str, Any] = load_stored(state.journal, _JOURNAL, limit=LARGE)
        expecting_rows(found.get("arriving", {}))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return {"version": JOURNAL_VERSION, "run": "unknown", "mode": "unknown"}
    return found


def close_journal(state: SyncState) -> None:
    """The run has ended, one way or the other."""
    state.journal.unlink(missing_ok=True)


def note_partials(state: SyncState, there: Iterable[str]) -> None:
    """Say on disk what looks like a half-written download before a run writes any; whatever else does is the run's."""
    atomic_write(state.partials, json.dumps({"version": VERSION, "there": sorted(there)}) + "\n")


def partials_before(state: SyncState) -> frozenset[str] | None:
    """What looked so before the run that is under way or did not end well; None when nothing can be its own."""
    try:
        return frozenset(load_stored(state.partials, _PARTIALS, limit=LARGE)["there"])
    except (FileNotFoundError, Damaged):
        return None


def forget_partials(state: SyncState) -> None:
    """A run ended well: it left none."""
    state.partials.unlink(missing_ok=True)


def append_history(state: SyncState, entry: Mapping[str, Any]) -> str | None:
    """Add a run's line, or have it join that of the idle runs before it: then that line, as it was. Raises OSError."""
    private_dir(state.root)

    def with_last(last: dict[str, Any]) -> str | None:
        both = history.joined(last, entry)
        return None if both is None else _line(both)

    return lines.put(state.history, _line(history.opened(entry)), with_last)


def amend_history(state: SyncState, entry: Mapping[str, Any], joined: str | None) -> None:
    """Say more of the run whose line is the last one. `joined`: what `append_history` gave for it. Raises OSError.

    Where another run has come between, it is a line of its own, and readers take the later word.
    """
    text = _line(history.opened(entry))

    def without_it(last: dict[str, Any]) -> str | None:
        if last.get("run") != entry.get("run"):
            return None
        return text if joined is None else f"{joined}\n{text}"

    lines.put(state.history, text, without_it)


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps({"version": VERSION, **entry}, ensure_ascii=True)


def read_history(state: SyncState) -> Iterator[dict[str, Any]]:
    """Every line, oldest first, the files put aside included; damaged lines are passed over."""
    return filter(_is_entry, lines.oldest_first(state.history))


def latest_history(state: SyncState) -> Iterator[dict[str, Any]]:
    """As `read_history`, newest first."""
    return filter(_is_entry, lines.newest_first(state.history))


def _is_entry(line: Mapping[str, Any]) -> bool:
    return fits(line, _ENTRY)
