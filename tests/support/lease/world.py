"""Devices that want the lease, a store and a network that does its worst: all states that can come of it.

Time is whole ticks, and all times are told from now on, so that a state is the same whenever it comes. A device that
is frozen is one that takes no step while ticks go by; answers that are late are those that are not heard yet. What is
counted (`Budget`): crashes, lost answers, requests that arrive twice, renewals; how often each device wants the lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bisync.core import lease as machine
from bisync.core import lease_folder
from bisync.core.lease import Lease, Phase
from bisync.core.lease_folder import Kind, Protocol, Terms

TERMS = Terms(lease=2, hold=1, renew=1, waiting=2, kept=3)
LATE = 2
"""So many ticks after it was sent a request may still arrive; `kept` is that and `hold`."""
FOLDER = ""


class Budget(NamedTuple):
    """How often the worst may still happen."""

    crashes: int = 1
    lost: int = 1
    doubled: int = 1


class Request(NamedTuple):
    """A request on its way. `awaited`: its device still listens."""

    device: int
    claim: str
    command: machine.Command
    sent: float
    awaited: bool


class Device(NamedTuple):
    """A device. `command`: what it may do at leisure; None while it waits for an answer, or has nothing to do.

    `known`: its last number. `foreign`: another one had the lease since. `renewals`: how many it may still ask for.
    """

    lease: Lease
    command: machine.Command | None
    reply: machine.Answer | None
    known: int | None
    foreign: bool
    runs: int
    renewals: int


class Object(NamedTuple):
    """An object of the store; `of`: the claim its name tells apart ("" where the number does); `by`: what it says."""

    number: int
    of: str
    by: str
    kind: Kind
    stored: float


class State(NamedTuple):
    """Everything."""

    devices: tuple[Device, ...]
    requests: tuple[Request, ...]
    objects: tuple[Object, ...]
    left: Budget


class Step(NamedTuple):
    """One thing that happens, in words, and what is then. `wrong`: what a device believes by that, and is not so."""

    words: str
    state: State
    wrong: str = ""


CHANGES = (machine.Create, machine.Put, machine.Remove)
LOSABLE = (*CHANGES, machine.Read)
AT_LEISURE = (machine.Write, machine.Rest, machine.Retry, machine.Stop)
GONE = Device(Lease(Protocol.LISTED, FOLDER, "", phase=Phase.OVER), None, None, None, True, 0, 0)
"""A device that does nothing any more."""


class World(NamedTuple):
    """What is the same in all states. `honest`: the store honours conditions. `attempts`: claims of a run."""

    protocol: Protocol
    terms: Terms = TERMS
    honest: bool = True
    attempts: int = 2

    def start(self, devices: int, runs: int, renewals: int, left: Budget) -> State:
        """Nothing has happened yet; nobody knows of any lease."""
        each = Device(self._blank, machine.Stop(), None, None, False, runs, renewals)
        return State((each,) * devices, (), (), left)

    @property
    def _blank(self) -> Lease:
        return Lease(self.protocol, FOLDER, "", phase=Phase.OVER, until=0)

    def wrong(self, state: State) -> str:
        """What must never be."""
        writers = [str(number) for number, one in enumerate(state.devices) if machine.may_write(one.lease, 0)]
        return f"devices {' and '.join(writers)} may write at once" if len(writers) > 1 else ""

    def steps(self, state: State) -> Iterator[Step]:
        """All that can happen next. Nothing any more where there is nobody left to be in another one's way."""
        there = [one for one in state.devices if one != GONE]
        if not there or (len(there) == 1 and there[0].known is None and not there[0].foreign):
            return
        yield Step("a tick passes", self._tick(state))
        yield from self._swept(state)
        for number, request in enumerate(state.requests):
            if request.sent < -LATE:
                continue
            rest = state.requests[:number] + state.requests[number + 1 :]
            yield from self._carried_out(state._replace(requests=rest), request)
            if state.left.doubled and isinstance(
                request.command, machine.Create | machine.Put | machine.Remove
            ):
                left = state.left._replace(doubled=state.left.doubled - 1)
                twice = _sorted((*state.requests, request._replace(awaited=False)))
                yield Step(f"{_named(request)} is doubled", state._replace(requests=twice, left=left))
        for number, one in enumerate(state.devices):
            yield from self._taken(state, number, one)

    def _taken(self, state: State, number: int, one: Device) -> Iterator[Step]:
        """All that a device may do now."""
        if one.lease.phase not in (Phase.OVER, Phase.LOST) and state.left.crashes:
            left = state.left._replace(crashes=state.left.crashes - 1)
            requests = tuple(r._replace(awaited=r.awaited and r.device != number) for r in state.requests)
            gone = state._replace(requests=_sorted(requests), left=left)
            yield Step(f"{number} crashes", _with(gone, number, GONE))
        if one.reply is not None:
            yield self._hear(state, number, one, one.reply)
        asked = next((r for r in state.requests if r.device == number and r.awaited), None)
        answered = one.reply is not None and not isinstance(one.reply, machine.Listed)
        if asked is not None and asked.sent < -LATE:
            # It will never arrive; nothing is to be counted for that.
            requests = tuple(r for r in state.requests if r is not asked)
            silent = state._replace(requests=requests)
            if isinstance(asked.command, machine.Look):
                yield self._turned(silent, number, one, machine.Turn(one.lease, asked.command), "asks again")
            else:
                yield self._hear(silent, number, one, machine.Unanswered())
            return
        if state.left.lost and (answered or (asked and isinstance(asked.command, LOSABLE))):
            left = state.left._replace(lost=state.left.lost - 1)
            requests = tuple(r._replace(awaited=False) if r is asked else r for r in state.requests)
            deaf = state._replace(requests=_sorted(requests), left=left)
            yield self._hear(deaf, number, one, machine.Unanswered())
        match one.command:
            case machine.Write():
                if one.renewals:
                    turn = machine.renewed(one.lease, 0)
                    yield self._turned(state, number, one._replace(renewals=one.renewals - 1), turn, "renews")
                yield self._turned(state, number, one, machine.released(one.lease, 0), "is done")
            case machine.Rest():
                yield self._turned(state, number, one, machine.looks_again(one.lease, 0), "has rested")
            case machine.Retry(what):
                yield self._turned(state, number, one, machine.Turn(one.lease, what), "tries again")
            case machine.Stop() if one.runs:
                lease = Lease(self.protocol, FOLDER, f"{number}.{one.runs}", until=0)
                known = one.known if one.lease.phase is Phase.OVER else None
                one = one._replace(runs=one.runs - 1, known=known)
                newest = lease_folder.newest(self._entries(state.objects))
                # It has a listing; what is the newest there is its own, given back, or not.
                seen = known if known is not None and newest == known else None
                yield self._turned(state, number, one, machine.begin(lease, seen, 0), "begins")

    def _hear(self, state: State, number: int, one: Device, answer: machine.Answer) -> Step:
        turn = machine.heard(one.lease, answer, 0, self.terms)
        return self._turned(state, number, one._replace(reply=None), turn, f"hears {answer}")

    def _turned(self, state: State, number: int, one: Device, turn: machine.Turn, did: str) -> Step:
        """A device's new state; what it asks is on its way at once."""
        before, after = one.lease, turn.lease
        wrong = ""
        if after.phase is Phase.HOLDING and before.phase not in machine.HOLDS:
            if machine.is_unchanged(after, one.known or 0) and one.foreign:
                wrong = f"device {number} takes what it saw for true, and another one has written since"
            everyone = (d._replace(foreign=d.foreign or n != number) for n, d in enumerate(state.devices))
            state = state._replace(devices=tuple(everyone))
        if after.phase is Phase.RELEASING:
            one = one._replace(known=after.number, foreign=False)
        command: machine.Command | None = turn.command
        if after.attempt >= self.attempts:
            # Enough: it has given up for good.
            return Step(f"{number} {did} and gives up", _with(state, number, GONE))
        if isinstance(command, machine.Stop):
            if not one.runs:
                return Step(f"{number} {did}: {command}", _with(state, number, GONE))
            after = self._blank._replace(phase=after.phase)
        if not isinstance(command, AT_LEISURE):
            request = Request(number, after.claim, turn.command, 0, True)
            state = state._replace(requests=_sorted((*state.requests, request)))
            command = None
        words = f"{number} {did}: {turn.command}"
        return Step(
            words, _with(state, number, one._replace(lease=_canonical(after), command=command)), wrong
        )

    def _carried_out(self, state: State, request: Request) -> Iterator[Step]:
        """The store does what is asked; what it stores has the time of then, or of when the request was sent."""
        words = f"the store does {_named(request)}"
        for stored in {0.0, request.sent}:
            objects, answer = self._store(state.objects, request, stored)
            after = state._replace(objects=objects)
            if request.awaited:
                after = _with(after, request.device, after.devices[request.device]._replace(reply=answer))
            yield Step(words, after)
            if objects == state.objects:
                return

    def _store(
        self, objects: tuple[Object, ...], request: Request, stored: float
    ) -> tuple[tuple[Object, ...], machine.Answer]:
        numbered = self.protocol is Protocol.NUMBERED
        of = "" if numbered else request.claim
        match request.command:
            case machine.Create(number):
                if self.honest and any(one.number == number for one in objects):
                    return objects, machine.Refused()
                made = Object(number, of, request.claim, Kind.HELD, stored)
            case machine.Put(number, kind):
                made = Object(number, of, request.claim, kind, stored)
            case machine.Remove(number):
                return tuple(one for one in objects if (one.number, one.of) != (number, of)), machine.Done()
            case machine.Read(number):
                return objects, machine.Whose(next((one.by for one in objects if one.number == number), None))
            case _:
                return objects, machine.Listed(self._entries(objects), 0)
        kept = (one for one in objects if (one.number, one.of) != (made.number, made.of))
        return tuple(sorted((*kept, made), key=lambda one: (one.number, one.of))), machine.Done()

    def _entries(self, objects: tuple[Object, ...]) -> tuple[lease_folder.Entry, ...]:
        return tuple(lease_folder.Entry(FOLDER, one.number, one.of, one.kind, one.stored) for one in objects)

    def _swept(self, state: State) -> Iterator[Step]:
        entries = self._entries(state.objects)
        for one, entry in zip(state.objects, entries, strict=True):
            if lease_folder.is_swept(entry, entries, 0, self.terms):
                rest = tuple(each for each in state.objects if each is not one)
                yield Step(f"{entry.number}{entry.claim} is swept", state._replace(objects=rest))

    def _tick(self, state: State) -> State:
        """All times are a tick further back; how far what is long over lies back is all the same."""
        oldest = -max(self.terms.lease, self.terms.hold, self.terms.kept)
        devices = []
        for one in state.devices:
            lease = one.lease._replace(
                sent=max(one.lease.sent - 1, oldest), until=max(one.lease.until - 1, 0)
            )
            devices.append(one._replace(lease=lease))
        return State(
            tuple(devices),
            _sorted(
                one._replace(sent=max(one.sent - 1, oldest))
                for one in state.requests
                if one.awaited or one.sent - 1 >= -LATE
            ),
            tuple(one._replace(stored=max(one.stored - 1, oldest)) for one in state.objects),
            state.left,
        )


def _named(request: Request) -> str:
    return f"{request.command} of {request.device}"


def _sorted(requests: Iterable[Request]) -> tuple[Request, ...]:
    """In one order, whatever came first, and without those that nobody hears and that change nothing."""
    kept = (one for one in requests if one.awaited or isinstance(one.command, CHANGES))
    return tuple(
        sorted(kept, key=lambda one: (one.device, one.awaited, one.sent, one.claim, str(one.command)))
    )


def _with(state: State, number: int, one: Device) -> State:
    return state._replace(devices=(*state.devices[:number], one, *state.devices[number + 1 :]))


def _canonical(lease: Lease) -> Lease:
    """Without what says nothing any more."""
    return lease._replace(sent=0.0) if lease.phase is Phase.HOLDING else lease
