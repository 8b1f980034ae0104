"""A run that is taken back, as a person reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bisync.report.heed import RED, Coloured
from bisync.report.left_out import left_out_lines, own
from bisync.report.plan_words import SHOWN_CHANGES
from bisync.report.words import NOTHING_CHANGED, Line, Problem, clock_text, files

if TYPE_CHECKING:
    from bisync.actions.undo import Undone
    from bisync.core.deeds import Deed

QUESTION = "Take this run back, here and in the cloud? [y/N] "
NEEDS_YES = "what a run did would be taken back, and nobody is there to be asked; nothing was done"
_DONE = {
    "bring_back": "came back",
    "take_away": "in the trash",
    "rename_back": "renamed back",
    "follow": "as before in the cloud, too",
}


def undo_plan_lines(found: Undone, *, dry_run: bool = False) -> Iterator[Line]:
    """What will be done, here and in the cloud, and what is left alone."""
    deeds, left = found.decision.deeds, found.decision.left
    ended = f", which ended {clock_text(found.at)}" if found.at else ""
    yield f"{found.name}: back to before run {found.run}{ended}"
    yield from (f"Note: {note}" for note in found.notes)
    limit = None if dry_run else SHOWN_CHANGES
    yield from _some([_deed_line(deed) for deed in deeds], found.run, limit)
    if left:
        yield f"{files(len(left))} left as {'it is' if len(left) == 1 else 'they are'}:"
        lines = [f"  {own(one.path)}: {one.why}" + (f"; see: {one.next}" if one.next else "") for one in left]
        yield from _some(lines, found.run, limit)
    if not deeds:
        as_before = found.decision.already and not left
        yield "both sides are as before it already" if as_before else "there is nothing to take back"
    elif found.error is None:
        yield f"{_summary(deeds)}; the same in the cloud; what goes is kept in the trash"
    if found.error is not None:
        yield Problem(found.error, found.hint)
    elif dry_run:
        yield NOTHING_CHANGED


def _some(lines: list[str], run: str, limit: int | None) -> Iterator[str]:
    from bisync.core.printable import typed

    yield from lines[:limit]
    if limit is not None and len(lines) > limit:
        yield f"  … and {len(lines) - limit} more (see: bisync undo {typed(run)} --dry-run)"


def _deed_line(deed: Deed) -> str:
    match deed.kind:
        case "rename_back":
            return f"  rename back  {own(deed.path)} → {own(deed.to or '?')}"
        case "take_away":
            return Coloured(f"  take away    {own(deed.path)}  (new by that run)", RED)
        case "follow":
            return f"  carry on     {own(deed.path)}  (as before here already)"
    old = "its version from before that run" if deed.replaces else "deleted by that run"
    return f"  bring back   {own(deed.path)}  ({old})"


def _summary(deeds: Iterable[Deed]) -> str:
    kinds = [deed.kind for deed in deeds]
    words = {
        "bring_back": "to bring back",
        "take_away": "to take away",
        "rename_back": "to rename back",
        "follow": "to carry on with",
    }
    return ", ".join(f"{kinds.count(kind)} {word}" for kind, word in words.items() if kind in kinds)  # type: ignore[arg-type]


def undone_lines(done: Undone) -> Iterator[Line]:
    """What became of it."""
    result = done.result
    if result is None:
        return
    yield from (f"Note: {note}" for note in result.notes if note not in done.notes)
    yield from left_out_lines(result.left_out)
    if result.error is not None:
        yield Problem(result.error, done.hint)
        return
    from bisync.core.printable import typed

    failed = {one.path for one in result.left_out}
    kinds = [deed.kind for deed in done.decision.deeds if failed.isdisjoint(deed.paths)]
    counts = [f"{kinds.count(kind)} {word}" for kind, word in _DONE.items() if kind in kinds]  # type: ignore[arg-type]
    if result.left_out:
        counts.append(f"{len(result.left_out)} left out")
    if done.decision.left:
        counts.append(f"{len(done.decision.left)} left alone")
    yield f"{'!' if result.left_out else '✓'} Undone run {done.run} - {', '.join(counts)}"
    yield f"  Take that back with: bisync undo {typed(result.run or '')}"
