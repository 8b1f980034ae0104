"""One run of bisync in the frame of a plan: it sees the paths that the plan sends to the cloud or takes out of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bisync.core import names
from bisync.core.change import Action, Change
from bisync.errors import RcloneError
from bisync.files import private_dir
from bisync.rclone import filters, listings
from bisync.rclone.diagnosis import compares_blindly, failure, is_out_of_step
from bisync.sync import transfers
from bisync.sync.frame import delete_percent, frame_of, listed
from bisync.sync.steps import RunBisync

if TYPE_CHECKING:
    from bisync.sync.undertaking import Undertaking


def run(done: Undertaking, step: RunBisync) -> None:
    """Run bisync, a second time without files that fail alone: one would keep every deletion from travelling."""
    while (opened := _open_frame(done, step)).frame.names:
        argv = done.argv(opened)
        outcome = done.attempt(argv)
        if outcome.code == 0:
            blind = compares_blindly(outcome)
            if blind is None:
                return
            raise RcloneError(
                f"rclone could not compare as it was told: {blind}",
                hint="see what the remote can do: bisync doctor; nothing was lost",
            )
        if step.check_sync and is_out_of_step(outcome):
            # A file moved while bisync looked, or has another time on either side. What it copied is equal by
            # now: looking again settles it, and says of what was equal before what it said before.
            step = step._replace(check_sync=False)
            continue
        troubled = done.troubled(argv, outcome)
        if all(names.key(path) in {one.path for one in done.failed} for path in troubled):
            raise failure(argv, outcome, done.session.remote)
        done.leave_out(troubled.items())


def _open_frame(done: Undertaking, step: RunBisync) -> RunBisync:
    """Give bisync a workdir that knows the plan's paths and no others; the step as it is to be run."""
    seen = done.seen
    late = frame_of(contested(done), seen.local, seen.cloud, done.known, seen.is_ignored)
    frame = (step.frame | late).without([*(one.path for one in done.failed), *_unplanned(done)])
    state = done.session.state
    shutil.rmtree(state.frame, ignore_errors=True)
    private_dir(state.frame)
    filters.write(state.frame / transfers.FILTERS, filters.framed(frame.names))
    pair = listings.place(state.frame, done.session.sync.dir, done.session.remote.fs)
    texts = listed(frame.base, step.compare, done.seen.marker, done.session.app.now())
    listings.write(pair, texts)
    done.frame = frame
    return step._replace(frame=frame, percent=delete_percent(frame, done.plan, seen.local, seen.cloud))


def contested(done: Undertaking) -> list[Change]:
    """Downloads whose place the user has filled meanwhile: bisync makes conflicts of them."""
    skipped = set(done.skipped)
    return [
        change
        for change in done.plan.changes
        if change.action is Action.DOWNLOAD and change.path in skipped and done.lies_here(change)
    ]


def _unplanned(done: Undertaking) -> list[str]:
    """Where bisync would act unplanned: the user has deleted an upload, or saved a file in a folder's place."""
    return [
        change.path
        for change in done.plan.changes
        if (change.action is Action.UPLOAD and not done.lies_here(change))
        or (change.winner == "folder" and done.lies_here(change))
    ]
