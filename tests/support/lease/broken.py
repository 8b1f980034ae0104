"""Machines with a fault each, and a world that ought to show it: what finds nothing here finds nothing anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

from bisync.core import lease as machine
from bisync.core import lease_folder
from bisync.core.lease import Lease, Phase, Turn
from bisync.core.lease_folder import Entry, Protocol, Terms
from tests.support.lease.search import Found, search
from tests.support.lease.world import TERMS, Budget, World


class Broken(NamedTuple):
    """A fault: its `name`; where it shows, to two devices; what stands in for a function. `long`: it takes minutes."""

    name: str
    protocol: Protocol
    replaced: str = ""
    by: Callable[..., object] | None = None
    terms: Terms = TERMS
    honest: bool = True
    left: Budget = Budget(0, 0, 0)
    runs: int = 1
    renewals: int = 0
    long: bool = False

    def found(self) -> Found:
        """Look for what comes of it."""
        with self.machine():
            return self.searched(DEPTH)

    def searched(self, depth: int) -> Found:
        """What the machine as it is does in this world, so many steps deep."""
        world = World(self.protocol, self.terms, self.honest)
        return search(world, world.start(2, self.runs, self.renewals, self.left), depth=depth)

    @contextmanager
    def machine(self) -> Iterator[None]:
        """The real machine has the fault as long as the block lasts: one function of it is another one."""
        if self.by is None:
            yield
            return
        with mock.patch.object(machine, self.replaced, self.by):
            yield


DEPTH = 26
# An answer that is as late as can be must make a difference.
SLOW = Terms(lease=4, hold=3, renew=1, waiting=2, kept=5)

_claiming, _checked, _claim = machine._claiming, machine._checked, machine._claim


def _from_the_answer(lease: Lease, number: int, terms: Terms) -> Turn:
    held = lease._replace(phase=Phase.HOLDING, number=number, until=terms.hold)
    return Turn(held, machine.Write())


def _silence_is_yes(lease: Lease, answer: machine.Answer, now: float, terms: Terms) -> Turn:
    if lease.phase is Phase.CLAIMING and isinstance(answer, machine.Unanswered):
        answer = machine.Done()
    return _claiming(lease, answer, now, terms)


def _from_the_last_request(lease: Lease, answer: machine.Answer, now: float, terms: Terms) -> Turn:
    if lease.phase is Phase.ASKING and answer == machine.Whose(None):
        return Turn(lease._replace(phase=Phase.CLAIMING, sent=now), machine.Create(lease.number))
    return _claiming(lease, answer, now, terms)


def _first_has_it(
    lease: Lease, entries: Sequence[Entry], clock: float | None, now: float, terms: Terms
) -> Turn:
    ours = [one for one in entries if machine._is_ours(lease, one)]
    others = [one for one in entries if one not in ours and lease_folder.stands(one, entries, 0, terms)]
    if ours and others and machine._rank(ours[0]) < min(map(machine._rank, others)):
        return machine._held(lease, lease.number, terms)
    return _checked(lease, entries, clock, now, terms)


def _looks_before(lease: Lease, now: float, terms: Terms) -> Turn:
    return machine._held(lease, lease.number, terms)


def _claim_of_an_old_look(lease: Lease, seen: int) -> Turn:
    return _claim(lease._replace(sent=0.0), seen)


def _any_number(
    lease: Lease, entries: Sequence[Entry], clock: float | None, now: float, terms: Terms
) -> Turn:
    turn = _checked(lease, entries, clock, now, terms)
    if turn.lease.phase is Phase.WITHDRAWING and not any(
        lease_folder.stands(one, entries, 0, terms) and not machine._is_ours(lease, one) for one in entries
    ):
        before = lease_folder.newest(one for one in entries if not machine._is_ours(lease, one))
        return machine._held(lease._replace(before=before), lease.number, terms)
    return turn


BROKEN = (
    Broken("a holder does not look at its clock", Protocol.NUMBERED, terms=TERMS._replace(hold=99)),
    Broken(
        "a lease is passed while it may be held", Protocol.NUMBERED, terms=TERMS._replace(hold=3), renewals=1
    ),
    Broken(
        "the lease counts from the answer",
        Protocol.NUMBERED,
        "_held",
        _from_the_answer,
        terms=SLOW,
        renewals=1,
    ),
    Broken("no answer counts as yes", Protocol.NUMBERED, "_claiming", _silence_is_yes, left=Budget(0, 1, 0)),
    Broken(
        "a second request starts the time anew",
        Protocol.NUMBERED,
        "_claiming",
        _from_the_last_request,
        left=Budget(0, 1, 0),
        runs=2,
        renewals=1,
        long=True,
    ),
    Broken(
        "a claim counts from itself, not from the look before",
        Protocol.NUMBERED,
        "_claim",
        _claim_of_an_old_look,
        runs=2,
    ),
    Broken(
        "what is young is swept",
        Protocol.NUMBERED,
        terms=TERMS._replace(kept=0),
        runs=2,
    ),
    Broken("the store ignores the condition", Protocol.NUMBERED, honest=False),
    Broken("the first of two has it at once", Protocol.LISTED, "_checked", _first_has_it),
    Broken("a device looks before it puts, not after", Protocol.LISTED, "_claimed", _looks_before),
    Broken("numbers need not grow", Protocol.LISTED, "_checked", _any_number, runs=2),
)
