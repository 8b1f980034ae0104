"""Where a watch is looked at: a table on a terminal, lines with the time in a pipe, or a line of JSON an event."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from bisync.report.heed import Heed
from bisync.report.plan_words import planned_lines
from bisync.report.stream import cell, console, on_terminal, put, put_as_it_is
from bisync.report.watch_words import Sayings, event_document, state_text
from bisync.report.words import Line, Problem, progress_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from bisync import events
    from bisync.core.change import Change
    from bisync.watch.news import News

LINES = 10
"""So many lines of what happened lately stand below the table."""
REFRESH_SECONDS = 0.25


def view(*, as_json: bool, verbose: bool, dry_run: bool, quiet: bool = False) -> View:
    """The view that fits what stdout is."""
    if as_json:
        return JsonView()
    sayings = Sayings(dry_run=dry_run, verbose=verbose)
    if quiet:
        return QuietView(sayings)
    if on_terminal(sys.stdout) and os.environ.get("TERM") != "dumb":
        return LiveView(sayings)
    return View(sayings, verbose=verbose)


class View:
    """Lines with the time, as they come: for a pipe or a journal."""

    def __init__(self, sayings: Sayings, *, verbose: bool = False) -> None:
        self._sayings = sayings
        self._verbose = verbose
        self._waits: dict[str, str] = {}
        self._lock = threading.RLock()

    def tell(self, one: News) -> None:
        """Something has happened."""
        name = getattr(one, "sync", None)
        with self._lock:
            self._waits.pop(name or "", None)
            for line in self._sayings.lines(one):
                self._say(name, line)

    def hear(self, sync: str, event: events.Event) -> None:
        """Something happens in a run."""
        from bisync import events

        with self._lock:
            match event:
                case events.Waiting(text=text):
                    device = text.partition(" (")[0]
                    if self._waits.get(sync) != device:
                        self._waits[sync] = device
                        self._say(sync, text)
                case events.Text(text=text) if self._verbose:
                    self._say(sync, text)

    def plan(self, sync: str, changes: tuple[Change, ...]) -> None:
        """What a run is about to do."""
        if self._verbose:
            with self._lock:
                for line in planned_lines(sync, changes, verbose=True):
                    self._say(None, line)

    def close(self) -> None:
        """It is over."""

    def _say(self, sync: str | None, line: Line) -> None:
        words = f"Error: {line.message}" if isinstance(line, Problem) else line
        whose = f"{sync}: " if sync else ""
        stream = sys.stderr if isinstance(line, Problem) else sys.stdout
        put(f"{_now()} {whose}{words}", stream)
        if isinstance(line, Problem) and line.hint:
            put(f"{_now()} {whose}  → {line.hint}", stream)


class QuietView(View):
    """Errors, and what needs a person."""

    def hear(self, sync: str, event: events.Event) -> None:
        return

    def _say(self, sync: str | None, line: Line) -> None:
        if isinstance(line, Problem):
            super()._say(sync, line)
        elif isinstance(line, Heed):
            put(f"{_now()} {f'{sync}: ' if sync else ''}{line}", sys.stderr)


class JsonView(View):
    """A line of JSON an event."""

    def __init__(self) -> None:
        super().__init__(Sayings())

    def tell(self, one: News) -> None:
        with self._lock:
            put_as_it_is(json.dumps(event_document(one, _now()), ensure_ascii=True) + "\n", sys.stdout)

    def hear(self, sync: str, event: events.Event) -> None:
        return

    def plan(self, sync: str, changes: tuple[Change, ...]) -> None:
        return


class LiveView(View):
    """A table of the syncs, and what happened lately."""

    def __init__(self, sayings: Sayings) -> None:
        super().__init__(sayings)
        self._rows: dict[str, dict[str, str]] = {}
        self._lately: deque[str] = deque(maxlen=LINES)
        self._live: Live | None = None
        self._shown = 0.0

    def tell(self, one: News) -> None:
        from bisync.watch import news

        with self._lock:
            match one:
                case news.Watching(syncs, _):
                    self._rows = {name: self._rows.get(name, {"state": "starting"}) for name in syncs}
                case news.Began(sync, reason):
                    self._row(sync)["state"] = f"looking ({reason.value})"
                case news.Busy(sync, _):
                    self._row(sync)["state"] = "another run is at work"
                case news.Ended(sync, result, next_in):
                    row = self._row(sync)
                    row["state"] = "failing" if result.error is not None else "watching"
                    row["last"] = f"{_clock()} {state_text(one)}"
                    row["next"] = _clock(next_in)
                    met = int(row.get("conflicts") or 0) + len(result.conflicts)
                    row["conflicts"] = str(met) if met else ""
            super().tell(one)
            self._show(now=True)

    def hear(self, sync: str, event: events.Event) -> None:
        from bisync import events

        with self._lock:
            match event:
                case events.Step(text=text) | events.Waiting(text=text):
                    self._row(sync)["state"] = text
                case events.Progress() if event.total_files:
                    self._row(sync)["state"] = progress_text(event)
                case _:
                    return
            self._show(now=False)

    def close(self) -> None:
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def _row(self, sync: str) -> dict[str, str]:
        return self._rows.setdefault(sync, {})

    def _say(self, sync: str | None, line: Line) -> None:
        words = f"Error: {line.message}" if isinstance(line, Problem) else line
        self._lately.append(f"{_clock()} {f'{sync}: ' if sync else ''}{words}")
        if isinstance(line, Problem) and line.hint:
            self._lately.append(f"           → {line.hint}")

    def _show(self, *, now: bool) -> None:
        if not now and time.monotonic() - self._shown < REFRESH_SECONDS:
            return
        self._shown = time.monotonic()
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=console(),
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(self._drawn(), refresh=True)

    def _drawn(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table

        table = Table(title="Cloud Bisync Watch", title_justify="left")
        for column in ("Sync", "State", "Last", "Next", "Conflicts"):
            table.add_column(column, overflow="fold")
        colours = {"failing": "red", "watching": "green"}
        for name, row in self._rows.items():
            state = row.get("state", "")
            table.add_row(
                cell(name),
                cell(state, colours.get(state, "")),
                cell(row.get("last", "")),
                cell(row.get("next", "")),
                cell(row.get("conflicts", ""), "yellow"),
            )
        return Group(table, *map(cell, self._lately))


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _clock(later: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() + later).astimezone().strftime("%H:%M:%S")
