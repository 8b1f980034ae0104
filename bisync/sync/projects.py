"""Top-level folders as projects of the cloud: found in the plan, made before files travel, told what has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from bisync.app import Session
from bisync.config import Sync
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.projects import within
from bisync.core.result import Tally
from bisync.errors import UsageError
from bisync.providers.base import Created, Projects
from bisync.sync.observe import Observation


def scope(session: Session, seen: Observation, only: str) -> Callable[[str], bool]:
    """Says which paths (keys) a run over one project is about. Raises UsageError when neither side has its folder."""
    folder = names.key(names.to_rclone(only))
    known = {
        path.partition("/")[0]
        for side in (seen.local.files, seen.cloud.files)
        for path in side
        if "/" in path
    }
    known |= {names.key(names.to_rclone(name)) for name in top_folders(session, seen, anywhere=True)}
    if folder not in known:
        have = ", ".join(sorted(names.shown(name) for name in known)) or "none"
        raise UsageError(
            f"{session.sync.name} has no project {only} on either side (it has: {have})",
            hint="a project is a folder right in the sync dir",
        )
    return within(folder, session.app.manifest.ignore_files)


def missing(
    projects: Projects | None, session: Session, seen: Observation, only: str | None
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The projects to be made, and notes. `only`: the one folder that is meant; None: all."""
    if projects is None:
        return (), ()
    found = projects.missing([name for name in top_folders(session, seen) if only in (None, name)])
    why = "the cloud has no project of it"
    changes = [Change(Action.REGISTER_PROJECT, names.to_rclone(name), 0, why) for name in found.folders]
    return tuple(changes), found.notes


def top_folders(session: Session, seen: Observation, *, anywhere: bool = False) -> list[str]:
    """The folders right in the sync dir that are neither hidden nor ignored, sorted.

    There are none where the sync is a folder of its bucket, unless `anywhere`: they are no top-level folders there.
    """
    if session.sync.path and not anywhere:
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


def tell(
    projects: Projects | None, sync: Sync, planned: Sequence[Change], tally: Tally, only: str | None
) -> Sequence[str]:
    """Tell the cloud which of its projects a run has changed; notes. `planned`: what was to be done to files.

    `only`: the one folder that the run was about, which the cloud is told of in any case.
    """
    if projects is None:
        return ()
    if only is not None and not sync.path:
        return projects.changed([only])
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
