"""The lease's objects in the cloud: what they are called, what they say, and what the store's clock says of them.

They lie in our own folder there. Whether a lease is held can be seen from its size, so that a listing alone tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bisync.core import lease as machine
from bisync.core.lease import Entry, Kind, Lease, Protocol
from bisync.core.metadata import METADATA_DIR
from bisync.core.printable import printable
from bisync.errors import RcloneError
from bisync.rclone.output import Listed, parse_time
from bisync.rclone.resident import Resident, Written

HELD_BYTES = 1024
FREE_BYTES = 2048
NAME_LENGTH = 64
"""So much of a device's name is told."""

_LEASE = re.compile(r"lease\.(\d{9,18})(?:\.([0-9a-z]{1,32}-\d{1,9}))?")
_WAITING = re.compile(r"lease\.wait\.(\d{9,18})\.([0-9a-z]{1,32})")
PATTERN = "lease.*"
"""Matches the names of all of them."""


class Told(NamedTuple):
    """What an object says. `seconds`: for how long its device had the lease when it wrote this.

    `run`: which one had it, or waits; `ended`: when, by the device's clock; None while it goes on.
    """

    claim: str
    device: str
    run: str
    seconds: int = 0
    ended: str | None = None


def name(lease: Lease, number: int) -> str:
    """What the lease's object of this number is called."""
    own = f".{lease.claim}" if lease.protocol is Protocol.LISTED else ""
    return f"lease.{number:09}{own}"


def waiting_name(lease: Lease, number: int) -> str:
    """What the object of a device is called that waits since this number was the newest."""
    return f"lease.wait.{number:09}.{lease.device}"


def entry(path: str, listed: Listed) -> Entry | None:
    """What a file of the lease folder of `path` is; None for anything else. (Whatever is not given back is held.)"""
    file = listed.path.rpartition("/")[2]
    stored = (parse_time(listed.modtime) or 0) / 1e9
    if found := _WAITING.fullmatch(file):
        return Entry(path, int(found[1]), found[2], Kind.WAITING, stored)
    if found := _LEASE.fullmatch(file):
        kind = Kind.FREE if listed.size == FREE_BYTES else Kind.HELD
        return Entry(path, int(found[1]), found[2] or "", kind, stored)
    return None


def file_name(one: Entry) -> str:
    """What the file of an entry is called."""
    if one.kind is Kind.WAITING:
        return f"lease.wait.{one.number:09}.{one.claim}"
    return f"lease.{one.number:09}" + (f".{one.claim}" if one.claim else "")


def text(told: Told, kind: Kind) -> bytes:
    """An object's text, as long as its kind is."""
    document = {"version": 1, "lease": kind.value, **told._asdict(), "device": told.device[:NAME_LENGTH]}
    size = FREE_BYTES if kind is Kind.FREE else HELD_BYTES
    return (json.dumps(document) + "\n").encode().rjust(size)[-size:]


def read(raw: bytes | None) -> Told | None:
    """What an object says, fit for a terminal; None for one that is not ours to understand."""
    try:
        document = json.loads(raw or b"")
        return Told(
            claim=str(document["claim"]),
            device=printable(str(document["device"]))[:NAME_LENGTH],
            run=printable(str(document["run"]))[:NAME_LENGTH],
            seconds=int(document["seconds"]),
            ended=None if document["ended"] is None else printable(str(document["ended"]))[:NAME_LENGTH],
        )
    except (ValueError, KeyError, TypeError):
        return None


class Bucket:
    """The lease folders of a sync: its own, at `fs`, and those of `others` (path to fs), above and below."""

    def __init__(
        self, resident: Resident, path: str, fs: str, others: Mapping[str, str] | None = None
    ) -> None:
        self._resident = resident
        self._path = path
        self._folders = {path: f"{fs}{METADATA_DIR}/"}
        for other, where in (others or {}).items():
            self._folders[other] = f"{where}{METADATA_DIR}/"

    @property
    def _own(self) -> str:
        return self._folders[self._path]

    def look(self, lease: Lease) -> machine.Listed:
        """All lease objects. The store's clock is read from the object with which this device waits, or its own."""
        entries = [
            found
            for path, fs in self._folders.items()
            for listed in self._resident.list(fs)
            if (found := entry(path, listed)) is not None
        ]
        times = [
            one.stored
            for one in entries
            if one.path == self._path and lease.device in (one.claim, one.claim.rpartition("-")[0])
        ]
        return machine.Listed(entries, max(times, default=None))

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

    def told(self, one: Entry) -> Told | None:
        """What an object says."""
        try:
            return read(self._resident.read(self._folders[one.path], file_name(one)))
        except (TimeoutError, RcloneError):
            return None

    def sweep(self, entries: Iterable[Entry]) -> None:
        """Remove objects of the own folder that nobody needs any more."""
        files = [file_name(one) for one in entries if one.path == self._path]
        if files:
            self._resident.remove_all(self._own, files)

    def honours_conditions(self, device: str) -> bool:
        """Whether the store creates an object only if there is none of its name: it is tried out.

        Raises RcloneError, and TimeoutError where there is no answer.
        """
        probe = f"lease.probe.{device}"
        told = text(Told("", device, ""), Kind.HELD)
        for _ in range(3):
            first, second = (self._resident.write(self._own, probe, told, only_new=True) for _ in range(2))
            self._resident.remove(self._own, probe)
            if Written.UNKNOWN not in (first, second):
                return second is Written.EXISTS
        raise TimeoutError
