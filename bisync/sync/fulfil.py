"""What comes of a plan: it is carried out, and what both sides hold by then becomes the baseline."""

from __future__ import annotations

import shutil
from dataclasses import replace

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.counting import counted
from bisync.core.plan import Mode
from bisync.core.result import Outcome, Passing, SyncResult, Tally
from bisync.errors import BisyncError
from bisync.state import baseline, changes, runs
from bisync.sync import leased, observe, record, recover, rules, swap, trash
from bisync.sync.apply import Execution
from bisync.sync.memory import Memory
from bisync.sync.prepare import Prepared


def idle(session: Session, prepared: Prepared, run: str, memory: Memory | None) -> SyncResult:
    """What comes of a plan that has nothing in it: the baseline is brought up to date."""
    known = prepared.baseline
    assert known is not None
    fresh = replace(record.refreshed(known, prepared.seen, session.profile.name), place=session.place)
    if fresh != known:
        baseline.save(session.state.baseline, fresh)
    notes = record.keep_texts(session, fresh)
    if not prepared.seen.partials:
        # Of what was noted before a run that did not end well, none is left: what looks so from now on is its user's.
        runs.forget_partials(session.state)
    leased.note_idle(session, prepared.seen.leases)
    result = SyncResult(
        name=session.sync.name,
        mode=prepared.plan.mode.value,
        outcome=Outcome.IDLE,
        run=run,
        exit_code=1 if prepared.plan.left_out else 0,
        left_out=prepared.plan.left_out,
        notes=tuple(notes),
        profile=session.profile.name,
        resolve=session.profile.conflict_resolve.value,
    )
    if memory is not None:
        memory.idle(session, prepared, fresh, result)
    return result


def apply(
    session: Session, prepared: Prepared, run: str, tally: Tally, memory: Memory | None, here: frozenset[str]
) -> SyncResult:
    """Carry a plan out, and note what is known by then. `here`: what had been changed here for it (keys).

    Raises BisyncError and OSError where it failed, KeyboardInterrupt: what it had begun is taken back.
    """
    if any(change.lands_here for change in prepared.plan.changes):
        swap.check_writable(session.sync.dir)
    rules.remember(session, prepared)
    runs.open_journal(session.state, run, prepared.plan.mode.value, rules.arriving_rows(prepared))
    found = record.Beforehand(prepared)
    done = Execution(session, prepared, run, tally, meanwhile=found.find)
    notes: list[str] = []
    try:
        recover.sweep(session, prepared.seen, run)
        done.carry_out(prepared.steps)
        made = record.baseline_after(session, prepared, done, found)
        if prepared.plan.mode is not Mode.BASELINE:
            changes.save(session.state, run, record.changes(prepared, made, tally, here))
        made = record.keep(session, made, prepared.seen, found)
        if made.compare is not session.compare and prepared.is_whole:
            again = observe.both(session, made.files, session.compare, None)
            switched = record.converted(made, again, session.compare)
            if switched is not None:
                record.keep(session, switched, again)
                notes.append(
                    Passing(
                        f"changes are told by {session.compare.value} from now on"
                        f" (before: {made.compare.value})"
                    )
                )
            else:
                notes.append(
                    f"changes are still told by {made.compare.value}: not every file could be looked at;"
                    f" by {session.compare.value} once that is mended"
                )
        notes += [
            Passing(f"{names.shown(path)} changed while the run was at work; the next one has it")
            for path in record.passed_by(done)
        ]
        clean = not (
            tally.conflicts or done.left_out or record.passed_by(done) or made.compare is not session.compare
        )
        if (
            memory is not None
            and clean
            and prepared.plan.mode is Mode.SYNC
            and made.compare is Compare.CHECKSUM
        ):
            memory.brought_about(session, prepared.seen, prepared.plan.changes, made)
        waits = rules.settle(session, made.files)
        notes += [waits] if waits is not None else []
    except BaseException:
        recover.undo(session, run)
        runs.close_journal(session.state)
        raise
    shutil.rmtree(session.state.frame, ignore_errors=True)
    runs.forget_partials(session.state)
    runs.close_journal(session.state)
    notes += record.keep_texts(session, made)
    try:
        # A first meeting has enough to do; the trash can wait for the next run.
        first = prepared.plan.mode is Mode.BASELINE
        gone = [] if first else trash.expire(session, run, session.app.now(), session.app.manifest.keep_days)
        if gone:
            notes.append(
                Passing(
                    f"{counted(len(gone), 'run')} older than "
                    f"{counted(session.app.manifest.keep_days, 'day')} left the trash"
                )
            )
    except BisyncError as error:
        notes.append(f"the trash could not be tidied: {error.message}")
    left_out = done.left_out
    return SyncResult(
        name=session.sync.name,
        mode=prepared.plan.mode.value,
        outcome=Outcome.DONE,
        run=run,
        exit_code=1 if left_out else 0,
        uploaded=len(tally.uploaded - tally.merged),
        downloaded=len(tally.downloaded),
        deleted_local=len(tally.deleted_local),
        deleted_cloud=len(tally.deleted_cloud),
        renamed=len(tally.renamed),
        merged=len(tally.merged),
        conflicts=record.known_versions(session, prepared, done),
        left_out=left_out,
        notes=tuple(notes),
        bytes=tally.bytes,
        profile=session.profile.name,
        resolve=session.profile.conflict_resolve.value,
    )
