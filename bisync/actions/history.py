"""What past runs did, and which versions the trash keeps of what they overwrote or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.state import runs
from bisync.sync import trash
from bisync.sync.trash import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs of one sync as its history has them, newest first; what both trashes keep, oldest run first."""

    name: str
    runs: tuple[dict[str, Any], ...]
    versions: tuple[Kept, ...] = ()


def run(app: App, sync: Sync, *, limit: int | None = None, versions: bool = False) -> History:
    """At most `limit` runs of one sync; with `versions`, every version that is kept. Raises RcloneError."""
    entries = tuple(runs.read_history(app.state(sync)))[::-1][:limit]
    kept: tuple[Kept, ...] = ()
    if versions:
        with app.session(sync) as session:
            kept = trash.versions(session)
    return History(name=sync.name, runs=entries, versions=kept)
