"""What the hooks of a sync said: the last of it, in a private file."""

from __future__ import annotations

import os
from pathlib import Path

from bisync.errors import StateError
from bisync.files import atomic_write, private_dir
from bisync.stored import open_plain

# The log is never longer; when it is full, the older half of it goes.
LOG_BYTES = 1 << 20


class HookLog:
    """The log, for more of it. What the disk refuses is its `problem` from then on: no hook fails for its log."""

    def __init__(self, path: Path, *, limit: int = LOG_BYTES) -> None:
        self.path = path
        self.problem: str | None = None
        self._limit = limit

    def begin(self, headline: str) -> None:
        """Another hook has the word."""
        self._try(f"{headline}\n")

    def add(self, line: str) -> None:
        """A line of its output, indented."""
        self._try(f"  {line}\n")

    def _try(self, text: str) -> None:
        if self.problem is None:
            try:
                self._append(text.encode("utf-8", "replace"))
            except OSError as error:
                self.problem = error.strerror or str(error)
            except StateError as error:
                self.problem = error.message

    def _append(self, raw: bytes) -> None:
        private_dir(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(open_plain(self.path, flags), "r+b", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size + len(raw) <= self._limit:
                stream.write(raw)
                return
            stream.seek(max(0, size - self._limit // 2))
            kept = stream.read(self._limit // 2)
        # From the beginning of a line.
        kept = kept[kept.find(b"\n") + 1 :]
        atomic_write(self.path, kept + raw)
