"""Edits in a sync dir as they happen: the system's file events, or a look through it where there are none.

What it says is a hint and no more: a run looks for itself, and one at each interval finds what was missed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bisync.core.metadata import METADATA_DIR

STEP_MS = 200
"""So often it is asked whether there are events, which costs something also when all is quiet."""
WINDOW_MS = 200
LOOK_MS = 1_000
"""So often it is looked whether the folder is still the same one."""
AGAIN_SECONDS = 3.0
SCAN_SHARE = 50
"""A scan may take so small a part of the time (one in so many)."""
SCAN_SECONDS = 2.0
STOP_SECONDS = 2.0


class Edits:
    """Tells of changed paths below `root`, as the disk spells them, until it is stopped. A thread of its own.

    `heard` gets a set of paths ("." for the whole folder, when it has come back); `said` a note, where there are no
    events.
    """

    def __init__(
        self,
        root: Path,
        *,
        heard: Callable[[frozenset[str]], None],
        said: Callable[[str], None],
        is_ignored: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self.root = root
        self._heard = heard
        self._said = said
        self._is_ignored = is_ignored
        self._over = threading.Event()
        self._scanning = False
        self._thread = threading.Thread(target=self._work, name=f"edits of {root}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell no more."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        new = False
        while not self._over.is_set():
            try:
                if new:
                    self.root.stat()
                    self._heard(frozenset({"."}))
                new = True
                self._scan() if self._scanning else self._listen()
            except FileNotFoundError:
                # A run says so. (A disk that comes back is a folder like a new one.)
                self._over.wait(AGAIN_SECONDS)
            except OSError as error:
                # inotify(7): no more watches, or a file system that has none.
                self._scanning = True
                self._said(
                    f"the system tells no file events ({error.strerror or error}): the folder is looked through instead"
                )

    def _listen(self) -> None:
        from watchfiles import watch

        root = self.root.resolve()
        there = root.stat()
        events = watch(
            root,
            watch_filter=None,
            debounce=WINDOW_MS,
            step=STEP_MS,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            poll_delay_ms=int(SCAN_SECONDS * 1000),
            ignore_permission_denied=True,
            stop_event=self._over,
            raise_interrupt=False,
            recursive=True,
        )
        for found in events:
            self._tell(os.path.relpath(path, root) for _, path in found)
            now = root.stat()
            if (now.st_dev, now.st_ino) != (there.st_dev, there.st_ino):
                return  # another folder, or another disk: listen there

    def _tell(self, paths: Iterator[str]) -> None:
        found = frozenset(
            path
            for path in paths
            if path.partition("/")[0] not in (METADATA_DIR, "..") and not self._is_ignored(path)
        )
        if found:
            self._heard(found)

    def _scan(self) -> None:
        before, took = self._looked_through()
        while not self._over.wait(max(SCAN_SECONDS, took * SCAN_SHARE)):
            now, took = self._looked_through()
            changed = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
            self._tell(iter(changed))
            before = now

    def _looked_through(self) -> tuple[Mapping[str, tuple[int, int, int]], float]:
        """Size, time and inode of every file that is not ignored, and how many seconds that took."""
        began = time.monotonic()
        found = {}
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(self.root / folder))
            except OSError:
                if not folder:
                    raise
                continue  # gone meanwhile, or not ours to read: the run says so
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if path != METADATA_DIR:
                        waiting.append(path)
                    continue
                if self._is_ignored(path):
                    continue
                try:
                    there = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                found[path] = (there.st_size, there.st_mtime_ns, there.st_ino)
        return found, time.monotonic() - began
