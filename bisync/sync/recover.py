"""After a run that did not end well: listings and held files back in their places. Only under the lock."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace

from bisync.app import Session
from bisync.core.counting import counted
from bisync.rclone import listings
from bisync.state import baseline, runs
from bisync.state.ancestor import forget_ancestor, restore_ancestor
from bisync.sync import inside, swap
from bisync.sync.frame import Marker, listed
from bisync.sync.observe import Observation


def undo(session: Session, run: str) -> list[str]:
    """After a run that did not end well: put listings and held files back. Names put back.

    Only under the sync's lock. Everything the run did manage is found again as equal on both sides.
    """
    shutil.rmtree(session.state.frame, ignore_errors=True)
    listings.clear_locks(session.state.work)
    journal = runs.read_journal(session.state) or {}
    if not _mend_listings(session, run):
        baseline.expect(session.state.baseline, journal.get("arriving") or {})
    return _put_back(session)


def _mend_listings(session: Session, run: str) -> bool:
    """Have the listings say what the baseline says where the run had written that, and perhaps not them.

    False where it had not come as far: then they are as it found them, and may be younger than the baseline (a
    bisync by hand).
    """
    known = baseline.load(session.state.baseline)
    if known is None or known.run != run:
        return False
    texts = listed(known.files, known.compare, Marker(None, None), session.app.now())
    baseline.save(session.state.baseline, replace(known, listings=listings.digest_of(texts)))
    listings.write(listings.place(session.state.work, session.sync.dir, session.remote.fs), texts)
    return True


def _put_back(session: Session) -> list[str]:
    """Return held files to their place; a dir that is gone or unreadable says so when it is walked."""
    if os.access(session.sync.dir, os.R_OK | os.X_OK):
        return swap.put_back(session.sync.dir, session.state.trash)
    return []


def recover(session: Session) -> str | None:
    """Under the lock, before anything else: clean up after a run that died. What was done, or None."""
    stale = [*listings.clear_locks(session.state.work), *listings.clear_locks(session.state.frame)]
    crashed = runs.read_journal(session.state)
    if crashed is None:
        _put_back(session)
        forget_ancestor(session.state.ancestor)
        return "cleared a lock that a dead rclone left" if stale else None
    if crashed.get("version") == 1:
        restore_ancestor(session.state.ancestor, session.state.work)
    returned = undo(session, str(crashed.get("run")))
    runs.append_history(
        session.state,
        {
            "run": crashed.get("run"),
            "at": session.app.now().isoformat(timespec="seconds"),
            "mode": crashed.get("mode"),
            "outcome": "failed",
            "error": "the run was killed; the next one recovered from it",
        },
    )
    runs.close_journal(session.state)
    forget_ancestor(session.state.ancestor)
    files = f", {counted(len(returned), 'file')} put back" if returned else ""
    return f"recovered from a run that was killed ({crashed.get('run')}{files})"


def sweep(session: Session, seen: Observation, run: str) -> None:
    """Before `run` writes anything: move the half-written downloads that an earlier one left to the trash.

    What else is called so is a user's own: it stays, and is noted, so that no later run takes it for ours. Only under
    the lock.
    """
    area = swap.Area(session.sync.dir, run, session.state.trash / run)
    for name in seen.partials:
        try:
            swap.take_away(area, name, None)
        except (inside.InTheWay, OSError) as problem:
            if isinstance(problem, OSError) and swap.refusal(problem) is None:
                raise
            # In a folder that cannot be changed it stays, ignored, for a later run; on another disk it is copied.
            if isinstance(problem, OSError) and problem.errno == errno.EXDEV:
                shutil.copy2(session.sync.dir / name, area.hold / name)
                (session.sync.dir / name).unlink()
    runs.note_partials(session.state, seen.others)
