"""The addresses that a manifest has called around its runs: checked, and made into values."""

from __future__ import annotations

from collections.abc import Iterator

from bisync.config import Address, Ping, SecretRef
from bisync.manifest.document import KeyPath
from bisync.manifest.draft import Draft, Reading
from bisync.manifest.tenants import secret_ref

WHEN = ("start", "success", "failure")


def places(reading: Reading, draft: Draft) -> Iterator[KeyPath]:
    """Where an address may stand, of those that are there: for every sync, and for each."""
    for above in ((), *(("syncs", name) for name in draft.syncs)):
        for when in WHEN:
            path = (*above, "ping", when)
            if reading.get(*path) is not None:
                yield path


def ping(reading: Reading, sync: str) -> Ping:
    """The addresses that hold for a sync: its own, else those for every one. From a document without problems."""
    return Ping(**{when: _address(reading, sync, when) for when in WHEN})


def _address(reading: Reading, sync: str, when: str) -> SecretRef | Address | None:
    for path in (("syncs", sync, "ping", when), ("ping", when)):
        found = reading.get(*path)
        if isinstance(found, str):
            return Address(url=found)
        if found is not None:
            return secret_ref(reading, path)
    return None
