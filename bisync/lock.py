"""One run at a time per sync: a kernel lock that dies with its holders.

flock(2) belongs to the open file, not to the process. The descriptor is inheritable and handed to every
rclone we start, so that a killed parent's orphaned rclone still counts as a run. That is why this is not
a library's lock: none hands its descriptor down.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.errors import Locked
from bisync.files import private_dir


@contextmanager
def held(path: Path, *, name: str) -> Iterator[int]:
    """Hold the lock file `path` for the sync `name`; yield its descriptor for children to inherit.

    Raises Locked at once when somebody else holds it.
    """
    private_dir(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            who = f" (process {owner})" if owner else ""
            raise Locked(
                f"{name}: another run is at work on this sync{who}",
                hint="wait for it to end, or watch it with: bisync status",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a run holds the lock right now. Never waits, changes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
