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

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.metadata import CLOUD_TRASH
from bisync.errors import BisyncError
from bisync.files import atomic_write
from bisync.rclone.argv import copy_argv, list_argv, purge_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import read_listing
from bisync.rclone.program import name_list
from bisync.rclone.remote import Remote
from bisync.state import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kept version: which run took it away, on which side it lies, its path and size in bytes."""

    run: str
    side: Literal["local", "cloud"]
    path: str
    size: int


def local_versions(session: Session) -> Iterator[Kept]:
    """Everything in the local trash, oldest run first."""
    for run in sorted(session.state.trash.iterdir()) if session.state.trash.is_dir() else ():
        for folder, _, files in os.walk(run):
            for name in sorted(files):
                path = Path(folder) / name
                yield Kept(
                    run=run.name, side="local", path=str(path.relative_to(run)), size=path.stat().st_size
                )


def cloud_versions(session: Session) -> list[Kept]:
    """Everything in the cloud's trash, oldest run first. One listing. Raises RcloneError."""
    argv = list_argv(_trash_remote(session), compare=Compare.CHECKSUM)
    outcome = session.rclone.run(argv, remote=session.remote)
    if outcome.code == 3:  # no such folder: nothing was ever kept there
        return []
    if outcome.code != 0:
        raise failure(argv, outcome, session.remote)
    found = []
    for each in read_listing(outcome.stdout):
        run, _, path = each.path.partition("/")
        if path:
            found.append(Kept(run=run, side="cloud", path=names.from_rclone(path), size=each.size))
    return sorted(found, key=lambda kept: (kept.run, kept.path))


def _trash_remote(session: Session) -> Remote:
    return Remote(
        fs=session.remote.below(CLOUD_TRASH) + "/",
        hashes=session.remote.hashes,
        label=session.remote.label,
        env=session.remote.env,
    )


def fetch(session: Session, versions: Sequence[Kept], into: Path) -> None:
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
        shutil.copy2(session.state.trash / kept.run / kept.path, into / kept.path)
    for run, paths in in_cloud.items():
        source = session.remote.below(f"{CLOUD_TRASH}/{run}")
        with name_list(names.to_rclone(path) for path in paths) as listed:
            argv = copy_argv(source, str(into), listed, profile=session.profile)
            session.rclone.check(argv, remote=session.remote, on_event=session.emit)
        for path in paths:
            if not (into / path).exists():  # rclone passes over names that it does not find
                raise BisyncError(
                    f"{path} is no longer in the cloud's trash", hint="see: bisync history --versions"
                )


def expire(session: Session, now: datetime, keep_days: int) -> list[str]:
    """Remove runs older than `keep_days` from both trashes; which. Asks the cloud once a day at most."""
    due = now - timedelta(days=keep_days)
    gone = []

    def is_due(run: str) -> bool:
        began = runs.run_time(run)
        return began is not None and began < due

    for run in sorted(session.state.trash.iterdir()) if session.state.trash.is_dir() else ():
        if is_due(run.name):
            shutil.rmtree(run)
            gone.append(run.name)
    asked = session.state.root / "trash-checked.json"
    today = now.date().isoformat()
    if _day_in(asked) == today:
        return gone
    for name in sorted({kept.run for kept in cloud_versions(session)}):
        if is_due(name):
            session.rclone.check(
                purge_argv(session.remote.below(f"{CLOUD_TRASH}/{name}")), remote=session.remote
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


def versions(session: Session) -> tuple[Kept, ...]:
    """Every version both trashes keep, oldest run first."""
    found = [*local_versions(session), *cloud_versions(session)]
    return tuple(sorted(found, key=lambda kept: (kept.run, kept.path, kept.side)))
