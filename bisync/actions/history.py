"""What past runs did, and which versions the trash keeps of what they overwrote or deleted."""

from __future__ import annotations

from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.state import runs
from bisync.sync import trash
from bisync.sync.trash import Kept


def run(app: App, sync: Sync, *, limit: int | None = None) -> tuple[dict[str, Any], ...]:
    """The runs of one sync, newest first, at most `limit`."""
    entries = list(runs.read_history(app.state(sync)))[::-1]
    return tuple(entries if limit is None else entries[:limit])


def versions(app: App, sync: Sync) -> tuple[Kept, ...]:
    """Every version both trashes keep, oldest run first."""
    with app.session(sync) as session:
        return trash.versions(session)
