"""Bring both sides of one sync together. The run itself is in `bisync.sync.run`: setup ends in one, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bisync.app import App
from bisync.config import Sync
from bisync.errors import UsageError
from bisync.sync.run import Options, run

if TYPE_CHECKING:
    from bisync.sync.plan_file import Expected

__all__ = ["Options", "planned", "project_of", "run"]


def project_of(name: str | None, *, resync: bool, plan: str | None) -> str | None:
    """The folder that `--project` means. Raises UsageError for what is none, and beside what is about everything."""
    if name is None:
        return None
    if resync or plan:
        other = "--resync" if resync else "--plan"
        raise UsageError(
            f"--project does not go with {other}, which is about the whole sync", hint="leave out one"
        )
    folder = name.strip("/")
    if not folder or "/" in folder or folder in (".", ".."):
        raise UsageError(
            f"--project takes the name of a folder right in the sync dir, not {name!r}",
            hint="as in: --project work",
        )
    return folder


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
