"""What state syncs are in, one line each. (All of one sync: `words.status_rows`.) Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bisync.report.folding import cells
from bisync.report.heed import RED, YELLOW, Heed
from bisync.report.words import ago, conflicts_text, counted, files, home_text, size_text

if TYPE_CHECKING:
    from bisync.actions.status import SyncStatus

DETAILS = "  All about them: bisync status --verbose; about one: bisync status NAME"


def status_lines(found: Sequence[SyncStatus], now: datetime) -> Iterator[str]:
    """One line a sync: its name, how it stands, and its folder; then where there is more."""
    names = max((cells(one.name) for one in found), default=0)
    for one in found:
        text = f"{one.name}{' ' * (names - cells(one.name))}  {', '.join(_said(one, now))}"
        if one.blocked or not one.initialised:
            yield Heed(f"✗ {text}", RED)
        elif one.conflicts or one.left_out:
            yield Heed(f"! {text}", YELLOW)
        else:
            yield f"✓ {text}"
    if found:
        yield DETAILS


def _said(one: SyncStatus, now: datetime) -> Iterator[str]:
    if one.running:
        yield "syncing now"
    elif one.last_sync is not None:
        yield f"synced {ago(one.last_sync, now)}"
    if one.conflicts:
        yield conflicts_text(one.conflicts)
    if one.left_out:
        yield f"{files(len(one.left_out))} left out"
    if one.initialised:
        yield f"{counted(one.projects, 'project')}, {size_text(one.storage_bytes)} in {home_text(one.local)}"
    elif not one.blocked:
        yield "not initialized (type: bisync setup)"
    if one.blocked:
        yield f"blocked: {one.blocked}"
