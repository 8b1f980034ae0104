"""Differences between versions of files, for people, for `patch` and for scripts. Pure.

Names and texts stand in these lines as they are: what prints them makes them fit for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bisync.report.heed import BOLD, CYAN, GREEN, RED, YELLOW
from bisync.report.left_out import own
from bisync.report.plan_words import VERBS
from bisync.report.words import Painted, Problem, Shown, counted, size_text

if TYPE_CHECKING:
    from bisync.actions.diff import Differences
    from bisync.core import text_diff
    from bisync.sync.differences import FileDifference

_COLOURS = {"+": GREEN, "-": RED, "@": CYAN}
_OF_ACTION = {"conflict": YELLOW, "delete_local": RED, "delete_cloud": RED}
# What is said of the version before, and of the one after, by the side that changes.
_SAID = {
    "local": ("here, now", "here, then: from the cloud"),
    "cloud": ("cloud, now", "cloud, then: from here"),
    "both": ("here", "cloud"),
}
_MERGED = {"local": "here, then: merged", "cloud": "cloud, then: merged"}


def diff_lines(result: Differences, *, narrowed: bool = False) -> Iterator[Shown]:
    """What the next sync changes, file by file. `narrowed`: not all of them were asked for."""
    if result.error is not None:
        yield Problem(result.error.message, result.error.hint)
        return
    for message in result.refused:
        yield Painted(
            f"{result.name}: the next sync would refuse all this: {message} (see: bisync plan)", YELLOW
        )
    if not result.files:
        yield f"{result.name}: the next sync changes no file{' that is meant' if narrowed else ''}"
    before = None
    for one in result.files:
        yield from _file_lines(one, headed=one.change is not before)
        before = one.change


def _file_lines(one: FileDifference, *, headed: bool) -> Iterator[Shown]:
    """`headed`: it is said what happens to it, and why. (Of a merge, which is on both sides, that is said once.)"""
    from bisync.core.text_diff import quoted

    change = one.change
    named = " → ".join(quoted(own(path)) for path in change.paths)
    colour = _OF_ACTION.get(change.action, BOLD)
    if headed:
        yield Painted(f"{VERBS[change.action]} {named} ({own(change.why)})", colour)
    if change.copies:
        yield Painted(f"  beside it: {', '.join(quoted(own(copy)) for copy in change.copies)}", colour)
    if one.shown is not None:
        yield from shown_lines(one.shown, *_header(one), (one.before, one.after))


def _header(one: FileDifference) -> tuple[str, str]:
    from bisync.core.text_diff import header

    name = own(one.change.path)
    before, after = (None if size is None else name for size in (one.before, one.after))
    return header(before, after, _said(one))


def sides_of(one: FileDifference) -> tuple[str | None, str | None]:
    """What is said of the version before, and of the one after it; None where there is no file."""
    before, after = _said(one)
    return None if one.before is None else before, None if one.after is None else after


def _said(one: FileDifference) -> tuple[str, str]:
    said = _SAID[one.side]
    return (said[0], _MERGED[one.side]) if one.change.merged is not None else said


def shown_lines(
    shown: text_diff.Shown, old: str, new: str, sizes: tuple[int | None, int | None]
) -> Iterator[Painted]:
    """A difference between two versions: its header (`old`, `new`) and its hunks, or a line that says why not."""
    if shown.hunks is None:
        yield Painted(f"  {why_not(shown, sizes)}")
        return
    if shown.hunks:
        yield Painted(old, BOLD, as_it_is=True)
        yield Painted(new, BOLD, as_it_is=True)
    else:
        yield Painted("  an empty file")
    for line in shown.hunks:
        yield Painted(line, _COLOURS.get(line[0], ""), as_it_is=True)


def why_not(shown: text_diff.Shown, sizes: Iterable[int | None]) -> str:
    """What is said of a difference that is not shown."""
    there = [size for size in sizes if size is not None]
    texts = " -> ".join(map(size_text, there))
    match shown.reason:
        case "binary":
            return f"Binary files differ ({texts})" if len(there) > 1 else f"Binary file ({texts})"
        case "large":
            return f"not looked into, for it is too large ({texts})"
        case "long":
            return f"not shown, for it is long ({texts}); name it to see it: bisync diff PATH"
        case "different":
            before, after = (counted(count, "line") for count in shown.lines)
            return f"{before} -> {after} ({texts}): too different to show each"
        case "equal":
            return f"the text is the same ({texts})"
        case _:
            return f"not shown: {shown.why or 'it could not be read'}"


def text_of(shown: text_diff.Shown, header: Sequence[str]) -> str | None:
    """A difference as one text, which `patch` can read; None where it is not shown. An empty file has none."""
    if shown.hunks is None:
        return None
    return "".join(f"{line}\n" for line in (*header, *shown.hunks)) if shown.hunks else ""


def diff_document(results: Iterable[Differences]) -> dict[str, Any]:
    """What `diff --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": result.name,
                "files": [_file(one) for one in result.files],
                "refused": list(result.refused),
                "error": None if result.error is None else result.error.message,
            }
            for result in results
        ],
    }


def _file(one: FileDifference) -> dict[str, Any]:
    shown = one.shown
    return {
        "path": one.change.path,
        "to": one.change.to,
        "action": one.change.action.value,
        "side": one.side,
        "diff": None if shown is None else text_of(shown, _header(one)),
        "why_not": None if shown is None or shown.reason is None else shown.reason,
        "binary": shown is not None and shown.reason == "binary",
        "size_before": one.before,
        "size_after": one.after,
    }
