"""What stops a plan before anything is written. Pure: values in, verdicts out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bisync.core.change import Action
from bisync.core.counting import counted
from bisync.core.plan import Mode, Plan
from bisync.core.printable import typed
from bisync.core.snapshot import Baseline, CloudSnapshot, LocalSnapshot

# Below this a tree is edited all at once in the ordinary course of things.
ALL_CHANGED_MINIMUM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One guard's word on a plan. `message` and `hint` only where it did not pass."""

    guard: str
    limit: int | None
    planned: int
    passed: bool
    message: str = ""
    hint: str = ""


def judge(
    plan: Plan,
    *,
    baseline: Baseline | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    max_delete: int | None,
    max_new: int | None = None,
    name: str,
    all_may_change: bool = False,
    hidden: int = 0,
    undoes: str | None = None,
) -> tuple[Verdict, ...]:
    """Every guard's verdict, in a fixed order. `name` is the sync's, for the commands to type.

    `hidden`: so many files that were synced are hidden by ignore rules that lie in the cloud.
    `all_may_change`: that every file was edited at once is no surprise. `undoes`: the run that the plan takes back.
    """
    if baseline is None or plan.mode is Mode.BASELINE:
        return ()
    name = typed(name)
    verdicts = (
        _marker("marker_local", local.marker, "the sync dir", name),
        _marker("marker_cloud", cloud.marker, "the cloud", name),
        _device(baseline, local, name),
        _max_delete(plan, max_delete, name),
        _hidden(hidden, max_delete, name),
        _max_new(plan, max_new, name),
        _all_changed(plan, baseline, name),
    )
    found = tuple(one for one in verdicts if not (all_may_change and one.guard == "all_changed"))
    return found if undoes is None else tuple(_of_undo(one, undoes, name) for one in found)


def refusals(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """The verdicts that stop the run."""
    return tuple(verdict for verdict in verdicts if not verdict.passed)


def _of_undo(verdict: Verdict, undoes: str, name: str) -> Verdict:
    """The verdict on a plan that takes a run back: whoever means it types `undo`, and not `sync`."""
    if verdict.passed or verdict.guard in ("marker_local", "marker_cloud"):
        return verdict
    again = f"bisync undo {typed(undoes)} --only {name}"
    flag = f"max-delete {verdict.planned}" if verdict.guard in ("max_delete", "hidden") else "force"
    return replace(verdict, hint=f"look at it: {again} --dry-run; then, if you mean it: {again} --{flag}")


def _marker(guard: str, there: bool, where: str, name: str) -> Verdict:
    if there:
        return Verdict(guard=guard, limit=None, planned=0, passed=True)
    lost = "an unmounted disk" if guard == "marker_local" else "a wiped or wrong bucket"
    return Verdict(
        guard=guard,
        limit=None,
        planned=1,
        passed=False,
        message=f"the marker .basic-memory/.bisync-marker is missing in {where}: it looks like {lost}",
        hint=f"bring {where} back, or start anew from what both sides hold: bisync sync --only {name} --resync",
    )


def _device(baseline: Baseline, local: LocalSnapshot, name: str) -> Verdict:
    same = baseline.device in (0, local.device)
    return Verdict(
        guard="device",
        limit=None,
        planned=0 if same else 1,
        passed=same,
        message=""
        if same
        else "the sync dir lies on another disk than at the last run: is the right one mounted?",
        hint="" if same else f"mount it, or if it moved for good: bisync sync --only {name} --force",
    )


def _max_delete(plan: Plan, limit: int | None, name: str) -> Verdict:
    said = f"Deletion exceeds safety limit ({plan.deletions} > {limit})"
    return _within("max_delete", limit, plan.deletions, said, f"max-delete {plan.deletions}", name)


def _hidden(hidden: int, limit: int | None, name: str) -> Verdict:
    said = (
        f"ignore rules that lie in the cloud would hide {counted(hidden, 'file')} "
        f"that {'is' if hidden == 1 else 'are'} synced ({hidden} > {limit})"
    )
    return _within("hidden", limit, hidden, said, f"max-delete {hidden}", name)


def _max_new(plan: Plan, limit: int | None, name: str) -> Verdict:
    """Whoever can write to the bucket can plant a mass of files, which would fill the disk of every device."""
    new = sum(change.action is Action.DOWNLOAD and not change.replaces for change in plan.changes)
    said = f"New files from the cloud exceed safety limit ({new} > {limit})"
    return _within("max_new", limit, new, said, "force", name)


def _within(guard: str, limit: int | None, planned: int, said: str, flag: str, name: str) -> Verdict:
    """Whether a number is within its limit. `flag`: what passes it for who means it."""
    if limit is None or planned <= limit:
        return Verdict(guard=guard, limit=limit, planned=planned, passed=True)
    hint = (
        f"look at them: bisync plan --only {name}; then, if you mean it: bisync sync --only {name} --{flag}"
    )
    return Verdict(guard=guard, limit=limit, planned=planned, passed=False, message=said, hint=hint)


def _all_changed(plan: Plan, baseline: Baseline, name: str) -> Verdict:
    known = len(baseline.files)
    passed = known < ALL_CHANGED_MINIMUM or plan.edited < known
    return Verdict(
        guard="all_changed",
        limit=None,
        planned=plan.edited,
        passed=passed,
        message=""
        if passed
        else f"every file changed at once ({plan.edited} of {known}): is this the right folder?",
        hint=""
        if passed
        else f"look at it: bisync plan --only {name}; then, if you mean it: bisync sync --only {name} --force",
    )
