"""A terminal for a program to run on."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.world import Device


@contextmanager
def on_a_terminal(device: Device, *argv: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in the foreground of a terminal of its own, and the terminal's other end."""
    leader, follower = pty.openpty()
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "bisync", *argv], cwd=device.home, env=device.environment | {"TERM": "xterm"},
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - one ioctl, nothing that takes a lock
    ) as run:  # fmt: skip
        os.close(follower)
        yield run, leader


def take_terminal() -> None:
    """In a child: its standard input is its terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
