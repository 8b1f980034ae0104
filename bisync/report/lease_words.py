"""What is said of leases in the cloud: results in, lines out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.words import Line, Problem, time_text

if TYPE_CHECKING:
    from bisync.actions.unlock import Unlocked
    from bisync.locks.holders import Holder


def holder_text(one: Holder) -> str:
    """Who has a lease, and for how long: "desktop is syncing (12 s)"."""
    if one.dead:
        return f"{one.device or 'another device'} was syncing and is gone (its lease is dead)"
    return f"{one.device or 'another device'} is syncing ({time_text(one.seconds)})"


def lease_rows(one: Holder | None) -> list[tuple[str, str, str | None]]:
    """Who writes to a sync's cloud just now as rows of its table: property, value, colour. None has no rows."""
    return [] if one is None else [("Cloud in Use", holder_text(one), "yellow")]


def unlock_lines(result: Unlocked) -> list[Line]:
    """Who has the leases of a sync and who waits, and what became of dead ones."""
    if not result.holders:
        return [f"{result.name}: no device holds the lease, nothing to unlock"]
    dead = [one for one in result.holders if one.dead]
    lines: list[Line] = [f"  {result.name}: {holder_text(one)}{_run(one.run)}" for one in dead]
    lines += [_in_force(result.name, one) for one in result.holders if not one.dead]
    lines += [f"  {one.device or 'another device'} waits{_run(one.run)}" for one in result.waiting]
    if result.removed:
        lines.append("✓ Removed: nobody has to wait for it any more")
    elif dead and len(dead) == len(result.holders):
        lines.append("Remove it with: bisync unlock --yes")
    return lines


def _in_force(name: str, one: Holder) -> Problem:
    said = f"{name}: {holder_text(one)}{_run(one.run)}"
    if one.left is None:
        return Problem(
            said, "wait for it to end; whether it is gone the cloud does not say: look again in a while"
        )
    gone = f"if it is gone, its lease is dead in {time_text(one.left)}"
    return Problem(said, f"wait for it to end; {gone}, and runs go past it by themselves")


def _run(run: str) -> str:
    return f", run {run}" if run else ""
