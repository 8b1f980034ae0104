"""A run that writes to the cloud holds the lease of its folder there, and of nothing that overlaps it.

Looking, planning and idle runs need none. What the plan was made from is still true under the lease where nobody else
has had it since a time before the listing; else both sides are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bisync import events
from bisync.app import Session
from bisync.core import lease_folder
from bisync.core.lease_folder import Kind, Protocol, Seen
from bisync.errors import KeysRefused, RcloneError
from bisync.state import lease as state
from bisync.state.lease import Known
from bisync.sync.crew import Early, crew
from bisync.sync.prepare import Prepared

if TYPE_CHECKING:
    from bisync.locks.bucket import Bucket
    from bisync.locks.lease import Holding

TOKENS = 16
"""So many runs in a row that were killed are remembered."""


def known(session: Session) -> Known:
    """What is known of this sync's leases."""
    return state.load(session.state.lease, session.place.store)


def given_back(session: Session, seen: Seen) -> int | None:
    """The newest lease in a listing, where nobody has or waits for one; None: ask for more first."""
    if any(lease_folder.stands(one, seen.entries, None) or one.kind is Kind.WAITING for one in seen.entries):
        return None
    return lease_folder.newest(one for one in seen.entries if one.path == session.sync.path)


def note_idle(session: Session, seen: Seen) -> None:
    """After a look that found nothing to do: leases of others that were given back before the next look begins."""
    before = known(session)
    number = given_back(session, seen)
    if before.protocol is not None and number is not None and number > (before.number or 0):
        state.save(session.state.lease, before._replace(number=number, md5=None))


def _below(session: Session, seen: Seen) -> dict[str, str]:
    """The folders below this one that have leases of their own, as far as the listing shows them."""
    root = session.remote.fs.removesuffix(f"{session.sync.path}/") if session.sync.path else session.remote.fs
    return {one.path: f"{root}{one.path}/" for one in seen.entries if one.path != session.sync.path}


@contextmanager
def held(
    session: Session, seen: Seen, run: str, *, wait: bool, early: Early | None = None
) -> Iterator[tuple[Session, Holding]]:
    """The lease held, and the session to write with: its rclones end when it is lost.

    `early`: whose programs are used, in place of others.

    Raises Locked where another device has it and nobody is to `wait`, RcloneError where it cannot be asked for.
    """
    from bisync.core.lease import Lease
    from bisync.locks import lease as leases
    from bisync.locks.bucket import Bucket
    from bisync.locks.lease import Asking, Holding
    from bisync.rclone.lister import Lister

    before = known(session)
    asking = Asking(
        device=session.app.device,
        run=run,
        name=session.sync.name,
        wait=wait,
        say=lambda words: session.emit(events.Waiting(words)),
        now=lambda: session.app.now().isoformat(timespec="seconds"),
    )
    token = leases.new_token()
    # Whoever is killed from here on finds at its next run what it has left.
    state.save(session.state.lease, before._replace(tokens=(*before.tokens[-TOKENS:], token)))
    with ExitStack() as stack:
        there, helper, tell = stack.enter_context(early.crew() if early is not None else crew(session, run))
        probe = Bucket(there, session.sync.path, session.remote.fs)
        protocol = _protocol(session, before, seen) or _found_out(probe, token)
        others, upon = {**session.above, **_below(session, seen)}, list[Holding]()
        if not any(one.path == session.sync.path for one in seen.entries):
            # Nobody above has seen a lease here yet, and so would not look for one: ours comes with theirs.
            for path, fs in session.above.items():
                higher = Bucket(there, path, fs, gone=before.tokens)
                try:
                    taken = leases.take(higher, Lease(protocol, path, token), asking, None, 0.0)
                except KeysRefused:
                    continue  # these keys are for this folder alone
                upon.append(Holding(higher, taken, asking, tell))
                stack.callback(upon[-1].give_back, "done")
                del others[path]
        own = Bucket(there, session.sync.path, session.remote.fs, others, gone=before.tokens)
        lease = Lease(protocol, session.sync.path, token, overlaps=bool(others))
        lease = leases.take(own, lease, asking, given_back(session, seen), seen.at)
        own.tidy()
        holding = Holding(own, lease, asking, tell, upon)
        outcome, mark = "failed", None
        try:
            rclone = session.rclone.leashed(holding)
            if helper is not None:
                helper.child.depend_on(holding)
            lister = Lister(there, session.remote, check=holding.check)
            rclone = rclone.helped_by(helper if helper is not None else lister)
            yield replace(session, rclone=rclone), holding
            holding.sweep([one for one in seen.entries if one.path == session.sync.path])
            outcome = "done"
        finally:
            mark = holding.give_back(outcome)
            # One that was lost, or whose end may not have arrived, says nothing of what was written since.
            # What runs have left that were killed may stand there yet, also after this one.
            left = before.tokens if mark is not None else (*before.tokens[-TOKENS:], token)
            number = holding.number if mark is not None else None
            state.save(session.state.lease, Known(before.store, protocol, number, mark, left))


def _protocol(session: Session, before: Known, seen: Seen) -> Protocol | None:
    """By what this store decides, as far as that is known.

    Where another device goes by listings, or our last lease was written over, nothing can be left to creation any more:
    all who see that go by listings from then on.
    """
    if not session.remote.can.is_bucket:
        # A server of files looks first and writes then: two that look at once both find the name free.
        return Protocol.LISTED
    own = [one for one in seen.entries if one.path == session.sync.path and one.kind is not Kind.WAITING]
    if any(one.claim for one in own):
        return Protocol.LISTED
    if before.protocol is Protocol.NUMBERED and before.md5 is not None:
        ours = [one.md5 for one in own if one.number == before.number == lease_folder.newest(own)]
        if any(md5 not in (None, before.md5) for md5 in ours):
            return Protocol.LISTED
    return before.protocol


class Under(NamedTuple):
    """What a run has under the lease. `other`: asks which one device has had it since this one's last look, if any."""

    session: Session
    prepared: Prepared
    other: Callable[[], str | None]


@contextmanager
def writing(
    session: Session,
    prepared: Prepared,
    run: str,
    *,
    wait: bool,
    look: Callable[[Session], Prepared],
    early: Early,
) -> Iterator[Under]:
    """The lease, and a plan that is true under it: looked for anew unless it still is.

    Raises as `held` and `look`.
    """
    last = known_before = known(session).number
    while True:
        seen = prepared.seen.leases
        with held(session, seen, run, wait=wait, early=early) as (leased, holding):
            below = _below(session, prepared.seen.leases).keys()
            if not holding.is_unchanged(last):
                prepared = look(leased)
            if _below(session, prepared.seen.leases).keys() <= below:
                yield Under(leased, prepared, partial(holding.other, known_before))
                return
            # A folder further down has leases that were not looked at. (Its first one is taken together with ours.)
        last = holding.number


def _found_out(bucket: Bucket, token: str) -> Protocol:
    """By what this store decides. Raises RcloneError."""
    try:
        return Protocol.NUMBERED if bucket.honours_conditions(token) else Protocol.LISTED
    except TimeoutError:
        raise RcloneError(
            "the cloud did not answer in time", hint="check your network, then run again"
        ) from None
