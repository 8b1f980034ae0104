"""How far a run is: a bar on a terminal, a line now and then in a pipe, or nothing.

rich and the events are imported where they are used: every task loads this module.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from bisync.report.stream import on_terminal, put
from bisync.report.words import clean, files, size_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from bisync import events

PLAIN_PROGRESS_SECONDS = 5.0


class Listener:
    """Hears events; shows nothing."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose

    def __call__(self, sync: str, event: events.Event) -> None:
        if self.verbose:
            self.tell(sync, event)

    def close(self) -> None:
        """Nothing more will come."""

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
            case events.Problem(text=said) | events.Text(text=said):
                text = f"rclone: {said}"
        if text:
            put(f"  {clean(text)}", sys.stderr)


class Lines(Listener):
    """Plain progress lines in a pipe, at most one every few seconds."""

    last = 0.0

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        if not isinstance(event, events.Progress) or not event.total_files:
            return
        now = time.monotonic()
        if self.last == 0.0:
            self.last = now  # a short run says nothing
        if now - self.last >= PLAIN_PROGRESS_SECONDS:
            self.last = now
            eta = f", {event.eta:.0f} s left" if event.eta is not None else ""
            verb = "read " if event.reading else ""
            put(
                f"{sync}: {verb}{event.files} of {files(event.total_files)}, {size_text(event.bytes)} of "
                f"{size_text(event.total_bytes)}, {size_text(int(event.speed))}/s{eta}",
                sys.stderr,
            )


class Bar(Listener):
    """A bar with bytes, files, speed and time left; it pulses while nobody knows how much there is."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._bar: RichProgress | None = None
        self._phase = ""

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        match event:
            case events.Step(text=text):
                self._show(f"{sync}: {text}", f"{sync}: {text}", 0, None)
            case events.Progress(total_files=total) if total:
                verb = "reading " if event.reading else ""
                text = f"{sync}: {verb}{event.files}/{files(total)}"
                self._show(f"{sync}: {verb}", text, event.bytes, event.total_bytes or None)

    def _show(self, phase: str, text: str, done: int, total: int | None) -> None:
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
        if phase != self._phase:
            # A task of its own: rich knows the speed of each, and cannot forget a total.
            self._phase = phase
            for old in self._bar.task_ids:
                self._bar.remove_task(old)
            self._bar.add_task(text, total=None)
        self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _rich_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class WhenKnown(ProgressColumn):
        """A column that is empty as long as there is nothing to count."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self.column = column

        def render(self, task: Task) -> Any:
            return Text("") if task.total is None else self.column.render(task)

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), WhenKnown(DownloadColumn(binary_units=True)),
        WhenKnown(TransferSpeedColumn()), WhenKnown(TimeRemainingColumn()),
    )  # fmt: skip
    # rich would send what we print to stderr with the bar: right on a terminal, lost for `sync > FILE`.
    on_screen = on_terminal(sys.stdout)
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=on_screen)
