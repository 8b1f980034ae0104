"""What past runs did, a line each, and what the trashes keep of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bisync.report.heed import RED, YELLOW
from bisync.report.words import Painted, Shown, clock_text, conflicts_text, counted, files, size_text

if TYPE_CHECKING:
    from bisync.actions.history import History

_OUTCOME = len("refused")
_MOVED = {
    "uploaded": "uploaded",
    "downloaded": "downloaded",
    "deleted_local": "deleted here",
    "deleted_cloud": "deleted in the cloud",
    "renamed": "renamed",
    "merged": "merged",
}


def history_lines(result: History, zone: tzinfo | None = None) -> Iterator[Shown]:
    """One line a run, runs in a row with nothing to do in one; then one for each version that the trashes keep.

    Times are those of `zone`; None: of this machine.
    """
    if not result.runs:
        yield "no runs yet"
    for idle, entries in groupby(result.runs, _had_nothing_to_do):
        if idle:
            yield _idle_line(list(entries), zone)
        else:
            yield from (_run_line(entry, zone) for entry in entries)
    for kept in result.versions:
        whose = f"  ({kept.foreign})" if kept.foreign else ""
        yield f"  kept ({kept.side})  {kept.run}  {size_text(kept.size):>10}  {kept.path}{whose}"
    if result.versions:
        yield "  Bring one back with: bisync restore PATH [--run RUN]"


def _had_nothing_to_do(entry: Mapping[str, Any]) -> bool:
    return entry.get("outcome") == "idle" and _what_happened(entry) == "-"


def _idle_line(entries: Sequence[Mapping[str, Any]], zone: tzinfo | None) -> str:
    """Idle runs, the newest first."""
    newest, oldest = entries[0], entries[-1]
    count = sum(entry.get("runs", 1) for entry in entries)
    since, until = (
        clock_text(oldest.get("first") or oldest.get("at"), zone),
        clock_text(newest.get("at"), zone),
    )
    more = f" since {since}" if count > 1 and since != until else ""
    return f"{until}  {'idle':<{_OUTCOME}}  {counted(count, 'run')} with nothing to do{more}"


def _run_line(entry: Mapping[str, Any], zone: tzinfo | None) -> Shown:
    outcome, run = entry.get("outcome") or "-", entry.get("run") or "-"
    line = f"{clock_text(entry.get('at'), zone)}  {outcome:<{_OUTCOME}}  {run}  {_what_happened(entry)}"
    if entry.get("error"):
        return Painted(line, RED)
    return Painted(line, YELLOW) if entry.get("conflicts") or entry.get("left_out") else line


def _what_happened(entry: Mapping[str, Any]) -> str:
    """A line of the history in words: why it failed, or what moved."""
    moved = ", ".join(f"{entry[kind]} {word}" for kind, word in _MOVED.items() if entry.get(kind))
    more = [conflicts_text(len(entry["conflicts"]))] if entry.get("conflicts") else []
    more += [f"{files(len(entry['left_out']))} left out"] if entry.get("left_out") else []
    more += [f"undoes {entry['undoes']}"] if entry.get("undoes") else []
    if entry.get("runs", 1) != 1 and entry.get("left_out"):
        more += [f"the last of {counted(entry['runs'], 'run')}"]
    return str(entry.get("error") or ", ".join(filter(None, [moved, *more])) or "-")
