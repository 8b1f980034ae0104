"""Run a program that is not ours, with all that it starts, hear what it says line by line, and stop it as a whole."""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bisync import process

# What it gets to end in order.
GRACE_SECONDS = 5.0
# So often it is looked at where its output does not tell that it has ended.
TICK_SECONDS = 0.05
# A line that is longer comes in pieces.
LINE_LENGTH = 8_192
READ_BYTES = 1 << 16


class Group:
    """A program that is not ours, with all that it starts: heard line by line, and stopped as a whole.

    It has a session of its own, and no terminal. When it ends by itself, what it left in the background goes on,
    unheard; when it is stopped, nothing of it is left but what made itself a session of its own. As a context it never
    outlives its block.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path | None,
        on_line: Callable[[str], None],
        grace: float = GRACE_SECONDS,
    ) -> None:
        """Start `argv` in `folder` (None: ours). `on_line` gets every line of stdout and stderr, without its end.

        Raises OSError when it cannot be started, ValueError for a NUL in what it is given.
        """
        process.check_interrupt()
        self._child = subprocess.Popen(
            list(argv), env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0, start_new_session=True,
        )  # fmt: skip
        assert self._child.stdout is not None
        self._out = self._child.stdout
        self._lines = _Lines(on_line)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._grace = grace
        process.enlist(self)

    def __enter__(self) -> Group:
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended yet. (What became another user, as by sudo, is not ours to end.)"""
        return self._child.poll() is None

    def __exit__(self, *exception: object) -> None:
        if self.running:
            self._stop()
        process.discharge(self)
        self._selector.close()
        self._out.close()

    def wait(self, timeout: float) -> int:
        """Its exit code (negative: the signal that killed it), once it has ended.

        It is stopped after `timeout` seconds, which raises subprocess.TimeoutExpired, and on KeyboardInterrupt, which
        is raised on, as is what `on_line` raised.
        """
        try:
            ended = self._follow(timeout)
            process.check_interrupt()
            if ended:
                self._lines.end()
                return self._child.returncode
        except BaseException:
            self._stop()
            raise
        self._stop()
        raise subprocess.TimeoutExpired(self._child.args, timeout)

    def signal(self) -> None:
        """Ask all of it to end. (SIGTERM: what a shell starts with `&` does not hear a SIGINT.)"""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End all of it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        # EPERM: all of it runs as another user by now, as by sudo.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)

    def _stop(self) -> None:
        """SIGTERM, some time to end in which it is still heard, SIGKILL. A KeyboardInterrupt ends that time."""
        try:
            self.signal()
            self._follow(self._grace, stopping=True)
        except KeyboardInterrupt:
            pass
        finally:
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self._grace)
            self._lines.end()

    def _follow(self, seconds: float, *, stopping: bool = False) -> bool:
        """Hear it until it has ended, `stopping`: and all that it started; False when the time is up."""
        until = time.monotonic() + seconds
        while True:
            if not (self.running or (stopping and self._goes_on())):
                self._read_rest()
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            if not stopping:
                process.check_interrupt()
            self._hear(min(left, TICK_SECONDS))

    def _goes_on(self) -> bool:
        """Whether anything of the group is left."""
        try:
            os.killpg(self._child.pid, 0)
        except OSError as error:
            return not isinstance(error, ProcessLookupError)
        return True

    def _hear(self, seconds: float) -> bool:
        """Pass on what it says within some seconds; False when it said nothing."""
        if not self._selector.get_map():
            # It has closed its output, and may go on for long.
            if self.running:
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(seconds)
            else:
                time.sleep(seconds)
            return False
        if not self._selector.select(seconds):
            return False
        chunk = os.read(self._out.fileno(), READ_BYTES)
        if not chunk:
            self._selector.unregister(self._out)
        self._lines.add(chunk)
        return bool(chunk)

    def _read_rest(self) -> None:
        """What is in the pipe. What it left in the background may go on talking, so that is not waited for."""
        for _ in range(16):
            if not self._hear(0):
                return


class _Lines:
    """Bytes into lines, as they come. What hears them and fails hears no more."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._deaf = False

    def add(self, chunk: bytes, *, final: bool = False) -> None:
        """Pass on every line that is whole by now."""
        *lines, self._rest = (self._rest + self._decoder.decode(chunk, final)).split("\n")
        while len(self._rest) > LINE_LENGTH:
            lines.append(self._rest[:LINE_LENGTH])
            self._rest = self._rest[LINE_LENGTH:]
        for line in lines:
            self._say(line)

    def end(self) -> None:
        """Pass on what is left of a line without an end."""
        self.add(b"", final=True)
        rest, self._rest = self._rest, ""
        if rest:
            self._say(rest)

    def _say(self, line: str) -> None:
        for start in range(0, len(line) or 1, LINE_LENGTH):
            if self._deaf:
                return
            self._deaf = True
            self._on_line(line[start : start + LINE_LENGTH])
            self._deaf = False
