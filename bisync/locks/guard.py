"""Ends programs that must not outlive their lease, or us: a small program of its own, which is never frozen with us.

    python -I -S guard.py        told on stdin, a line each:
    until notes 4711.5           until then (`clock`) what is watched may go on, as far as this lease goes
    over notes                   this lease is of no matter any more
    watch 4711, forget 4711      a program that is to end, or not any more
    serve /tmp/x/rclone          an rclone that is about to listen there, whose number is not known yet
    served /tmp/x/rclone         it is, and watched; or it has ended

When the first time is over, or stdin ends (we are gone), all that is watched is killed, and what is about to listen is
told to quit once it does: we may be gone between its start and our word of it. It imports next to nothing.
"""

from __future__ import annotations

import os
import select
import time

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
LINE_BYTES = 4096
QUIT_SECONDS = 30.0
PAUSE_SECONDS = 0.02
SIGKILL = 9
"""Everywhere (POSIX, kill): the module that says so takes as long to load as all else."""
QUIT = b"POST /core/quit HTTP/1.0\r\nContent-Length: 0\r\n\r\n"


def clock() -> float:
    """Seconds that go on while the computer sleeps (clock_gettime(2): CLOCK_BOOTTIME; macOS: CLOCK_MONOTONIC)."""
    return time.clock_gettime(CLOCK)


def main(stdin: int = 0) -> None:
    """Watch until stdin ends."""
    watched: set[int] = set()
    coming: set[str] = set()
    untils: dict[str, float] = {}
    rest = b""
    while True:
        until = min(untils.values(), default=None)
        left = None if until is None else min(max(0.0, until - clock()), 1.0)
        if not select.select([stdin], [], [], left)[0]:
            if until is not None and clock() >= until:
                _end(watched, coming)
                watched.clear()
                coming.clear()
                untils.clear()
            continue
        data = os.read(stdin, LINE_BYTES)
        if not data:
            _end(watched, coming)
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            word, _, value = line.decode().partition(" ")
            if word == "until":
                name, _, at = value.rpartition(" ")
                untils[name] = float(at)
            elif word == "over":
                untils.pop(value, None)
            elif word == "watch":
                watched.add(int(value))
            elif word == "forget":
                watched.discard(int(value))
            elif word == "serve":
                coming.add(value)
            elif word == "served":
                coming.discard(value)


def _end(watched: set[int], coming: set[str]) -> None:
    for pid in watched:
        try:
            os.kill(pid, SIGKILL)
        except ProcessLookupError:
            continue
    until = time.monotonic() + QUIT_SECONDS
    while coming and time.monotonic() < until:
        coming = {path for path in coming if not _quits(path)}
        time.sleep(PAUSE_SECONDS)


def _quits(path: str) -> bool:
    """Whether there is nothing more to be done about an rclone that is to listen there: it has heard, or never will."""
    import socket

    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(1.0)
            asking.connect(path)
            asking.sendall(QUIT)
            asking.recv(LINE_BYTES)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
