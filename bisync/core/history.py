"""Which runs share a line of the history, and which lines another one has replaced. Pure.

A sync that is watched is idle every minute: one line for all such runs in a row, or the history grows by 200 MB a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What may differ between runs that share a line: when each was, how long it took, and the count itself.
_OWN = frozenset(["version", "at", "run", "seconds", "first", "first_run", "runs"])
# What `recover` calls a run whose journal cannot be read: no name, and two of them are not one run.
NAMELESS = (None, "unknown")


def opened(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`entry` as it is written: an idle run that others may join says that it is the first of one so far.

    That comes first in the line, and does not change while runs join: however much of a longer line a crash has laid
    over a shorter one, what results says of which row it is.
    """
    if not _joins(entry):
        return dict(entry)
    row = {"first": entry.get("at"), "first_run": entry.get("run"), "runs": 1}
    return {**row, **entry}


def joined(last: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The line for the idle runs of `last` and the run `entry` after them; None where they do not share one.

    It is that of `entry`, with the time (`first`) and id (`first_run`) of the first of them, and how many there were
    (`runs`). They share one when nothing but the time is new: no notes, and as much left out as before.
    """
    if not _joins(last) or not _joins(entry) or _rest(last) != _rest(entry):
        return None
    row = {
        "first": last.get("first", last.get("at")),
        "first_run": last.get("first_run", last.get("run")),
        "runs": last.get("runs", 1) + 1,
    }
    return {**row, **entry}


def is_replaced(older: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
    """Whether a line says less of what the later line `by` says: a crash kept it from being taken away."""
    if by.get("run") not in NAMELESS and older.get("run") == by.get("run"):
        return True
    first = by.get("first_run")
    return first not in NAMELESS and first in (older.get("first_run"), older.get("run"))


def _joins(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("outcome") == "idle"
        and not entry.get("notes")
        and entry.get("run") not in NAMELESS
        and isinstance(entry.get("runs", 1), int)
    )


def _rest(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in _OWN}
