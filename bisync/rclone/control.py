"""An rclone that stays and does what it is asked on a socket (rclone docs, Remote controlling rclone).

The socket lies in a folder that only its user can enter. What it is asked for: `resident` (small objects, for leases)
and `standby` (the commands of a run).
"""

from __future__ import annotations

import http.client
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.events import Event
from bisync.rclone.argv import resident_argv
from bisync.rclone.program import Rclone, Running
from bisync.rclone.remote import Remote

PAUSE_SECONDS = 0.005

Tell = Callable[[str], None]


class Control:
    """How a running rclone is asked. Threads may do so at the same time."""

    def __init__(self, running: Running, path: Path) -> None:
        self.running = running
        self._path = path
        self._ready = False

    def connection(self, seconds: float | None) -> http.client.HTTPConnection:
        """A connection for one question, whose answer may take so long."""
        return _Connection(self._path, seconds)

    def is_ready(self, until: float) -> bool:
        """Whether it listens, for which it is waited a moment; False where it has ended, or `until` is over."""
        while not self._ready:
            connection = self.connection(None)
            try:
                connection.connect()
                self._ready = True
            except OSError:
                if not self.running.child.running or time.monotonic() > until:
                    return False
                time.sleep(PAUSE_SECONDS)
            finally:
                connection.close()
        return True


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float | None) -> None:
        super().__init__("rclone", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@contextmanager
def controlled(
    rclone: Rclone, remote: Remote, *, tell: Tell = lambda words: None, deaf: bool = False, talks: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Iterator[Control]:  # fmt: skip
    """An rclone that stays as long as the block lasts. It is not waited for before it is asked.

    `tell`: the guard that ends it with us, by the words of `locks.guard`; it hears of it before it starts.
    `deaf`: it goes on after Ctrl-C. `talks`: it says all that it does, which `on_event` hears.
    """
    # The path of a socket has 107 bytes at most (unix(7)); a state dir may have a longer one.
    with tempfile.TemporaryDirectory(prefix="bisync-") as folder:
        path = Path(folder, "rclone")
        argv = resident_argv(path, talks=talks)
        tell(f"serve {path}")
        try:
            with rclone.started(argv, remote=remote, deaf=deaf, on_event=on_event) as running:
                tell(f"watch {running.child.pid}")
                tell(f"served {path}")
                try:
                    yield Control(running, path)
                finally:
                    running.child.kill()
                    tell(f"forget {running.child.pid}")
        finally:
            tell(f"served {path}")
