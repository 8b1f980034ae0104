"""What came back from the trash, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.words import files, size_text

if TYPE_CHECKING:
    from bisync.actions.restore import Restoration


def restore_lines(done: Restoration, *, elsewhere: bool) -> list[str]:
    """What came back, and what was left alone. `elsewhere`: not into the sync dir."""
    lines = []
    for one in done.restored:
        lines.append(f"✓ Restored {one.path} (run {one.kept.run}, {size_text(one.kept.size)})")
        if one.replaced:
            lines.append("  the version that lay there is in the trash")
    if done.left:
        lines.append(
            f"{files(len(done.left))} still here, left alone; an older version comes back by its own "
            "name, with --run or with --to"
        )
    if done.foreign:
        kept = f"{files(len(done.foreign))} more, kept by runs that are not known here"
        lines.append(f"{kept}: another device's, or planted (see: bisync history --versions)")
    if done.restored and not elsewhere:
        lines.append("  Next: bisync sync")
    return lines
