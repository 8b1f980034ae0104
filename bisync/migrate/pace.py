"""How far a step is, told a few times a second: files, bytes, speed, time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from bisync import events, process

SECONDS = 0.5


class Pace:
    """Counts what is done of what is expected, and tells. Raises KeyboardInterrupt once Ctrl-C was heard."""

    def __init__(self, tell: Callable[[events.Event], None], text: str, *, reading: bool = True) -> None:
        self._tell = tell
        self._reading = reading
        self._bytes = self._files = self._all_bytes = self._all_files = 0
        self._began = self._last = time.monotonic()
        tell(events.Step(text))

    def expect(self, size: int, files: int) -> None:
        """More work is known of."""
        self._all_bytes += size
        self._all_files += files

    def add(self, size: int) -> None:
        """So many bytes more are done."""
        self._bytes += size
        self._say()

    def done(self, size: int = 0) -> None:
        """A file is done, of which so many bytes were not counted yet."""
        self._bytes += size
        self._files += 1
        self._say()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._last < SECONDS:
            return
        self._last = now
        process.check_interrupt()
        speed = self._bytes / (now - self._began)
        left = self._all_bytes - self._bytes
        self._tell(
            events.Progress(
                self._bytes,
                self._all_bytes,
                self._files,
                self._all_files,
                speed,
                left / speed if speed and left >= 0 else None,
                reading=self._reading,
            )
        )
