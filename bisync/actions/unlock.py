"""Show who may write to a sync's folder in the cloud, and pass the lease of a device that is gone."""

from __future__ import annotations

from dataclasses import dataclass

from bisync.app import App
from bisync.config import Sync
from bisync.errors import Locked
from bisync.locks.holders import Holder, Waiter
from bisync.sync import lookout


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """The leases of one sync's folder and of those above it, as they were found.

    `removed`: the folders whose leases were dead, and are given back now.
    """

    name: str
    holders: tuple[Holder, ...] = ()
    waiting: tuple[Waiter, ...] = ()
    removed: frozenset[str] = frozenset()

    @property
    def exit_code(self) -> int:
        """6 while a lease is in force."""
        return Locked.exit_code if any(not one.dead for one in self.holders) else 0


def run(app: App, sync: Sync, *, yes: bool) -> Unlocked:
    """Look, and with `yes` remove what is dead. One that may be alive stays.

    Raises RcloneError, and Locked where a run is at work here, or another device has come first.
    """
    with app.locked_session(sync) as session:
        found, removed = lookout.unlocked(session) if yes else (lookout.survey(session), frozenset[str]())
    return Unlocked(name=sync.name, holders=found.holders, waiting=found.waiting, removed=removed)
