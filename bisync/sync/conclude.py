"""The end of a run: its line of the history, the hooks that follow, and what they add to that line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.core.account import account
from bisync.core.change import Change
from bisync.core.hooks import About
from bisync.core.result import SyncResult, Tally
from bisync.state import runs
from bisync.sync import hooks, record


def conclude(
    app: App, sync: Sync, result: SyncResult, about: About, done: Tally, planned: Sequence[Change] = ()
) -> SyncResult:
    """Write a run down and have its hooks follow, also where it failed; the result with what either has to add.

    `done`: what it did, `planned`: what it was about to do. The line is there before the hooks run, which may look, and
    has their failure afterwards: no later look takes for good what its user was told had failed.
    """
    line = _Line(app, sync, done, planned)
    written = line.write(result)
    ended = hooks.after(app, sync, written, about, done)
    return ended if ended == written else line.amend(ended)


def write_down(
    app: App, sync: Sync, result: SyncResult, done: Tally, planned: Sequence[Change] = ()
) -> SyncResult:
    """Write a run down, and no more: it was interrupted. What the disk refuses is a note."""
    return _Line(app, sync, done, planned).write(result)


class _Line:
    """A run's line in the history."""

    def __init__(self, app: App, sync: Sync, done: Tally, planned: Sequence[Change]) -> None:
        self._app, self._state, self._done, self._planned = app, app.state(sync), done, planned
        self._at = app.now().isoformat(timespec="seconds")
        self._joined: str | None = None
        self._is_there = False

    def write(self, result: SyncResult) -> SyncResult:
        """Write it. What the disk refuses is a note."""
        try:
            self._joined = runs.append_history(self._state, self._entry(result))
        except OSError as error:
            return _noted(result, error)
        self._is_there = True
        return result

    def amend(self, result: SyncResult) -> SyncResult:
        """Have it say what came of the run in the end."""
        try:
            if self._is_there:
                runs.amend_history(self._state, self._entry(result), self._joined)
        except OSError as error:
            return _noted(result, error)
        return result

    def _entry(self, result: SyncResult) -> dict[str, Any]:
        told = {one.path for one in result.conflicts}
        paths = account(self._done, self._planned, told)
        return record.history_entry(result, self._at, self._app.device, paths)


def _noted(result: SyncResult, error: OSError) -> SyncResult:
    return replace(result, notes=(*result.notes, f"the history could not be written: {error.strerror}"))
