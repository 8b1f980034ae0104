"""A moment of the past, as somebody types it: a time, how long ago, or a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bisync.errors import UsageError

# Local time where no zone is given; a day alone is its beginning.
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?: ?(?:[Zz]|[+-]\d\d:\d\d))?)?")
_AGO = re.compile(r"(\d{1,9}) ?([a-z]+)(?: ago)?")
# The id of a run, or as much of it as says a day and more: 20261122T101500Z-3f2a7c-laptop.
_RUN = re.compile(r"\d{8}T\d*(?:Z(?:-[\w.-]*)?)?")
_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), "seconds"),
    **dict.fromkeys(("m", "min", "minute"), "minutes"),
    **dict.fromkeys(("h", "hour"), "hours"),
    **dict.fromkeys(("d", "day"), "days"),
    **dict.fromkeys(("w", "week"), "weeks"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment: the end of a run whose id begins with `run`, or `time`, in seconds since the epoch. One is None."""

    word: str
    time: float | None = None
    run: str | None = None


def read(word: str, now: datetime) -> Moment:
    """The moment that a word means. Raises UsageError for one that means none, or one that has not come yet."""
    text = word.strip()
    if _RUN.fullmatch(text):
        return Moment(word, run=text)
    try:
        time = _time(text, now)
    except (ValueError, OverflowError, OSError):  # a day that no month has, a year that no clock has
        time = None
    if time is None:
        raise UsageError(
            f"--at takes a time or a run, not {word!r}",
            hint="as in: --at 2h, --at '3 days ago', --at 2026-11-22, --at '2026-11-22 10:15', "
            "--at 2026-11-22T10:15:00+01:00, or a run (see: bisync history)",
        )
    if time > now.timestamp():
        raise UsageError(f"--at {word}: that time has not come yet", hint="as in: --at 2h")
    return Moment(word, time=time)


def _time(text: str, now: datetime) -> float | None:
    if _TIME.fullmatch(text):
        return datetime.fromisoformat(
            text.upper().replace(" Z", "Z").replace(" +", "+").replace(" -", "-")
        ).timestamp()
    ago = _AGO.fullmatch(text.lower())
    if ago is None:
        return None
    unit = _UNITS.get(ago[2]) or _UNITS.get(ago[2].removesuffix("s"))
    return None if unit is None else (now - timedelta(**{unit: int(ago[1])})).timestamp()
