"""Whether a tree is as a walk found it: the same names, and files with the same stamps.

It goes by what the walk found about what is ignored, asks no rule, and builds nothing: half of a walk's time. What is
new, ignored or not, is new; then only a walk knows.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from bisync.core.metadata import HOLD, MARKER_PATH

MANY = 50_000
"""So many ignored names are not kept."""

Row = tuple[str, int, int, int, int, int, int]
"""A file: its name, and what `lstat` says of it."""


class Fingerprint(NamedTuple):
    """Of a tree: its `folders` ("" or "a/b/") and what is `ignored` in them (folders end in "/"), and a digest."""

    folders: tuple[str, ...]
    ignored: frozenset[str]
    digest: bytes


def row(name: str, status: os.stat_result) -> Row:
    """A file as the digest has it."""
    return (
        name, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        status.st_ino, status.st_dev, status.st_mode,
    )  # fmt: skip


class Taking:
    """A fingerprint being taken, folder by folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digest = hashlib.sha256()

    def add(self, path: str, rows: list[Row], others: list[str]) -> None:
        """A folder, its files, and the names of its folders and of all that is ignored (folders end in "/")."""
        rows.sort()
        others.sort()
        self._digest.update(
            marshal.dumps((path, rows, others), 2)
        )  # later formats tell who else has a string

    def digest(self) -> bytes | None:
        """Of all, and of the marker. None while a killed run has files put away."""
        try:
            if any((self._root / HOLD).iterdir()):
                return None
        except (FileNotFoundError, NotADirectoryError):
            pass  # no folder for them
        try:
            marker = row("", os.lstat(self._root / MARKER_PATH))
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
        for path in before.folders:
            taking.add(path, *_looked_at(f"{root}/{path}", ignored.get(path, _NONE), ignore_files))
        return taking.digest() == before.digest
    except OSError:
        return False


_NONE: frozenset[str] = frozenset()


def _looked_at(folder: str, ignored: Set[str], ignore_files: Sequence[str]) -> tuple[list[Row], list[str]]:
    """What `Taking.add` wants to know of a folder. Raises OSError."""
    rows: list[Row] = []
    others: list[str] = []
    # By a descriptor the system need not go the whole way for each file.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(descriptor) as listing:
            for one in listing:
                name = one.name
                if one.is_dir(follow_symlinks=False):
                    others.append(f"{name}/")
                    continue
                if name in ignored:
                    others.append(name)
                    if not gives_rules(name, ignore_files):
                        continue
                rows.append(row(name, one.stat(follow_symlinks=False)))
    finally:
        os.close(descriptor)
    return rows, others


def gives_rules(name: str, ignore_files: Iterable[str]) -> bool:
    """Whether a file of this name may be an ignore file, or a version of one: it counts, ignored or not."""
    return name.startswith(tuple(ignore_files))
