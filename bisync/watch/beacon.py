"""Whether another device has written to the cloud, asked with one small request every few seconds.

Where leases are numbered, the next number tells: once its object is there, somebody has had the lease since. Elsewhere
their folder is listed. What it says is a hint: a run looks for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from bisync import providers
from bisync.app import App
from bisync.config import Sync
from bisync.core.lease import Lease
from bisync.core.lease_folder import Kind, Protocol, newest, stands
from bisync.errors import BisyncError
from bisync.locks.bucket import Bucket
from bisync.locks.guard import clock
from bisync.locks.lease_objects import name
from bisync.rclone.resident import Residents
from bisync.state import lease as state
from bisync.state.lease import Known
from bisync.sync import lookout

SECONDS = 3.0
BUSY_SECONDS = 1.0
SLOWEST_SECONDS = 30.0
STOP_SECONDS = 2.0
PATIENCE_SECONDS = 120.0
"""So long another device is waited for that does not give its lease back; then a run sees to it."""


class Beacon:
    """Asks until it is stopped. A thread of its own.

    `fellow` is called when another device has been at work and is done; `answered` when the cloud answers again after
    it did not. `is_busy`: whether a run of ours is under way: then nothing is asked.
    """

    def __init__(
        self,
        app: App,
        sync: Sync,
        residents: Residents,
        *,
        fellow: Callable[[], None],
        answered: Callable[[], None],
        is_busy: Callable[[], bool],
        seconds: float = SECONDS,
    ) -> None:
        self._app = app
        self._sync = sync
        self._residents = residents
        self._lease = app.state(sync).lease
        self._fellow = fellow
        self._answered = answered
        self._is_busy = is_busy
        self._seconds = seconds
        self._over = threading.Event()
        self._told: int | None = None
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"beacon of {sync.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more. (An answer that is under way is not waited for.)"""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        wait, silent = self._seconds, False
        while not self._over.wait(wait):
            try:
                with self._reached() as bucket:
                    while not self._over.is_set():
                        self._ask(bucket)
                        if silent:
                            silent = False
                            self._answered()
                        wait = self._seconds
                        self._over.wait(BUSY_SECONDS if self._busy_since is not None else wait)
            except KeyboardInterrupt:
                return  # no rclone is started any more
            except (BisyncError, TimeoutError, OSError):
                # A run says what is the matter, if it lasts. Here it is tried again, less and less often.
                silent, wait = True, min(wait * 2, SLOWEST_SECONDS)

    def _reached(self) -> AbstractContextManager[Bucket]:
        return lookout.bucket(self._app, self._sync, self._residents)

    def _known(self) -> Known:
        # (Which dir and which manifest is of no matter here, and takes longer to find out than to ask the cloud.)
        store = providers.of(self._sync.tenant).place(self._sync.tenant, self._sync.path)
        return state.load(self._lease, store)

    def _ask(self, bucket: Bucket) -> None:
        known = self._known()
        if self._is_busy() or known.protocol is None or known.number is None:
            self._busy_since = None
            return
        lease = Lease(known.protocol, self._sync.path, "watch")
        if known.protocol is Protocol.NUMBERED and self._busy_since is None:
            after = max(known.number, self._told or 0) + 1
            if not bucket.is_there(name(lease, after)):
                return
        entries = [one for one in bucket.look(lease).entries if one.kind is not Kind.WAITING]
        last = newest(entries)
        if self._is_busy() or last <= max(self._known().number or 0, self._told or 0):
            self._busy_since = None
            return
        now = clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if any(stands(one, entries, None) for one in entries) and now < self._busy_since + PATIENCE_SECONDS:
            return  # at work: what it writes is looked at when it is done
        self._busy_since, self._told = None, last
        self._fellow()
