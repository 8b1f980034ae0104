"""The program `bisync`: reads the command line, runs one command, and ends with its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from bisync import __version__
from bisync.errors import UsageError, disk_error
from bisync.report.documents import error_document
from bisync.report.screen import Screen

from ._commands import COMMANDS
from ._edge import drop_output
from ._parsing import Asked, Call, Complete, Help, Listing, Usage, Version, asked


def _do(what: Asked) -> None:
    """Do what the command line asks for. Raises SystemExit with the command's exit code."""
    match what:
        case Call(command, given):
            command.call(None, **given)
        case Complete(shell, words):
            from ._completion import answer

            answer(shell, words)
        case Version():
            print(f"bisync {__version__}")
        case Help() | Listing():
            _print_lines(what)


def _width(said: str) -> int:
    """How wide the terminal is: as `said`, or as it says itself; also where a pager is between."""
    if said.isascii() and said.isdigit() and int(said):
        return int(said)
    for descriptor in (1, 2, 0):
        try:
            return os.get_terminal_size(descriptor).columns or 80
        except OSError:
            continue
    return 80


def _print_lines(what: Help | Listing) -> None:
    from . import _help

    width = _width(os.environ.get("COLUMNS", ""))
    lines: Iterable[str]
    if isinstance(what, Listing):
        lines = _help.listing(COMMANDS, width)
    else:
        lines = _help.overview(COMMANDS, width) if what.command is None else _help.about(what.command, width)
    print("\n".join(lines))


def _refused(error: OSError) -> int:
    """Say what could not be written; nothing to a reader who has gone. The exit code."""
    if not isinstance(error, BrokenPipeError):
        refused = disk_error(error, where=None, failed="written", then="run again")
        Screen().error(refused.message, refused.hint)
    return 1


def _misused(wrong: Usage, *, as_json: bool) -> int:
    """Say what is wrong with a command line, to a person and to a script that wants a document; the exit code."""
    place = f"bisync {wrong.command} --help" if wrong.command else "bisync --help"
    error = UsageError(str(wrong), hint=f"see: {place}")
    screen = Screen(as_json=as_json)
    screen.document(error_document(error))
    screen.error(error.message, error.hint)
    return error.exit_code


def run(words: Sequence[str]) -> int:
    """What the words of a command line ask for; the exit code: docs/commands.md."""
    code = 0
    try:
        _do(asked(words, COMMANDS))
    except Usage as wrong:
        code = _misused(wrong, as_json="--json" in words)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        code = _refused(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = code or _refused(error)
        drop_output()
    return code


def _let_threads_end() -> None:
    """Wait for threads that are no daemons, as Python itself does at its end: a login may just be refreshed."""
    import threading

    for each in threading.enumerate():
        if each is not threading.main_thread() and not each.daemon:
            each.join()


def main() -> NoReturn:
    """The program itself."""
    code = run(sys.argv[1:])
    try:
        _let_threads_end()
    except KeyboardInterrupt:
        code = 130
    if sys.stderr is not None:
        sys.stderr.flush()
    # Everything is closed and written by now: to take apart what is in memory, file by file, helps nobody (60 ms
    # at 10,000 files).
    os._exit(code)


if __name__ == "__main__":
    main()
