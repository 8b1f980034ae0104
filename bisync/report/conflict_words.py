"""The conflict copies that wait for a decision, and what is different in them, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bisync.report.diff_words import shown_lines, text_of
from bisync.report.heed import YELLOW, Coloured
from bisync.report.words import Shown, clock_text, size_text

if TYPE_CHECKING:
    from bisync.actions.conflicts import Beside, ConflictGroup, Version


def conflicts_lines(groups: Sequence[ConflictGroup], word: str | None = None) -> list[Shown]:
    """Every conflict that waits, its versions, what is different in them where that was asked, how to settle it.

    `word`: what was asked about alone.
    """
    from bisync.core.printable import typed_path

    lines: list[Shown] = []
    for group in groups:
        lines.append(Coloured(f"{group.path} ({group.sync})", YELLOW))
        for one in group.versions:
            origin = f"  {_whose(one)}" if one.origin else ""
            lines.append(f"  {clock_text(one.modified)}  {size_text(one.size):>10}  {one.path}{origin}")
        if group.compared == ():
            lines.append("  Nothing else lies here to compare it with.")
        for pair in group.compared or ():
            if not pair.shown.hunks:
                lines.append(f"  {pair.old.path} and {pair.new.path}:")
            lines += shown_lines(pair.shown, *_header(pair), pair.sizes)
        lines.append(
            f"  Settle it with: bisync resolve {typed_path(group.path)} --keep local|cloud|newer|both"
        )
    if not lines and word is not None:
        return [f"No conflict is about {word}; see them all: bisync conflicts"]
    return lines or ["No conflicts."]


def _header(one: Beside) -> tuple[str, str]:
    from bisync.core.text_diff import header

    said = [", ".join(filter(None, (each.modified, _whose(each)))) for each in (one.old, one.new)]
    return header(one.old.path, one.new.path, (said[0], said[1]))


def _whose(one: Version) -> str:
    if one.device is None:
        return one.origin or ""
    if one.origin == "this device":
        return f"{one.device} (this device)"
    # Most likely its; but apps that ask for no lease write, too.
    return f"another device ({one.device} has synced since)"


def compared_document(pairs: Sequence[Beside]) -> list[dict[str, Any]]:
    """What is different in the versions of a file, as `conflicts --diff --json` has it."""
    return [
        {
            "old": one.old.path,
            "new": one.new.path,
            "diff": text_of(one.shown, _header(one)),
            "why_not": one.shown.reason,
            "binary": one.shown.reason == "binary",
        }
        for one in pairs
    ]
