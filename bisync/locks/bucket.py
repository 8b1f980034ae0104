"""The lease folders of a sync in the cloud: what the machine asks for is done there, and the store's clock is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bisync.core import lease as machine
from bisync.core.lease import Lease
from bisync.core.lease_folder import Entry, Kind, stands
from bisync.core.metadata import METADATA_DIR
from bisync.errors import KeysRefused, RcloneError
from bisync.locks.lease_objects import Told, entry, file_name, name, read, text, waiting_name
from bisync.rclone.output import Listed, Written
from bisync.rclone.resident import Resident

ROUNDS, AT_ONCE = 2, 4
"""So often so many creations of one name are sent at the same moment to try a store out."""


def lease_folder(fs: str) -> str:
    """Where the leases of a folder of the cloud lie."""
    return f"{fs}{METADATA_DIR}/"


class Bucket:
    """The lease folders of a sync: its own, at `fs`, and those of `others` (path to fs), above and below.

    `gone`: the tokens of runs of this device that are certain to be over: whoever holds the sync's lock knows. What
    they have not given back, nobody has.
    """

    def __init__(
        self,
        resident: Resident,
        path: str,
        fs: str,
        others: Mapping[str, str] | None = None,
        *,
        gone: Collection[str] = (),
    ) -> None:
        self._resident = resident
        self._path = path
        self._gone = gone
        self._left: list[Entry] = []
        self._folders = {path: lease_folder(fs)}
        for other, where in (others or {}).items():
            self._folders[other] = lease_folder(where)

    @property
    def doubt(self) -> RcloneError | None:
        """Why the last write may not have been done, of which nobody knows."""
        return self._resident.doubt

    @property
    def _own(self) -> str:
        return self._folders[self._path]

    def look(self, lease: Lease) -> machine.Listed:
        """All lease objects. The store's clock is read from the object with which this device waits, or its own."""
        entries = [found for path, listed in self._files() if (found := entry(path, listed)) is not None]
        if self._gone:
            seen = [self._without_gone(one, entries) for one in entries if one.claim not in self._gone]
            self._left = [one for one in seen if one.claim and one not in entries]
            entries = seen
        times = [
            one.stored
            for one in entries
            if one.path == self._path and lease.device in (one.claim, one.claim.rpartition("-")[0])
        ]
        return machine.Listed(entries, max(times, default=None))

    def _without_gone(self, one: Entry, entries: Sequence[Entry]) -> Entry:
        """What a run of this device has not given back is given back: the next lease may follow it at once."""
        if not stands(one, entries, None):
            return one
        told = None if one.claim else self.told(one)
        token, _, _ = (one.claim or (told.claim if told is not None else "")).rpartition("-")
        return one._replace(kind=Kind.FREE) if token in self._gone else one

    def tidy(self) -> None:
        """Remove what runs of this device have left that are over, as the last look showed it: nobody need wait for it.

        (Of numbered leases the next one is enough.) What cannot be removed stays until it is dead.
        """
        for one in self._left:
            with suppress(RcloneError, TimeoutError):
                self.remove(one)
        self._left = []

    def _files(self) -> Iterator[tuple[str, Listed]]:
        """The files of all folders, each with its folder's path."""
        answers = self._resident.lists(list(self._folders.values()))
        for path, files in zip(self._folders, answers, strict=True):
            if not isinstance(files, KeysRefused):
                yield from ((path, one) for one in files)
            elif path == self._path:
                # (They may be good for one folder alone: who writes above it sees what is said here.)
                raise files

    def perform(self, lease: Lease, command: machine.Command, told: Told) -> machine.Answer:
        """Do what the machine asks. Raises RcloneError where it is certain that nothing came of it."""
        match command:
            case machine.Look():
                return self.look(lease)
            case machine.Create(number):
                return self._written(name(lease, number), text(told, Kind.HELD), only_new=True)
            case machine.Put(number, kind):
                return self._written(name(lease, number), text(told, kind))
            case machine.Read(number):
                return self._whose(name(lease, number))
            case machine.Remove(number):
                return self._removed(name(lease, number))
        raise ValueError(f"{command} asks nothing of the store")

    def _written(self, file: str, raw: bytes, *, only_new: bool = False) -> machine.Answer:
        match self._resident.write(self._own, file, raw, only_new=only_new):
            case Written.DONE:
                return machine.Done()
            case Written.EXISTS:
                return machine.Refused()
            case Written.UNKNOWN:
                return machine.Unanswered()

    def _whose(self, file: str) -> machine.Answer:
        try:
            raw = self._resident.read(self._own, file)
        except TimeoutError:
            return machine.Unanswered()
        found = read(raw)
        # What cannot be understood is somebody's all the same.
        return machine.Whose(None if raw is None else found.claim if found is not None else "")

    def _removed(self, file: str) -> machine.Answer:
        try:
            self._resident.remove(self._own, file)
        except (TimeoutError, RcloneError):
            return machine.Unanswered()
        return machine.Done()

    def announce(self, lease: Lease, number: int, told: Told) -> None:
        """Say that this device waits; the store notes when."""
        self._resident.write(self._own, waiting_name(lease, number), text(told, Kind.WAITING))

    def leave(self, lease: Lease, number: int) -> None:
        """Say no more that it waits."""
        self._removed(waiting_name(lease, number))

    def is_there(self, file: str) -> bool:
        """Whether the own folder has a file of this name. Raises RcloneError, and TimeoutError without an answer."""
        return self._resident.read(self._own, file) is not None

    def told(self, one: Entry) -> Told | None:
        """What an object says."""
        try:
            return read(self._resident.read(self._folders[one.path], file_name(one)))
        except (TimeoutError, RcloneError):
            return None

    def remove(self, one: Entry) -> None:
        """Remove an object of any of the folders. Raises RcloneError, and TimeoutError without an answer."""
        self._resident.remove(self._folders[one.path], file_name(one))

    def sweep(self, entries: Iterable[Entry]) -> None:
        """Remove objects of the own folder that nobody needs any more."""
        files = [file_name(one) for one in entries if one.path == self._path]
        if files:
            self._resident.remove_all(self._own, files)

    def honours_conditions(self, device: str) -> bool:
        """Whether the store creates an object only if there is none of its name: it is tried out.

        First one request after the other, then several at the same moment: a store that looks before it writes, and not
        while, lets more than one through (OpenStack Swift does nearly always).
        Raises RcloneError, and TimeoutError where there is no answer.
        """
        probe = f"lease.probe.{device}"
        told = text(Told("", device, ""), Kind.HELD)

        def create(name: str) -> Written:
            return self._resident.write(self._own, name, told, only_new=True)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(3):
                made = [create(probe), create(probe)]
                together = [f"{probe}.{number}" for number in range(ROUNDS)]
                if Written.UNKNOWN not in made and made[1] is Written.EXISTS:
                    rounds = [list(pool.map(create, [name] * AT_ONCE)) for name in together]
                else:
                    rounds, together = [], []
                self._resident.remove_all(self._own, [probe, *together])
                if any(one.count(Written.DONE) > 1 for one in (made, *rounds)):
                    return False
                if not any(Written.UNKNOWN in one for one in (made, *rounds)):
                    return made[1] is Written.EXISTS
        raise TimeoutError
