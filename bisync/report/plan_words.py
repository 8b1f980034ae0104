"""What a plan holds, in words: a plan goes in, lines come out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bisync.report.folding import cells
from bisync.report.heed import RED, YELLOW, Coloured
from bisync.report.left_out import left_alone_lines, left_out_lines, note_line, own
from bisync.report.words import Painted, Problem, Shown, conflicts_text, counted, size_text

if TYPE_CHECKING:
    from bisync.actions.plan import PlanResult
    from bisync.core.change import Action, Change
    from bisync.core.plan_groups import FolderGroup

SHOWN_CHANGES = 20

# By the action's name in `plan --json`; in the order of `change.Action`.
VERBS = {
    "upload": "upload",
    "download": "download",
    "delete_local": "delete here",
    "delete_cloud": "delete in the cloud",
    "rename": "rename",
    "conflict": "conflict",
    "merge": "merge",
    "register_project": "create project",
}


class Room(NamedTuple):
    """How much of a plan is seen at once: lines, and how many columns each; None: as many as it takes."""

    lines: int
    columns: int | None


PIPED = Room(40, None)
NAMED = 20
"""So many deletions, and so many conflicts, are named where all else is grouped by folder."""
LEAST_GROUPS = 8
LEAST_COLUMNS, GOOD_COLUMNS = 8, 32
"""So many columns a folder's name has at the least; with so many it needs no shorter words beside it."""
_COLOURS = {"delete_local": RED, "delete_cloud": RED, "conflict": YELLOW}
# What is said of a group, from the plainest words to the shortest.
_LONG = {
    "upload": "{} to upload",
    "download": "{} to download",
    "delete_local": "{} to delete here",
    "delete_cloud": "{} to delete in the cloud",
    "rename": "{} to rename",
    "conflict": "{} in conflict",
    "merge": "{} to merge",
}
_SHORT = {
    "upload": "{} up",
    "download": "{} down",
    "delete_local": "{} gone here",
    "delete_cloud": "{} gone there",
    "rename": "{} moved",
    "conflict": "{} in conflict",
    "merge": "{} to merge",
}


def plan_lines(
    changes: Sequence[Change], *, limit: int | None = SHOWN_CHANGES, more: str = "bisync plan"
) -> list[str]:
    """One line a change, the first `limit` of them. `more`: the command that shows the others."""
    shown = changes if limit is None else changes[:limit]
    width = max((len(VERBS[change.action]) for change in shown), default=0)
    lines = [
        f"  {VERBS[change.action]:<{width}}  {' → '.join(map(own, change.paths))}  ({own(change.why)})"
        for change in shown
    ]
    if len(changes) > len(shown):
        lines.append(f"  … and {len(changes) - len(shown)} more (see: {more})")
    return lines


def coloured_lines(changes: Sequence[Change], *, limit: int | None, more: str = "bisync plan") -> list[str]:
    """As `plan_lines`, in a colour where something goes or is contested."""
    lines = plan_lines(changes, limit=limit, more=more)
    colours = [_COLOURS.get(change.action) for change in changes[:limit]]
    shown = [
        line if colour is None else Coloured(line, colour)
        for line, colour in zip(lines, colours, strict=False)
    ]
    return [*shown, *lines[len(shown) :]]


def plan_summary(changes: Sequence[Change]) -> str:
    """ "2 to upload, 1 to download, 1 to delete in the cloud"."""
    counts = [(action, sum(change.action == action for change in changes)) for action in VERBS]
    parts = []
    for action, count in counts:
        if count and action == "conflict":
            parts.append(conflicts_text(count))
        elif count and action == "register_project":
            parts.append(f"{counted(count, 'project')} to create")
        elif count:
            parts.append(f"{count} to {VERBS[action]}")
    return ", ".join(parts) or "nothing to do"


def planned_lines(
    sync: str, changes: Sequence[Change], *, verbose: bool, more: str = "bisync plan"
) -> list[str]:
    """What a run is about to do, all of it when `verbose`; no line for nothing. `more`: see `plan_lines`."""
    if not changes:
        return []
    limit = None if verbose else SHOWN_CHANGES
    new = sum(change.action == "register_project" for change in changes)
    found = [f"Found {counted(new, 'new local project')}, creating on cloud..."] if new else []
    return [f"{sync}: {plan_summary(changes)}", *coloured_lines(changes, limit=limit, more=more), *found]


def preview_lines(result: PlanResult, *, room: Room = PIPED, verbose: bool = False) -> list[Shown]:
    """One sync's plan, and what the guards have against it. More than there is `room` for goes by folder.

    `verbose`: one line a change, however many.
    """
    if result.prepared is None:
        assert result.error is not None
        return [Problem(result.error.message, result.error.hint)]
    changes = result.prepared.changes
    head = f"{result.name} ({result.prepared.mode.value}): {plan_summary(changes)}"
    if verbose or len(changes) <= room.lines:
        shown: list[Shown] = [head, *_painted(changes, plan_lines(changes, limit=None))]
    else:
        above = _folded(head, room.columns)
        shown = [*above, *grouped_lines(changes, Room(room.lines - len(above), room.columns))]
    return [
        *shown,
        *(note_line(note) for note in result.prepared.notes),
        *left_out_lines(result.prepared.plan.left_out),
        *left_alone_lines(result.prepared.seen.left_alone),
        *(Problem(one.message, one.hint) for one in result.prepared.verdicts if not one.passed),
    ]


def _painted(changes: Sequence[Change], lines: Iterable[str]) -> Iterator[Shown]:
    """The line of each change, in a colour where something goes or is contested."""
    for change, line in zip(changes, lines, strict=True):
        colour = _COLOURS.get(change.action)
        yield line if colour is None else Painted(line, colour)


def grouped_lines(changes: Sequence[Change], room: Room) -> Iterator[Shown]:
    """One line a folder, as many as there is room for; deletions and conflicts are named all the same."""
    from bisync.core.plan_groups import grouped, named

    apart: list[Change] = [change for change in changes if change.action == "register_project"]
    more: dict[int, str] = {}
    for kind, some, others in named(changes, NAMED):
        apart += some
        if others:
            more[len(apart)] = f"  … and {counted(others, f'more {kind}')}"
    # The last line, and the prompt below it, want a line each.
    at_most = room.lines - len(apart) - len(more) - 2
    yield from _folder_lines(grouped(changes, max(LEAST_GROUPS, at_most)), room.columns)
    for number, line in enumerate(_painted(apart, _fitting_lines(apart, room.columns)), 1):
        yield line
        if number in more:
            yield Painted(more[number], _COLOURS[apart[number - 1].action])
    yield "  One by one: bisync plan --verbose"


def _folder_lines(groups: Sequence[FolderGroup], columns: int | None) -> Iterator[str]:
    """How much goes and comes in each folder, in columns that are aligned."""
    folders = [_visible(f"{own(one.folder) or '.'}/{'' if one.whole else ' (the rest)'}") for one in groups]
    sizes = [size_text(one.size) for one in groups]
    size_width, width = max(map(len, sizes), default=0), max(map(cells, folders), default=0)
    # Two columns before the size, and two on each side of the folder.
    rest, words = None if columns is None else columns - size_width - 6, _LONG
    if rest is not None:
        widest = max((len(_counts(one.counts, _LONG)) for one in groups), default=0)
        words = _LONG if rest - widest >= min(width, GOOD_COLUMNS) else _SHORT
        widest = max((len(_counts(one.counts, words)) for one in groups), default=0)
        width = min(width, max(LEAST_COLUMNS, rest - widest))
        rest -= width
    for one, folder, size in zip(groups, folders, sizes, strict=True):
        name = _shortened(folder, width)
        counts = _counts(one.counts, words, rest)
        yield f"  {size:>{size_width}}  {name}{' ' * (width - cells(name))}  {counts}"


def _counts(
    counts: Sequence[tuple[Action, int]], words: Mapping[str, str], columns: int | None = None
) -> str:
    """What happens in a folder: as much of it as there are columns for, and how many more changes."""
    parts = [words[action].format(count) for action, count in counts]
    for told in range(len(parts), -1, -1):
        others = sum(count for _, count in counts[told:])
        rest = f"{others} more" if told else counted(others, "change")
        text = ", ".join([*parts[:told], *([rest] if others else [])])
        if columns is None or len(text) <= columns:
            break
    return text


def _fitting_lines(changes: Sequence[Change], columns: int | None) -> Iterator[str]:
    """The line of each change; one that is too long without its reason, and then with the end of its name alone."""
    width = max((len(VERBS[change.action]) for change in changes), default=0)
    for change, line in zip(changes, plan_lines(changes, limit=None), strict=True):
        if columns is None or cells(_visible(line)) <= columns:
            yield line
        else:
            name = _visible(" → ".join(map(own, change.paths)))
            yield f"  {VERBS[change.action]:<{width}}  {_shortened(name, max(LEAST_COLUMNS, columns - width - 4))}"


def _folded(text: str, columns: int | None) -> list[str]:
    """Words of our own in lines that fit."""
    if columns is None or len(text) <= columns:
        return [text]
    import textwrap

    return textwrap.wrap(
        text,
        max(columns, LEAST_COLUMNS),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _visible(text: str) -> str:
    """A name as it will be seen: what is measured is what is printed."""
    from bisync.core.printable import printable

    return printable(text)


def _shortened(text: str, width: int) -> str:
    """The end of a text, which says most of a path, in at most so many columns."""
    if cells(text) <= width:
        return text
    start = max(0, len(text) - width)
    while cells(text[start:]) > width - 1:
        start += 1
    return f"…{text[start:]}"


def plan_file_lines(path: str) -> list[str]:
    """What to do with a plan that was saved to `path`."""
    from bisync.core.printable import typed

    return [f"Plan written. Carry it out with: bisync sync --plan {typed(path)}"]


def script_lines(path: str) -> list[str]:
    """Where a plan's script is."""
    return [f"Script written: {path}"]
