"""The way to a path of the sync dir, through folders alone: nothing is written, moved or deleted through a link.

A folder can become a link after it was looked at. So each folder on the way is opened from the one above it, and what
is done is done in the last one that was opened, whatever has its name by then (openat(2), O_NOFOLLOW). Linux gives a
name to a folder that is open; where there is none, a look has to do.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.core.snapshot import A_LINK, NO_FILE, behind_link, no_folder

_OPEN_FOLDERS = Path("/proc/self/fd")
_HAS_NAMES = sys.platform == "linux" and _OPEN_FOLDERS.is_dir()


class InTheWay(Exception):
    """What lies here keeps one path from being changed, in words; no run can bring it about until that is gone."""


def check_way(root: Path, name: str) -> None:
    """Raise InTheWay where a link, or what is no folder, is on the way to `name`, or a link has its name."""
    *above, own = Path(name).parts
    path, stands = root, ""
    for part in above:
        path = path / part
        stands = f"{stands}/{part}".lstrip("/")
        if path.is_symlink():
            raise InTheWay(behind_link(stands))
        if os.path.lexists(path) and not path.is_dir():
            raise InTheWay(no_folder(stands))
    path = path / own
    if path.is_symlink():
        raise InTheWay(A_LINK)
    if os.path.lexists(path) and not (path.is_file() or path.is_dir()):
        raise InTheWay(NO_FILE)


@contextmanager
def at(root: Path, name: str, *, make: bool = False) -> Iterator[Path]:
    """The path to work with for the file `name` below `root`; it stays in the folder that was found on the way.

    `make`: make the folders on the way that are missing. Raises InTheWay, and OSError, FileNotFoundError for a folder
    that is not there.
    """
    check_way(root, name)
    if not _HAS_NAMES:
        if make:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        yield root / name
        return
    *above, own = Path(name).parts
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, part in enumerate(above, 1):
            below = _opened(folder, part, "/".join(above[:depth]), make=make)
            os.close(folder)
            folder = below
        with _named_as_it_is(_OPEN_FOLDERS / str(folder), (root / name).parent):
            yield _OPEN_FOLDERS / str(folder) / own
    finally:
        os.close(folder)


@contextmanager
def _named_as_it_is(ours: Path, real: Path) -> Iterator[None]:
    """Let an error name the path that people know."""
    try:
        yield
    except OSError as error:
        for each in ("filename", "filename2"):
            said = getattr(error, each)
            if isinstance(said, str) and said.startswith(f"{ours}/"):
                setattr(error, each, str(real / said.removeprefix(f"{ours}/")))
        raise


def _opened(folder: int, part: str, stands: str, *, make: bool) -> int:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            return os.open(part, flags, dir_fd=folder)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            is_link = (_OPEN_FOLDERS / str(folder) / part).is_symlink()
            raise InTheWay(behind_link(stands) if is_link else no_folder(stands)) from None
        try:
            os.mkdir(part, dir_fd=folder)
        except FileExistsError:
            continue
