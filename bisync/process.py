"""Run child processes, stream their stderr, and stop them in order.

A child lives in its own session: a terminal's Ctrl-C reaches us only, and we pass on exactly one SIGINT
(a second one makes rclone quit without saving its listings).
"""

from __future__ import annotations

import codecs
import fcntl
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# bisync finishes running transfers for up to 30 s after a SIGINT, then saves its listings.
GRACE_SECONDS = 60.0
# What a program that is not ours gets to end in order.
GROUP_GRACE_SECONDS = 5.0
# So often a group is looked at whose output does not tell that it has ended.
TICK_SECONDS = 0.05
# A line of a group's output that is longer comes in pieces.
LINE_LENGTH = 8_192
READ_BYTES = 1 << 16
# What a child has said is read to its end within this; what it left behind may hold its output open.
READ_SECONDS = 5.0
# What comes in many small pieces is waited for a moment, so that they are fewer. Meanwhile it needs room in the pipe:
# so much that whoever writes less than 13 MB a second need not wait for us.
FEW_PIECES, PIECE_BYTES, PIECE_SECONDS = 16, 1 << 17, 0.02
PIPE_BYTES = 1 << 18


# Ctrl-C reaches the main thread alone; these tell the others.
_interrupted = threading.Event()
_living: set[Child | Group] = set()
_guard = threading.Lock()


def interrupt() -> None:
    """Stop every child as Ctrl-C does, whichever thread waits for it: that raises KeyboardInterrupt there.

    A second time kills them. Until `resume` no child is started.
    """
    with _guard:
        again, children = _interrupted.is_set(), list(_living)
        _interrupted.set()
    for child in children:
        child.kill() if again else child.signal()


def resume() -> None:
    """All threads have ended: children may be started again."""
    _interrupted.clear()


def check_interrupt() -> None:
    """Raise KeyboardInterrupt where `interrupt` was called: for threads with long work of their own."""
    if _interrupted.is_set():
        raise KeyboardInterrupt


@contextmanager
def unbroken() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until the end of a short block: what starts in it can be stopped then.

    For the main thread; no other one hears of them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = {number: handler for number, handler in before.items() if callable(handler)}
    for number in heard:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
    for each in came:
        heard[signal.Signals(each)](each, None)


class Leash:
    """What children depend on: when it is cut, none of them may go on.

    `tell`: hears the pid of each one that comes ("watch") and goes ("forget").
    """

    def __init__(self, tell: Callable[[str], None] = lambda words: None) -> None:
        self._tell = tell
        self._children: set[Child] = set()
        self._why: BaseException | None = None
        self._guard = threading.Lock()

    def check(self) -> None:
        """Raise what it was cut for, once it was. Asked before a child starts and after it has ended."""
        if self._why is not None:
            raise self._why

    def cut(self, why: BaseException) -> None:
        """End all children at once; no more can be started, and who waits for them is told `why`."""
        with self._guard:
            self._why = self._why or why
            for child in self._children:
                child.kill()

    def _add(self, child: Child) -> None:
        with self._guard:
            self._children.add(child)
            self._tell(f"watch {child.pid}")
            if self._why is not None:
                child.kill()

    def _discard(self, child: Child) -> None:
        with self._guard:
            self._children.discard(child)
            self._tell(f"forget {child.pid}")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit code (negative: the signal that killed it) and whole stdout."""

    code: int
    stdout: str


class Child:
    """A child process under way; as a context it never outlives its block."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        on_line: Callable[[str], None],
        on_out: Callable[[bytes], None] | None = None,
        inherit: Sequence[int] = (),
        grace: float = GRACE_SECONDS,
        leash: Leash | None = None,
        deaf: bool = False,
    ) -> None:
        """Start `argv`; every stderr line goes to `on_line` as it comes, and stdout piece by piece to `on_out`.

        Without that stdout is kept for `Ended`.
        `inherit` are descriptors the child keeps open; `grace` is how many seconds it gets to end when it is
        stopped. `leash`: what it depends on. `deaf`: it is not told of an interrupt; its block ends it.
        Raises OSError when it cannot be started, and what the leash was cut for.
        """
        check_interrupt()
        if leash is not None:
            leash.check()
        self._child = subprocess.Popen(
            list(argv),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(inherit),
            start_new_session=True,
        )
        self._on_line = on_line
        self._on_out = on_out or self._keep
        self._grace = grace
        self._leash = leash
        self._out = bytearray()
        self._failed: list[BaseException] = []
        # (A join that Ctrl-C interrupts takes its thread for ended from then on: Thread._wait_for_tstate_lock.)
        self._read: list[threading.Event] = []
        for each in (self._read_stderr, self._read_stdout):
            self._read.append(ended := threading.Event())
            threading.Thread(target=_reading, args=(each, ended), daemon=True).start()
        if not deaf:
            with _guard:
                _living.add(self)
        if leash is not None:
            leash._add(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.running:
            self.stop()
        if self._leash is not None:
            self._leash._discard(self)
        with _guard:
            _living.discard(self)
        self._join()
        for pipe in (self._child.stdout, self._child.stderr):
            assert pipe is not None
            pipe.close()

    def wait(self, timeout: float | None = None) -> Ended:
        """How the child ended, once it has.

        On KeyboardInterrupt it gets one SIGINT and its grace to end; a second KeyboardInterrupt, or the
        grace running out, kills it. Either way the KeyboardInterrupt is raised on. Raises
        subprocess.TimeoutExpired after `timeout` seconds, and what `on_line` raised.
        """
        try:
            self._child.wait(timeout)
        except KeyboardInterrupt:
            self.stop()
            raise
        except BaseException:
            self._child.kill()
            raise
        check_interrupt()
        if self._leash is not None:
            self._leash.check()
        self._join()
        if self._failed:
            raise self._failed[0]
        return Ended(self._child.returncode, self._out.decode(errors="surrogateescape"))

    def _join(self) -> None:
        for ended in self._read:
            ended.wait(READ_SECONDS)

    def _read_stderr(self) -> None:
        assert self._child.stderr is not None
        for raw in self._child.stderr:
            if not self._failed:
                try:
                    self._on_line(raw.decode(errors="replace"))
                except BaseException as error:  # handed to the caller by `wait`
                    self._failed.append(error)

    def _read_stdout(self) -> None:
        assert self._child.stdout is not None
        pieces = 0
        while chunk := self._child.stdout.read1(PIPE_BYTES):  # type: ignore[attr-defined]
            if len(chunk) < PIECE_BYTES:
                pieces += 1
                if pieces == FEW_PIECES:
                    _widen(self._child.stdout.fileno())
                if pieces >= FEW_PIECES:
                    time.sleep(
                        PIECE_SECONDS
                    )  # it comes line by line, and each reading costs more than the line
            if not self._failed:
                try:
                    self._on_out(chunk)
                except BaseException as error:  # handed to the caller by `wait`
                    self._failed.append(error)

    def _keep(self, chunk: bytes) -> None:
        self._out.extend(chunk)

    def signal(self) -> None:
        """Ask it to end in order."""
        # A job started with `&` by a script ignores SIGINT, and so do its children; SIGTERM means the same to rclone.
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        self._child.send_signal(signal.SIGTERM if ignored else signal.SIGINT)

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def depend_on(self, leash: Leash) -> None:
        """It ends when `leash` is cut, from now on. Raises what that was cut for."""
        leash.check()
        self._leash = leash
        leash._add(self)

    def stop(self) -> None:
        """Ask it to end in order, and end it where it does not within its grace, or at a second Ctrl-C."""
        if not _interrupted.is_set():
            self.signal()
        try:
            self._child.wait(self._grace)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()


def _reading(read: Callable[[], None], ended: threading.Event) -> None:
    try:
        read()
    finally:
        ended.set()


def _widen(pipe: int) -> None:
    """Have a pipe hold more, where the system can do that and lets us (pipe(7): there is a limit for each user)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


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
        grace: float = GROUP_GRACE_SECONDS,
    ) -> None:
        """Start `argv` in `folder` (None: ours). `on_line` gets every line of stdout and stderr, without its end.

        Raises OSError when it cannot be started, ValueError for a NUL in what it is given.
        """
        check_interrupt()
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
        with _guard:
            _living.add(self)

    def __enter__(self) -> Group:
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended yet. (What became another user, as by sudo, is not ours to end.)"""
        return self._child.poll() is None

    def __exit__(self, *exception: object) -> None:
        if self.running:
            self._stop()
        with _guard:
            _living.discard(self)
        self._selector.close()
        self._out.close()

    def wait(self, timeout: float) -> int:
        """Its exit code (negative: the signal that killed it), once it has ended.

        It is stopped after `timeout` seconds, which raises subprocess.TimeoutExpired, and on KeyboardInterrupt, which
        is raised on, as is what `on_line` raised.
        """
        try:
            ended = self._follow(timeout)
            check_interrupt()
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
                check_interrupt()
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
