"""Where a page goes that a task is asked for: a file, or stdout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bisync.errors import UsageError
from bisync.report.words import Problem, Shown

if TYPE_CHECKING:
    from pathlib import Path

    from bisync.config import Sync
    from bisync.report.screen import Screen

STDOUT = "-"
HELP_HTML = "write it as a page for a browser to this file, with nothing from elsewhere in it (-: to stdout)"


def page_target(html: str | None, *, as_json: bool) -> Path | None:
    """The file for the page; None for stdout, or where none is wanted. Before the work: it may take a while.

    Raises UsageError for what cannot be written, and beside `--json`.
    """
    if html is None:
        return None
    if as_json:
        raise UsageError(
            "--html and --json are two forms of one thing", hint="leave out one, or type the command twice"
        )
    if not html:
        raise UsageError("--html needs a file", hint="as in: --html plan.html, or --html - for stdout")
    if html == STDOUT:
        return None
    from bisync.files import named_path, plain_target

    path = named_path(html)
    plain_target(path)
    return path


def file_targets(named: Iterable[str | None]) -> None:
    """Whether what is named can be written, before the work. Raises as `plain_target`."""
    from bisync.files import named_path, plain_target

    for one in named:
        if one:
            plain_target(named_path(one))


def put_page(screen: Screen, text: str, target: Path | None, syncs: Sequence[Sync]) -> None:
    """Write the page, and say where it is. Raises UsageError and OSError."""
    from bisync.report.page import in_sync_dir_line, on_a_stream, page_lines

    if target is None:
        screen.verbatim(on_a_stream(text))
        return
    from bisync.files import plain_target, write_plain

    write_plain(target, text)
    screen.tell(page_lines(str(target)))
    where = plain_target(target)
    for sync in syncs:
        if where.is_relative_to(sync.dir.resolve()):
            screen.note(in_sync_dir_line(str(target), sync.name))


def tell_problems(screen: Screen, lines: Iterable[Shown]) -> None:
    """What belongs on stderr, where stdout is the page's."""
    screen.tell(line for line in lines if isinstance(line, Problem))
