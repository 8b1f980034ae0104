"""A plan as steps of a POSIX script that needs only rclone. Pure.

The script lets bisync download, where our own runs swap files in: an edit saved in that very moment goes to
the trash instead of becoming a conflict copy. Everything else is the same plan.
"""

from __future__ import annotations

from typing import Any

from bisync import apply, commands, rclone
from bisync.app import Target
from bisync.config import EmbeddedTenant
from bisync.errors import UsageError
from bisync.ignore import MARKER_PATH
from bisync.plan import Action, Mode
from bisync.prepare import Prepared
from bisync.rclone import Argv


def steps(target: Target, prepared: Prepared) -> dict[str, Any]:
    """What `plan.sh.j2` needs for one sync. Raises UsageError for a tenant that needs more than rclone."""
    if isinstance(target.sync.tenant, EmbeddedTenant):
        raise UsageError(
            f"{target.sync.name}: a script cannot start the embedded server",
            hint="leave out --script, or use a tenant of provider s3 or rclone",
        )
    marker = target.sync.dir / MARKER_PATH
    missing = prepared.plan.mode is Mode.BASELINE
    found: list[Argv] = []
    if missing:
        found.append(rclone.copy_one_argv(str(marker), target.remote.below(MARKER_PATH)))
    found += _conflict_commands(target, prepared)
    found += _commands_without_hash(target, prepared)
    found += commands.bisync_commands(target, prepared.plan, prepared.baseline)
    return {
        "folder": str(target.state.work),
        "filters": str(target.state.filters),
        "filter_text": commands.run_filters(prepared.seen.filters, prepared.plan.left_out),
        "marker": str(marker) if missing else None,
        "marker_text": apply.MARKER_TEXT,
        "marker_folder": str(marker.parent),
        "commands": [list(argv) for argv in found],
    }


def _commands_without_hash(target: Target, prepared: Prepared) -> list[Argv]:
    """Copies that bisync would not make: by size alone it takes both versions for equal."""
    found: list[Argv] = []
    for change in prepared.plan.changes:
        here, there = str(target.sync.dir / change.path), target.remote.below(change.path)
        if change.unhashed and change.action is Action.UPLOAD:
            found.append(
                rclone.copy_one_argv(here, there, backup=commands.cloud_backup(target, commands.RUN))
            )
        elif change.unhashed and change.replaces:
            found.append(rclone.copy_one_argv(there, here, backup=str(target.state.trash / commands.RUN)))
    return found


def _conflict_commands(target: Target, prepared: Prepared) -> list[Argv]:
    """Settle the plan's conflicts file by file, losers first."""
    root, remote = target.sync.dir, target.remote
    found: list[Argv] = []
    for change in prepared.plan.changes:
        if change.action is not Action.CONFLICT:
            continue
        here, there = str(root / change.path), remote.below(change.path)
        copies = [(str(root / copy), remote.below(copy)) for copy in change.copies]
        match change.winner, change.side:
            case "local", _:
                found += [rclone.copy_one_argv(there, copies[0][0]), rclone.copy_one_argv(here, there)]
            case "cloud", _:
                found += [rclone.copy_one_argv(here, copies[0][0]), rclone.copy_one_argv(there, here)]
            case "folder", "local":
                found.append(rclone.move_argv(here, copies[0][0]))
            case "folder", _:
                found.append(rclone.move_argv(there, copies[0][1]))
            case _:
                found += [
                    rclone.move_argv(here, copies[0][0]),
                    rclone.copy_one_argv(there, copies[1][0]),
                    rclone.move_argv(there, copies[1][1]),
                ]
    return found
