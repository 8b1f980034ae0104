"""When a sync that is watched runs next: what is due, as a machine of values. Pure.

Times are seconds of one clock that goes on while the device sleeps. Whoever was asleep finds one run due, not all that
were missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

QUIET_SECONDS = 0.5
"""A file is left alone until nothing has been written to it for so long."""
PATIENCE_SECONDS = 2.0
"""So long a file that is quiet waits for others that are not."""
WRITTEN_SECONDS = 120.0
"""A file that is written to for so long goes as it is: a log may never be quiet."""
BACKOFF_SECONDS = 900.0
"""A sync that fails is tried again after so long at the latest."""
BUSY_SECONDS = 2.0
"""So soon a sync is tried again that another run of this device was at work on."""
EAGER_SECONDS = 5.0
"""So soon at the earliest a sync that fails is tried again because something has changed."""


class Reason(Enum):
    """Why a run is due."""

    START = "start"
    EDITED = "edited here"
    FELLOW = "another device has been at work"
    INTERVAL = "the interval is over"
    AGAIN = "the last run failed"
    MENDED = "something has changed since it failed"


class Writing(NamedTuple):
    """A file that somebody writes to: since when, and when last."""

    since: float
    last: float


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is known of one sync. `interval`: seconds from the end of a look to the next.

    `looked`: when the last look ended; None before the first. `edits`: what was changed here since it began, by path.
    `fellow`: another device was seen at work since. `running`: a run is under way, for this reason. `failures` in a
    row; `retry`: when the next run is tried after one; `mended`: something has changed since that may be its cure.
    """

    interval: float
    looked: float | None = None
    edits: Mapping[str, Writing] = field(default_factory=dict)
    fellow: bool = False
    running: Reason | None = None
    failures: int = 0
    failed: float = 0.0
    retry: float = 0.0
    mended: bool = False


class Due(NamedTuple):
    """When a run is due, and why. `unsettled`: the paths that are left alone in it, being written to."""

    at: float
    reason: Reason
    unsettled: frozenset[str] = frozenset()


def edited(agenda: Agenda, paths: Iterable[str], now: float) -> Agenda:
    """Files here were changed."""
    known = dict(agenda.edits)
    for path in paths:
        before = known.get(path)
        known[path] = Writing(now, now) if before is None else before._replace(last=now)
    return replace(agenda, edits=known, mended=True)


def noticed(agenda: Agenda) -> Agenda:
    """Another device has been at work in the cloud."""
    return replace(agenda, fellow=True, mended=True)


def changed(agenda: Agenda, interval: float) -> Agenda:
    """The manifest, a profile or ignore rules were changed: everything is looked at anew."""
    return replace(agenda, interval=interval, looked=None, mended=True)


def mended(agenda: Agenda) -> Agenda:
    """What a failure may have come from is over, as far as can be seen: the cloud answers again."""
    return replace(agenda, mended=True)


def begun(agenda: Agenda, due: Due) -> Agenda:
    """A run begins: what it is going to see is new no more."""
    left = {path: one for path, one in agenda.edits.items() if path in due.unsettled}
    return replace(agenda, running=due.reason, edits=left, fellow=False, mended=False)


def ended(agenda: Agenda, now: float, *, failed: bool, chance: float, glanced: bool = False) -> Agenda:
    """A run ended. `chance`: 0 to 1, so that devices that fail together do not come back together.

    `glanced`: it went by what was known of the cloud, so the next look at it is due as it was.
    """
    if not failed:
        looked = agenda.looked if glanced else now
        return replace(agenda, running=None, looked=looked, failures=0)
    failures = agenda.failures + 1
    wait = min(agenda.interval * 2.0 ** min(failures - 1, 20), BACKOFF_SECONDS)
    return replace(agenda, running=None, failures=failures, failed=now, retry=now + wait * (0.5 + chance / 2))


def postponed(agenda: Agenda, now: float) -> Agenda:
    """Another run was at work on the sync. This one is tried again in a moment."""
    again = now + BUSY_SECONDS
    return replace(agenda, running=None, looked=again - agenda.interval, retry=again)


def due(agenda: Agenda, now: float) -> Due | None:
    """The next run: when and why. None while one is under way."""
    if agenda.running is not None:
        return None
    if agenda.failures:
        if agenda.mended:
            return Due(min(agenda.retry, _settled(agenda, agenda.failed + EAGER_SECONDS)), Reason.MENDED)
        return Due(agenda.retry, Reason.AGAIN)
    if agenda.looked is None:
        return Due(now, Reason.START)
    found = [Due(agenda.looked + agenda.interval, Reason.INTERVAL)]
    if agenda.fellow:
        found.append(Due(now, Reason.FELLOW))
    if agenda.edits:
        found.append(Due(_settled(agenda, 0.0), Reason.EDITED))
    first = min(found, key=lambda one: one.at)
    return first._replace(unsettled=_unsettled(agenda, max(now, first.at)))


def _settled(agenda: Agenda, least: float) -> float:
    """When what was edited may go: once all is quiet, or some is and has waited for long enough; not before `least`."""
    if not agenda.edits:
        return least
    quiet = [_quiet(one) for one in agenda.edits.values()]
    first = min(quiet)
    return max(least, min(max(quiet), first + PATIENCE_SECONDS))


def _quiet(one: Writing) -> float:
    return min(one.last + QUIET_SECONDS, one.since + WRITTEN_SECONDS)


def _unsettled(agenda: Agenda, at: float) -> frozenset[str]:
    return frozenset(path for path, one in agenda.edits.items() if _quiet(one) > at)
