"""What comes back, or came, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bisync.report.words import NOTHING_CHANGED, Line, Problem, clock_text, files, size_text

if TYPE_CHECKING:
    from bisync.actions.restore import Restoration
    from bisync.sync.bring_back import Coming

SHOWN = 20


def coming_lines(found: Sequence[Restoration], *, limit: int | None = SHOWN) -> list[str]:
    """What would come back, of all syncs; `limit`: no more lines for one."""
    lines = []
    for each in found:
        lines += [f"── {each.sync.name}"] if len(found) > 1 and each.coming else []
        for one in each.coming[:limit]:
            instead = "; what is there goes to the trash" if one.replaces else ""
            lines.append(f"  restore  {one.path}  ({_from(one)}{instead})")
        more = len(each.coming) - len(each.coming[:limit])
        if more:
            lines.append(f"  … and {more} more (all of them: --dry-run)")
    return lines


def question(found: Iterable[Restoration]) -> str:
    """What a person is asked before several files come back."""
    return f"Bring back {files(sum(len(each.coming) for each in found))}? [y/N] "


def dry_run_lines(found: Sequence[Restoration]) -> list[Line]:
    """What would come back, and what would not."""
    lines: list[Line] = []
    for each in found:
        head = [f"── {each.sync.name}"] if len(found) > 1 else []
        lines += [*head, *coming_lines([each], limit=None), *_rest(each)]
    return [*lines, NOTHING_CHANGED]


def restore_lines(done: Restoration) -> list[Line]:
    """What came back, and what did not."""
    lines: list[Line] = []
    for one in done.restored:
        lines.append(f"✓ Restored {one.path} ({_from(one.what)})")
        if one.replaced:
            lines.append("  the version that lay there is in the trash")
    lines += _rest(done)
    if done.restored and done.to is None:
        lines.append("  Next: bisync sync")
    return lines


def _from(one: Coming) -> str:
    if one.kept is None:
        return f"called {one.source} now, {size_text(one.size)}"
    return f"run {one.kept.run}, {size_text(one.size)}"


def _rest(done: Restoration) -> list[Line]:
    """What is left as it is, and why."""
    lines: list[Line] = []
    if done.left:
        lines.append(
            f"{files(len(done.left))} still here, left alone; an older version comes back by its own "
            "name, with --run or with --to"
        )
    if done.foreign:
        kept = f"{files(len(done.foreign))} more, kept by runs that are not known here"
        lines.append(f"{kept}: another device's, or planted (see: bisync history --versions)")
    if done.at is not None:
        if not done.coming:
            lines.append(f"Nothing of {done.sync.name} to bring back from {clock_text(done.at)}")
        if done.unchanged:
            lines.append(f"Unchanged since: {files(done.unchanged)}")
        lines += _named("was not there then, and stays", done.not_there_then)
        lines += _named("changed or deleted here, and no run has seen it yet: left as it is", done.unsynced)
        lines += _named("was there, or may have been, and is not kept any more", done.gone)
    lines += [
        Problem(one.why if one.path in one.why else f"{one.path}: {one.why}", _CURE) for one in done.blocked
    ]
    return lines


_CURE = "move that away, or bring it back elsewhere with --to FOLDER"


def _named(what: str, paths: Sequence[str]) -> list[str]:
    more = [f"  … and {len(paths) - SHOWN} more (all of them: --json)"] if len(paths) > SHOWN else []
    return [f"  {path}: {what}" for path in paths[:SHOWN]] + more
