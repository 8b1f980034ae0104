"""The lease's objects in the cloud: what they are called and what they say.

They lie in our own folder there. Whether a lease is held can be seen from its size, so that a listing alone tells.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

from bisync.core.lease_folder import Entry, Kind, Protocol
from bisync.core.printable import printable
from bisync.rclone.output import Listed, parse_time
from bisync.stored import Damaged, fits, parse

if TYPE_CHECKING:
    from bisync.core.lease import Lease

HELD_BYTES = 1024
FREE_BYTES = 2048
NAME_LENGTH = 64
"""So much of a device's name is told."""

_TEXT = (None, str)
_SHAPE = {"claim": str, "device": _TEXT, "run": _TEXT, "seconds": int, "ended": _TEXT, "outcome": _TEXT}
_LEASE = re.compile(r"lease\.(\d{9,18})(?:\.([0-9a-z]{1,32}-\d{1,9}))?")
_WAITING = re.compile(r"lease\.wait\.(\d{9,18})\.([0-9a-z]{1,32})")


class Told(NamedTuple):
    """What an object says. `seconds`: for how long its device had the lease when it wrote this.

    `run`: which one had it, or waits; `ended` (RFC 3339, by the device's clock) and `outcome`: once it is over.
    """

    claim: str
    device: str
    run: str
    seconds: int = 0
    ended: str | None = None
    outcome: str | None = None


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
        return Entry(path, int(found[1]), found[2] or "", kind, stored, listed.md5)
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


def md5(told: Told, kind: Kind) -> str:
    """Names an object's text, as a store's listing does."""
    return hashlib.md5(text(told, kind), usedforsecurity=False).hexdigest()


def read(raw: bytes | None) -> Told | None:
    """What an object says, fit for a terminal; None for one that is not ours to understand."""
    try:
        document = parse(raw or b"")
    except Damaged:
        return None
    if not fits(document, _SHAPE):
        return None
    return Told(
        claim=document["claim"],
        device=_shown(document["device"]),
        run=_shown(document["run"]),
        seconds=document["seconds"],
        ended=_shown(document["ended"]) or None,
        outcome=_shown(document["outcome"]) or None,
    )


def _shown(value: object) -> str:
    return printable(str(value))[:NAME_LENGTH] if value is not None else ""
