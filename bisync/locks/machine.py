"""One run at a time per sync: a kernel lock that dies with its holders.

flock(2) belongs to the open file, not to the process. The descriptor is inheritable and handed to every
rclone we start, so that a killed parent's orphaned rclone still counts as a run. That is why this is not
a library's lock: none hands its descriptor down.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.errors import Locked
from bisync.files import private_dir
from bisync.process import check_interrupt
from bisync.stored import open_plain

# How long a killed run's rclone may take to die of its broken pipe.
ORPHAN_SECONDS = 3.0


@contextmanager
def held(path: Path, *, name: str, patience: float = 0.0) -> Iterator[int]:
    """Hold the lock file `path` for the sync `name`; yield its descriptor for children to inherit.

    Raises Locked when a living run holds it for longer than `patience` seconds, and after ORPHAN_SECONDS when a killed
    run's rclone does not end.
    """
    private_dir(path.parent)
    descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
    try:
        began = time.monotonic()
        while not _taken(descriptor):
            check_interrupt()
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if time.monotonic() >= began + max(patience, 0.0 if _lives(owner) else ORPHAN_SECONDS):
                who = f" (process {owner})" if owner else ""
                raise Locked(
                    f"{name}: another run is at work on this sync{who}",
                    hint="wait for it to end, or watch it with: bisync status",
                )
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def waited(path: Path, *, seconds: float, what: str) -> Iterator[None]:
    """Hold the lock file `path`, once whoever has it lets go. Raises Locked, saying `what`, after so many seconds."""
    private_dir(path.parent)
    descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + seconds
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise Locked(
                    f"{what} by another program, for {seconds:.0f} s by now", hint="end it, then run again"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(owner: str) -> bool:
    """Whether the process that wrote its number into the lock is there; unknown counts as yes."""
    if not (owner.isascii() and owner.isdigit()):
        return True
    try:
        os.kill(int(owner), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_held(path: Path) -> bool:
    """Whether a run holds the lock right now. Never waits, changes nothing."""
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
