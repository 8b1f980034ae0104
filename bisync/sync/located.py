"""Which sync a path, or a pattern, that somebody types belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from bisync.config import Sync
from bisync.errors import UsageError
from bisync.files import named_path
from bisync.sync import patterns
from bisync.sync.patterns import Wanted


def locate(syncs: tuple[Sync, ...], path: str, cwd: Path) -> tuple[Sync, str]:
    """The sync whose dir holds `path`, and the path below that dir, with slashes.

    It is absolute, or relative to `cwd`, or to the only sync's dir. Raises UsageError where it lies in none of them.
    """
    found = _lying_in(syncs, path, cwd)
    if found is not None and found[1]:
        return found
    if len(syncs) == 1 and _is_below(path):
        return syncs[0], _plain(path)
    raise _nowhere(syncs, path)


def wanted(syncs: tuple[Sync, ...], word: str, cwd: Path) -> list[tuple[Sync, Wanted]]:
    """Which syncs a word for files is about, and what it means in each: a path, a folder or a pattern.

    One from `cwd` where that leads into a sync dir; a path that is not listed so may be one from the sync's dir.
    From elsewhere it is one from the dir of every sync. Raises UsageError where it leads out of all of them.
    """
    folder, pattern = patterns.parted(word) if patterns.is_pattern(word) else (None, None)
    from_dir = (_plain(word),) if _is_below(word) else ()
    here = _lying_in(syncs, word, cwd)
    start = here if folder is None else _lying_in(syncs, folder or ".", cwd)
    if start is not None:
        sync, below = start
        paths = (*((here[1],) if here is not None and here[0] is sync else ()), *from_dir)
        folder = below if folder is not None else ""
        meant = Wanted(
            word=word, paths=paths, from_dir="".join(from_dir) or None, folder=folder, pattern=pattern
        )
        return [(sync, meant)]
    if not from_dir:
        raise _nowhere(syncs, word)
    meant = Wanted(
        word=word, paths=from_dir, from_dir=from_dir[0] or None, folder=_plain(folder or ""), pattern=pattern
    )
    return [(sync, meant) for sync in syncs]


def _lying_in(syncs: tuple[Sync, ...], path: str, cwd: Path) -> tuple[Sync, str] | None:
    """The sync whose dir holds `path` (absolute, or relative to `cwd`) or is it (then ""), and the path below it."""
    full = Path(os.path.normpath(cwd / named_path(path)))
    really = full.parent.resolve() / full.name  # the entry itself may be a link
    for sync in syncs:
        for root, there in ((Path(os.path.normpath(sync.dir)), full), (sync.dir.resolve(), really)):
            if there.is_relative_to(root):
                return sync, _plain(str(there.relative_to(root)))
    return None


def _is_below(path: str) -> bool:
    """Whether a path, taken from any folder, leads to something below that."""
    return not named_path(path).is_absolute() and not os.path.normpath(path).startswith("..")


def _plain(path: str) -> str:
    """A relative path without what means nothing in it; "" for one that leads nowhere else."""
    plain = os.path.normpath(path).replace(os.sep, "/")
    return "" if plain == "." else plain


def _nowhere(syncs: tuple[Sync, ...], path: str) -> UsageError:
    return UsageError(
        f"{path} lies in none of the sync dirs", hint="name one of: " + ", ".join(str(s.dir) for s in syncs)
    )
