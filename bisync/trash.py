"""What runs overwrote or deleted, kept on the side where it lay: `trash/{run}/` here and in the cloud."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from bisync import names, rclone, state
from bisync.app import Target
from bisync.commands import CLOUD_TRASH
from bisync.config import Compare
from bisync.errors import BisyncError
from bisync.files import atomic_write
from bisync.observe import name_list


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
            found.append(Kept(run=run, side="cloud", path=names.from_rclone(path), size=each.size))
    return sorted(found, key=lambda kept: (kept.run, kept.path))


def _trash_remote(target: Target) -> rclone.Remote:
    return rclone.Remote(
        fs=target.remote.below(CLOUD_TRASH) + "/",
        hashes=target.remote.hashes,
        label=target.remote.label,
        env=target.remote.env,
    )


def fetch(target: Target, versions: Sequence[Kept], into: Path) -> None:
    """Copy kept versions, at most one of a path, to their paths below `into`, which must all be free.

    One rclone a run that kept some in the cloud. Raises BisyncError.
    """
    for kept in versions:
        if os.path.lexists(into / kept.path):
            raise BisyncError(f"{into / kept.path} exists already", hint="give another folder with --to")
    in_cloud: dict[str, list[str]] = {}
    for kept in versions:
        if kept.side == "cloud":
            in_cloud.setdefault(kept.run, []).append(kept.path)
            continue
        (into / kept.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(target.state.trash / kept.run / kept.path, into / kept.path)
    for run, paths in in_cloud.items():
        source = target.remote.below(f"{CLOUD_TRASH}/{run}")
        with name_list(names.to_rclone(path) for path in paths) as listed:
            argv = rclone.copy_argv(source, str(into), listed, profile=target.profile)
            target.rclone.check(argv, remote=target.remote, on_event=target.emit)
        for path in paths:
            if not (into / path).exists():  # rclone passes over names that it does not find
                raise BisyncError(
                    f"{path} is no longer in the cloud's trash", hint="see: bisync history --versions"
                )


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
    if _day_in(asked) == today:
        return gone
    for name in sorted({kept.run for kept in cloud_versions(target)}):
        if is_due(name):
            target.rclone.check(
                rclone.purge_argv(target.remote.below(f"{CLOUD_TRASH}/{name}")), remote=target.remote
            )
            gone.append(name)
    atomic_write(asked, json.dumps({"version": 1, "on": today}) + "\n")
    return gone


def _day_in(path: Path) -> str | None:
    """The day a note in the state dir names; None when there is none, or one that was cut short."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found.get("on") if isinstance(found, dict) else None
