"""bisync's listings as they were before the run that is under way: kept, put back, forgotten.

The listing from before a run stays a valid common ancestor of both sides whatever the run managed to do:
files it copied are equal now, files it deleted are gone from both. So after a failed or killed run the
pair from before it is put back, byte for byte, and no resync is ever needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bisync.files import atomic_write, private_dir
from bisync.rclone.listings import Pair


def keep_ancestor(pair: Pair, folder: Path) -> None:
    """Copy the pair into `folder` before a run; complete or not at all."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    private_dir(fresh)
    for one in (pair.path1, pair.path2):
        atomic_write(fresh / one.name, one.read_bytes())
    forget_ancestor(folder)
    fresh.rename(folder)


def forget_ancestor(folder: Path) -> None:
    """Remove a kept pair."""
    if folder.exists():
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)


def restore_ancestor(folder: Path, workdir: Path) -> bool:
    """Put the kept pair back into the workdir; False when there is none."""
    if not folder.is_dir():
        return False
    for kept in sorted(folder.iterdir()):
        atomic_write(workdir / kept.name, kept.read_bytes())
    return True
