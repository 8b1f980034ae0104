"""Where a task talks: lines and tables to stdout, errors and progress to stderr.

rich is imported where it is used: every task loads this module, also when all it does is print its help.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bisync.errors import BisyncError, ManifestError
from bisync.report.cloud_words import cloud_rows
from bisync.report.heed import Coloured, Heed
from bisync.report.lease_words import lease_rows
from bisync.report.plan_words import PIPED, Room, planned_lines
from bisync.report.progress import Bar, Lines, Listener
from bisync.report.stream import cell, console, fitting, on_terminal, put, put_as_it_is, put_painted, style
from bisync.report.words import Line, Painted, Problem, Shown, status_rows

if TYPE_CHECKING:
    from rich.table import Table

    from bisync import events
    from bisync.actions.status import SyncStatus
    from bisync.core.change import Change


COLUMNS = 110
"""So wide gets what is shown of a file where nobody says how wide the paper is."""
LOOKS = 0.2
"""So many seconds pass at the most before a Ctrl-C at a question is heeded."""

_LEAD = "Error: "


def status_table(one: SyncStatus, now: datetime) -> Table:
    """The seed's table for one sync."""
    from rich.table import Table

    table = Table(
        title=cell(f"Cloud Bisync Status: {one.name}", "table.title"), title_justify="left", show_lines=False
    )
    table.add_column("Property")
    table.add_column("Value", overflow="fold")
    rows = [*status_rows(one, now), *lease_rows(one.lease), *cloud_rows(one.cloud, now)]
    for name, value, colour in rows:
        table.add_row(name, cell(value, colour or ""))
    return table


class Screen:
    """Where a task talks: results to stdout, errors and progress to stderr. Quiet when JSON is asked for.

    `quiet`: nothing is said but errors and what needs a person, all of it on stderr.

    Whatever it is given, no control character reaches a terminal: `bisync.report.stream` sees to it.
    """

    def __init__(self, *, as_json: bool = False, verbose: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.quiet = quiet
        self._listener: Listener | None = None
        self._waiting: dict[str, list[Line]] = {}
        self._turn: str | None = None
        # Several syncs may run at a time, each with threads of its own.
        self._lock = threading.RLock()

    @property
    def room(self) -> Room:
        """How much is seen at once of what goes to stdout."""
        if not on_terminal(sys.stdout):
            return PIPED
        import shutil

        size = shutil.get_terminal_size()
        return Room(size.lines, size.columns)

    def say(self, text: str = "") -> None:
        """One line of result, also when a name in it holds a line break."""
        if self.as_json:
            return
        colour = text.colour if isinstance(text, Coloured) else ""
        if not self.quiet:
            self._put(text, sys.stdout, colour)
        elif isinstance(text, Heed):
            self._put(text, sys.stderr, colour)

    def turn_to(self, sync: str) -> None:
        """From now on this sync has the word; what it had to say before was kept for its turn."""
        with self._lock:
            self._turn = sync
            kept = self._waiting.pop(sync, [])
        self.tell(kept)

    def tell(self, lines: Iterable[Shown]) -> None:
        """Lines of result and errors, in their order."""
        for line in lines:
            if isinstance(line, Problem):
                self.error(line.message, line.hint)
            elif isinstance(line, Painted):
                self.paint(line)
            else:
                self.say(line)

    def paint(self, line: Painted) -> None:
        """One line of result in its colour."""
        if self.as_json or self.quiet:
            return
        if line.as_it_is:
            with self._cleared():
                put_painted(line.text, line.colour, sys.stdout, as_it_is=True)
        else:
            self._put(line.text, sys.stdout, line.colour)

    def verbatim(self, text: str) -> None:
        """Text that was asked for, as it is, for another program; on a terminal each of its lines as `say` would."""
        if not self.as_json:
            with self._cleared():
                if not on_terminal(sys.stdout):
                    put_as_it_is(text + "\n", sys.stdout)
                    return
                for line in text.split("\n"):
                    put(line, sys.stdout)

    def document(self, document: dict[str, Any]) -> None:
        """The JSON document, when one is asked for."""
        if self.as_json:
            put_as_it_is(json.dumps(document, indent=2, ensure_ascii=True) + "\n", sys.stdout)

    def error(self, message: str | Sequence[str], hint: str | None = None) -> None:
        """One clear line (or several, each said apart: a name in one of them makes no new line), and the cure."""
        with self._cleared():
            for number, line in enumerate([message] if isinstance(message, str) else message):
                self._led(_LEAD if number == 0 else "", line)
            if hint:
                self._put(f"  → {hint}", sys.stderr)

    def _led(self, lead: str, text: str) -> None:
        """A line of an error, with a word in red before it; on a terminal in as many lines as it takes there."""
        first, *more = fitting(lead + text, sys.stderr)
        put(first[len(lead) :], sys.stderr, lead=style(lead, "31;1" if lead else ""))
        for rest in more:
            put(rest, sys.stderr)

    def problem(self, error: BisyncError) -> None:
        """What went wrong, to a person: each problem of a manifest in a line of its own."""
        if isinstance(error, ManifestError):
            self.faults(error)
        else:
            self.error(error.message, error.hint)

    def faults(self, error: ManifestError) -> None:
        """What is wrong in a manifest, each line with its place first, for editors to jump there; and the cure."""
        import shutil

        from bisync.report.fault_words import fault_lines

        columns = shutil.get_terminal_size().columns if on_terminal(sys.stderr) else COLUMNS
        with self._cleared():
            for said in fault_lines(error.faults, Path.cwd(), columns):
                self._led("" if said.plain else _LEAD, said.text)
            if error.hint:
                self._put(f"  → {error.hint}", sys.stderr)

    def note(self, text: str) -> None:
        """One line beside the result, on stderr, so that a document or a pipe does not have it."""
        if not self.quiet:
            self._put(text, sys.stderr)

    def propose(self, lines: Iterable[Line]) -> None:
        """What a question is about: seen in any case, on stderr where stdout is for a document or for nothing."""
        if not (self.as_json or self.quiet):
            self.tell(lines)
            return
        for line in lines:
            self._put(line if isinstance(line, str) else line.message, sys.stderr)

    def _put(self, text: str, stream: TextIO | None, colour: str = "") -> None:
        """One line; on a terminal in as many as it takes there."""
        with self._cleared():
            for line in fitting(text, stream):
                put_painted(line, colour, stream)

    def ask(self, question: str) -> bool:
        """Whether a person at the terminal says yes to a question of ours; anything else is no."""
        with self._cleared():
            put_as_it_is("\n".join(fitting(question.rstrip(), sys.stderr)) + " ", sys.stderr)
        answer = _answer(sys.stdin) if sys.stdin is not None else ""
        return answer.strip().lower() in ("y", "yes")

    def show(self, table: Table) -> None:
        """A table; wide enough in a pipe that no value is cut."""
        if not self.as_json and not self.quiet:
            drawing = console(width=None if on_terminal(sys.stdout) else 160)
            with drawing.capture() as shown:
                drawing.print(table)
            with self._cleared():
                put_as_it_is(shown.get(), sys.stdout)

    def plan(self, sync: str, changes: tuple[Change, ...]) -> None:
        """What a run is about to do: at once, or in its turn."""
        lines = planned_lines(sync, changes, verbose=self.verbose, more="bisync log")
        with self._lock:
            if self._turn not in (None, sync):
                self._waiting.setdefault(sync, []).extend(lines)
                return
        self.tell(lines)

    @contextmanager
    def _cleared(self) -> Iterator[None]:
        """Without the bar, so that nothing that is said is wrapped by it; the next event brings it back."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
            yield

    def hear(self, sync: str, event: events.Event) -> None:
        """Show an event as it comes: a bar on a terminal, a line now and then in a pipe."""
        if self.quiet:
            return
        with self._lock:
            if self._listener is None:
                if self.as_json:
                    self._listener = Listener(verbose=False)
                elif on_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
                    self._listener = Bar(verbose=self.verbose)
                else:
                    self._listener = Lines(verbose=self.verbose)
            self._listener(sync, event)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar off the screen."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


def _answer(stream: TextIO) -> str:
    """A line, which from a terminal is only read once it is there.

    A Ctrl-C in the moment before a read begins ends no read: its handler would have its turn after the answer.
    """
    while stream.isatty() and not select.select([stream], [], [], LOOKS)[0]:
        pass
    return stream.readline()
