"""Observe, plan, guard: everything a run decides before it writes anything.

What decides is loaded while the cloud is being listed: that takes longest, and it can begin without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from bisync.app import Session, baseline_needed
from bisync.config import Compare
from bisync.core.conflict_names import Naming, contested_name
from bisync.core.place import Place
from bisync.core.result import Passing
from bisync.core.snapshot import BaseFile, Baseline
from bisync.errors import BaselineNeeded, BisyncError, RcloneError
from bisync.rclone import listings
from bisync.state import baseline, held, runs
from bisync.state.held import Held
from bisync.state.paths import SyncState
from bisync.sync import observe
from bisync.sync import projects as registry
from bisync.sync.cloud_listing import Remembered
from bisync.sync.cloud_look import Ahead, listing_ahead
from bisync.sync.observe import Observation
from bisync.sync.rules_there import (
    NOTHING_HEARD,
    Broken,
    Heard,
    about_rules,
    hidden_by,
    make_sure_rules_can_come,
    unheard,
)

if TYPE_CHECKING:
    from bisync.core.change import Change
    from bisync.core.guard import Verdict
    from bisync.core.plan import Answers, Mode, Plan
    from bisync.core.reconcile import Comparison
    from bisync.providers.base import Projects
    from bisync.sync.steps import Step


def _every(path: str) -> bool:
    """A run is about every path, unless it is told otherwise."""
    return True


def _but(is_meant: Callable[[str], bool], unsettled: frozenset[str]) -> Callable[[str], bool]:
    return lambda path: path not in unsettled and is_meant(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan with all it came from and what the guards say of it. `registering`: the projects to be made.

    `is_meant`: which paths (keys) the run is about; all others stay as they are, and as they were known. `broken`:
    ignore files of the cloud that say nothing.
    """

    baseline: Baseline | None
    seen: Observation
    plan: Plan
    compare: Compare
    verdicts: tuple[Verdict, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    registering: tuple[Change, ...] = ()
    is_meant: Callable[[str], bool] = _every
    broken: tuple[Broken, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the run is about the whole sync."""
        return self.is_meant is _every

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is to be done, to files and to projects of the cloud."""
        return (*self.registering, *self.plan.changes)

    @property
    def mode(self) -> Mode:
        """The plan's, unless it is idle and there are projects to be made."""
        from bisync.core.plan import Mode

        return Mode.SYNC if self.registering and self.plan.mode is Mode.IDLE else self.plan.mode


class Aim(NamedTuple):
    """What the sync dir is to be like, as if it were already, and which paths (keys) the run is about.

    `undoes`: the run that is taken back by it.
    """

    seen: Observation
    is_meant: Callable[[str], bool]
    undoes: str | None = None


Aiming = Callable[[Session, Baseline, Observation], Aim]
"""Says what a run aims at, from what both sides are known and seen to hold."""


class Given(NamedTuple):
    """What a look need not look for. `remembered`: the cloud; `ahead`: a listing of it that is there already.

    `baseline`: as it was read before, and is known to lie on the disk.
    """

    remembered: Remembered | None = None
    baseline: Baseline | None = None
    ahead: Ahead | None = None


NOTHING_GIVEN = Given()


def baseline_of(session: Session) -> Baseline | None:
    """The sync's baseline; None before the first. Raises BaselineNeeded for a damaged one, or one of another place.

    After a run that was killed it is the one that the next run finds once it has recovered (`recover`).
    """
    saved = baseline.load(session.state.baseline)
    baseline.stay(saved, session.place, session.sync.name)
    killed = runs.read_journal(session.state)
    if killed is not None and saved is not None:
        if saved.run == killed.get("run"):
            return saved  # its listings are still to be written
        saved = baseline.expecting(saved, killed.get("arriving") or {})
    pair = listings.find(session.state.work, session.sync.dir, session.remote.fs)
    if pair is None:
        return None
    try:
        found = baseline.current(saved, pair, session.compare)
        why = session.remote.can.why_not(found.compare)
        if why is not None:
            raise BaselineNeeded(
                f"what is known of {session.sync.name} goes by {found.compare.value}, which tells nothing here: {why}",
                hint=f"type: bisync sync --only {session.sync.name} --resync   (it merges both sides, loses nothing)",
            )
        return found
    except ValueError as error:
        raise BaselineNeeded(
            f"the baseline is damaged: {error}",
            hint=f"type: bisync sync --only {session.sync.name} --resync   (it merges both sides, nothing is lost)",
        ) from None


def _notes(session: Session, known: Baseline | None, made: Plan, *, rules_changed: bool) -> Iterator[Passing]:
    """What a user should know of a plan. `known`: the baseline it was made from."""
    from bisync.core.change import Action
    from bisync.core.waiting import rules_among

    if rules_changed:
        yield Passing("the ignore rules changed: newly ignored files stay where they are, on both sides")
    coming = [
        change.path
        for change in rules_among(made.changes, session.app.manifest.ignore_files)
        if change.action is Action.DOWNLOAD
    ]
    if coming:
        yield Passing(f"{', '.join(coming)}: ignore rules; once they are here the rest is planned by them")
    if known is not None and known.compare is not session.compare:
        yield Passing(
            f"the profile tells changes by {session.compare.value}; the last run told them by {known.compare.value}"
        )
    if known is not None and known.profile not in ("", session.profile.name):
        yield Passing(f"profile {session.profile.name} (the last run: {known.profile})")


def _held(session: Session) -> Held:
    """What waits for a word, as the last run left it. Raises BisyncError for a damaged note of it."""
    try:
        return held.load(session.state.held)
    except ValueError as error:
        raise BisyncError(
            str(error),
            hint="if whatever the rules do not ignore now may go to the cloud: "
            f"bisync sync --only {session.sync.name} --reveal",
        ) from None


def stay_in_place(state: SyncState, place: Place, name: str) -> None:
    """Raise BaselineNeeded where the state of the sync `name` speaks of another place than `place`."""
    baseline.stay(baseline.load(state.baseline), place, name)


def prepare(
    session: Session,
    *,
    resync: bool = False,
    max_delete: int | None = None,
    reveal: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
    on_change: Callable[[], object] = lambda: None,
    coming: Heard = NOTHING_HEARD,
    projects: Projects | None = None,
    only: str | None = None,
    unsettled: frozenset[str] = frozenset(),
    moved_in: bool = False,
    given: Given = NOTHING_GIVEN,
    fingerprinted: bool = False,
    aiming: Aiming | None = None,
) -> Prepared:
    """Look at both sides, make the plan, ask the guards. Writes nothing.

    `resync`: make a baseline plan, which merges both sides whatever was known. `max_delete` replaces the
    profile's limit. Without a baseline the plan is one too; carrying it out is for the caller to refuse.
    `reveal`: nothing waits any more that ignore rules hid. `meanwhile` is called while the cloud is being listed,
    `on_change` once something here turns out to have changed.
    `coming`: versions of ignore files that are known to lie in the cloud; contested ones are fetched. `projects`: what
    knows which top-level folders are new to the cloud. `only`: the one top-level folder that the run is about.
    `unsettled`: paths (keys) that wait for another run. `moved_in`: a migration has brought files, so that all that is
    known may have changed at once, and of two versions the newer one wins and the other is kept beside it.
    `fingerprinted`: take fingerprints of both sides, too. `aiming`: the plan is made for what it says instead.
    Raises UsageError when neither side has that folder, BisyncError when a side cannot be seen, BaselineNeeded when the
    baseline is damaged, or missing for `aiming`.
    """
    too_long = blocked_by_name_length(session)
    if too_long is not None:
        raise too_long
    kept = Held() if reveal else _held(session)
    remembered = given.remembered
    with _listing(session, given, fingerprinted=fingerprinted) as ahead:
        from bisync.core import guard, plan, reconcile
        from bisync.core.plan import Mode
        from bisync.sync import transfers

        meanwhile()
        try:
            known = baseline_of(session) if given.baseline is None else given.baseline
        except BaselineNeeded:
            if not resync:
                raise
            known = None
        if remembered is not None and (known is None or known.listings != remembered.listings):
            remembered = None
        first = resync or known is None
        compare = session.compare if known is None or first else known.compare
        before = {} if known is None else known.files
        seen = observe.both(
            session, before, compare, ahead,
            held=kept, coming=coming.texts, remembered=remembered, fingerprinted=fingerprinted, on_change=on_change,
        )  # fmt: skip
    unsure = known is not None and not first and bool(known.arriving)
    if known is not None and not first:
        known = _by_what_lies_there(known, seen, compare)
        before = known.files
    base = None if first else before
    seen, is_meant, undoes = _aim(session, seen, None if first else known, only, unsettled, aiming)
    found = reconcile.compare_sides(base, seen.local, seen.cloud, compare)
    if is_meant is not _every:
        found = reconcile.restricted(found, is_meant)
    make_sure_rules_can_come(session, found.changes, seen)
    answers = _answers(session, seen, found, {} if first else before, first=first, moved_in=moved_in)
    rules_changed = known is not None and not first and known.filters not in ("", seen.filters_digest)
    compare_changed = known is not None and not first and known.compare is not session.compare
    mode = Mode.BASELINE if first else Mode.REBASELINE if rules_changed else Mode.SYNC
    made = plan.make_plan(
        found,
        answers,
        baseline=base,
        local=seen.local,
        cloud=seen.cloud,
        compare=compare,
        resolve=session.profile.conflict_resolve,
        mode=mode,
        moves=session.remote.keeps_versions,
        keeps_both=moved_in,
        idle_allowed=not compare_changed and not unsure and seen.local.marker and seen.cloud.marker,
        naming=naming(session, seen),
    )
    more = unheard(session, made, seen, coming)
    if more is not None:
        return prepare(
            session,
            resync=resync,
            max_delete=max_delete,
            reveal=reveal,
            coming=more,
            projects=projects,
            only=only,
            unsettled=unsettled,
            moved_in=moved_in,
            given=given._replace(remembered=remembered, ahead=None),
            fingerprinted=fingerprinted,
            aiming=aiming,
        )
    limit = session.profile.max_delete if max_delete is None else max_delete
    hidden = hidden_by(coming, before, seen) if not first else ()
    verdicts = guard.judge(
        made, all_may_change=moved_in, baseline=None if first else known, local=seen.local, cloud=seen.cloud,
        max_delete=limit, max_new=session.profile.max_new, hidden=len(hidden), name=session.sync.name, undoes=undoes,
    )  # fmt: skip
    taken = transfers.steps(
        made, seen.local, seen.cloud, None if first else known,
        compare=compare, keeps_versions=session.remote.keeps_versions, has_folders=not session.remote.is_bucket,
        is_ignored=seen.is_ignored,
    )  # fmt: skip
    notes = tuple(_notes(session, None if first else known, made, rules_changed=rules_changed))
    registering, said = registry.missing(projects, session, seen, only)
    return Prepared(
        baseline=None if first else known,
        seen=seen,
        plan=made,
        compare=compare,
        verdicts=verdicts,
        steps=tuple(taken),
        notes=(*notes, *about_rules(hidden, coming), *said),
        broken=coming.broken,
        registering=registering,
        is_meant=is_meant,
    )


def naming(session: Session, seen: Observation) -> Naming:
    """How conflict copies are called here. A version of an ignore file has to be found by its ending."""
    from bisync.core.waiting import names_rules

    rules = frozenset(session.app.manifest.ignore_files)

    def admits(copy: str) -> bool:
        original = contested_name(copy, extensions=True)
        return not names_rules(original, rules) and not seen.is_ignored(copy)

    return Naming(session.profile.conflict_name, session.sync.keeps_extensions, admits)


def _answers(
    session: Session,
    seen: Observation,
    found: Comparison,
    before: Mapping[str, BaseFile],
    *,
    first: bool,
    moved_in: bool,
) -> Answers:
    """What both sides say of the conflicts that were found. `before`: what both held; see `plan.questions`."""
    from bisync.core import plan
    from bisync.sync import merging

    texts = merging.bases(session, found, before)
    asked = plan.questions(
        found, session.profile.conflict_resolve, first=first or moved_in, keeps_both=moved_in,
        own_times=session.remote.can.precision_ns is not None, bases=texts,
    )  # fmt: skip
    merged = merging.merged(session, seen, asked.merges, texts)
    return replace(observe.answers(session, seen, asked), merged=merged)


def _aim(
    session: Session,
    seen: Observation,
    known: Baseline | None,
    only: str | None,
    unsettled: frozenset[str],
    aiming: Aiming | None,
) -> Aim:
    """What a run is about: every path, one folder, all but a few, or what it aims at."""
    if aiming is not None:
        if known is None:
            raise baseline_needed(session.sync.name)
        return aiming(session, known, seen)
    is_meant = _every if only is None else registry.scope(session, seen, only)
    return Aim(seen, _but(is_meant, unsettled) if unsettled else is_meant)


def _by_what_lies_there(known: Baseline, seen: Observation, compare: Compare) -> Baseline:
    """The baseline with what only a look can tell: the cloud's times to the digit, and what a killed run had done."""
    from bisync.core import arriving, reconcile

    if compare is Compare.MODTIME and not known.as_listed:
        known = replace(known, files=reconcile.as_listed(known.files, seen.cloud.files))
    if known.arriving:
        # A run did not end well: what it did bring is told by what lies there.
        files = arriving.confirmed(known.files, known.arriving, seen.local, seen.cloud, compare)
        known = replace(known, files=files, arriving={})
    return known


def _listing(session: Session, given: Given, *, fingerprinted: bool) -> AbstractContextManager[Ahead | None]:
    """The listing of the cloud that a look can begin with, if it needs one."""
    if given.ahead is not None or given.remembered is not None:
        return nullcontext(given.ahead)
    return listing_ahead(session, fingerprinted=fingerprinted)


def blocked_by_name_length(session: Session) -> BisyncError | None:
    """bisync names its listings after both paths; a name over 255 bytes cannot be a file."""
    if not listings.is_too_long(session.sync.dir, session.remote.fs):
        return None
    return RcloneError(
        f"{session.sync.name}: the sync dir's path and the remote's name are too long together for bisync",
        hint=f"move {session.sync.dir} to a shorter path",
    )
