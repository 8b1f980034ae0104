"""Find what lies in the cloud though it is ignored, and move it to the trash there."""

from __future__ import annotations

from dataclasses import dataclass

from bisync.app import App
from bisync.config import Sync
from bisync.core import names
from bisync.core.lease_folder import Seen
from bisync.core.metadata import CLOUD_TRASH, METADATA_DIR
from bisync.locks.guard import clock
from bisync.rclone.argv import list_argv, move_listed_argv
from bisync.rclone.output import read_listing
from bisync.rclone.program import name_list
from bisync.state import runs
from bisync.sync import leased
from bisync.sync.cloud_listing import lease_entries
from bisync.sync.prepare import stay_in_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """Ignored files in the cloud: names as their user wrote them, sizes in bytes.

    `run` set when they were moved to the cloud's trash.
    """

    sync: str
    files: tuple[tuple[str, int], ...]
    run: str | None


def _is_metadata(path: str) -> bool:
    """Whether an object is a sync's own marker or trash: of this one, or of another that begins further down."""
    return METADATA_DIR in path.split("/")[:-1]


def prune(app: App, sync: Sync, *, yes: bool) -> Pruned:
    """Find, and with `yes` move to the cloud's trash, files that are ignored now but were uploaded before.

    Local files stay where they are, and so does the metadata of any sync. Raises RcloneError, and BaselineNeeded
    where what is known speaks of another place.
    """
    with app.locked_session(sync) as session:
        stay_in_place(session.state, session.place, sync.name)
        at = clock()
        rules = app.rules(sync)
        argv = list_argv(session.remote, compare=session.compare)
        listed = read_listing(session.rclone.check(argv, remote=session.remote).stdout)
        ignored = [
            each
            for each in sorted(listed, key=lambda each: each.path)
            if not _is_metadata(each.path) and rules.decide(names.from_rclone(each.path), False).ignored
        ]
        found = tuple((names.shown(each.path), each.size) for each in ignored)
        if not yes or not found:
            return Pruned(sync=sync.name, files=found, run=None)
        run = runs.unused_run_id(session.state, app.now(), app.device)
        leases = Seen(at, tuple(one for each in listed for one in lease_entries(sync.path, each)))
        with (
            leased.held(session, leases, run, wait=True) as (writing, _),
            name_list(each.path for each in ignored) as listed_names,
        ):
            argv = move_listed_argv(
                session.remote.fs, session.remote.below(f"{CLOUD_TRASH}/{run}"), listed_names
            )
            runs.note_run(session.state, run)
            writing.rclone.check(argv, remote=session.remote, on_event=session.emit, at_length=True)
    return Pruned(sync=sync.name, files=found, run=run)
