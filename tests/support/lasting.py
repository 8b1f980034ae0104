"""Rclones for leases that outlive the runs of this process, as those of a watch do; they end with the test.

Commands are processes of their own and have their own; so have the tests of what happens when one of them ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from bisync.app import Session
from bisync.locks.lease import guarded
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.rclone.resident import Resident, Residents
from bisync.sync.crew import Early


class Lasting(Residents):
    """Residents that stay until `end`."""

    def __init__(self) -> None:
        super().__init__(lambda: nullcontext(lambda words: None))
        self._who = _who()
        self._kept = ExitStack()
        self._known: set[object] = set()

    @contextmanager
    def resident(self, rclone: Rclone, remote: Remote) -> Iterator[Resident]:
        with super().resident(rclone, remote) as found:
            if found.pid not in self._known:
                self._known.add(found.pid)
                self._kept.enter_context(super().resident(rclone, remote))
            yield found

    def early(self, session: Session, run: str, residents: Residents | None = None) -> Early:
        """What a run makes to have its programs early; these are of this process and this user alone."""
        mine = self if residents is None and _who() == self._who else residents
        return Early(session, run, mine)

    def guarded(self) -> AbstractContextManager[Callable[[str], None]]:
        """What a run is guarded by: nothing, as long as it is this process that would have to die."""
        return nullcontext(lambda words: None) if _who() == self._who else guarded()

    def end(self) -> None:
        """Let all of them go."""
        self._kept.close()


def _who() -> tuple[int, int]:
    return os.getpid(), os.geteuid()
