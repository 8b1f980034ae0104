"""A plan as steps of a POSIX script that needs only rclone. Pure.

The same steps as our own run takes, in the same order. What a run does here without rclone, the script has
rclone do: an edit saved in that very moment goes to the trash instead of becoming a conflict copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bisync import providers
from bisync.app import Session
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT
from bisync.errors import UsageError
from bisync.rclone import filters
from bisync.rclone.argv import Argv, move_argv, remove_empty_argv
from bisync.sync import transfers
from bisync.sync.prepare import Prepared
from bisync.sync.transfers import Step


def steps(session: Session, prepared: Prepared) -> dict[str, Any]:
    """What `plan.sh.j2` needs for one sync. Raises UsageError for a tenant that needs more than rclone."""
    if providers.of(session.sync.tenant).needs_us:
        raise UsageError(
            f"{session.sync.name}: a script cannot start the embedded server",
            hint="leave out --script, or use a tenant of provider s3 or rclone",
        )
    marker = session.sync.dir / MARKER_PATH
    return {
        "folder": str(session.state.work),
        "lists": str(session.state.lists),
        "filters": str(session.state.filters),
        "filter_text": filters.leaving_out(prepared.seen.filters, prepared.plan.left_out),
        "marker": str(marker) if transfers.PlaceMarker("local") in prepared.steps else None,
        "marker_text": MARKER_TEXT,
        "marker_folder": str(marker.parent),
        "steps": [
            {"list": _list(step), "commands": [list(argv) for argv in _commands(step, session)]}
            for step in prepared.steps
        ],
    }


def _list(step: Step) -> dict[str, Any] | None:
    """The file of names that a step's command reads."""
    match step:
        case transfers.Fetch(names):
            return {"name": "downloads", "names": list(names)}
        case transfers.Send(names=names):
            return {"name": "uploads", "names": list(names)}
        case _:
            return None


def _commands(step: Step, session: Session) -> Iterator[Argv]:
    """The rclone commands of one step."""
    argv = transfers.command(step, session, transfers.RUN)
    if argv is not None:
        yield argv
        return
    area = transfers.area(session, transfers.RUN)
    root, staging, trash = str(area.root), str(area.staging), str(area.trash)
    match step:
        case transfers.DeleteHere(name=name):
            yield move_argv(f"{root}/{name}", f"{trash}/{name}")
        case transfers.StepAside(name=name, copy=copy):
            yield move_argv(f"{root}/{name}", f"{root}/{copy}")
        case transfers.PutIn(change, staged, name, folder):
            if change.replaces:
                yield move_argv(f"{root}/{name}", f"{trash}/{name}")
            if folder:
                yield remove_empty_argv(f"{root}/{name}")
            yield move_argv(f"{staging}/{staged}", f"{root}/{name}")
        case transfers.Settle(change, staged, name, copies):
            fetched = f"{staging}/{staged}"
            if change.winner == "local":
                yield move_argv(fetched, f"{root}/{copies[0]}")
                return
            yield move_argv(f"{root}/{name}", f"{root}/{copies[0]}")
            yield move_argv(fetched, f"{root}/{name if change.winner == 'cloud' else copies[1]}")
