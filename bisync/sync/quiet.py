"""A look that asks one thing: is anything other than when both sides were found equal?

It tells by fingerprints, of what `lstat` says here and of the whole listing there, and builds nothing from either: a
process that stays looks every minute, and nearly always there is nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bisync.app import Session
from bisync.core.result import SyncResult
from bisync.core.snapshot import Baseline
from bisync.ignore import Fingerprint
from bisync.locks.guard import clock
from bisync.state.held import NOTHING
from bisync.sync import cloud_listing
from bisync.sync.cloud_look import Ahead, listing_ahead
from bisync.sync.prepare import Prepared

GOOD_SECONDS = 3600.0
"""So often both sides are looked at in earnest all the same."""


class Quiet(NamedTuple):
    """How both sides were when a look found nothing to do, and what it said.

    `about`: the configuration; `on_disk`: what the state dir held; `here`, `there`: fingerprints; `at` (`clock`): when.
    """

    about: object
    on_disk: object
    here: Fingerprint
    there: cloud_listing.Fingerprint
    result: SyncResult
    at: float


def _about(session: Session) -> object:
    # A configuration that was read anew is another one; the machine's own ignore file is read each time.
    app = session.app
    return app, session.sync, session.profile, session.remote, app.layers(session.sync)


def noted(
    session: Session, prepared: Prepared, known: Baseline, on_disk: object, result: SyncResult
) -> Quiet | None:
    """After a look that found nothing to do; None where another one may have more to say though nothing has changed.

    `known`: the baseline, with the stamps of that look. A file without one is read again, until it is old enough.
    """
    seen = prepared.seen
    if seen.here is None or seen.there is None or not prepared.is_whole:
        return None
    if seen.held != NOTHING or seen.partials or result.notes:
        return None
    files = known.files
    for path, file in seen.local.files.items():
        if (base := files.get(path)) is None or base.stamp != file.stamp:
            return None
    return Quiet(_about(session), on_disk, seen.here, seen.there, result, clock())


class Look(NamedTuple):
    """`same`: nothing is other than it was. `ahead`: the listing, if it came to one, for the look that follows."""

    same: bool
    ahead: Ahead | None = None


@contextmanager
def look(session: Session, before: Quiet | None, on_disk: object) -> Iterator[Look]:
    """Look that way, if both sides were equal `before`. Raises BisyncError as the machine's ignore file is read."""
    if (
        before is None
        or before.on_disk != on_disk
        or before.about != _about(session)
        or clock() > before.at + GOOD_SECONDS
        or not session.app.is_same(session.sync, before.here)
    ):
        yield Look(False)
        return
    with listing_ahead(session, fingerprinted=True) as ahead:
        if ahead is None or ahead.running.outcome().code != 0:
            yield Look(False)
            return
        same = ahead.found.is_like(before.there)
        if same:
            ahead.found.forget()
        yield Look(same, ahead)
