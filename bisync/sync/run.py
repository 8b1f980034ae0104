"""One run over one sync, from its lock to its line in the history.

Every way it can end is a result: done, nothing to do, refused by a guard, failed. What carries a plan out is loaded
when there is something to carry out, what judges it when there is something to judge: looking comes first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bisync.app import App, Session, baseline_needed
from bisync.config import Sync
from bisync.core.change import Change
from bisync.core.hooks import About, named_remote
from bisync.core.result import Outcome, Passing, SyncResult, Tally
from bisync.errors import BisyncError, GuardRefused, Interrupted, LeaseLost, Locked, disk_error
from bisync.providers.base import Created, Projects
from bisync.rclone import listings
from bisync.state import held, runs
from bisync.sync import hooks, keys, leased, pings, quiet, recover, rules
from bisync.sync import projects as registry
from bisync.sync.conclude import conclude, write_down
from bisync.sync.crew import Early
from bisync.sync.memory import Memory, written
from bisync.sync.prepare import NOTHING_GIVEN, Given, Prepared, prepare, stay_in_place

if TYPE_CHECKING:
    from bisync.sync.plan_file import Expected
    from bisync.sync.undoing import Undoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one run is asked for. `max_delete` replaces the profile's limit; `force` passes every guard.

    `reveal`: what waits since ignore rules changed in the cloud may go there. `project`: the one top-level folder that
    it is about; everything else waits for another run. `moved_in`: see `prepare`. `wait`: for another device that
    writes. `unsettled`: paths (keys) that wait, too, because somebody is writing to them. `memory`: of a process that
    stays; `glance`: where it knows the cloud it goes by that, without a listing. `undoing`: it takes another run back.
    """

    profile: str | None = None
    resync: bool = False
    max_delete: int | None = None
    force: bool = False
    dry_run: bool = False
    reveal: bool = False
    project: str | None = None
    moved_in: bool = False
    wait: bool = True
    unsettled: frozenset[str] = frozenset()
    memory: Memory | None = None
    glance: bool = False
    undoing: Undoing | None = None

    def ended(self, result: SyncResult, done: Tally) -> SyncResult:
        """The result of such a run, with what is to be said of the one that it takes back. `done`: what it did."""
        return result if self.undoing is None else self.undoing.ended(result, done)


def run(app: App, sync: Sync, options: Options, *, expected: Expected | None = None) -> SyncResult:
    """Observe, plan, guard, apply, record: every way this can end is a result. Raises UsageError, KeyboardInterrupt."""
    # Hooks and pings may be what is new. (A wrong profile is said first.)
    if (refused := app.refusal(sync, resync=options.resync)) and app.profile(sync, options.profile):
        return _failed(sync, refused, None, "blocked", time.monotonic())
    work = partial(_run, app, sync, options, expected)
    return work() if options.dry_run else pings.around(app, sync, work)


def _run(app: App, sync: Sync, options: Options, expected: Expected | None) -> SyncResult:
    began = time.monotonic()
    profile = app.profile(sync, options.profile).name
    try:
        if options.dry_run:
            with app.session(sync, profile=options.profile) as session:
                return replace(_preview(session, options), seconds=time.monotonic() - began)
        watching = options.memory is not None
        with app.locked_session(sync, profile=options.profile, watching=watching) as session:
            return _run_locked(session, options, expected, began)
    except (BisyncError, OSError) as problem:
        error = _on_disk(problem, sync) if isinstance(problem, OSError) else problem
        result = _failed(sync, error, None, "blocked", began)
        if not isinstance(error, Locked) and not options.dry_run:
            # Something before the run itself: no rclone, no cloud. It is a failed run all the same.
            about = About(run=runs.on_device(runs.new_run_id(app.now()), app.device), profile=profile)
            result = options.ended(replace(result, run=about.run), Tally())
            result = conclude(app, sync, result, about, Tally())
        return result


def _preview(session: Session, options: Options) -> SyncResult:
    from bisync.core import guard

    prepared = prepare(
        session,
        resync=options.resync,
        max_delete=options.max_delete,
        reveal=options.reveal,
        projects=session.projects(dry_run=True),
        only=options.project,
    )
    refused = () if options.force else guard.refusals(prepared.verdicts)
    return SyncResult(
        name=session.sync.name,
        mode=prepared.mode.value,
        outcome=Outcome.REFUSED if refused else Outcome.IDLE,
        run=None,
        exit_code=GuardRefused.exit_code if refused else 0,
        notes=prepared.notes,
        left_out=prepared.plan.left_out,
        left_alone=prepared.seen.left_alone,
        error=refused[0].message if refused else None,
        hint=refused[0].hint if refused else None,
        profile=session.profile.name,
        resolve=session.profile.conflict_resolve.value,
        preview=prepared.changes,
    )


def _run_locked(session: Session, options: Options, expected: Expected | None, began: float) -> SyncResult:
    session = session.proved()
    app, run = session.app, runs.unused_run_id(session.state, session.app.now(), session.app.device)
    remote = named_remote(session.remote.fs, app.place(session.sync).store)
    doing = _Doing(
        session, options, expected, About(run=run, profile=session.profile.name, remote=remote), Tally()
    )
    try:
        recovered = recover.recover(session)
        known = listings.find(session.state.work, session.sync.dir, session.remote.fs)
        if known is None and not options.resync:
            stay_in_place(session.state, session.place, session.sync.name)
            raise baseline_needed(session.sync.name)
        if options.reveal:
            held.save(session.state.held, held.NOTHING)
        result = doing.do([recovered] if recovered else [])
        result = replace(result, seconds=time.monotonic() - began)
    except BisyncError as error:
        result = _failed(session.sync, error, run, doing.mode, began)
    except OSError as error:
        result = _failed(session.sync, _on_disk(error, session.sync), run, doing.mode, began)
    except KeyboardInterrupt:
        known = listings.find(session.state.work, session.sync.dir, session.remote.fs)
        again = "bisync setup" if known is None else "bisync sync"
        stopped = Interrupted("interrupted; everything is in order", hint=f"carry on with: {again}")
        failed = options.ended(_failed(session.sync, stopped, run, doing.mode, began), doing.tally)
        write_down(app, session.sync, failed, doing.tally, doing.planned)
        raise
    if options.memory is not None:
        options.memory.did(doing.tally)
    result = options.ended(_with_projects(result, doing.registered), doing.tally)
    result = conclude(app, session.sync, result, doing.about, doing.tally, doing.planned)
    # Last of all, when everything is written down: it may take long, and can be done without.
    meant = options.project if result.error is None else None
    told = registry.tell(doing.projects, session.sync, doing.planned, doing.tally, meant)
    return replace(result, notes=(*result.notes, *told))


@dataclass(slots=True)
class _Doing:
    """A run under the sync's lock, as far as it has come."""

    session: Session
    options: Options
    expected: Expected | None
    about: About
    tally: Tally
    prepared: Prepared | None = None
    registered: Created = field(default_factory=Created)
    projects: Projects | None = field(init=False)

    def __post_init__(self) -> None:
        self.projects = self.session.projects(dry_run=False)

    @property
    def mode(self) -> str:
        """What kind of run it is, as far as that is known."""
        return self.prepared.mode.value if self.prepared is not None else "sync"

    @property
    def planned(self) -> tuple[Change, ...]:
        """What it is about to do, as far as that is known."""
        return self.prepared.plan.changes if self.prepared is not None else ()

    def do(self, notes: list[str]) -> SyncResult:
        """Look, and do what there is to do under the lease of the cloud's folder. `notes`: what is to be said of it."""
        memory, glance = self.options.memory, self.options.glance
        if memory is None:
            return self._do(notes)
        before, memory.quiet, memory.earnest = memory.quiet, None, False
        wanted = not (notes or glance or self.options.unsettled)
        with quiet.look(self.session, before if wanted else None, written(self.session)) as found:
            if before is not None and found.same:
                memory.quiet, memory.glanced = before, False
                hooks.before(self.session.app, self.session.sync, self.about)
                self.session.app.on_plan(self.session.sync.name, ())
                return replace(before.result, run=self.about.run)
            lent, known = memory.lend(glance=glance), memory.lend_baseline(self.session)
            try:
                return self._do(notes, Given(lent, known, found.ahead))
            except (Locked, LeaseLost):
                raise
            except BisyncError:
                if lent is None:
                    raise
        # What it went by may not be true any more.
        return self._do(notes)

    def _do(self, notes: list[str], given: Given = NOTHING_GIVEN) -> SyncResult:
        """`given`: for its first look."""
        from bisync.core.plan import Mode

        session, options = self.session, self.options
        stays = options.memory.residents if options.memory is not None else None
        with Early(session, self.about.run, stays) as early:
            prepared, renewed = keys.looked(session, partial(self._look, session, given, early), early)
            if prepared.mode is Mode.IDLE:
                early.dismiss()
                result = self._carry_out(session, prepared)
            else:
                self._judge(session, prepared)
                with leased.writing(
                    session, prepared, self.about.run, wait=options.wait, look=self._look, early=early
                ) as under:
                    result = self._carry_out(under.session, under.prepared)
                    if result.conflicts:
                        other = under.other()
                        known = tuple(replace(one, device=other) for one in result.conflicts)
                        result = replace(result, conflicts=known)
        return replace(result, notes=(*notes, *renewed, *result.notes))

    def _look(self, session: Session, given: Given = NOTHING_GIVEN, early: Early | None = None) -> Prepared:
        undoing = self.options.undoing
        found = prepare(
            session,
            resync=self.options.resync,
            max_delete=self.options.max_delete,
            meanwhile=_load_the_rest,
            on_change=early.begin if early is not None else lambda: None,
            projects=self.projects if undoing is None else None,
            only=self.options.project,
            unsettled=self.options.unsettled,
            given=given,
            moved_in=self.options.moved_in,
            fingerprinted=self.options.memory is not None,
            aiming=undoing.aim if undoing is not None else None,
        )
        if self.options.memory is not None:
            self.options.memory.saw(found.seen)
        held.save(session.state.held, found.seen.held)
        self.prepared = found
        return found

    def _judge(self, session: Session, prepared: Prepared) -> list[str]:
        """What is to be said of a plan before it is carried out. Raises GuardRefused."""
        if self.expected is not None:
            self.expected.check(session, prepared)
        return _guarded(prepared, force=self.options.force)

    def _carry_out(self, session: Session, prepared: Prepared) -> SyncResult:
        from bisync.core.plan import Mode
        from bisync.sync import fulfil

        if self.expected is not None:
            self.expected.check(session, prepared)
        notes = list(prepared.notes)
        prepared, arrived = rules.obey(
            session, prepared, self.about.run, self.tally,
            again=partial(self._look, session), expected=self.expected,
        )  # fmt: skip
        self.prepared = prepared
        notes += [Passing(f"ignore rules came from the cloud: {', '.join(arrived)}")] if arrived else []
        notes += _guarded(prepared, force=self.options.force)
        hooks.before(session.app, session.sync, self.about)
        session.app.on_plan(session.sync.name, prepared.changes)
        here, undoing = frozenset[str](), self.options.undoing
        if undoing is not None:
            again = partial(self._look, session)
            prepared, here = undoing.change_here(session, prepared, self.about.run, again=again)
            _guarded(prepared, force=self.options.force)
        self.registered = registry.register(self.projects, prepared.registering)
        if prepared.plan.mode is Mode.IDLE:
            result = fulfil.idle(session, prepared, self.about.run, self.options.memory)
        else:
            result = fulfil.apply(session, prepared, self.about.run, self.tally, self.options.memory, here)
        return replace(result, notes=(*notes, *result.notes))


def _guarded(prepared: Prepared, *, force: bool) -> list[str]:
    """What is to be said of guards that were passed by force. Raises GuardRefused where none was used."""
    from bisync.core import guard

    refused = guard.refusals(prepared.verdicts)
    if refused and not force:
        raise GuardRefused("; ".join(one.message for one in refused), hint=refused[0].hint)
    return [f"--force: passed the guard {one.guard}: {one.message}" for one in refused]


def _with_projects(result: SyncResult, made: Created) -> SyncResult:
    """A run that made projects has done something, whatever became of files."""
    result = replace(result, notes=(*result.notes, *made.notes), registered=made.folders)
    if made.folders and result.outcome is Outcome.IDLE:
        return replace(result, mode="sync", outcome=Outcome.DONE)
    return result


def _on_disk(error: OSError, sync: Sync) -> BisyncError:
    """What the disk refused, with its cure."""
    return disk_error(error, where=sync.dir, then="run again; nothing was lost")


def _load_the_rest() -> None:
    """Load what carries a plan out."""
    from bisync.sync import apply, fulfil, trash  # noqa: F401


def _failed(sync: Sync, error: BisyncError, run: str | None, mode: str, began: float) -> SyncResult:
    refused = isinstance(error, GuardRefused) or error.exit_code in (4, 5, 6)
    return SyncResult(
        name=sync.name,
        mode=mode,
        outcome=Outcome.REFUSED if refused else Outcome.FAILED,
        run=run,
        exit_code=error.exit_code,
        error=error.message,
        hint=error.hint,
        seconds=time.monotonic() - began,
    )
