"""Observe, plan, guard: everything a run decides before it writes anything.

What decides is loaded while the cloud is being listed: that takes longest, and it can begin without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bisync.app import Session
from bisync.config import Compare
from bisync.core import place as places
from bisync.core.place import Place
from bisync.core.snapshot import Baseline
from bisync.errors import BaselineNeeded, BisyncError, RcloneError
from bisync.rclone import listings
from bisync.state import baseline
from bisync.state.paths import SyncState
from bisync.sync import observe
from bisync.sync.observe import Observation

if TYPE_CHECKING:
    from bisync.core.guard import Verdict
    from bisync.core.plan import Plan
    from bisync.sync.transfers import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan with all it came from and what the guards say of it."""

    baseline: Baseline | None
    seen: Observation
    plan: Plan
    compare: Compare
    verdicts: tuple[Verdict, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def baseline_of(session: Session) -> Baseline | None:
    """The sync's baseline; None before the first. Raises BaselineNeeded for a damaged one, or one of another place."""
    saved = baseline.load(session.state.baseline)
    _stay(saved, session.place, session.sync.name)
    pair = listings.find(session.state.work, session.sync.dir, session.remote.fs)
    if pair is None:
        return None
    try:
        return baseline.current(saved, pair, session.compare)
    except ValueError as error:
        raise BaselineNeeded(
            f"the baseline is damaged: {error}",
            hint=f"type: bisync sync --only {session.sync.name} --resync   (it merges both sides, nothing is lost)",
        ) from None


def stay_in_place(state: SyncState, place: Place, name: str) -> None:
    """Raise BaselineNeeded where the state of the sync `name` speaks of another place than `place`."""
    _stay(baseline.load(state.baseline), place, name)


def _stay(saved: Baseline | None, place: Place, name: str) -> None:
    moved = places.moved(saved.place if saved is not None else None, place)
    if moved is not None:
        raise BaselineNeeded(
            f"what is known of {name} speaks of another place: {moved}",
            hint=f"take it back, or start afresh (both sides are merged, nothing is lost): bisync setup --only {name}",
        )


def baseline_needed(name: str) -> BaselineNeeded:
    """The seed's words for a sync without a baseline, and the two ways to one."""
    return BaselineNeeded(
        "First bisync requires --resync to establish baseline",
        hint=f"type: bisync setup   (or: bisync sync --only {name} --resync)",
    )


def prepare(
    session: Session,
    *,
    resync: bool = False,
    max_delete: int | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Prepared:
    """Look at both sides, make the plan, ask the guards. Writes nothing.

    `resync`: make a baseline plan, which merges both sides whatever was known. `max_delete` replaces the
    profile's limit. Without a baseline the plan is one too; carrying it out is for the caller to refuse.
    `meanwhile` is called while the cloud is being listed.
    Raises BisyncError when a side cannot be seen, BaselineNeeded when the baseline is damaged.
    """
    too_long = blocked_by_name_length(session)
    if too_long is not None:
        raise too_long
    with observe.listing_ahead(session) as ahead:
        from bisync.core import arriving, guard, plan, reconcile
        from bisync.core.change import Action
        from bisync.core.plan import Mode
        from bisync.sync import transfers

        meanwhile()
        try:
            known = baseline_of(session)
        except BaselineNeeded:
            if not resync:
                raise
            known = None
        first = resync or known is None
        compare = session.compare if known is None or first else known.compare
        before = {} if known is None else known.files
        seen = observe.both(session, before, compare, ahead)
    unsure = known is not None and not first and bool(known.arriving)
    if known is not None and unsure:
        # A run did not end well: what it did bring is told by what lies there.
        before = arriving.confirmed(before, known.arriving, seen.local, seen.cloud, compare)
        known = replace(known, files=before, arriving={})
    base = None if first else before
    found = reconcile.compare_sides(base, seen.local, seen.cloud, compare)
    resolve = session.profile.conflict_resolve
    answers = observe.answers(session, seen, plan.questions(found, resolve, first=first))
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
        resolve=resolve,
        mode=mode,
        moves=session.remote.keeps_versions,
        idle_allowed=not compare_changed and not unsure and seen.local.marker and seen.cloud.marker,
    )
    limit = session.profile.max_delete if max_delete is None else max_delete
    verdicts = guard.judge(
        made, baseline=None if first else known, local=seen.local, cloud=seen.cloud,
        max_delete=limit, name=session.sync.name,
    )  # fmt: skip
    notes = []
    if rules_changed:
        notes.append("the ignore rules changed: newly ignored files stay where they are, on both sides")
    coming = [
        change.path
        for change in made.changes
        if change.action is Action.DOWNLOAD
        and change.path.rpartition("/")[2] in session.app.manifest.ignore_files
    ]
    if coming:
        notes.append(f"{', '.join(coming)}: ignore rules; once they are here the rest is planned by them")
    if compare_changed and known is not None:
        notes.append(
            f"the profile tells changes by {session.compare.value}; the last run told them by {known.compare.value}"
        )
    if known is not None and not first and known.profile not in ("", session.profile.name):
        notes.append(f"profile {session.profile.name} (the last run: {known.profile})")
    taken = transfers.steps(
        made, seen.local, seen.cloud, None if first else known,
        compare=compare, keeps_versions=session.remote.keeps_versions, is_ignored=seen.is_ignored,
    )  # fmt: skip
    return Prepared(
        baseline=None if first else known,
        seen=seen,
        plan=made,
        compare=compare,
        verdicts=verdicts,
        steps=tuple(taken),
        notes=tuple(notes),
    )


def blocked_by_name_length(session: Session) -> BisyncError | None:
    """bisync names its listings after both paths; a name over 255 bytes cannot be a file."""
    if not listings.is_too_long(session.sync.dir, session.remote.fs):
        return None
    return RcloneError(
        f"{session.sync.name}: the sync dir's path and the remote's name are too long together for bisync",
        hint=f"move {session.sync.dir} to a shorter path",
    )
