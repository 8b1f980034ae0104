"""Observe, plan, guard: everything a run decides before it writes anything."""

from __future__ import annotations

from dataclasses import dataclass

from bisync import baseline, commands, guard, listing, observe, plan
from bisync.app import Target
from bisync.baseline import Baseline
from bisync.commands import Step
from bisync.errors import BaselineNeeded
from bisync.guard import Verdict
from bisync.observe import Observation
from bisync.plan import Mode, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan with all it came from and what the guards say of it."""

    baseline: Baseline | None
    seen: Observation
    plan: Plan
    verdicts: tuple[Verdict, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def baseline_of(target: Target) -> Baseline | None:
    """The sync's baseline; None before the first. Raises BaselineNeeded for a damaged one."""
    pair = listing.find(target.state.work, target.sync.dir, target.remote.fs)
    if pair is None:
        return None
    try:
        return baseline.current(baseline.load(target.state.baseline), pair, target.compare)
    except ValueError as error:
        raise BaselineNeeded(
            f"the baseline is damaged: {error}",
            hint=f"type: bisync sync --only {target.sync.name} --resync   (it merges both sides, nothing is lost)",
        ) from None


def baseline_needed(name: str) -> BaselineNeeded:
    """The seed's words for a sync without a baseline, and the two ways to one."""
    return BaselineNeeded(
        "First bisync requires --resync to establish baseline",
        hint=f"type: bisync setup   (or: bisync sync --only {name} --resync)",
    )


def prepare(target: Target, *, resync: bool = False, max_delete: int | None = None) -> Prepared:
    """Look at both sides, make the plan, ask the guards. Writes nothing.

    `resync`: make a baseline plan, which merges both sides whatever was known. `max_delete` replaces the
    profile's limit. Without a baseline the plan is one too; carrying it out is for the caller to refuse.
    Raises BisyncError when a side cannot be seen, BaselineNeeded when the baseline is damaged.
    """
    too_long = commands.blocked_by_name_length(target)
    if too_long is not None:
        raise too_long
    with observe.listing_ahead(target) as ahead:
        try:
            known = baseline_of(target)
        except BaselineNeeded:
            if not resync:
                raise
            known = None
        first = resync or known is None
        compare = target.compare if known is None or first else known.compare
        before = {} if known is None else known.files
        seen = observe.both(target, before, compare, ahead)
    base = None if first else before
    found = plan.compare_sides(base, seen.local, seen.cloud, compare)
    resolve = target.profile.conflict_resolve
    answers = observe.answers(target, seen, plan.questions(found, resolve, first=first))
    rules_changed = known is not None and not first and known.filters not in ("", seen.filters_digest)
    compare_changed = known is not None and not first and known.compare is not target.compare
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
        idle_allowed=not compare_changed and seen.local.marker and seen.cloud.marker,
    )
    limit = target.profile.max_delete if max_delete is None else max_delete
    verdicts = guard.judge(
        made, baseline=None if first else known, local=seen.local, cloud=seen.cloud,
        max_delete=limit, name=target.sync.name,
    )  # fmt: skip
    notes = []
    if rules_changed:
        notes.append("the ignore rules changed: newly ignored files stay where they are, on both sides")
    coming = [
        change.path
        for change in made.changes
        if change.action is plan.Action.DOWNLOAD
        and change.path.rpartition("/")[2] in target.app.manifest.ignore_files
    ]
    if coming:
        notes.append(f"{', '.join(coming)}: ignore rules; once they are here the rest is planned by them")
    if compare_changed and known is not None:
        notes.append(
            f"changes are told by {target.compare.value} from now on (before: {known.compare.value})"
        )
    if known is not None and not first and known.profile not in ("", target.profile.name):
        notes.append(f"profile {target.profile.name} (the last run: {known.profile})")
    taken = commands.steps(
        made, seen.local, seen.cloud, None if first else known,
        compare=target.compare, keeps_versions=target.remote.keeps_versions,
    )  # fmt: skip
    return Prepared(
        baseline=None if first else known,
        seen=seen,
        plan=made,
        verdicts=verdicts,
        steps=tuple(taken),
        notes=tuple(notes),
    )
