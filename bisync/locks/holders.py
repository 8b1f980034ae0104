"""Who has the lease of a folder in the cloud and who waits for it, for those who only look on; and past dead ones.

Whether a lease is dead says the store's clock alone. It is known once this device has put an object there: for a
moment it says that it waits, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from bisync.core import lease_folder
from bisync.core.lease import Lease, Listed
from bisync.core.lease_folder import Entry, Kind
from bisync.locks import lease as leases
from bisync.locks.bucket import Bucket
from bisync.locks.lease import Asking, Holding
from bisync.locks.lease_objects import Told


class Holder(NamedTuple):
    """Whose lease has not been given back. `device`, `run`: "" where its object does not say.

    `seconds`: for how long it has had it, as far as is known. `left`: the seconds until the lease is dead unless it is
    renewed; 0: it is dead; None: the store's clock is not known.
    """

    entry: Entry
    device: str
    run: str
    seconds: int
    left: int | None

    @property
    def dead(self) -> bool:
        """Whether it is certain that its device writes no more."""
        return self.left == 0


class Waiter(NamedTuple):
    """Who waits for the lease."""

    device: str
    run: str


class Survey(NamedTuple):
    """Who has the leases of some folders, and who waits for that of the own one."""

    holders: tuple[Holder, ...] = ()
    waiting: tuple[Waiter, ...] = ()


def look(bucket: Bucket, lease: Lease, *, device: str) -> Holder | None:
    """Who has the lease, but for this `device`, as one listing shows it: of the store's clock only what is in there.

    Raises RcloneError, and TimeoutError without an answer.
    """
    entries = bucket.look(lease).entries
    # Its clock has said at least this, by now.
    clock = max((one.stored for one in entries), default=None)
    found = (
        _holder(bucket, one, clock)
        for one in entries
        if lease_folder.stands(one, entries, None, leases.TERMS)
    )
    return next((one for one in found if one.device != device), None)


def survey(bucket: Bucket, lease: Lease, told: Told) -> Survey:
    """Who has leases and who waits, by the store's clock; it is asked for where a lease is held.

    Raises RcloneError, and TimeoutError without an answer.
    """
    held = _held(bucket.look(lease))
    if not held:
        return Survey()
    number = held[0].number
    bucket.announce(lease, number, told)
    try:
        found = bucket.look(lease)
        holders = tuple(_holder(bucket, one, found.clock) for one in _held(found))
        own = (one for one in found.entries if one.path == lease.path and one.claim != lease.device)
        waiting = lease_folder.waiting(own, found.clock, leases.TERMS)
        return Survey(holders, tuple(Waiter(*_said(bucket, one)[:2]) for one in waiting))
    finally:
        bucket.leave(lease, number)


def pass_dead(bucket: Bucket, lease: Lease, asking: Asking, tell: Callable[[str], None]) -> None:
    """Have the lease after dead ones and give it back at once, so that nobody has to find out again that they are dead.

    Only then may claims that are dead go: the number of a lease must never come twice. Raises as `lease.take`, and
    TimeoutError.
    """
    taken = leases.take(bucket, lease, asking, None, 0.0)
    holding = Holding(bucket, taken, asking, tell)
    try:
        found = bucket.look(taken)
        for one in found.entries:
            dead = one.kind is Kind.HELD and not lease_folder.stands(one, [one], found.clock, leases.TERMS)
            if one.claim and dead and one.path == taken.path and one.number < taken.number:
                bucket.remove(one)
    finally:
        holding.give_back("done")


def _held(found: Listed) -> list[Entry]:
    return [one for one in found.entries if lease_folder.stands(one, found.entries, None, leases.TERMS)]


def _said(bucket: Bucket, one: Entry) -> tuple[str, str, int]:
    told = bucket.told(one)
    return (told.device, told.run, max(0, told.seconds)) if told is not None else ("", "", 0)


def _holder(bucket: Bucket, one: Entry, clock: float | None) -> Holder:
    device, run, seconds = _said(bucket, one)
    if clock is None:
        return Holder(one, device, run, seconds, None)
    since = max(0.0, clock - one.stored)
    left = max(0, math.ceil(leases.TERMS.lease - since))
    return Holder(one, device, run, seconds + int(since) if left else seconds, left)
