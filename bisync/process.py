"""Run one child process to its end, stream its stderr, and stop it in order.

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


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended: its exit code (negative: the signal that killed it) and whole stdout."""

    code: int
    stdout: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    inherit: Sequence[int] = (),
    timeout: float | None = None,
) -> Finished:
    """Run `argv`, give every stderr line to `on_line` as it comes, return when it has ended.

    `inherit` are descriptors the child keeps open. On KeyboardInterrupt the child gets one SIGINT and
    GRACE_SECONDS to end; a second KeyboardInterrupt, or the grace running out, kills it. Either way the
    KeyboardInterrupt is raised on. Raises subprocess.TimeoutExpired after `timeout` seconds.
    """
    with subprocess.Popen(
        list(argv),
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(inherit),
        start_new_session=True,
    ) as child:
        lines: list[BaseException] = []
        out = bytearray()

        def read_stderr() -> None:
            assert child.stderr is not None
            for raw in child.stderr:
                if not lines:
                    try:
                        on_line(raw.decode(errors="replace"))
                    except BaseException as error:  # handed to the caller below
                        lines.append(error)

        def read_stdout() -> None:
            assert child.stdout is not None
            while chunk := child.stdout.read1(1 << 16):  # type: ignore[attr-defined]
                out.extend(chunk)

        readers = [threading.Thread(target=each, daemon=True) for each in (read_stderr, read_stdout)]
        for reader in readers:
            reader.start()
        try:
            child.wait(timeout)
        except KeyboardInterrupt:
            _stop(child)
            raise
        except BaseException:
            child.kill()
            raise
        finally:
            for reader in readers:
                reader.join(5.0)
        if lines:
            raise lines[0]
        return Finished(child.returncode, out.decode(errors="surrogateescape"))


def _stop(child: subprocess.Popen[bytes]) -> None:
    # A job started with `&` by a script ignores SIGINT, and so do its children; SIGTERM means the same to rclone.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    child.send_signal(signal.SIGTERM if ignored else signal.SIGINT)
    try:
        child.wait(GRACE_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        child.kill()
        child.wait()
