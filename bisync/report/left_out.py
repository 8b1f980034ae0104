"""Names as their users wrote them, what a run goes without, and what it notes, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bisync.report.heed import YELLOW, Heed

if TYPE_CHECKING:
    from bisync.core.snapshot import LeftOut


def own(path: str) -> str:
    """A name in rclone's spelling, as its user wrote it."""
    from bisync.core.names import shown

    return shown(path)


def left_out_lines(left_out: Iterable[LeftOut]) -> list[Heed]:
    """One line a file that this run cannot handle."""
    return [Heed(f"Left out: {own(one.path)}: {one.why}", YELLOW) for one in left_out]


def left_alone_lines(left_alone: Iterable[LeftOut]) -> list[str]:
    """One line a reason, for what is no file to be synced: no failure, but nobody should count on it."""
    by_reason: dict[str, list[str]] = {}
    for one in left_alone:
        by_reason.setdefault(one.why, []).append(own(one.path))
    return [f"Left alone: {', '.join(paths)}: {why}" for why, paths in by_reason.items()]


def note_line(note: str, *, passing: bool = True) -> str:
    """What a user should know. `passing`: what nobody has to act upon is said in passing."""
    from bisync.core.result import Passing

    said = f"Note: {note}"
    return said if passing and isinstance(note, Passing) else Heed(said)
