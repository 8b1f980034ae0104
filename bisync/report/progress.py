"""How far a run is: a bar on a terminal, a line now and then in a pipe, or nothing.

rich and the events are imported where they are used: every task loads this module.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from bisync.report.stream import clean, console, put
from bisync.report.words import progress_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from bisync import events

PLAIN_PROGRESS_SECONDS = 5.0
# How often a pipe is told that another device is waited for.
WAITING_SECONDS = 30.0
# Columns of a terminal that has room for a bar.
WIDE = 100


class Listener:
    """Hears events; shows nothing but what the user's own hooks say."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        if isinstance(event, events.HookLine):
            self.close()
            put(event.text, sys.stderr)
        elif self.verbose:
            self.tell(sync, event)

    def close(self) -> None:
        """Nothing may stand on the screen now."""

    def tell(self, sync: str, event: events.Event) -> None:
        """Print what rclone says, for --verbose."""
        from bisync import events

        text = None
        match event:
            case events.Copied(path=path, to=side):
                text = f"{'uploaded' if side == 'cloud' else 'downloaded'} {path}"
            case events.Deleted(path=path, side=side, kept=True):
                text = f"deleted {path} ({side})"
            case events.Deleted(path=path):
                text = f"rclone: Deleted {path}"
            case events.Moved(path=path):
                text = f"moved {path}"
            case events.Problem(text=said) | events.Text(text=said):
                text = f"rclone: {said}"
        if text:
            self.close()
            put(f"  {text}", sys.stderr)


class Lines(Listener):
    """Plain progress lines in a pipe, at most one every few seconds."""

    last = 0.0

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._waited: dict[str, float] = {}

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        if isinstance(event, events.Waiting):
            if time.monotonic() - self._waited.get(sync, float("-inf")) >= WAITING_SECONDS:
                self._waited[sync] = time.monotonic()
                put(f"{sync}: {event.text}", sys.stderr)
            return
        if not isinstance(event, events.Progress) or not event.total_files:
            return
        now = time.monotonic()
        if self.last == 0.0:
            self.last = now  # a short run says nothing
        if now - self.last >= PLAIN_PROGRESS_SECONDS:
            self.last = now
            put(f"{sync}: {progress_text(event)}", sys.stderr)


class Bar(Listener):
    """A bar a sync, with files, bytes, speed and time left; it pulses while nobody knows how much there is."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._bar: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        match event:
            case events.Step(text=text) | events.Waiting(text=text):
                self._show(sync, f"{sync}: {text}", 0, None)
            case events.Progress(total_files=total) if total:
                # Files count, too: a thousand empty ones have no bytes.
                done, whole = event.bytes + event.files, event.total_bytes + total
                self._show(sync, f"{sync}: {progress_text(event)}", done, whole)

    def _show(self, sync: str, text: str, done: int, total: int | None) -> None:
        text = clean(text)
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
        if sync not in self._tasks or total is None:
            # A task of its own for what has no total: rich cannot forget one.
            if sync in self._tasks:
                self._bar.remove_task(self._tasks[sync])
            self._tasks[sync] = self._bar.add_task(text, total=total)
        self._bar.update(self._tasks[sync], description=text, completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._tasks.clear()


def _rich_bar() -> RichProgress:
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
    from rich.table import Column

    screen = console(stderr=True)
    # The words say it all; where there is no room beside them, a sign of life is enough.
    sign: ProgressColumn = BarColumn(bar_width=20) if screen.width >= WIDE else SpinnerColumn("line")
    words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    # What is printed takes the bar away first, so nothing has to pass through rich and be wrapped by it.
    return Progress(sign, words, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False)
