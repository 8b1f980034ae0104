"""Make one sync ready: the verb; how is `bisync.sync.setup`."""

from __future__ import annotations

from bisync.app import App
from bisync.config import Sync
from bisync.sync import setup
from bisync.sync.setup import SetupResult


def run(
    app: App, sync: Sync, *, dry_run: bool = False, rotate: bool = False, remember_dir: bool = False
) -> SetupResult:
    """Every step in the contract's order, stopping at the first that fails.

    `remember_dir`: write the sync dir into config.json, once it is there.
    """
    return setup.run(app, sync, dry_run=dry_run, rotate=rotate, remember_dir=remember_dir)
