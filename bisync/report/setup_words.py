"""What is said of setup: its steps, and what to do next. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.left_out import left_out_lines
from bisync.report.run_words import told_lines
from bisync.report.words import NOTHING_CHANGED, Line, Problem

if TYPE_CHECKING:
    from bisync.sync.setup import SetupResult


def setup_lines(result: SetupResult, *, dry_run: bool = False) -> list[Line]:
    """One line a step; then what the baseline went without, and why a step failed."""
    width = len("would change" if dry_run else "changed")
    lines: list[Line] = []
    for step in result.steps:
        mark = {"ok": "✓", "failed": "✗"}.get(step.state, "+")
        detail = "" if step.state == "failed" else step.detail
        lines.append(f"{mark} {step.step:<11}  {step.state:<{width}}  {detail}".rstrip())
    if result.baseline is not None:
        lines += [*told_lines(result.baseline), *left_out_lines(result.baseline.left_out)]
    lines += [
        Problem(f"{step.step}: {step.detail}", step.hint) for step in result.steps if step.state == "failed"
    ]
    return lines


def ready_lines(*, dry_run: bool, code: int) -> list[str]:
    """What to do after setup, when it went well."""
    if dry_run:
        return [NOTHING_CHANGED]
    return [] if code else ["Ready. Next: bisync sync"]
