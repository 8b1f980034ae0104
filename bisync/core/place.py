"""Which place a baseline speaks of: a folder here, a folder of a store, and whose manifest says so. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where a sync is. `remote` as rclone reaches it; "" where rclone was not asked.

    `store`: which folder of which store, whatever its tenant is called. `dir` and `manifest` with links resolved.
    `address`: of a remote that is the user's own, a digest of where rclone.conf says it is; "" where that is not known.
    """

    store: str
    remote: str
    dir: str
    manifest: str
    address: str = ""


_CALLED = {"store": "cloud folder", "remote": "remote", "dir": "sync dir", "manifest": "manifest"}
_ELSEWHERE = "rclone.conf had another address for the remote"


def moved(known: Place | None, now: Place) -> str | None:
    """How the place that is `known` differs from the one `now`, in words; None where it does not, or was not noted."""
    if known is None:
        return None
    for name, called in _CALLED.items():
        before, after = getattr(known, name), getattr(now, name)
        if before and after and before != after:
            return f"the {called} was {before} and is {after} now"
    return _ELSEWHERE if known.address and now.address and known.address != now.address else None


def overlap(one: str, other: str) -> bool:
    """Whether one folder of a store is the other, or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
