"""What lies in a lease folder of the cloud, and what a look at it tells. Pure; what it is for: `core.lease`.

`stored` and `clock` are the store's times, in seconds; a device's own are never compared with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple


class Terms(NamedTuple):
    """How long things last, in seconds.

    A lease is dead `lease` after it was stored, by the store's clock. Its holder goes on for `hold` after it asked, by
    its own, and renews it `renew` after that. What lies between hold and lease is for what a killed rclone had sent
    already, and for clocks that go at different speeds. A waiting device is gone `waiting` after it last said so. An
    object is `kept` for so long at least: what arrives late shows with the time it was sent, and must not be swept
    while another device still counts on a look from before.
    """

    lease: float = 90.0
    hold: float = 65.0
    renew: float = 25.0
    waiting: float = 30.0
    kept: float = 900.0


TERMS = Terms()


class Protocol(Enum):
    """By what the lease is decided."""

    NUMBERED = "numbered"
    LISTED = "listed"


class Kind(Enum):
    """What an object of a lease folder says."""

    HELD = "held"
    FREE = "free"
    WAITING = "waiting"


class Entry(NamedTuple):
    """An object of the lease folder of `path`. `claim`: whose it is, where its name says so, else "".

    `md5`: of its text, where the listing says it.
    """

    path: str
    number: int
    claim: str
    kind: Kind
    stored: float
    md5: str | None = None


class Seen(NamedTuple):
    """What a listing that began `at` (the device's own clock) showed of lease folders."""

    at: float
    entries: tuple[Entry, ...]


NOTHING_SEEN = Seen(float("-inf"), ())


def newest(entries: Iterable[Entry]) -> int:
    """The highest number of any lease; 0 where there was none."""
    return max((one.number for one in entries if one.kind is not Kind.WAITING), default=0)


def since(entries: Iterable[Entry], path: str, number: int) -> list[Entry] | None:
    """The leases that were had since the one numbered `number` of the folder `path` was over; of other folders, too.

    None where that cannot be told, because that one is not there any more.
    """
    found = [one for one in entries if one.kind is not Kind.WAITING]
    last = [one.stored for one in found if (one.path, one.number) == (path, number)]
    if not last:
        return None
    return [one for one in found if (one.number > number if one.path == path else one.stored >= max(last))]


def is_swept(one: Entry, entries: Sequence[Entry], clock: float, terms: Terms = TERMS) -> bool:
    """Whether this object may be removed by whoever has the lease: it is old, and not the newest of its folder."""
    if one.kind is Kind.WAITING:
        return one.stored + terms.waiting <= clock
    last = newest(each for each in entries if each.path == one.path)
    return one.number < last and one.stored + terms.kept <= clock


def stands(one: Entry, entries: Sequence[Entry], clock: float | None, terms: Terms = TERMS) -> bool:
    """Whether this object keeps others from writing: a lease that is held and, as far as is known, not dead.

    Of numbered ones (they have no claim in their names) only the newest of a folder counts.
    """
    if one.kind is not Kind.HELD or (clock is not None and one.stored + terms.lease <= clock):
        return False
    return bool(one.claim) or one.number == newest(each for each in entries if each.path == one.path)


def waiting(entries: Iterable[Entry], clock: float | None, terms: Terms = TERMS) -> list[Entry]:
    """Who waits for the lease of a folder, in the order of their turns."""
    found = (one for one in entries if one.kind is Kind.WAITING)
    alive = (one for one in found if clock is None or one.stored + terms.waiting > clock)
    return sorted(alive, key=lambda one: (one.number, one.claim))
