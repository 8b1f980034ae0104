"""Who may write to a folder of the cloud: the lease, as a machine of states. Pure; docs/lease.md argues for it.

A device asks for the lease of a folder before it writes there. Two protocols, by what the store can do:

NUMBERED: the store creates an object only if there is none of its name (RFC 9110, section 13.1.2: If-None-Match).
Every lease, and every renewal, is the creation of the next number; creation decides.
LISTED: a device puts an object of its own, then lists; it has the lease once no other's is there.

`now` is the device's own clock, in seconds, which must go on while the device sleeps; `stored` and `clock` are the
store's. The two are never compared with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from bisync.core import lease_folder
from bisync.core.lease_folder import TERMS, Entry, Kind, Protocol, Terms, newest, stands, waiting


class Phase(Enum):
    """Where a device stands."""

    LOOKING = "looking"
    CLAIMING = "claiming"
    ASKING = "asking"
    CHECKING = "checking"
    WITHDRAWING = "withdrawing"
    HOLDING = "holding"
    RENEWING = "renewing"
    ASKING_RENEWED = "asking about the renewal"
    RELEASING = "releasing"
    LOST = "lost"
    OVER = "over"


HOLDS = frozenset((Phase.HOLDING, Phase.RENEWING, Phase.ASKING_RENEWED))


class Lease(NamedTuple):
    """What a device knows of its lease.

    `number`: what it claims or holds; `asked`: that of a renewal under way. `attempt` tells its own claims apart.
    `sent`: when it asked for what is under way; a claim counts from the listing that it is made from. `until`: it may
    write before that. `before`: the newest number of others
    when it got the lease. `overlaps`: other folders, above or below, have leases that count. `met`: all that lay in
    its folder and in those when it got the lease, where any do.
    """

    protocol: Protocol
    path: str
    device: str
    overlaps: bool = False
    phase: Phase = Phase.LOOKING
    attempt: int = 0
    number: int = 0
    asked: int = 0
    sent: float = 0.0
    until: float = float("-inf")
    before: int | None = None
    met: tuple[Entry, ...] = ()
    unsure: bool = False

    @property
    def claim(self) -> str:
        """Names this attempt; no two attempts of any devices have one claim."""
        return f"{self.device}-{self.attempt}"


# What a device does next.


@dataclass(frozen=True, slots=True)
class Look:
    """List the lease folder, and those that overlap."""


@dataclass(frozen=True, slots=True)
class Create:
    """Create the object of this number unless there is one."""

    number: int


@dataclass(frozen=True, slots=True)
class Read:
    """Read whose claim the object of this number is."""

    number: int


@dataclass(frozen=True, slots=True)
class Put:
    """Write our object of this number, whatever is there."""

    number: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove our object of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait a moment and say so in the folder, then look again. `behind`: what stands in the way.

    `age`: for how many seconds by the store's clock, as far as that is known.
    """

    behind: Entry | None = None
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Wait a moment, then do this again."""

    what: Create | Read | Put


@dataclass(frozen=True, slots=True)
class Write:
    """The lease is held: go on, and renew it in time."""


@dataclass(frozen=True, slots=True)
class Stop:
    """No lease, and nothing more to do. `why`: for a person; empty when all went well."""

    why: str = ""


Command = Look | Create | Read | Put | Remove | Rest | Retry | Write | Stop


# What it hears of that.


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked has been done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """There is an object of that number."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer: it may have been done, may still be, or never."""


@dataclass(frozen=True, slots=True)
class Whose:
    """The object says whose claim it is; None: there is no such object."""

    claim: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What the folders hold. `clock`: what the store's clock said at some moment before; None when unknown."""

    entries: Sequence[Entry]
    clock: float | None


Answer = Done | Refused | Unanswered | Whose | Listed


class Turn(NamedTuple):
    """Where a device stands now, and what it does next."""

    lease: Lease
    command: Command


def begin(lease: Lease, seen: int | None, now: float) -> Turn:
    """Ask for the lease. `seen`: the newest number, given back, of a listing begun at `now`; None: look first."""
    lease = lease._replace(sent=now)
    return _claim(lease, seen) if seen is not None else Turn(lease, Look())


def looks_again(lease: Lease, now: float) -> Turn:
    """After a rest."""
    return Turn(lease._replace(sent=now) if lease.phase is Phase.LOOKING else lease, Look())


def may_write(lease: Lease, now: float) -> bool:
    """Whether the device may write at this moment."""
    return lease.phase in HOLDS and now < lease.until


def is_due(lease: Lease, now: float, terms: Terms = TERMS) -> bool:
    """Whether it is time to renew."""
    return lease.phase is Phase.HOLDING and now >= lease.until - terms.hold + terms.renew


def renewed(lease: Lease, now: float) -> Turn:
    """Ask for more time."""
    if not may_write(lease, now):
        return _lost(lease)
    asked = lease.number + 1 if lease.protocol is Protocol.NUMBERED else lease.number
    return Turn(lease._replace(phase=Phase.RENEWING, asked=asked, sent=now), _renewal(lease.protocol, asked))


def released(lease: Lease, now: float) -> Turn:
    """Give the lease back. One that is over in time is left to others as it is."""
    if not may_write(lease, now):
        return _lost(lease)
    return Turn(lease._replace(phase=Phase.RELEASING), Put(lease.number, Kind.FREE))


def heard(lease: Lease, answer: Answer, now: float, terms: Terms = TERMS) -> Turn:
    """What an answer to the last command means. Raises ValueError for one that is none to it."""
    if lease.phase in HOLDS and now >= lease.until:
        return _lost(lease)
    match lease.phase, answer:
        case Phase.LOOKING, Listed(entries, clock):
            return _looked(lease, entries, clock, terms)
        case ((Phase.CLAIMING | Phase.ASKING | Phase.CHECKING), _):
            return _claiming(lease, answer, now, terms)
        case Phase.WITHDRAWING, (Done() | Unanswered()):
            # A claim is never used again: what is still under way can only be about the old one.
            return Turn(_afresh(lease, now), Rest())
        case ((Phase.RENEWING | Phase.ASKING_RENEWED), _):
            return _renewing(lease, answer, terms)
        case Phase.RELEASING, (Done() | Unanswered()):
            return Turn(lease._replace(phase=Phase.OVER), Stop())
    raise ValueError(f"{answer} while {lease.phase.value}")


def _claiming(lease: Lease, answer: Answer, now: float, terms: Terms) -> Turn:
    numbered = lease.protocol is Protocol.NUMBERED
    match lease.phase, answer:
        case Phase.CLAIMING, Done():
            return _claimed(lease, now, terms)
        case Phase.CLAIMING, (Refused() | Unanswered()) if numbered:
            # It may be ours all the same: the answer to a first request was lost, and a second one refused.
            return Turn(lease._replace(phase=Phase.ASKING), Read(lease.number))
        case Phase.CLAIMING, Unanswered():
            return Turn(lease._replace(phase=Phase.CHECKING, unsure=True), Look())
        case Phase.ASKING, Whose(claim) if claim == lease.claim:
            return _claimed(lease, now, terms)
        case Phase.ASKING, Whose(None) if now < lease.sent + terms.hold:
            # The first request may still arrive; so `sent` stays: the lease counts from whichever was done.
            return Turn(lease._replace(phase=Phase.CLAIMING), Create(lease.number))
        case Phase.ASKING, Whose():
            return Turn(_afresh(lease, now), Look())
        case Phase.ASKING, Unanswered() if now < lease.sent + terms.hold:
            return Turn(lease, Retry(Read(lease.number)))
        case Phase.ASKING, Unanswered():
            return Turn(_afresh(lease, now), Look())
        case Phase.CHECKING, Listed(entries, clock):
            return _checked(lease, entries, clock, now, terms)
    raise ValueError(f"{answer} while {lease.phase.value}")


def _renewing(lease: Lease, answer: Answer, terms: Terms) -> Turn:
    """(The old lease is still in force.)"""
    numbered = lease.protocol is Protocol.NUMBERED
    match lease.phase, answer:
        case Phase.RENEWING, Done():
            return _held(lease, lease.asked, terms)
        case Phase.RENEWING, (Refused() | Unanswered()) if numbered:
            return Turn(lease._replace(phase=Phase.ASKING_RENEWED), Read(lease.asked))
        case Phase.RENEWING, Unanswered():
            return Turn(lease, Retry(Put(lease.asked, Kind.HELD)))
        case Phase.ASKING_RENEWED, Whose(claim) if claim == lease.claim:
            return _held(lease, lease.asked, terms)
        case Phase.ASKING_RENEWED, Whose(None):
            return Turn(lease._replace(phase=Phase.RENEWING), Retry(Create(lease.asked)))
        case Phase.ASKING_RENEWED, Whose():
            return _lost(lease)
        case Phase.ASKING_RENEWED, Unanswered():
            return Turn(lease, Retry(Read(lease.asked)))
    raise ValueError(f"{answer} while {lease.phase.value}")


def _looked(lease: Lease, entries: Sequence[Entry], clock: float | None, terms: Terms) -> Turn:
    own = [one for one in entries if one.path == lease.path]
    standing = [one for one in entries if stands(one, entries, clock, terms)]
    if standing:
        return Turn(lease, _rest(min(standing, key=_rank), clock))
    queue = waiting(own, clock, terms)
    if queue and queue[0].claim != lease.device:
        return Turn(lease, _rest(queue[0], clock))
    return _claim(lease, newest(own))


def _claim(lease: Lease, seen: int) -> Turn:
    # It counts from the listing: that long no sweep takes a number away which another one made since.
    number = seen + 1
    claiming = lease._replace(phase=Phase.CLAIMING, number=number, before=seen, unsure=False)
    return Turn(claiming, _renewal(lease.protocol, number))


def _renewal(protocol: Protocol, number: int) -> Create | Put:
    return Create(number) if protocol is Protocol.NUMBERED else Put(number, Kind.HELD)


def _claimed(lease: Lease, now: float, terms: Terms) -> Turn:
    """The object is there; where nothing else decides, so is the lease."""
    if now >= lease.sent + terms.hold:
        return _withdraw(lease)
    if lease.protocol is Protocol.LISTED or lease.overlaps:
        return Turn(lease._replace(phase=Phase.CHECKING), Look())
    return _held(lease, lease.number, terms)


def _checked(lease: Lease, entries: Sequence[Entry], clock: float | None, now: float, terms: Terms) -> Turn:
    """Alone or not: whoever put its object and then sees no other's has the lease."""
    ours = [one for one in entries if _is_ours(lease, one)]
    if not ours:
        if lease.unsure:
            return Turn(_afresh(lease, now), Look())
        return Turn(
            lease._replace(phase=Phase.LOST), Stop("the store does not list what was written just now")
        )
    if now >= lease.sent + terms.hold:
        return _withdraw(lease)
    # The store's clock said our own time when it stored our object, at the latest.
    clock = ours[0].stored if clock is None else max(clock, ours[0].stored)
    others = [one for one in entries if one is not ours[0]]
    # What the claim was made from may have been swept since.
    before = max(newest(one for one in others if one.path == lease.path), lease.before or 0)
    standing = [one for one in others if stands(one, entries, clock, terms)]
    if not standing:
        # Numbers must grow from holder to holder, or nobody could tell whether there was another one.
        met = tuple(entries) if lease.overlaps else ()
        return (
            _held(lease._replace(before=before, met=met), lease.number, terms)
            if before < lease.number
            else _withdraw(lease)
        )
    first = min(standing, key=_rank)
    if _rank(ours[0]) < _rank(first) and now < lease.sent + terms.renew:
        return Turn(lease, _rest(first, clock))
    return _withdraw(lease)


def _withdraw(lease: Lease) -> Turn:
    return Turn(lease._replace(phase=Phase.WITHDRAWING), abandoned(lease))


def _rest(behind: Entry, clock: float | None) -> Rest:
    return Rest(behind, 0.0 if clock is None else max(0.0, clock - behind.stored))


def abandoned(lease: Lease) -> Put | Remove:
    """What takes back a claim that is there and that its device is not going to use."""
    return Put(lease.number, Kind.FREE) if lease.protocol is Protocol.NUMBERED else Remove(lease.number)


def _afresh(lease: Lease, now: float) -> Lease:
    attempt = lease.attempt + 1
    return Lease(lease.protocol, lease.path, lease.device, lease.overlaps, attempt=attempt, sent=now)


def _held(lease: Lease, number: int, terms: Terms) -> Turn:
    # From asking on, not from the answer: it was stored in between, and who comes next counts from there.
    held = lease._replace(phase=Phase.HOLDING, number=number, asked=0, until=lease.sent + terms.hold)
    return Turn(held, Write())


def _lost(lease: Lease) -> Turn:
    return Turn(lease._replace(phase=Phase.LOST), Stop("the lease was lost"))


def _is_ours(lease: Lease, one: Entry) -> bool:
    if one.path != lease.path or one.kind is Kind.WAITING or one.number != lease.number:
        return False
    return lease.protocol is Protocol.NUMBERED or one.claim == lease.claim


def _rank(one: Entry) -> tuple[float, str, int, str]:
    """Which of two claims goes first: the store's time decides, then the name. The same for all who look."""
    return (one.stored, one.path, one.number, one.claim)


def is_unchanged(lease: Lease, known: int) -> bool:
    """Whether nobody had the lease between the one numbered `known` and this one: what was seen since is still true.

    Nor one that overlaps with it. `known`: 0 where none of this folder is known.
    """
    if lease.before is None or lease.before > known:
        return False
    if all(one.path == lease.path for one in lease.met):
        return True
    since = lease_folder.since(lease.met, lease.path, known)
    return since is not None and all(one.path == lease.path for one in since)
