"""A plan as steps of a POSIX script that needs only rclone. Pure.

The same steps as our own run takes, in the same order. What a run does here without rclone, the script has
rclone do: an edit saved in that very moment goes to the trash instead of becoming a conflict copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bisync import apply, commands, providers, rclone
from bisync.app import Target
from bisync.commands import RUN, Step
from bisync.errors import UsageError
from bisync.ignore import MARKER_PATH
from bisync.prepare import Prepared
from bisync.rclone import Argv


def steps(target: Target, prepared: Prepared) -> dict[str, Any]:
    """What `plan.sh.j2` needs for one sync. Raises UsageError for a tenant that needs more than rclone."""
    if providers.of(target.sync.tenant).needs_us:
        raise UsageError(
            f"{target.sync.name}: a script cannot start the embedded server",
            hint="leave out --script, or use a tenant of provider s3 or rclone",
        )
    marker = target.sync.dir / MARKER_PATH
    return {
        "folder": str(target.state.work),
        "lists": str(target.state.lists),
        "filters": str(target.state.filters),
        "filter_text": commands.run_filters(prepared.seen.filters, prepared.plan.left_out),
        "marker": str(marker) if commands.PlaceMarker("local") in prepared.steps else None,
        "marker_text": apply.MARKER_TEXT,
        "marker_folder": str(marker.parent),
        "steps": [
            {"list": _list(step), "commands": [list(argv) for argv in _commands(step, target)]}
            for step in prepared.steps
        ],
    }


def _list(step: Step) -> dict[str, Any] | None:
    """The file of names that a step's command reads."""
    match step:
        case commands.Fetch(names):
            return {"name": "downloads", "names": list(names)}
        case commands.Send(names=names):
            return {"name": "uploads", "names": list(names)}
        case _:
            return None


def _commands(step: Step, target: Target) -> Iterator[Argv]:
    """The rclone commands of one step."""
    argv = commands.command(step, target, RUN)
    if argv is not None:
        yield argv
        return
    area = commands.area(target, RUN)
    root, staging, trash = str(area.root), str(area.staging), str(area.trash)
    match step:
        case commands.DeleteHere(name=name):
            yield rclone.move_argv(f"{root}/{name}", f"{trash}/{name}")
        case commands.StepAside(name=name, copy=copy):
            yield rclone.move_argv(f"{root}/{name}", f"{root}/{copy}")
        case commands.PutIn(change, staged, name, folder):
            if change.replaces:
                yield rclone.move_argv(f"{root}/{name}", f"{trash}/{name}")
            if folder:
                yield rclone.remove_empty_argv(f"{root}/{name}")
            yield rclone.move_argv(f"{staging}/{staged}", f"{root}/{name}")
        case commands.Settle(change, staged, name, copies):
            fetched = f"{staging}/{staged}"
            if change.winner == "local":
                yield rclone.move_argv(fetched, f"{root}/{copies[0]}")
                return
            yield rclone.move_argv(f"{root}/{name}", f"{root}/{copies[0]}")
            yield rclone.move_argv(fetched, f"{root}/{name if change.winner == 'cloud' else copies[1]}")
