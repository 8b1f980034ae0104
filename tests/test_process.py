"""Programs that are not ours: heard line by line, and ended with all that they started. On real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync import process
from bisync.rclone.program import Rclone
from bisync.sync.group import LINE_LENGTH, Group

pytestmark = pytest.mark.pure


def group(script: str, said: list[str], *, grace: float = 5.0, **env: str) -> Group:
    return Group(
        ["sh", "-c", script], env={**os.environ, **env}, folder=None, on_line=said.append, grace=grace
    )


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie nobody waits for has, too)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def is_of(stat: Path, leader: int) -> bool:
    """Whether a process that lives belongs to the group of `leader` (proc(5))."""
    try:
        state, _, number = stat.read_text().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and int(number) == leader


def test_both_of_its_outputs_are_heard_in_their_order(tmp_path: Path) -> None:
    said: list[str] = []
    with group("echo one; echo two >&2; echo; printf 'ü\\nend'; exit 3", said) as child:
        assert child.wait(20) == 3

    assert said == ["one", "two", "", "ü", "end"]


def test_lines_come_as_they_are_written(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)

    def hear(line: str) -> None:
        said.append(line)
        if line == "one":
            go.write_text("")

    said: list[str] = []
    with Group(
        ["sh", "-c", f"echo one; cat {go}; echo two"], env=os.environ, folder=tmp_path, on_line=hear
    ) as child:
        assert child.wait(20) == 0
    assert said == ["one", "two"]


def test_an_endless_line_comes_in_pieces_and_bytes_that_are_no_text_do_no_harm() -> None:
    said: list[str] = []
    script = f"import sys; sys.stdout.buffer.write(b'x' * {3 * LINE_LENGTH} + b'\\xff')"
    with Group([sys.executable, "-c", script], env={}, folder=None, on_line=said.append) as child:
        assert child.wait(20) == 0

    assert "".join(said) == "x" * 3 * LINE_LENGTH + "\ufffd"
    assert max(map(len, said)) == LINE_LENGTH


def test_one_that_closed_its_output_is_waited_for() -> None:
    said: list[str] = []
    began = time.monotonic()
    with group("exec >&- 2>&-; sleep 0.3; exit 7", said) as child:
        assert child.wait(20) == 7
    assert time.monotonic() - began >= 0.3


def test_too_long_ends_all_of_it_in_order(tmp_path: Path) -> None:
    """The shell waits for its child, which ignores nothing: both get SIGTERM, and may say a last word."""
    said: list[str] = []
    script = "trap 'echo ending; exit 9' TERM; sleep 300 & echo $!; wait"
    began = time.monotonic()
    with group(script, said) as child, pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)

    assert time.monotonic() - began < 5
    assert said[1:] == ["ending"] and not child.running
    assert is_gone(int(said[0]))


def test_what_does_not_hear_is_killed() -> None:
    """Also where the program itself ended at once, and only what it started does not."""
    said: list[str] = []
    script = "(trap '' TERM; while :; do sleep 1; done) & echo $!; wait"
    began = time.monotonic()
    with group(script, said, grace=0.5) as child, pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.3)

    assert 0.8 <= time.monotonic() - began < 10
    until(lambda: is_gone(int(said[0])))


def test_a_child_in_the_background_that_holds_the_output_is_not_waited_for() -> None:
    said: list[str] = []
    began = time.monotonic()
    with group("sleep 300 & echo $!", said) as child:
        assert child.wait(20) == 0
    assert time.monotonic() - began < 5
    left = int(said[0])
    assert not is_gone(left), "it may go on"
    os.kill(left, signal.SIGKILL)


def test_a_background_that_never_stops_talking_does_not_hold_us_up() -> None:
    said: list[str] = []
    began = time.monotonic()
    with group("echo $$; while :; do echo noise; done & exit 0", said) as child:
        assert child.wait(20) == 0
    assert time.monotonic() - began < 10
    pid = int(said[0])
    until(lambda: is_gone(pid) and not any(is_of(one, pid) for one in Path("/proc").glob("[0-9]*/stat")))


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_an_interrupt_in_another_thread_ends_it(again: bool) -> None:
    """As with --jobs: Ctrl-C comes to the main thread alone. A second time kills what does not hear."""
    said: list[str] = []
    raised: list[type[BaseException]] = []

    deaf = "trap '' TERM; " if again else ""

    def work() -> None:
        try:
            with group(f"{deaf}echo $$; sleep 300; sleep 300", said, grace=30) as child:
                child.wait(300)
        except BaseException as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: said)
    began = time.monotonic()
    try:
        process.interrupt()
        if again:
            time.sleep(0.3)
            assert thread.is_alive()
            process.interrupt()
        thread.join(20)
    finally:
        process.resume()

    assert raised == [KeyboardInterrupt] and time.monotonic() - began < 10
    assert is_gone(int(said[0]))


def test_what_a_listener_raises_ends_it() -> None:
    def hear(line: str) -> None:
        pids.append(int(line))
        raise OSError("nobody reads")

    pids: list[int] = []
    with (
        Group(["sh", "-c", "echo $$; sleep 300"], env=os.environ, folder=None, on_line=hear) as child,
        pytest.raises(OSError, match="nobody reads"),
    ):
        child.wait(20)
    assert is_gone(pids[0])


def test_a_block_that_is_left_ends_it() -> None:
    said: list[str] = []
    with group("sleep 300", said) as child:
        assert child.running
    assert not child.running


@pytest.mark.parametrize(("argv", "error"), [(["/no/such/program"], OSError), (["echo", "a\0b"], ValueError)])
def test_what_cannot_be_started(argv: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        Group(argv, env={}, folder=None, on_line=print)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe is as large as it is")
def test_what_writes_line_by_line_gets_room_to_go_on() -> None:
    script = """
import fcntl, os, time
before, until = fcntl.fcntl(1, fcntl.F_GETPIPE_SZ), time.monotonic() + 20
lines = 0
while fcntl.fcntl(1, fcntl.F_GETPIPE_SZ) == before and time.monotonic() < until:
    os.write(1, b"line\\n")
    lines += 1
    time.sleep(0.01)
os.write(1, f"{lines} {fcntl.fcntl(1, fcntl.F_GETPIPE_SZ)}".encode())
"""
    with process.Child([sys.executable, "-c", script], env=os.environ, on_line=print) as child:
        *lines, last = child.wait(60).stdout.split("\n")

    assert last.split() == [str(len(lines)), str(process.PIPE_BYTES)]
    assert set(lines) == {"line"}


def test_ctrl_c_while_the_rest_is_read_leaves_no_reader_behind() -> None:
    """Its pipes stay open until all of it is read, whatever interrupts the waiting."""
    heard: list[bytes] = []

    def slowly(chunk: bytes) -> None:
        time.sleep(0.4)
        heard.append(chunk)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    script = "for number in 1 2 3; do echo $number; sleep 0.05; done"
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            process.Child(
                ["sh", "-c", script], env=dict(os.environ), on_line=lambda line: None, on_out=slowly
            ) as child,
        ):
            until(lambda: not child.running)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            child.wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert b"".join(heard).split() == [b"1", b"2", b"3"]


@pytest.mark.parametrize("kind", ["group", "rclone"])
def test_ctrl_c_in_the_moment_a_program_starts_is_heard_once_it_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """Raised in the middle of its start, it would leave a program that nobody knows of."""
    started: list[subprocess.Popen[bytes]] = []

    class Slow(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, **more)  # type: ignore[arg-type,call-overload]
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    monkeypatch.setattr(subprocess, "Popen", Slow)
    with pytest.raises(KeyboardInterrupt), contextlib.ExitStack() as stack:
        if kind == "rclone":
            program = tmp_path / "rclone"
            program.write_text("#!/bin/sh\nexec sleep 60\n")
            program.chmod(0o700)
            stack.enter_context(
                Rclone(binary=program, config=tmp_path / "rclone.conf", version="1.75.2").started(
                    ("rclone", "version")
                )
            )
        else:
            with process.unbroken():
                stack.enter_context(
                    Group(["sleep", "60"], env=dict(os.environ), folder=None, on_line=lambda line: None)
                )
        raise AssertionError("it was never raised")
    assert started[0].poll() is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
