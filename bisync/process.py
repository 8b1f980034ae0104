"""Run child processes, stream their stderr, and stop them in order.

A child lives in its own session: a terminal's Ctrl-C reaches us only, and we pass on exactly one SIGINT
(a second one makes rclone quit without saving its listings).
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# bisync finishes running transfers for up to 30 s after a SIGINT, then saves its listings.
GRACE_SECONDS = 60.0


# Ctrl-C reaches the main thread alone; these tell the others.
_interrupted = threading.Event()
_living: set[Child] = set()
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
    ) -> None:
        """Start `argv`; every stderr line goes to `on_line` as it comes, and stdout piece by piece to `on_out`.

        Without that stdout is kept for `Ended`.
        `inherit` are descriptors the child keeps open; `grace` is how many seconds it gets to end when it is
        stopped. Raises OSError when it cannot be started.
        """
        check_interrupt()
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
        self._out = bytearray()
        self._failed: list[BaseException] = []
        self._readers = [
            threading.Thread(target=each, daemon=True) for each in (self._read_stderr, self._read_stdout)
        ]
        for reader in self._readers:
            reader.start()
        with _guard:
            _living.add(self)

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
            self._stop()
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
            self._stop()
            raise
        except BaseException:
            self._child.kill()
            raise
        check_interrupt()
        self._join()
        if self._failed:
            raise self._failed[0]
        return Ended(self._child.returncode, self._out.decode(errors="surrogateescape"))

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(5.0)

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
        while chunk := self._child.stdout.read1(1 << 16):  # type: ignore[attr-defined]
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

    def _stop(self) -> None:
        if not _interrupted.is_set():
            self.signal()
        try:
            self._child.wait(self._grace)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()
