"""What a run did, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.heed import YELLOW, Heed
from bisync.report.left_out import left_alone_lines, left_out_lines, note_line, own
from bisync.report.plan_words import coloured_lines, plan_summary, planned_lines
from bisync.report.words import NOTHING_CHANGED, Line, Problem, conflicts_text, files

if TYPE_CHECKING:
    from bisync.core.result import Conflict, SyncResult


def outcome_text(result: SyncResult) -> str:
    """ "1 file uploaded", "2 files downloaded, 1 deleted, 1 conflict"; "" when nothing moved."""
    counts = ((result.uploaded, "uploaded"), (result.downloaded, "downloaded"), (result.merged, "merged"))
    parts = [f"{files(count)} {what}" for count, what in counts if count]
    if result.renamed:
        parts.append(f"{result.renamed} renamed")
    if deleted := result.deleted_local + result.deleted_cloud:
        parts.append(f"{deleted} deleted")
    if result.conflicts:
        parts.append(conflicts_text(len(result.conflicts)))
    return ", ".join(parts)


def sync_lines(result: SyncResult, *, dry_run: bool = False, verbose: bool = False) -> list[Line]:
    """What a person is told about a finished run; of a dry run, what it would have done."""
    if dry_run and result.error is None:
        return [
            f"{result.name}: {plan_summary(result.preview)}",
            *coloured_lines(result.preview, limit=None),
            *(note_line(note) for note in result.notes),
            *left_out_lines(result.left_out),
            *left_alone_lines(result.left_alone),
            NOTHING_CHANGED,
        ]
    lines: list[Line] = []
    if dry_run:
        lines += planned_lines(result.name, result.preview, verbose=verbose)
    lines += told_lines(result)
    for conflict in result.conflicts:
        lines += (Heed(line, YELLOW) for line in _conflict_lines(conflict, result.resolve))
    lines += left_out_lines(result.left_out)
    lines.append(_completed(result) if result.error is None else Problem(result.error, result.hint))
    return lines


def told_lines(result: SyncResult) -> list[str]:
    """The projects that a run has made, and what a user should know."""
    return [
        *(f"✓ Created project: {own(name)}" for name in result.registered),
        *(note_line(note, passing=result.exit_code == 0) for note in result.notes),
    ]


def _conflict_lines(conflict: Conflict, resolve: str) -> list[str]:
    """A conflict that the run met, and where the versions are. `resolve`: the profile's rule."""
    from bisync.core.printable import typed_path

    path = own(conflict.path)
    found, copies = f"Conflict detected: {path}", " and ".join(map(own, conflict.copies))
    if conflict.winner == "both":
        cure = f"Please resolve manually, or: bisync resolve {typed_path(path)} --keep newer"
        return [found, f"Saved as: {copies}", cure]
    if conflict.winner == "folder":
        made_room = "Resolving conflict: the name is a folder on the other side, and the file makes room"
        return [found, made_room, f"The file is kept as: {copies}"]
    # What came up after the plan was not decided by times.
    by_time = {"newer": "newer version", "older": "older version"} if conflict.planned else {}
    rule = by_time.get(resolve, f"{conflict.winner} version")
    return [found, f"Resolving conflict: using {rule}", f"The other version is kept as: {copies}"]


def _completed(result: SyncResult) -> str:
    """The last line of a run that came to its end."""
    from bisync.core.result import Outcome

    done = outcome_text(result)
    if result.conflicts:  # the last that is counted
        done += " (see: bisync conflicts)"
    if result.outcome is Outcome.IDLE:
        done = done or "nothing to do"
    if result.left_out:
        done = ", ".join(part for part in (done, f"{files(len(result.left_out))} left out") if part)
    mark = "!" if result.left_out else "✓"
    return f"{mark} Sync completed" + (f" - {done}" if done else "")
