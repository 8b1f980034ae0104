"""What runs overwrote or deleted, kept on the side where it lay: `trash/{run}/` here and in the cloud."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from bisync.app import Session
from bisync.config import Compare
from bisync.core import expiry, foreign, names
from bisync.core.metadata import CLOUD_TRASH
from bisync.errors import BisyncError
from bisync.files import atomic_write
from bisync.rclone.argv import copy_argv, list_argv, purge_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import parse_time, read_listing
from bisync.rclone.program import name_list
from bisync.rclone.remote import Remote
from bisync.state import changes, runs
from bisync.stored import Damaged
from bisync.stored import load as load_stored

_NOTE = {"on": (None, str), "looked": float, "local": {str: float}, "cloud": {str: float}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kept version: which run took it away, on which side it lies, its path and size in bytes.

    `stored_ns`: when the store says that it was stored, `written_ns`: when a file here was last written to, in ns since
    the epoch; None where nobody says. `md5`: where a listing carries it. `known`: this device's own history names the
    run; where it does not, `foreign` says so in words.
    """

    run: str
    side: Literal["local", "cloud"]
    path: str
    size: int
    stored_ns: int | None = None
    known: bool = True
    foreign: str = ""
    written_ns: int | None = None
    md5: str | None = None


def local_versions(session: Session) -> Iterator[Kept]:
    """Everything in the local trash, oldest run first. Raises OSError for a folder that cannot be read."""
    for run in sorted(session.state.trash.iterdir()) if session.state.trash.is_dir() else ():
        for folder, _, files in os.walk(run, onerror=_refuse):
            for name in sorted(files):
                path = Path(folder) / name
                try:
                    status = path.lstat()
                except FileNotFoundError:  # a run that is under way has let it go
                    continue
                yield Kept(
                    run=run.name, side="local", path=str(path.relative_to(run)), size=status.st_size,
                    written_ns=status.st_mtime_ns,
                )  # fmt: skip


def _refuse(error: OSError) -> None:
    """What cannot be looked at must not look as if it held nothing; what is no folder, or gone by now, does not."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


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
            stored = parse_time(each.modtime)
            name = names.from_rclone(path)
            found.append(
                Kept(run=run, side="cloud", path=name, size=each.size, stored_ns=stored, md5=each.md5)
            )
    return sorted(found, key=lambda kept: (kept.run, kept.path))


def _trash_remote(session: Session) -> Remote:
    return Remote(
        fs=session.remote.below(CLOUD_TRASH) + "/",
        label=session.remote.label,
        can=session.remote.can,
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


def expire(session: Session, run: str, now: datetime, keep_days: int) -> list[str]:
    """Remove runs older than `keep_days` from both trashes; which. Asks the cloud once a day at most.

    `run` is the one that ends now: what it kept is known without asking. Older by their ids, by the times of the
    disk and the store, and by how long they have been seen to lie there.
    """
    keep, at = keep_days * expiry.DAY, now.timestamp()
    noted = session.state.root / "trash-checked.json"
    known = _Seen.read(noted)
    step = expiry.passed(known.looked, at, keep)
    gone = []

    def due(name: str, kept: float | None, ages: Mapping[str, float]) -> bool:
        began = runs.run_time(name)
        since = None if began is None else began.timestamp()
        return expiry.is_due(began=since, kept=kept, age=ages[name], now=at, keep=keep)

    lying = sorted(session.state.trash.iterdir()) if session.state.trash.is_dir() else []
    noted_changes = changes.kept(session.state)
    here = expiry.aged(known.local, {*noted_changes, *(folder.name for folder in lying)}, step)
    there = expiry.aged(known.cloud, [*known.cloud, run], step)
    for folder in lying:
        if due(folder.name, _kept_here(folder), here):
            shutil.rmtree(folder)
            gone.append(folder.name)
    for name, noted_change in noted_changes.items():
        if due(name, _kept_here(noted_change), here):
            noted_change.unlink(missing_ok=True)
    today = now.date().isoformat()
    # Nothing there is due before it was counted for so long: who has not begun to count can begin tomorrow.
    asked = today if known.looked is None else known.on
    # What was counted is written down whether or not the cloud answers.
    _Seen(asked, at, here, there).write(noted)
    if asked == today:
        return gone
    stored = _kept_there(session)
    there = expiry.aged(there, stored, 0.0)
    for name, kept in sorted(stored.items()):
        if due(name, kept, there):
            session.rclone.check(
                purge_argv(session.remote.below(f"{CLOUD_TRASH}/{name}")), remote=session.remote
            )
            gone.append(name)
    _Seen(today, at, here, there).write(noted)
    return gone


def _kept_here(run: Path) -> float:
    """When the disk says that something was last put into a run's folder, in seconds since the epoch."""
    status = run.lstat()
    return max(status.st_mtime, status.st_ctime)


def _kept_there(session: Session) -> dict[str, float | None]:
    """When the store says that it last stored something for each run in its trash; None where it does not say."""
    found: dict[str, float | None] = {}
    for kept in cloud_versions(session):
        at = None if kept.stored_ns is None else kept.stored_ns / 1e9
        last = found.get(kept.run, at)
        found[kept.run] = max(last, at) if last is not None and at is not None else None
    return found


class _Seen(NamedTuple):
    """What the last look at the trashes noted: the day on which the cloud was asked, when the look was (seconds since
    the epoch), and for how many seconds each run has been seen to lie there."""

    on: str | None = None
    looked: float | None = None
    local: Mapping[str, float] = {}
    cloud: Mapping[str, float] = {}

    @classmethod
    def read(cls, path: Path) -> _Seen:
        """The note in the state dir; an empty one for none, or one that was cut short: counting begins anew."""
        try:
            found = load_stored(path, _NOTE)
        except (FileNotFoundError, Damaged):
            return cls()
        return cls(found["on"], found["looked"], found["local"], found["cloud"])

    def write(self, path: Path) -> None:
        note = {
            "version": 2,
            "on": self.on,
            "looked": self.looked,
            "local": dict(self.local),
            "cloud": dict(self.cloud),
        }
        atomic_write(path, json.dumps(note) + "\n")


def versions(session: Session) -> tuple[Kept, ...]:
    """Every version both trashes keep, oldest run first: our own runs as they came, whatever the clock said then."""
    ours, now = runs.known(session.state), session.app.now()
    there = [kept if kept.run in ours else _foreign(kept, now) for kept in cloud_versions(session)]
    found = [*local_versions(session), *there]
    order = {
        run: place for place, run in enumerate(runs.in_order({kept.run for kept in found}, session.state))
    }
    return tuple(sorted(found, key=lambda kept: (order[kept.run], kept.path, kept.side)))


def _foreign(kept: Kept, now: datetime) -> Kept:
    began = runs.run_time(kept.run)
    odd = foreign.oddity(
        began=None if began is None else began.timestamp(),
        stored=None if kept.stored_ns is None else kept.stored_ns / 1e9,
        now=now.timestamp(),
    )
    return replace(kept, known=False, foreign=foreign.whose(odd))
