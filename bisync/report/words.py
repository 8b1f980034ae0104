"""Results as a person reads them, line by line.

Names and messages stand in these lines as they are; the screen makes their control characters visible. The
engine's own values are imported where they are used: every task loads this module, also when all it does is
print its help.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bisync.actions.setup import SetupResult
    from bisync.core.change import Change
    from bisync.core.result import SyncResult

SHOWN_CHANGES = 20


def files(count: int) -> str:
    """ "1 file", "2 files"."""
    return f"{count} file" if count == 1 else f"{count} files"


def size_text(size: int) -> str:
    """A size for people, in powers of 1024."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def ago(then: str | None, now: datetime) -> str:
    """How long since an RFC 3339 time: "2 minutes ago", "never"."""
    if then is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(then)).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def home_text(path: Path) -> str:
    """A path with the home as `~`."""
    try:
        return "~/" + str(path.relative_to(Path.home()))
    except ValueError:
        return str(path)


def clean(text: str) -> str:
    """A file name or message for a terminal: control characters made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


# By the action's name in `plan --json`; in the order of `change.Action`.
_VERBS = {
    "upload": "upload",
    "download": "download",
    "delete_local": "delete here",
    "delete_cloud": "delete in the cloud",
    "conflict": "conflict",
    "register_project": "create project",
}


def plan_lines(changes: Sequence[Change], *, limit: int | None = SHOWN_CHANGES) -> list[str]:
    """One line a change, the first `limit` of them."""
    shown = changes if limit is None else changes[:limit]
    width = max((len(_VERBS[change.action]) for change in shown), default=0)
    lines = [f"  {_VERBS[change.action]:<{width}}  {change.path}  ({change.why})" for change in shown]
    if len(changes) > len(shown):
        lines.append(f"  … and {len(changes) - len(shown)} more (see: bisync plan)")
    return lines


def plan_summary(changes: Sequence[Change]) -> str:
    """ "2 to upload, 1 to download, 1 to delete in the cloud"."""
    counts = [(action, sum(change.action == action for change in changes)) for action in _VERBS]
    parts = []
    for action, count in counts:
        if count and action == "conflict":
            parts.append(f"{count} conflict{'' if count == 1 else 's'}")
        elif count:
            parts.append(f"{count} to {_VERBS[action]}")
    return ", ".join(parts) or "nothing to do"


def outcome_text(result: SyncResult) -> str:
    """ "1 file uploaded", "2 files downloaded, 1 deleted"; "" when nothing moved."""
    parts = []
    if result.uploaded:
        parts.append(f"{files(result.uploaded)} uploaded")
    if result.downloaded:
        parts.append(f"{files(result.downloaded)} downloaded")
    deleted = result.deleted_local + result.deleted_cloud
    if deleted:
        parts.append(f"{deleted} deleted")
    return ", ".join(parts)


def sync_lines(result: SyncResult) -> list[str]:
    """What a person is told about a finished run."""
    from bisync.core.result import Outcome

    lines = [f"Note: {note}" for note in result.notes]
    for conflict in result.conflicts:
        lines.append(f"Conflict detected: {conflict.path}")
        copies = " and ".join(copy for copy in conflict.copies)
        if conflict.winner == "both":
            lines.append(f"Saved as: {copies}")
            lines.append(f"Please resolve manually, or: bisync resolve {conflict.path} --keep newer")
        else:
            rule = {"newer": "newer version", "older": "older version"}.get(
                result.resolve, f"{conflict.winner} version"
            )
            lines.append(f"Resolving conflict: using {rule}")
            lines.append(f"The other version is kept as: {copies}")
    for one in result.left_out:
        lines.append(f"Left out: {one.path}: {one.why}")
    if result.error is None:
        done = outcome_text(result)
        if result.outcome is Outcome.IDLE:
            done = done or "nothing to do"
        if result.left_out:
            done = ", ".join(part for part in (done, f"{files(len(result.left_out))} left out") if part)
        lines.append("✓ Sync completed" + (f" - {done}" if done else ""))
    return lines


def setup_lines(result: SetupResult, *, dry_run: bool = False) -> list[str]:
    """One line a step; why a step failed is for the error that follows."""
    width = len("would change" if dry_run else "changed")
    lines = []
    for step in result.steps:
        mark = {"ok": "✓", "failed": "✗"}.get(step.state, "+")
        detail = "" if step.state == "failed" else step.detail
        lines.append(f"{mark} {step.step:<11}  {step.state:<{width}}  {detail}".rstrip())
    return lines
