"""The lease of a sync's folder in the cloud: taken, renewed in the background, and given back.

What each answer means is decided in `core.lease`; here its commands are carried out, with the clock and the thread.
"""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from bisync.core import lease as machine
from bisync.core import lease_folder
from bisync.core.lease import Lease, Phase
from bisync.core.lease_folder import Entry, Kind, Terms
from bisync.errors import BisyncError, LeaseLost, Locked, RcloneError
from bisync.locks import guard
from bisync.locks.bucket import Bucket
from bisync.locks.guard import clock
from bisync.locks.lease_objects import Told, md5
from bisync.process import Leash, check_interrupt

TERMS: Terms = lease_folder.TERMS
POLL_SECONDS = 1.0
ANNOUNCE_SECONDS = 10.0
TICK_SECONDS = 0.5
RETRY_SECONDS = 2.0
DOUBT_PAUSE_SECONDS = 0.2
DOUBT_SECONDS = 10.0
"""So long it is tried again where the store does not say whether it has taken what claims a lease."""
MET = 12
"""So many objects at most are read to tell who has been there."""
SWEEP_AT = 32
"""So many objects may lie in the folder before those that nobody needs are removed."""


class Asking(NamedTuple):
    """Who wants the lease, and how. `wait`: until it is free; `say` hears whom for, `name` is the sync's.

    `now`: the time for people (RFC 3339).
    """

    device: str
    run: str
    name: str
    wait: bool
    say: Callable[[str], None]
    now: Callable[[], str]


class Holding(Leash):
    """A lease that is held: what is under way by it ends with it."""

    def __init__(
        self,
        bucket: Bucket,
        lease: Lease,
        asking: Asking,
        tell: Callable[[str], None],
        upon: Sequence[Holding] = (),
    ) -> None:
        """Hold `lease`, which `take` gave. `upon`: others that this one is worth nothing without."""
        super().__init__(tell)
        self._upon = upon
        self._bucket = bucket
        self._lease = lease
        self._asking = asking
        self._began = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._tell_until()
        self._thread.start()

    def _tell_until(self) -> None:
        self._tell(f"until {self._lease.path or '/'} {self._lease.until:.3f}")

    def _may_write(self) -> bool:
        return machine.may_write(self._lease, clock()) and all(one._may_write() for one in self._upon)

    @property
    def number(self) -> int:
        """The lease's number, which grows from holder to holder."""
        return self._lease.number

    def is_unchanged(self, known: int | None) -> bool:
        """Whether nobody else has had the lease since the one numbered `known` was over; ever, where that is None."""
        above = all(one._lease.before == 0 for one in self._upon)
        return above and machine.is_unchanged(self._lease, known or 0)

    def other(self, known: int | None) -> str | None:
        """The one other device that has had a lease here since the one numbered `known` was over.

        None where it was none, or several, or nobody can tell.
        """
        if known is None:
            return None
        with suppress(RcloneError, TimeoutError):
            entries = self._bucket.look(self._lease).entries
            met = lease_folder.since(entries, self._lease.path, known)
            if met is None or len(met) > MET:
                return None
            told = [self._bucket.told(one) for one in met]
            devices = {one.device if one is not None else "" for one in told} - {self._asking.device}
            return devices.pop() or None if len(devices) == 1 else None
        return None

    def check(self) -> None:
        """Raise LeaseLost unless this device may write."""
        if not self._may_write():
            self._lose()
        super().check()

    def _lose(self) -> None:
        self.cut(
            LeaseLost(
                "the lease in the cloud was lost (asleep, or no network for too long): stopped before writing on",
                hint="run again: bisync sync; nothing was lost",
            )
        )

    def _told(self, outcome: str | None = None) -> Told:
        seconds = int(clock() - self._began)
        ended = self._asking.now() if outcome is not None else None
        return Told(self._lease.claim, self._asking.device, self._asking.run, seconds, ended, outcome)

    def _renew(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            if machine.is_due(self._lease, clock(), TERMS):
                self._turn(machine.renewed(self._lease, clock()))
            if not self._may_write():
                self._lose()
                return

    def _turn(self, turn: machine.Turn) -> None:
        """Carry out what a renewal asks for, until it is decided."""
        while True:
            self._lease = turn.lease
            command = turn.command
            if isinstance(command, machine.Write | machine.Stop):
                if isinstance(command, machine.Write):
                    self._tell_until()
                return
            if isinstance(command, machine.Retry):
                if self._over.wait(RETRY_SECONDS):
                    return
                command = command.what
            try:
                answer = self._bucket.perform(self._lease, command, self._told())
            except RcloneError:
                # Whatever is the matter, it is tried again as long as there is time.
                answer = machine.Unanswered()
            turn = machine.heard(self._lease, answer, clock(), TERMS)

    def give_back(self, outcome: str) -> str | None:
        """Let others have it: this device writes no more. One that was lost is left as it is.

        The MD5 of what the object says now; None where that is not known.
        """
        self._over.set()
        self._thread.join()
        lease = self._lease
        if lease.phase in (Phase.RENEWING, Phase.ASKING_RENEWED):
            lease = lease._replace(phase=Phase.HOLDING)
        turn = machine.released(lease, clock())
        self._lease = turn.lease
        self._tell(f"over {lease.path or '/'}")
        if not isinstance(turn.command, machine.Put):
            return None
        told = self._told(outcome)
        try:
            answer = self._bucket.perform(turn.lease, turn.command, told)
        except RcloneError:
            # It stays as it is: others wait until it is dead.
            return None
        return md5(told, Kind.FREE) if isinstance(answer, machine.Done) else None

    def sweep(self, seen: Sequence[Entry]) -> None:
        """Remove what nobody needs any more, where it is many that were `seen`. What cannot be removed stays there."""
        if len(seen) < SWEEP_AT or not self._may_write():
            return
        times = [one.stored for one in seen]
        if max(times) - min(times) < TERMS.kept:
            return
        # (The work of this run is done by now: no answer, or a refusal, takes nothing away from it.)
        with suppress(RcloneError, TimeoutError):
            entries = self._bucket.look(self._lease).entries
            ours = [
                one.stored for one in entries if one.number == self.number and one.kind is not Kind.WAITING
            ]
            if ours:
                self._bucket.sweep(
                    one for one in entries if lease_folder.is_swept(one, entries, min(ours), TERMS)
                )


def take(bucket: Bucket, lease: Lease, asking: Asking, seen: int | None, at: float) -> Lease:
    """The lease, once it is held. `seen`: the newest number, given back, in a listing begun `at`; None: look first.

    Raises Locked where another device has it and `asking` does not wait, RcloneError where the store cannot be asked.
    """
    if seen is not None and clock() - at > TERMS.renew:
        seen = None  # a claim counts from its look: of one that is old, next to nothing would be left
    turn = machine.begin(lease, seen, at if seen is not None else clock())
    queue = _Queue(bucket, asking)
    doubted: float | None = None
    try:
        while True:
            check_interrupt()
            command = turn.command
            match command:
                case machine.Write():
                    return turn.lease
                case machine.Stop(why):
                    raise BisyncError(
                        f"{asking.name}: {why}",
                        hint="see whether it is the store that answers, and no proxy or login page; devices of a"
                        " remote that is like this have to take turns: docs/devices.md",
                    )
                case machine.Rest(behind, age):
                    queue.rest(turn.lease, behind, age)
                    turn = machine.looks_again(turn.lease, clock())
                    continue
                case machine.Retry(what):
                    time.sleep(RETRY_SECONDS)
                    command = what
            told = Told(turn.lease.claim, asking.device, asking.run)
            try:
                answer = bucket.perform(turn.lease, command, told)
            except TimeoutError:
                raise _no_answer() from None
            if isinstance(answer, machine.Unanswered):
                doubted = clock() if doubted is None else doubted
                if clock() > doubted + DOUBT_SECONDS:
                    # It may still arrive: then it is in the way of others until it is dead, and of nobody after that.
                    raise bucket.doubt or _no_answer()
                time.sleep(DOUBT_PAUSE_SECONDS)
            turn = machine.heard(turn.lease, answer, clock(), TERMS)
    except BaseException:
        if turn.lease.phase is Phase.CHECKING:
            # It is there, and nobody will use it.
            with suppress(RcloneError):
                bucket.perform(turn.lease, machine.abandoned(turn.lease), Told("", asking.device, asking.run))
        raise
    finally:
        queue.leave()


def _no_answer() -> RcloneError:
    return RcloneError("the cloud did not answer in time", hint="check your network, then run again")


class _Queue:
    """Waiting for the lease: said in the folder, and to whoever looks on."""

    def __init__(self, bucket: Bucket, asking: Asking) -> None:
        self._bucket = bucket
        self._asking = asking
        self._place: tuple[Lease, int] | None = None
        self._announced = 0.0
        self._known: dict[tuple[str, int, str, float], Told | None] = {}

    def rest(self, lease: Lease, behind: Entry | None, age: float) -> None:
        """Wait a moment. Raises Locked instead, where nobody is to wait and the store's clock has been asked."""
        if behind is None or lease.phase is not Phase.LOOKING:
            # Another one is deciding at this moment, too.
            time.sleep(random.uniform(0.05, 0.3))
            return
        first = self._place is None
        if first or clock() - self._announced > ANNOUNCE_SECONDS:
            number = behind.number if self._place is None else self._place[1]
            self._place, self._announced = (lease, number), clock()
            told = Told(lease.claim, self._asking.device, self._asking.run)
            self._bucket.announce(lease, number, told)
        if first:
            return  # look once more: now the store's clock is known
        who = self._who(behind, age)
        if not self._asking.wait:
            raise Locked(
                f"{self._asking.name}: {who}", hint="wait for it to end: bisync sync (without --no-wait)"
            )
        self._asking.say(f"waiting for {who}")
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.0))

    def _who(self, behind: Entry, age: float) -> str:
        key = (behind.path, behind.number, behind.claim, behind.stored)
        if key not in self._known:
            self._known[key] = self._bucket.told(behind)
        told = self._known[key]
        device = told.device if told is not None and told.device else "another device"
        if behind.kind is Kind.WAITING:
            return f"{device} (it waits, too, and came first)"
        # The store's clock was last read when this device said that it waits.
        seconds = (told.seconds if told is not None else 0) + age + clock() - self._announced
        return f"{device} (syncing for {seconds:.0f} s)"

    def leave(self) -> None:
        if self._place is not None:
            self._bucket.leave(*self._place)


def new_token() -> str:
    """Names one run of one device, as no other is."""
    return secrets.token_hex(6)


@contextmanager
def guarded() -> Iterator[Callable[[str], None]]:
    """A guard (`locks.guard`) that ends what it is told of with us; yields what tells it.

    Where this user may not start the Python that we are, there is none: then a lease is watched by our own thread
    alone, which is frozen when we are.
    """
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except (FileNotFoundError, PermissionError):
        yield lambda words: None
        return
    assert child.stdin is not None
    pipe, lock = child.stdin, threading.Lock()

    def tell(words: str) -> None:
        with lock, suppress(BrokenPipeError, ValueError):
            pipe.write(f"{words}\n".encode())
            pipe.flush()

    try:
        yield tell
    finally:
        with suppress(BrokenPipeError):
            pipe.close()
        child.wait()
