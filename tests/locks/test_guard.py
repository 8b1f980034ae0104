"""The guard: what is watched ends with the lease, and with us."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.locks import guard
from bisync.rclone.argv import resident_argv
from tests.support.world import rclone_path

pytestmark = pytest.mark.pure


@pytest.fixture
def watcher() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def tell(watcher: subprocess.Popen[bytes], *lines: str) -> None:
    assert watcher.stdin is not None
    watcher.stdin.write("".join(f"{line}\n" for line in lines).encode())
    watcher.stdin.flush()


def test_what_is_watched_ends_when_the_time_is_over(
    watcher: subprocess.Popen[bytes], sleeper: subprocess.Popen[bytes]
) -> None:
    began = time.monotonic()
    tell(
        watcher, f"watch {sleeper.pid}", f"until notes {guard.clock() + 60}", f"until / {guard.clock() + 0.5}"
    )
    assert sleeper.wait(10) == -9
    assert time.monotonic() - began >= 0.5


def test_a_renewal_puts_it_off(watcher: subprocess.Popen[bytes], sleeper: subprocess.Popen[bytes]) -> None:
    now = guard.clock()
    tell(watcher, f"watch {sleeper.pid}", f"until my notes {now + 0.5}", f"until / {now + 0.5}")
    tell(watcher, f"until my notes {now + 60}", "over /")
    time.sleep(1)
    assert sleeper.poll() is None


def test_what_is_forgotten_goes_on(
    watcher: subprocess.Popen[bytes], sleeper: subprocess.Popen[bytes]
) -> None:
    tell(watcher, f"watch {sleeper.pid}", f"forget {sleeper.pid}", f"until notes {guard.clock() + 0.1}")
    time.sleep(0.5)
    assert sleeper.poll() is None


def test_what_is_watched_ends_with_whoever_watches(
    watcher: subprocess.Popen[bytes], sleeper: subprocess.Popen[bytes]
) -> None:
    tell(watcher, f"watch {sleeper.pid}")
    assert watcher.stdin is not None
    watcher.stdin.close()
    assert sleeper.wait(10) == -9
    assert watcher.wait(10) == 0


@pytest.mark.parametrize("late", [0.0, 0.7])
def test_an_rclone_that_we_did_not_live_to_name_quits_once_it_listens(late: float, tmp_path: Path) -> None:
    """Else it would stay for ever, and with it the lock that it holds open."""
    path = tmp_path / "a folder" / "rclone"
    path.parent.mkdir()
    process = subprocess.Popen([sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE)
    tell(process, f"serve {path}")
    assert process.stdin is not None
    if late:
        process.stdin.close()
        time.sleep(late)
    argv = [str(rclone_path()), *resident_argv(path)[1:], "--config", "/dev/null"]
    rclone = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        process.stdin.close()
        assert rclone.wait(20) == 0
        assert process.wait(20) == 0
    finally:
        rclone.kill()


def test_one_that_was_named_is_not_waited_for(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE)
    tell(process, f"serve {tmp_path}/rclone", f"served {tmp_path}/rclone")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(5) == 0
