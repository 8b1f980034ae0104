"""The programs that a run needs for writing to the cloud: they take a moment to start, and that can be had early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bisync.app import Session
from bisync.config import Compare

if TYPE_CHECKING:
    from bisync.rclone.resident import Resident, Residents
    from bisync.rclone.standby import Standby


class Crew(NamedTuple):
    """`there` carries the lease, `helper` does small commands, where they are many; `tell` tells their guard more."""

    there: Resident
    helper: Standby | None
    tell: Callable[[str], None]


@contextmanager
def crew(session: Session, run: str, residents: Residents | None = None) -> Iterator[Crew]:
    """Who is there as long as the block lasts. `residents`: of a process that stays, which share the one for leases."""
    from bisync.locks import lease as leases
    from bisync.locks.bucket import lease_folder
    from bisync.rclone.resident import resident

    with ExitStack() as stack:
        tell = stack.enter_context(leases.guarded())
        # (One that others use, too, has a guard of its own, and asks for nothing that a lease protects.)
        there = stack.enter_context(
            resident(session.rclone, session.remote, tell=tell)
            if residents is None
            else residents.resident(session.rclone, session.remote)
        )
        if not session.remote.can.is_bucket:
            # A new folder is a new connection (SFTP), or a question of its own. An object store is asked nothing.
            there.warm([lease_folder(fs) for fs in (session.remote.fs, *session.above.values())])
        yield Crew(there, stack.enter_context(_helper(session, run, tell)), tell)


@contextmanager
def _helper(session: Session, run: str, tell: Callable[[str], None]) -> Iterator[Standby | None]:
    from bisync.rclone.standby import standby
    from bisync.sync import transfers, upward

    if not upward.is_used(session.compare):
        yield None
        return
    server_times = session.compare is Compare.STORED
    with standby(session.rclone, session.remote, server_times=server_times, tell=tell) as found:
        kept = transfers.backup(session.remote, run)
        found.warm([session.remote.fs] if kept is None else [session.remote.fs, kept])
        yield found


class Early:
    """A crew that is there before it is known for certain that it is needed: when files here have changed.

    As a context it dismisses them at its end.
    """

    def __init__(self, session: Session, run: str, residents: Residents | None = None) -> None:
        self._session = session
        self._run = run
        self._residents = residents
        self._stack = ExitStack()
        self._there: Crew | None = None

    def __enter__(self) -> Early:
        return self

    def __exit__(self, *exception: object) -> None:
        self.dismiss()

    def begin(self) -> None:
        """Have them start, unless they have. They are not waited for."""
        if self._there is None:
            self._there = self._stack.enter_context(crew(self._session, self._run, self._residents))

    def dismiss(self) -> None:
        """Let them go: nobody will use them."""
        self._there = None
        self._stack.close()

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """They, as long as the block lasts; started now if they are not there yet. The next block has others."""
        self.begin()
        assert self._there is not None
        try:
            yield self._there
        finally:
            self.dismiss()
