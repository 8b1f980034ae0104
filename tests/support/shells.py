"""Interactive shells that complete: what somebody types into one, and what `bisync` is then called with."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.terminal import take_terminal
from tests.support.world import Device

START = {
    "bash": ("bash", "--noprofile", "--norc", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}
READY = {
    "bash": 'PS1="ready> "; bind "set bell-style none"; eval "$(bisync completion bash)"\n',
    "zsh": 'unsetopt beep; PS1="ready> "; autoload -Uz compinit; compinit -u -D; eval "$(bisync completion zsh)"\n',
    "fish": 'function fish_prompt; echo "ready> "; end; set -g fish_greeting; bisync completion fish | source\n',
}


class Shell:
    """A shell on a terminal of its own, in a device's home.

    Its `bisync` completes by ours, and notes what it is called with otherwise.
    """

    def __init__(self, device: Device, name: str) -> None:
        self.calls = device.home / "calls"
        folder = device.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "bisync").write_text(
            "#!/bin/sh\n"
            'case $1 in --complete|completion) exec "$PYTHON" -m bisync "$@";; esac\n'
            f"printf '%s\\0' \"$@\" >> '{self.calls}'; printf '\\n' >> '{self.calls}'\n"
        )
        (folder / "bisync").chmod(0o755)
        environment = device.environment | {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(device.home / "config"),
            "XDG_DATA_HOME": str(device.home / "data"),
        }
        self.name = name
        self.leader, follower = pty.openpty()
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen(
            START[name], cwd=device.home, env=environment, stdin=follower, stdout=follower,
            stderr=follower, start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509 - one ioctl, nothing that takes a lock
        )  # fmt: skip
        os.close(follower)
        self.seen = self.screen = ""
        self._answer(0.5)
        self.type(READY[name])
        self._until("ready> ", 20)

    def _answer(self, seconds: float) -> None:
        """Read what comes; fish asks the terminal who it is, and waits for the answer."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.leader], [], [], left)[0]:
                return
            raw = os.read(self.leader, 65536)
            self.seen += raw.decode(errors="replace")
            if b"\x1b[c" in raw or b"\x1b[0c" in raw:
                os.write(self.leader, b"\x1b[?62;c")

    def _until(self, text: str, seconds: float) -> str:
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            self._answer(0.2)
        shown, self.seen = self.seen, ""
        self._answer(0.05)
        return shown

    def type(self, keys: str) -> None:
        """Type keys, in one go."""
        os.write(self.leader, keys.encode())

    def completed(self, line: str) -> list[str]:
        """Type a line, the tab key, and the enter key; the words that bisync was called with then.

        In one go: a shell does one thing after the other.
        """
        self.calls.unlink(missing_ok=True)
        self.seen = ""
        self.type(f"{line}\t\r")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self._answer(0.05)
            if self.calls.exists() and self.calls.read_text().endswith("\n"):
                break
        self.screen = self._until("ready> ", 5)
        return self.calls.read_text().removesuffix("\n").split("\0")[:-1] if self.calls.exists() else []

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.leader)


@contextmanager
def interactive(device: Device, name: str) -> Iterator[Shell]:
    """A shell, until it is not needed any more."""
    shell = Shell(device, name)
    try:
        yield shell
    finally:
        shell.end()


def has(name: str) -> bool:
    """Whether this machine has the shell."""
    return shutil.which(name) is not None
