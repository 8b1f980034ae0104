"""What runs overwrote or deleted, kept on the side where it lay: `trash/{run}/` here and in the cloud."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from bisync import rclone, state
from bisync.app import Target
from bisync.apply import CLOUD_TRASH
from bisync.config import Compare
from bisync.errors import BisyncError
from bisync.files import atomic_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kept version: which run took it away, on which side it lies, its path and size in bytes."""

    run: str
    side: Literal["local", "cloud"]
    path: str
    size: int


def local_versions(target: Target) -> Iterator[Kept]:
    """Everything in the local trash, oldest run first."""
    for run in sorted(target.state.trash.iterdir()) if target.state.trash.is_dir() else ():
        for folder, _, files in os.walk(run):
            for name in sorted(files):
                path = Path(folder) / name
                yield Kept(
                    run=run.name, side="local", path=str(path.relative_to(run)), size=path.stat().st_size
                )


def cloud_versions(target: Target) -> list[Kept]:
    """Everything in the cloud's trash, oldest run first. One listing. Raises RcloneError."""
    argv = rclone.list_argv(_trash_remote(target), compare=Compare.CHECKSUM)
    outcome = target.rclone.run(argv, remote=target.remote)
    if outcome.code == 3:  # no such folder: nothing was ever kept there
        return []
    if outcome.code != 0:
        raise rclone.failure(argv, outcome, target.remote)
    found = []
    for each in rclone.read_listing(outcome.stdout):
        run, _, path = each.path.partition("/")
        if path:
            found.append(Kept(run=run, side="cloud", path=path, size=each.size))
    return sorted(found, key=lambda kept: (kept.run, kept.path))


def _trash_remote(target: Target) -> rclone.Remote:
    return rclone.Remote(
        fs=target.remote.below(CLOUD_TRASH) + "/",
        hashes=target.remote.hashes,
        label=target.remote.label,
        env=target.remote.env,
    )


def fetch(target: Target, kept: Kept, into: Path) -> None:
    """Copy one kept version to the exact path `into`, which must not exist. Raises BisyncError."""
    into.parent.mkdir(parents=True, exist_ok=True)
    if into.exists():
        raise BisyncError(f"{into} exists already", hint="give another folder with --to")
    if kept.side == "local":
        shutil.copy2(target.state.trash / kept.run / kept.path, into)
    else:
        source = target.remote.below(f"{CLOUD_TRASH}/{kept.run}/{kept.path}")
        target.rclone.check(rclone.copy_one_argv(source, str(into)), remote=target.remote)


def expire(target: Target, now: datetime, keep_days: int) -> list[str]:
    """Remove runs older than `keep_days` from both trashes; which. Asks the cloud once a day at most."""
    due = now - timedelta(days=keep_days)
    gone = []

    def is_due(run: str) -> bool:
        began = state.run_time(run)
        return began is not None and began < due

    for run in sorted(target.state.trash.iterdir()) if target.state.trash.is_dir() else ():
        if is_due(run.name):
            shutil.rmtree(run)
            gone.append(run.name)
    asked = target.state.root / "trash-checked.json"
    today = now.date().isoformat()
    try:
        if json.loads(asked.read_text()).get("on") == today:
            return gone
    except (FileNotFoundError, ValueError):
        gone = list(gone)
    for name in sorted({kept.run for kept in cloud_versions(target)}):
        if is_due(name):
            target.rclone.check(
                rclone.purge_argv(target.remote.below(f"{CLOUD_TRASH}/{name}")), remote=target.remote
            )
            gone.append(name)
    atomic_write(asked, json.dumps({"version": 1, "on": today}) + "\n")
    return gone
