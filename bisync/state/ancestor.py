"""Listings that an earlier version kept aside before a run, and put back after one that failed.

A run that it left half done is still undone by it; nothing writes them any more.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bisync.files import atomic_write


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
