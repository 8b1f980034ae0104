"""Listings by the rclone that carries a lease, which is there already: a start less for a run that looks again.

It tells the times that the server has noted, and is asked for nothing but to read: what it goes on with when a run has
ended, until its own end, changes nothing.
"""

from __future__ import annotations

import http
import threading
from collections.abc import Callable

from bisync.errors import RcloneError
from bisync.events import Event
from bisync.process import check_interrupt
from bisync.rclone import calls
from bisync.rclone.argv import Argv
from bisync.rclone.calls import Call
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote
from bisync.rclone.resident import Resident

TICK_SECONDS = 0.1


class Lister:
    """A helper (`program.Helper`) that lists a remote, and does nothing else."""

    def __init__(self, there: Resident, remote: Remote, *, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises what ends the run meanwhile."""
        self._there = there
        self._remote = remote
        self._check = check

    def takes(self, argv: Argv, remote: Remote | None, *, whole: bool = False) -> Call | None:
        """The call for a listing with the server's times; None for all else."""
        if remote is None or remote.env != self._remote.env or not self._there.is_alive:
            return None
        call = calls.call_of(argv, whole=whole)
        return call if call is not None and call.path == "operations/list" and call.server_times else None

    def run(
        self, call: Call, on_event: Callable[[Event], None], meanwhile: Callable[[], object]
    ) -> Finished | None:
        """What is listed; None where it was not, which a command of its own says better."""
        heard: list[tuple[int, bytes]] = []
        over = threading.Event()

        def ask() -> None:
            try:
                heard.append(self._there.ask_at_length(call.doing, call.path, call.params))
            except (RcloneError, TimeoutError):
                pass  # nothing was heard
            finally:
                over.set()

        # In a thread of its own: it hears nothing of Ctrl-C, and is not waited for then.
        threading.Thread(target=ask, name="lister", daemon=True).start()
        meanwhile()
        while not over.wait(TICK_SECONDS):
            check_interrupt()
            self._check()
        if not heard or heard[0][0] != http.HTTPStatus.OK:
            return None
        printed = calls.printed_answer(heard[0][1])
        return None if printed is None else Finished(0, printed, (), self._there.config)
