"""Bring both sides of one sync together. The run itself is in `bisync.sync.run`: setup ends in one, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bisync.app import App
from bisync.config import Sync
from bisync.core.result import SyncResult
from bisync.sync.run import Options, run

if TYPE_CHECKING:
    from bisync.sync.plan_file import Expected

__all__ = ["Options", "measuring", "planned", "run"]

Measuring = Callable[[Sync, Callable[[], SyncResult]], SyncResult]


def planned(
    app: App, syncs: tuple[Sync, ...], plan: str | None
) -> tuple[tuple[Sync, ...], Mapping[str, Expected]]:
    """The syncs a run is about, and the plan that each must find, by name: those in the file `plan`.

    Without a file all of them, to do what there is to do. Raises UsageError for a file that is none.
    """
    if not plan:
        return syncs, {}
    from bisync.sync.plan_file import Expected, read_plan

    found = read_plan(plan, app.manifest.digest, {sync.name for sync in syncs})
    expected = {name: Expected(document=document) for name, document in found.items()}
    return tuple(sync for sync in syncs if sync.name in expected), expected


def measuring(app: App, file: str | None, options: Options) -> Measuring:
    """What runs a sync, given what does it, and has its metrics in `file` then; in none where it is None or a dry run.

    Raises UsageError for what cannot be such a file.
    """
    if not file or options.dry_run:
        return lambda sync, work: work()
    from bisync.files import named_path
    from bisync.sync.metrics import Metrics

    return Metrics(app, named_path(file)).measured
