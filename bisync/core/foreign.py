"""Runs in the cloud's trash that this device's history does not name: another device's, or planted. Pure."""

from __future__ import annotations

DAY = 86_400.0
"""So many seconds may lie between what a run's id says and when the store has its versions from."""


def oddity(*, began: float | None, stored: float | None, now: float) -> str | None:
    """What is odd about a run, by its id (`began`) and the store's own time, in seconds since the epoch; or None."""
    if began is None:
        return "its name is no run's"
    if began > now + DAY:
        return "its name says a time that has not come"
    if stored is not None and abs(stored - began) > DAY:
        return "stored at another time than its name says"
    return None


def whose(odd: str | None) -> str:
    """What is said of such a run wherever it is shown."""
    return "not known here: another device's, or planted" + (f"; {odd}" if odd else "")
