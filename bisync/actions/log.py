"""What one run did: the one that is named, or the last that was not idle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.core.metadata import CLOUD_TRASH
from bisync.errors import UsageError
from bisync.state import baseline, runs

# So many runs are named where a beginning fits several.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One run of a sync as its history has it; None: there was none yet.

    `local_trash`: the folder here that keeps what it overwrote or deleted, while it is there. `cloud_trash`: the one in
    the cloud below the sync's path, where the run may have put something; nobody has looked. `keep_days`: for how long.
    """

    name: str
    entry: dict[str, Any] | None
    local_trash: Path | None = None
    cloud_trash: str | None = None
    keep_days: int = 0


def find(app: App, syncs: Sequence[Sync], run: str | None) -> list[Logged]:
    """The run whose id begins with `run`, alone; without one, each sync's last that found something to do, or failed.

    Raises UsageError where no run or several begin so.
    """
    if run is None:
        return [_logged(app, sync, _last(runs.latest_history(app.state(sync)))) for sync in syncs]
    found: dict[str, tuple[Sync, dict[str, Any]]] = {}
    for sync in syncs:
        for entry in runs.latest_history(app.state(sync)):
            name = next((one for one in _names(entry) if one.startswith(run)), None) if run else None
            if name is not None:
                # Of two lines about one run the later counts.
                found.setdefault(name, (sync, entry))
    if run in found:
        found = {run: found[run]}
    if not found:
        raise UsageError(f"no run in the history begins with {run!r}", hint="see: bisync history")
    if len(found) > 1:
        some = ", ".join(list(found)[:SHOWN]) + (", …" if len(found) > SHOWN else "")
        raise UsageError(
            f"{len(found)} runs begin with {run!r}: {some}", hint="write more of it; see: bisync history"
        )
    [(sync, entry)] = found.values()
    return [_logged(app, sync, entry)]


def _names(entry: dict[str, Any]) -> Iterable[str]:
    """The ids that a line goes by: the newest run's, and the first's of those that share it."""
    return [str(entry[key]) for key in ("run", "first_run") if entry.get(key)]


def _last(entries: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    return next((entry for entry in entries if entry.get("outcome") != "idle"), None)


def _logged(app: App, sync: Sync, entry: dict[str, Any] | None) -> Logged:
    if entry is None or not entry.get("run"):
        return Logged(name=sync.name, entry=entry)
    state, run = app.state(sync), str(entry["run"])
    # The name is a run's and no path: whatever a line says, it stays in the trash.
    here = state.trash / Path(run).name
    paths = entry.get("paths") or {}
    known = baseline.load(state.baseline)
    kept_there = (known is None or known.keeps_versions) and (
        paths.keys() & {"uploaded", "deleted_cloud", "conflicts"} or entry.get("conflicts")
    )
    return Logged(
        name=sync.name,
        entry=entry,
        local_trash=here if here.is_dir() else None,
        cloud_trash=f"{CLOUD_TRASH}/{run}" if kept_there else None,
        keep_days=app.manifest.keep_days,
    )
