"""Top-level folders as projects of the cloud: found in the plan, made before files travel, told what has changed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bisync.app import Session
from bisync.config import Sync
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.result import Tally
from bisync.providers.base import Created, Projects
from bisync.sync.observe import Observation


def missing(
    projects: Projects | None, session: Session, seen: Observation
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The projects to be made, and notes."""
    if projects is None:
        return (), ()
    found = projects.missing(top_folders(session, seen))
    why = "the cloud has no project of it"
    changes = [Change(Action.REGISTER_PROJECT, names.to_rclone(name), 0, why) for name in found.folders]
    return tuple(changes), found.notes


def top_folders(session: Session, seen: Observation) -> list[str]:
    """The folders right in the sync dir that are neither hidden nor ignored, sorted.

    None where the sync is a folder of its bucket: then they are no top-level folders of the cloud.
    """
    if session.sync.path:
        return []
    with os.scandir(session.sync.dir) as entries:
        found = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
    return [
        name
        for name in found
        if not name.startswith(".")
        and names.obstacle(name) is None
        and not seen.rules.decide(name, is_dir=True).ignored
    ]


def register(projects: Projects | None, planned: Sequence[Change]) -> Created:
    """Make the projects that are planned. What goes wrong is a note: their files travel all the same."""
    if projects is None or not planned:
        return Created()
    return projects.create([names.from_rclone(change.path) for change in planned])


def tell(projects: Projects | None, sync: Sync, planned: Sequence[Change], tally: Tally) -> Sequence[str]:
    """Tell the cloud which of its projects a run has changed; notes. `planned`: what was to be done to files."""
    if projects is None:
        return ()
    moved = {
        path
        for change in planned
        if change.action is Action.RENAME and change.side == "local" and change.path in tally.renamed
        for path in change.paths
    }
    changed = tally.uploaded | tally.deleted_cloud | moved
    if sync.path:
        return projects.changed([sync.path.partition("/")[0]]) if changed else ()
    found = {names.from_rclone(path.partition("/")[0]) for path in changed if "/" in path}
    return projects.changed(sorted(found)) if found else ()
