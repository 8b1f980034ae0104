"""Copies of files on this machine: with times and modes, as clones where the disk can, never half under a name."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# linux/fs.h: FICLONE
_FICLONE = 0x40049409
# How a disk says that it clones nothing, or not from there.
_NO_CLONES = {
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EPERM,
    errno.EBADF,
}
SMALL = 1 << 16
PIECE = 8 << 20


class Changed(Exception):
    """What was to be copied is not what was seen."""


class Copier:
    """Copies files one after the other. What a disk cannot do is found out once."""

    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes = on_bytes
        self._clones = True
        self._ranges = hasattr(os, "copy_file_range")

    def copy(self, source: Path, target: Path, *, size: int, mtime_ns: int) -> None:
        """Make `target` a new file with the content, the time and the mode of `source`, which is no link.

        Raises Changed where the source is not of this size and time any more, FileExistsError, OSError; there is no
        half of it then.
        """
        from_ = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(from_)
            if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
                raise Changed(f"{source} changed meanwhile")
            to = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                self._fill(from_, to, size)
                with suppress(PermissionError):  # FAT and its like know no such permissions
                    os.fchmod(to, stat.S_IMODE(status.st_mode))
                os.utime(to, ns=(status.st_atime_ns, status.st_mtime_ns))
            except BaseException:
                os.unlink(target)  # noqa: PTH108
                raise
            finally:
                os.close(to)
        finally:
            os.close(from_)

    def _fill(self, from_: int, to: int, size: int) -> None:
        if size == 0:
            return
        if self._clones:
            try:
                fcntl.ioctl(to, _FICLONE, from_)
                self._on_bytes(size)
                return
            except OSError as error:
                if error.errno not in _NO_CLONES:
                    raise
                self._clones = False
        if size > SMALL and self._ranges and self._by_range(from_, to):
            return
        while chunk := os.read(from_, PIECE if size > PIECE else size + 1):
            view = memoryview(chunk)
            while view:
                view = view[os.write(to, view) :]
            self._on_bytes(len(chunk))

    def _by_range(self, from_: int, to: int) -> bool:
        """Have the system copy; False where it cannot, and nothing was written."""
        written = 0
        while True:
            try:
                count = os.copy_file_range(from_, to, PIECE)
            except OSError as error:
                if written or error.errno not in _NO_CLONES:
                    raise
                self._ranges = False
                return False
            if count == 0:
                return True
            written += count
            self._on_bytes(count)
