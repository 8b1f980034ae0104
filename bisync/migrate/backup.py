"""A whole copy of a source before anything else happens: `DIR.backup`, verified by reading it again.

It has its name only once it is whole. One that is there is never touched; another one gets another name.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bisync.errors import BisyncError
from bisync.migrate.copying import Changed, Copier
from bisync.migrate.pace import Pace
from bisync.sync.hashing import file_md5

UNFINISHED = ".unfinished"


class _Item(NamedTuple):
    """What lies in a tree, by `lstat`. `path` relative to its root."""

    path: str
    status: os.stat_result


class BackedUp(NamedTuple):
    """A copy that was made or that is there. `missing`: what it could not take, with the reasons."""

    path: Path
    files: int
    bytes: int
    missing: tuple[tuple[str, str], ...]


def size_of(root: Path) -> tuple[int, int]:
    """How many files a tree has, and their bytes; ignored ones count, too. Raises OSError."""
    sizes = [one.status.st_size for one in _items(root, []) if stat.S_ISREG(one.status.st_mode)]
    return len(sizes), sum(sizes)


def free_name(root: Path) -> Path:
    """The name the next copy of `root` gets: DIR.backup, DIR.backup-2, …"""
    number = 1
    while True:
        name = root.with_name(f"{root.name}.backup" + (f"-{number}" if number > 1 else ""))
        if not os.path.lexists(name):
            return name
        number += 1


def make(root: Path, pace: Pace) -> BackedUp:
    """Copy the tree at `root` with times and modes, links as links, and compare the copy with it by content.

    An unfinished copy of before is gone on with. Raises BisyncError where the copy is not what the tree is, OSError.
    """
    target = free_name(root)
    beside = target.with_name(target.name + UNFINISHED)
    missing: list[tuple[str, str]] = []
    items = list(_items(root, missing))
    files = [one for one in items if stat.S_ISREG(one.status.st_mode)]
    pace.expect(2 * sum(one.status.st_size for one in files), 2 * len(files))
    _make_folder(beside)
    copier = Copier(pace.add)
    for one in items:
        why = _copy(copier, root, beside, one)
        if why is not None:
            missing.append((one.path, why))
        if stat.S_ISREG(one.status.st_mode):
            pace.done()
    failed = {path for path, _ in missing}
    for one in files:
        if one.path not in failed:
            _compare(root, beside, one, pace)
            pace.done()
    for one in reversed(items):  # last: whatever is written into a folder moves its time
        if stat.S_ISDIR(one.status.st_mode):
            _like(beside / one.path, one.status)
    _like(beside, root.lstat())
    _flush(beside)
    beside.rename(target)
    return BackedUp(target, len(files), sum(one.status.st_size for one in files), tuple(sorted(missing)))


def _items(root: Path, missing: list[tuple[str, str]]) -> Iterator[_Item]:
    """All that lies in a tree, folders before what they hold. Raises OSError where its root cannot be read."""
    todo = [""]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(root / folder if folder else root) as listing:
                found = sorted(listing, key=lambda one: one.name)
        except OSError as error:
            if not folder:
                raise
            missing.append((folder, f"cannot be read: {error.strerror}"))
            continue
        for one in found:
            path = f"{folder}/{one.name}" if folder else one.name
            status = one.stat(follow_symlinks=False)
            yield _Item(path, status)
            if stat.S_ISDIR(status.st_mode):
                todo.append(path)


def _make_folder(path: Path) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


def _copy(copier: Copier, root: Path, target: Path, one: _Item) -> str | None:
    """Copy one entry unless it is there already; why it could not be, or None."""
    source, to, mode = root / one.path, target / one.path, one.status.st_mode
    if os.path.lexists(to):
        there = to.lstat()
        same = (there.st_size, there.st_mtime_ns) == (one.status.st_size, one.status.st_mtime_ns)
        alike = stat.S_IFMT(there.st_mode) == stat.S_IFMT(mode)
        if alike and (same or stat.S_ISDIR(mode)):
            return None
        if stat.S_ISDIR(there.st_mode):
            shutil.rmtree(to)
        else:
            to.unlink()
    if stat.S_ISDIR(mode):
        _make_folder(to)
        return None
    try:
        if stat.S_ISLNK(mode):
            to.symlink_to(source.readlink())
            os.utime(to, ns=(one.status.st_atime_ns, one.status.st_mtime_ns), follow_symlinks=False)
        elif stat.S_ISREG(mode):
            copier.copy(source, to, size=one.status.st_size, mtime_ns=one.status.st_mtime_ns)
        # A pipe, a socket or a device holds nothing.
    except Changed:
        return "it changed meanwhile"
    except (PermissionError, FileNotFoundError) as error:
        return f"cannot be read: {error.strerror}"
    return None


def _compare(root: Path, target: Path, one: _Item, pace: Pace) -> None:
    """Raise BisyncError unless the copy has the content of the file. (One that changed since is another one.)"""
    size = one.status.st_size
    copy = file_md5(target / one.path, pace.add, size=size)
    source = root / one.path
    try:
        if file_md5(source, size=size) == copy:
            return
        changed = source.lstat().st_mtime_ns != one.status.st_mtime_ns
    except FileNotFoundError:
        changed = True
    if not changed:
        (target / one.path).unlink()
        raise BisyncError(
            f"the copy of {source} is not what it is a copy of", hint="check the disk, then run again"
        )


def _like(path: Path, status: os.stat_result) -> None:
    """Give a folder the times and the mode of its original."""
    with suppress(PermissionError):
        path.chmod(stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _flush(path: Path) -> None:
    """Have what was written reach the disk before it gets its name."""
    os.sync()
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
