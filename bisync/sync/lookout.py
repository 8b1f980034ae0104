"""Leases as those see them who do not write: who has one, and past the dead ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bisync.app import App, Session
from bisync.config import Sync
from bisync.core.lease import Lease
from bisync.core.lease_folder import Protocol
from bisync.errors import RcloneError
from bisync.locks import holders
from bisync.locks import lease as leases
from bisync.locks.bucket import Bucket
from bisync.locks.holders import Holder, Survey
from bisync.locks.lease import Asking
from bisync.locks.lease_objects import Told
from bisync.rclone.resident import Resident, Residents, resident
from bisync.sync import leased


class _There(NamedTuple):
    """The cloud, within reach. `tell`: more for the guard that ends its rclone with us."""

    resident: Resident
    tell: Callable[[str], None]
    token: str


@contextmanager
def _reached(session: Session, patience: float | None = None) -> Iterator[_There]:
    with (
        leases.guarded() as tell,
        resident(session.rclone, session.remote, patience=patience, tell=tell) as there,
    ):
        try:
            yield _There(there, tell, leases.new_token())
        except TimeoutError:
            raise RcloneError(
                "the cloud did not answer in time", hint="check your network, then run again"
            ) from None


def holder(session: Session, *, patience: float) -> Holder | None:
    """Who else has the lease of this sync's folder, as one listing shows it. Raises RcloneError."""
    with _reached(session, patience) as there:
        bucket = Bucket(there.resident, session.sync.path, session.remote.fs)
        # For looking alone it does not matter how leases are taken.
        lease = Lease(Protocol.NUMBERED, session.sync.path, there.token)
        return holders.look(bucket, lease, device=session.app.device)


@contextmanager
def bucket(app: App, sync: Sync, residents: Residents) -> Iterator[Bucket]:
    """The lease folder of this sync, within reach for as long as the block lasts. Raises BisyncError, TimeoutError."""
    with app.session(sync) as session, residents.resident(session.rclone, session.remote) as there:
        yield Bucket(there, session.sync.path, session.remote.fs)


def survey(session: Session) -> Survey:
    """Who has the lease of this sync's folder or of one above it, and who waits. Raises RcloneError.

    Where one is held, this device says there for a moment that it waits, too.
    """
    with _reached(session) as there:
        return _survey(session, there)


def unlocked(session: Session) -> tuple[Survey, frozenset[str]]:
    """The same, and past those that are dead; the folders where that was done.

    Raises RcloneError, and Locked where somebody else has one of them meanwhile.
    """
    with _reached(session) as there:
        found = _survey(session, there)
        folders = {session.sync.path: session.remote.fs, **session.above}
        alive = {one.entry.path for one in found.holders if not one.dead}
        dead = {one.entry.path: one.entry for one in found.holders if one.entry.path not in alive}
        for path, entry in dead.items():
            # Whoever left it there has found out how this store does it.
            known = leased.known(session).protocol or Protocol.NUMBERED
            lease = Lease(Protocol.LISTED if entry.claim else known, path, there.token)
            holders.pass_dead(
                Bucket(there.resident, path, folders[path]), lease, _asking(session), there.tell
            )
        return found, frozenset(dead)


def _survey(session: Session, there: _There) -> Survey:
    bucket = Bucket(there.resident, session.sync.path, session.remote.fs, session.above)
    lease = Lease(Protocol.NUMBERED, session.sync.path, there.token)
    return holders.survey(bucket, lease, Told("", session.app.device, "unlock"))


def _asking(session: Session) -> Asking:
    return Asking(
        device=session.app.device,
        run="unlock",
        name=session.sync.name,
        wait=False,
        say=lambda words: None,
        now=lambda: session.app.now().isoformat(timespec="seconds"),
    )
