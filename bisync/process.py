"""Run child processes, stream their stderr, and stop them in order.

A child lives in its own session: a terminal's Ctrl-C reaches us only, and we pass on exactly one SIGINT
(a second one makes rclone quit without saving its listings).
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

# bisync finishes running transfers for up to 30 s after a SIGINT, then saves its listings.
GRACE_SECONDS = 60.0
READ_BYTES = 1 << 16
# What a child has said is read to its end within this; what it left behind may hold its output open.
READ_SECONDS = 5.0
# What comes in many small pieces is waited for a moment, so that they are fewer. Meanwhile it needs room in the pipe:
# so much that whoever writes less than 13 MB a second need not wait for us.
FEW_PIECES, PIECE_BYTES, PIECE_SECONDS = 16, 1 << 17, 0.02
PIPE_BYTES = 1 << 18


# Ctrl-C reaches the main thread alone; these tell the others.
_interrupted = threading.Event()
_living: set[Stoppable] = set()
_guard = threading.Lock()


class Stoppable(Protocol):
    """A child of ours, whatever it is made of."""

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""

    def signal(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it at once."""


def enlist(child: Stoppable) -> None:
    """From now on `interrupt` stops it."""
    with _guard:
        _living.add(child)


def discharge(child: Stoppable) -> None:
    """It has ended."""
    with _guard:
        _living.discard(child)


def living() -> tuple[Stoppable, ...]:
    """The children that have not ended."""
    with _guard:
        return tuple(child for child in _living if child.running)


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
        discharge(self)
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
