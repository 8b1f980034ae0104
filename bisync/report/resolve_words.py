"""How conflicts were settled, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.words import Line, Problem

if TYPE_CHECKING:
    from bisync.actions.conflicts import AllSettled, Settled

NEXT = "  Next: bisync sync"


def resolve_lines(done: Settled) -> list[str]:
    """How a conflict was settled."""
    return [*_settled(done), NEXT]


def resolve_all_lines(done: AllSettled) -> list[Line]:
    """How each of several was settled, and why some were not."""
    lines: list[Line] = [line for one in done.settled for line in _settled(one)]
    if not done.settled and not done.refused:
        return ["No conflicts."]
    lines += [Problem(error.message, error.hint) for _, error in done.refused]
    return [*lines, NEXT] if done.settled else lines


def _settled(done: Settled) -> list[str]:
    lines = [f"✓ Resolved {done.path}: kept {', '.join(done.kept)}"]
    if done.trashed:
        lines.append(f"  in the trash (run {done.run}): {', '.join(done.trashed)}")
    return lines
