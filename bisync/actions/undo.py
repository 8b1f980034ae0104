"""Take back what one run did, here and in the cloud. That is a run of its own, and can be taken back itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from bisync.app import App, baseline_needed
from bisync.config import Sync
from bisync.core import guard
from bisync.core.change import Change
from bisync.core.deeds import Decision
from bisync.core.did import has_changed
from bisync.core.printable import typed
from bisync.core.result import Outcome, SyncResult
from bisync.core.snapshot import LeftOut
from bisync.errors import GuardRefused, UsageError
from bisync.state import baseline, changes, runs
from bisync.sync.named_runs import SHOWN, Named, beginning, several
from bisync.sync.plan_file import Expected, sync_document
from bisync.sync.prepare import prepare
from bisync.sync.recover import recover
from bisync.sync.run import Options, run
from bisync.sync.undoing import begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What takes a run back, as far as it has come. `run` was one of the sync `name`, and ended `at` (RFC 3339).

    `decision`: what is done here and what is left alone, `planned`: what follows in the cloud. `result`: the run that
    did it; None where nothing has been done. `error`: why nothing can be, with its `hint`.
    """

    name: str
    run: str
    at: str | None
    decision: Decision
    planned: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    result: SyncResult | None = None
    error: str | None = None
    hint: str | None = None
    expected: Expected | None = None

    @property
    def outcome(self) -> str:
        """How the run that did it ended; `refused` where a guard will not have it, `idle` where nothing was done."""
        if self.result is not None:
            return self.result.outcome.value
        return Outcome.REFUSED.value if self.error is not None else Outcome.IDLE.value

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the run could not bring about."""
        return self.result.left_out if self.result is not None else ()

    @property
    def exit_code(self) -> int:
        """That of the run; 4 where a guard refuses it. 3 where all that is left are paths that were left alone."""
        if self.error is not None:
            return self.result.exit_code if self.result is not None else GuardRefused.exit_code
        failed = self.result.exit_code if self.result is not None else 0
        return failed or (3 if self.decision.left else 0)


def find(app: App, syncs: Sequence[Sync], run: str | None) -> Named:
    """The run that is meant: the one whose id begins so, or the newest that changed anything.

    Raises UsageError where there is none or several, or it cannot be taken back; before the first run of a sync
    NotGranted or BaselineNeeded.
    """
    if run is None:
        return _newest(app, syncs)
    found = beginning(app, syncs, run)
    if not found:
        _are_set_up(app, syncs)
        raise UsageError(f"no run in the history begins with {run!r}{_newest_ones(app, syncs)}", hint=_SEE)
    if len({one.run for one in found}) > 1:
        raise several(run, found)
    if len(found) > 1:
        raise _which_sync(f"several syncs have a run {found[0].run}", found)
    [named] = found
    why = _why_not(app, named)
    if why is not None:
        raise UsageError(f"run {named.run} {why[0]}", hint=why[1])
    return named


_SEE = "see: bisync history"


def _newest(app: App, syncs: Sequence[Sync]) -> Named:
    found = [named for sync in syncs if (named := next(_changing(app, sync), None)) is not None]
    if not found:
        _are_set_up(app, syncs)
        raise UsageError("no run in the history changed anything", hint=_SEE)
    if len(found) > 1:
        raise _which_sync("there are several syncs", found)
    why = _why_not(app, found[0])
    if why is not None:
        raise UsageError(f"the newest run that changed anything, {found[0].run}, {why[0]}", hint=why[1])
    return found[0]


def _are_set_up(app: App, syncs: Sequence[Sync]) -> None:
    for sync in syncs:
        app.must_be_granted(sync)
        if baseline.load(app.state(sync).baseline) is None:
            raise baseline_needed(sync.name)


def _changing(app: App, sync: Sync) -> Iterator[Named]:
    """The runs of a sync that changed anything and came to their end, newest first."""
    for entry in runs.latest_history(app.state(sync)):
        if entry.get("run") and has_changed(entry) and _is_told(app, sync, entry):
            yield Named(str(entry["run"]), sync, entry)


def _is_told(app: App, sync: Sync, entry: Mapping[str, Any]) -> bool:
    """Whether a run came as far as writing down what both sides hold."""
    return entry.get("outcome") == "done" or changes.load(app.state(sync), str(entry["run"])) is not None


def _newest_ones(app: App, syncs: Sequence[Sync]) -> str:
    some = [one.run for sync in syncs for one in islice(_changing(app, sync), SHOWN)]
    return f"; the newest that changed anything: {', '.join(some)}" if some else ""


def _which_sync(what: str, found: Sequence[Named]) -> UsageError:
    some = ", ".join(f"{one.sync.name} (run {one.run})" for one in found)
    again = f"bisync undo {typed(found[0].run)} --only {typed(found[0].sync.name)}"
    return UsageError(f"{what}: {some}", hint=f"name one, as in: {again}")


def _why_not(app: App, named: Named) -> tuple[str, str] | None:
    """Why a run cannot be taken back at all, and what to type instead; None where it can."""
    restore = f"to have single files back: bisync restore PATH --run {typed(named.run)}"
    if named.entry.get("mode") == "baseline":
        return "brought both sides together for the first time: there is nothing before it", restore
    if not _is_told(app, named.sync, named.entry):
        if named.entry.get("outcome") in ("idle", "refused"):
            return "changed nothing", _SEE
        return "did not come to its end: the next sync carries on with what it had done", restore
    if not has_changed(named.entry) and changes.load(app.state(named.sync), named.run) is None:
        return "changed nothing", _SEE
    return None


def look(
    app: App, named: Named, *, max_delete: int | None = None, force: bool = False, dry_run: bool = False
) -> Undone:
    """What would take the run back, as both sides are now; with a `dry_run`, nothing at all is changed.

    Else a run that was killed is cleaned up after first. Raises BisyncError where a side cannot be seen, BaselineNeeded
    where there is no baseline.
    """
    opened = app.session if dry_run else app.locked_session
    with opened(named.sync) as session:
        recovered = None if dry_run else recover(session)
        undoing = begin(session.state, named.entry, named.run)
        prepared = prepare(session, max_delete=max_delete, aiming=undoing.aim)
        refused = () if force else guard.refusals(prepared.verdicts)
        again = f"bisync undo {typed(named.run)} --only {typed(named.sync.name)}"
        found = Undone(
            name=named.sync.name,
            run=named.run,
            at=named.entry.get("at"),
            decision=undoing.decision,
            planned=prepared.plan.changes,
            notes=(*([recovered] if recovered else ()), *prepared.notes),
            expected=Expected(document=sync_document(session, prepared), hint=f"look again: {again}"),
        )
    if not refused or not found.decision.deeds:
        return found
    return replace(
        found,
        error="; ".join(one.message for one in refused),
        hint=refused[0].hint,
    )


def carry_out(
    app: App, named: Named, shown: Undone, *, max_delete: int | None = None, force: bool = False
) -> Undone:
    """Take the run back, exactly as it was shown; where something has changed since, it is refused."""
    options = Options(
        max_delete=max_delete, force=force, undoing=begin(app.state(named.sync), named.entry, named.run)
    )
    result = run(replace(app, on_plan=_shown_already), named.sync, options, expected=shown.expected)
    return replace(shown, result=result, error=result.error, hint=result.hint)


def _shown_already(sync: str, changes: tuple[Change, ...]) -> None:
    """Whoever asked for it has seen the plan."""
