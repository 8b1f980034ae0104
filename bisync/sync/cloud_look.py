"""How the cloud is listed for a look: ahead of all else, while files here are read, or by who is there already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bisync import stored
from bisync.app import Session
from bisync.config import Compare
from bisync.locks.guard import clock
from bisync.rclone.argv import Argv, list_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import Finished
from bisync.rclone.program import Running
from bisync.sync.cloud_listing import CloudListing

FEW = 10_000
"""So many files are listed in one answer, of some MB; more of them are read as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The cloud being listed, through filters that are probably still the right ones."""

    running: Running
    argv: Argv
    found: CloudListing
    filters: str
    compare: Compare
    at: float


@contextmanager
def listing_ahead(session: Session, *, fingerprinted: bool = False) -> Iterator[Ahead | None]:
    """Start to list the cloud through the last run's filters, for `both`; None where there are none.

    Listing is what takes long: reading the baseline and the local tree costs nothing while it goes on.
    """
    if session.rclone.helper is not None:
        # All is loaded by then, and who helps may list it.
        yield None
        return
    try:
        filters = stored.read(session.state.filters).decode()
    except (FileNotFoundError, UnicodeDecodeError):
        # They are made again.
        yield None
        return
    argv = list_argv(session.remote, compare=session.compare, filters=session.state.filters)
    found, at = CloudListing(session, fingerprinted=fingerprinted), clock()
    with session.rclone.started(argv, remote=session.remote, on_out=found.feed) as running:
        yield Ahead(running=running, argv=argv, found=found, filters=filters, compare=session.compare, at=at)


def listed_through(
    session: Session,
    filters: str,
    compare: Compare,
    *,
    fingerprinted: bool,
    few: bool,
    meanwhile: Callable[[], object],
) -> tuple[float, CloudListing]:
    """When listing the cloud through these filters began, and what was found.

    `few`: no more files than an answer holds. `meanwhile` is called once it is under way. Raises RcloneError where it
    failed.
    """
    found = CloudListing(session, fingerprinted=fingerprinted)
    with tempfile.NamedTemporaryFile("w", prefix="bisync-", suffix=".rclone", encoding="utf-8") as file:
        file.write(filters)
        file.flush()
        argv, at = list_argv(session.remote, compare=compare, filters=Path(file.name)), clock()
        outcome = session.rclone.listed(argv, found.feed, remote=session.remote, meanwhile=meanwhile, few=few)
    return at, ended(session, argv, outcome, found)


def ended(session: Session, argv: Argv, outcome: Finished, found: CloudListing) -> CloudListing:
    """What was found by a listing that came to its end so. Raises RcloneError for one that failed."""
    if outcome.code == 0:
        found.read()
        return found
    # A prefix that does not exist yet is an empty one (S3 has none, other remotes say so: exit 3).
    if outcome.code == 3 and not session.remote.is_bucket:
        return CloudListing(session)
    raise failure(argv, outcome, session.remote)
