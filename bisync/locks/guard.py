"""Ends programs that must not outlive their lease, or us: a small program of its own, which is never frozen with us.

    python -I -S guard.py        told on stdin, a line each:
    until notes 4711.5           until then (`clock`) what is watched may go on, as far as this lease goes
    over notes                   this lease is of no matter any more
    watch 4711, forget 4711      a program that is to end, or not any more

When the first time is over, or stdin ends (we are gone), all that is watched is killed. It imports next to nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
LINE_BYTES = 4096


def clock() -> float:
    """Seconds that go on while the computer sleeps (clock_gettime(2): CLOCK_BOOTTIME; macOS: CLOCK_MONOTONIC)."""
    return time.clock_gettime(CLOCK)


def main(stdin: int = 0) -> None:
    """Watch until stdin ends."""
    watched: set[int] = set()
    untils: dict[str, float] = {}
    rest = b""
    while True:
        until = min(untils.values(), default=None)
        left = None if until is None else min(max(0.0, until - clock()), 1.0)
        if not select.select([stdin], [], [], left)[0]:
            if until is not None and clock() >= until:
                _end(watched)
                watched.clear()
                untils.clear()
            continue
        data = os.read(stdin, LINE_BYTES)
        if not data:
            _end(watched)
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


def _end(watched: set[int]) -> None:
    for pid in watched:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
