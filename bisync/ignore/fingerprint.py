"""Whether a tree is as a walk found it: the same names, and files with the same stamps.

It goes by what the walk found about what is ignored, asks no rule, and builds nothing: half of a walk's time. What is
new, ignored or not, is new; then only a walk knows.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from bisync.core.metadata import HOLD, MARKER_PATH

MANY = 50_000
"""So many ignored names are not kept."""


TOGETHER = 16
"""So many folders are opened at once: whoever listens to the tree is told of each, and wakes less often that way."""


class Fingerprint(NamedTuple):
    """Of a tree: its `folders` ("" or "a/b/") and what is `ignored` in them (folders end in "/"), and a digest."""

    folders: tuple[str, ...]
    ignored: frozenset[str]
    digest: bytes


Stamp = tuple[int, ...]
stamp: Callable[[os.stat_result], Stamp] = attrgetter(
    "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev"
)
"""What `lstat` says of a file, as the digest has it. (One call: a look makes it for every file.)"""
_mode: Callable[[Stamp], int] = itemgetter(0)


class Taking:
    """A fingerprint being taken, folder by folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digest = hashlib.sha256()

    def add(self, path: str, names: Sequence[str], stamps: list[Stamp], others: list[str]) -> None:
        """A folder, the sorted names of its files and their stamps, and the names of its folders and of all that is
        ignored (folders end in "/")."""
        # No name has a slash in it. (Later formats than 2 tell who else has a string.)
        self._digest.update(marshal.dumps((path, "/".join(names), stamps, sorted(others)), 2))

    def digest(self) -> bytes | None:
        """Of all, and of the marker. None while a killed run has files put away."""
        try:
            if any((self._root / HOLD).iterdir()):
                return None
        except (FileNotFoundError, NotADirectoryError):
            pass  # no folder for them
        try:
            marker = stamp(os.lstat(self._root / MARKER_PATH))
        except (FileNotFoundError, NotADirectoryError):
            marker = None
        self._digest.update(marshal.dumps(marker, 2))
        return self._digest.digest()


def is_same(root: Path, before: Fingerprint, ignore_files: Sequence[str]) -> bool:
    """Whether the tree is as it was `before`. False where it cannot be looked at."""
    taking = Taking(root)
    ignored: dict[str, set[str]] = {}
    for path in before.ignored:
        folder, slash, name = path.rpartition("/")
        ignored.setdefault(folder + slash, set()).add(name)
    try:
        for start in range(0, len(before.folders), TOGETHER):
            some = before.folders[start : start + TOGETHER]
            with _opened(root, some) as descriptors:
                for path, descriptor in zip(some, descriptors, strict=True):
                    taking.add(path, *_looked_at(descriptor, ignored.get(path, _NONE), ignore_files))
        return taking.digest() == before.digest
    except OSError:
        return False


_NONE: frozenset[str] = frozenset()


@contextmanager
def _opened(root: Path, folders: Sequence[str]) -> Iterator[list[int]]:
    """Descriptors of folders: by them the system need not go the whole way for each file. Raises OSError."""
    opened: list[int] = []
    try:
        for path in folders:
            opened.append(os.open(f"{root}/{path}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        yield opened
    finally:
        for one in opened:
            os.close(one)


def _looked_at(
    descriptor: int, ignored: Set[str], ignore_files: Sequence[str]
) -> tuple[list[str], list[Stamp], list[str]]:
    """What `Taking.add` wants to know of a folder. Raises OSError."""
    names, others = _sorted_out(descriptor, ignored, ignore_files)
    stamps = [stamp(os.lstat(name, dir_fd=descriptor)) for name in names]
    if not any(map(stat.S_ISDIR, set(map(_mode, stamps)))):
        return names, stamps, others  # as of nearly all folders, and to ask for each file takes longer
    files = []
    for name, one in zip(names, stamps, strict=True):
        if stat.S_ISDIR(_mode(one)):
            others.append(f"{name}/")
        else:
            files.append((name, one))
    return [name for name, _ in files], [one for _, one in files], others


def _sorted_out(
    descriptor: int, ignored: Set[str], ignore_files: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The names in a folder, sorted: those to ask `lstat` about, and `others`, as far as that is known without."""
    if not ignored:
        return sorted(os.listdir(descriptor)), []
    names, others = [], []
    with os.scandir(descriptor) as listing:
        for one in listing:
            if one.is_dir(follow_symlinks=False):
                others.append(f"{one.name}/")
                continue
            if one.name in ignored:
                others.append(one.name)
                if not gives_rules(one.name, ignore_files):
                    continue
            names.append(one.name)
    return sorted(names), others


def gives_rules(name: str, ignore_files: Iterable[str]) -> bool:
    """Whether a file of this name may be an ignore file, or a version of one: it counts, ignored or not."""
    return name.startswith(tuple(ignore_files))
