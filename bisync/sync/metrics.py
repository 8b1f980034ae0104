"""The file of metrics, written anew after each run of each sync."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bisync.app import App
from bisync.config import Sync
from bisync.core import conflict_names
from bisync.core.metrics import LastRun, Measured, metrics_text, of_entry, of_result
from bisync.core.result import Outcome, SyncResult
from bisync.errors import BisyncError, Interrupted, UsageError
from bisync.files import atomic_write
from bisync.state import baseline, runs
from bisync.stored import moment

# Whoever collects metrics is another user, as a rule, and nothing in them is secret.
NEW_MODE = 0o644


class Metrics:
    """The metrics of a manifest's syncs, for as long as a process runs them: one object, whatever threads it has.

    Every time the file says all of all syncs in the manifest: of those that ran here, what came of it; of the others,
    what their history tells.
    """

    def __init__(self, app: App, path: Path) -> None:
        """`path`: the file to write, *.prom for a node exporter. Raises UsageError for what is there and is no file."""
        if path.exists() and not path.is_file():
            raise UsageError(
                f"--metrics writes a file, and {path} is none",
                hint="name a file, as in: --metrics bisync.prom",
            )
        self._app, self._path = app, path
        self._lock = threading.Lock()
        self._ran: dict[str, LastRun] = {}
        self._good: dict[str, float] = {}
        self._conflicts: dict[str, tuple[tuple[int, ...], int]] = {}

    def measured(self, sync: Sync, work: Callable[[], SyncResult]) -> SyncResult:
        """What `work`, a run of `sync`, results in, once the file tells of it.

        A file that cannot be written is a note, and the exit code is 1 at least. What `work` raises goes on, and is a
        run that failed.
        """
        try:
            result = work()
        except BaseException as stopped:
            code = stopped.exit_code if isinstance(stopped, BisyncError) else 1
            code = Interrupted.exit_code if isinstance(stopped, KeyboardInterrupt) else code
            self._tell(sync, LastRun(at=self._now(), outcome=Outcome.FAILED.value, exit_code=code))
            raise
        return self.after(sync, result)

    def after(self, sync: Sync, result: SyncResult) -> SyncResult:
        """Tell of a run that has ended; the result, with a note where that cannot be done."""
        problem = self._tell(sync, of_result(result, self._now()))
        if problem is None:
            return result
        note = f"the metrics could not be written to {self._path}: {problem}"
        return replace(result, notes=(*result.notes, note), exit_code=max(result.exit_code, 1))

    def _now(self) -> float:
        return self._app.now().timestamp()

    def _tell(self, sync: Sync, last: LastRun) -> str | None:
        """Why the file could not be written; None: it is."""
        with self._lock:
            self._ran[sync.name] = last
            if last.is_good:
                self._good[sync.name] = last.at
            try:
                text = metrics_text([self._look(one) for one in self._app.manifest.syncs])
                atomic_write(self._path, text, mode=self._mode())
            except OSError as error:
                return error.strerror or str(error)
        return None

    def _mode(self) -> int:
        """That of the file there is, which somebody may have chosen."""
        try:
            return stat.S_IMODE(self._path.stat().st_mode)
        except FileNotFoundError:
            return NEW_MODE

    def _look(self, sync: Sync) -> Measured:
        newest, good = self._past(sync)
        ours = self._ran.get(sync.name)
        # Another process may have run it since.
        last = newest if ours is None or (newest is not None and newest.at > ours.at) else ours
        good_at = max((at for at in (good, self._good.get(sync.name)) if at is not None), default=None)
        return Measured(name=sync.name, last=last, good_at=good_at, conflicts=self._waiting(sync))

    def _past(self, sync: Sync) -> tuple[LastRun | None, float | None]:
        """The last run that the history knows, and when it last knew a good one."""
        newest: LastRun | None = None
        for entry in runs.latest_history(self._app.state(sync)):
            at = moment(entry.get("at"))
            if at is None:
                continue
            run = of_entry(entry, at.timestamp())
            newest = newest or run
            if run.is_good:
                return newest, run.at
        return newest, None

    def _waiting(self, sync: Sync) -> int:
        """How many conflicts wait, by the baseline; it is read again only when it is another one."""
        path = self._app.state(sync).baseline
        try:
            status = path.stat()
        except FileNotFoundError:
            return 0
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._conflicts.get(sync.name)
        if known is None or known[0] != stamp:
            found = baseline.load(path)
            known = (
                stamp,
                len(conflict_names.groups(found.files, extensions=sync.keeps_extensions)) if found else 0,
            )
            self._conflicts[sync.name] = known
        return known[1]
