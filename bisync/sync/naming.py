"""Give a file another name on its disk, never over anything, and never half.

os.rename replaces whatever has the name. What does not, in the order of what is tried: a rename that the system makes
exclusive; a second name by a hard link, and the first one away; where a disk can do neither, an empty file of our own
under the name, which is replaced while it still is ours.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

# linux/fcntl.h, linux/fs.h; sys/stdio.h of macOS
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_RENAME_EXCL = 4
# How a disk, or a system, says that it cannot do a thing at all.
_CANNOT = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL}

_Exclusive = Callable[[bytes, bytes], int]


def take_name(source: Path, target: Path) -> bool:
    """Give `source` the name `target`; False when that name is taken, or `source` is gone.

    Raises OSError, with EXDEV for a name on another disk; then nothing has changed.
    """
    try:
        for way in (_renamed, _linked):
            try:
                way(source, target)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
            else:
                return True
        return _replaced(source, target)
    except (FileExistsError, FileNotFoundError):
        return False


def _renamed(source: Path, target: Path) -> None:
    """Rename in one step, which fails with FileExistsError rather than replace."""
    exclusive = _exclusive()
    code = errno.ENOSYS if exclusive is None else exclusive(os.fsencode(source), os.fsencode(target))
    if code != 0:
        raise OSError(code, os.strerror(code), str(source), None, str(target))


@cache
def _exclusive() -> _Exclusive | None:
    """The system's exclusive rename, which returns an errno or 0; None where it has none."""
    import ctypes  # only what changes something needs it

    library = ctypes.CDLL(None, use_errno=True)
    linux, darwin = getattr(library, "renameat2", None), getattr(library, "renamex_np", None)
    if sys.platform == "linux" and linux is not None:
        linux.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        return lambda source, target: (
            ctypes.get_errno() if linux(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE) else 0
        )
    if sys.platform == "darwin" and darwin is not None:
        darwin.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
        return lambda source, target: ctypes.get_errno() if darwin(source, target, _RENAME_EXCL) else 0
    return None


def _linked(source: Path, target: Path) -> None:
    os.link(source, target, follow_symlinks=False)
    try:
        source.unlink()
    except OSError:
        target.unlink()
        raise


def _replaced(source: Path, target: Path) -> bool:
    """Take the name by an empty file, then put the file in its place unless somebody has written to it since."""
    if not os.path.lexists(source):
        return False
    target.open("xb").close()
    try:
        if target.lstat().st_size != 0:
            return False
        source.rename(target)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return True
