"""What is known of the leases of a sync from run to run: how they are taken, and the last one given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from bisync.core.lease_folder import Protocol
from bisync.files import write_if_changed
from bisync.stored import Damaged
from bisync.stored import load as load_stored

VERSION = 1
_SHAPE = {
    "version": int,
    "store": str,
    "protocol": (None, {one.value for one in Protocol}),
    "number": (None, int),
    "md5": (None, str),
    "tokens": [str],
}


class Known(NamedTuple):
    """`protocol`: by what this store decides; None until that is found out, of the place `store` speaks of.

    `number`: the newest lease of which is known that it was given back, or is over; None for none. `md5`: of what this
    device wrote there, where it was its own. `tokens`: of runs of this device that may have a lease which they have not
    given back.
    """

    store: str
    protocol: Protocol | None = None
    number: int | None = None
    md5: str | None = None
    tokens: tuple[str, ...] = ()


def load(path: Path, store: str) -> Known:
    """What is known of this store. Nothing, where there is no such file, or one that cannot be understood."""
    try:
        document = load_stored(path, _SHAPE)
    except (FileNotFoundError, Damaged):
        # It can all be found out again.
        return Known(store)
    if document["version"] != VERSION or document["store"] != store:
        return Known(store)
    protocol = document["protocol"]
    return Known(
        store=store,
        protocol=None if protocol is None else Protocol(protocol),
        number=document["number"],
        md5=document["md5"],
        tokens=tuple(document["tokens"]),
    )


def save(path: Path, known: Known) -> None:
    """Write it down in one step, if it says anything new."""
    protocol = known.protocol.value if known.protocol is not None else None
    document = {"version": VERSION, **known._asdict(), "protocol": protocol}
    write_if_changed(path, json.dumps(document) + "\n")
