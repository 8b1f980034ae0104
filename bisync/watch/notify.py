"""Tells systemd how we are (sd_notify(3)): a datagram to the socket that it names, where it does."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

NEVER = 3600.0


class Notifier:
    """`interval`: seconds between two signs of life that systemd wants (sd_watchdog_enabled(3)); long for none."""

    def __init__(self) -> None:
        self._to = os.environ.pop("NOTIFY_SOCKET", "")  # rclone and hooks are not to speak for us
        ours = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = os.environ.pop("WATCHDOG_USEC", "")
        self.interval = int(usec) / 1e6 / 2 if usec.isdigit() and int(usec) and ours else NEVER

    def ready(self, status: str) -> None:
        """It has begun."""
        self._say(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """What it is doing, in a line."""
        self._say(f"STATUS={text.splitlines()[0] if text else ''}")

    def alive(self) -> None:
        """It is not stuck."""
        if self.interval < NEVER:
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """It is about to end."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._to:
            return
        # A name that begins with @ is an abstract socket (unix(7)).
        to = "\0" + self._to[1:] if self._to.startswith("@") else self._to
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
            one.sendto(words.encode(), to)
