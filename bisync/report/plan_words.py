"""What a plan holds, in words: a plan goes in, lines come out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bisync.report.left_out import left_alone_lines, left_out_lines, own
from bisync.report.words import Line, Problem, conflicts_text

if TYPE_CHECKING:
    from bisync.actions.plan import PlanResult
    from bisync.core.change import Change

SHOWN_CHANGES = 20

# By the action's name in `plan --json`; in the order of `change.Action`.
VERBS = {
    "upload": "upload",
    "download": "download",
    "delete_local": "delete here",
    "delete_cloud": "delete in the cloud",
    "rename": "rename",
    "conflict": "conflict",
    "merge": "merge",
    "register_project": "create project",
}


def plan_lines(changes: Sequence[Change], *, limit: int | None = SHOWN_CHANGES) -> list[str]:
    """One line a change, the first `limit` of them."""
    shown = changes if limit is None else changes[:limit]
    width = max((len(VERBS[change.action]) for change in shown), default=0)
    lines = [
        f"  {VERBS[change.action]:<{width}}  {' → '.join(map(own, change.paths))}  ({own(change.why)})"
        for change in shown
    ]
    if len(changes) > len(shown):
        lines.append(f"  … and {len(changes) - len(shown)} more (see: bisync plan)")
    return lines


def plan_summary(changes: Sequence[Change]) -> str:
    """ "2 to upload, 1 to download, 1 to delete in the cloud"."""
    counts = [(action, sum(change.action == action for change in changes)) for action in VERBS]
    parts = []
    for action, count in counts:
        if count and action == "conflict":
            parts.append(conflicts_text(count))
        elif count and action == "register_project":
            parts.append(f"{count} project{'' if count == 1 else 's'} to create")
        elif count:
            parts.append(f"{count} to {VERBS[action]}")
    return ", ".join(parts) or "nothing to do"


def planned_lines(sync: str, changes: Sequence[Change], *, verbose: bool) -> list[str]:
    """What a run is about to do, all of it when `verbose`; no line for nothing."""
    if not changes:
        return []
    limit = None if verbose else SHOWN_CHANGES
    new = sum(change.action == "register_project" for change in changes)
    found = [f"Found {new} new local project{'' if new == 1 else 's'}, creating on cloud..."] if new else []
    return [f"{sync}: {plan_summary(changes)}", *plan_lines(changes, limit=limit), *found]


def preview_lines(result: PlanResult) -> list[Line]:
    """One sync's plan in full, and what the guards have against it."""
    if result.prepared is None:
        assert result.error is not None
        return [Problem(result.error.message, result.error.hint)]
    plan = result.prepared.plan
    return [
        f"{result.name} ({result.prepared.mode.value}): {plan_summary(result.prepared.changes)}",
        *plan_lines(result.prepared.changes, limit=None),
        *(f"Note: {note}" for note in result.prepared.notes),
        *left_out_lines(plan.left_out),
        *left_alone_lines(result.prepared.seen.left_alone),
        *(Problem(one.message, one.hint) for one in result.prepared.verdicts if not one.passed),
    ]


def plan_file_lines(path: str) -> list[str]:
    """What to do with a plan that was saved to `path`."""
    from bisync.core.printable import typed

    return [f"Plan written. Carry it out with: bisync sync --plan {typed(path)}"]


def script_lines(path: str) -> list[str]:
    """Where a plan's script is."""
    return [f"Script written: {path}"]
