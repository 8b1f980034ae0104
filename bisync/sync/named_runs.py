"""Runs of the history by what somebody types of their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bisync.app import App
from bisync.config import Sync
from bisync.core.counting import counted
from bisync.errors import UsageError
from bisync.state import runs

# So many runs are named where a beginning fits several.
SHOWN = 5


class Named(NamedTuple):
    """A run, the sync it was of, and its line in the history."""

    run: str
    sync: Sync
    entry: dict[str, Any]


def beginning(app: App, syncs: Iterable[Sync], run: str) -> list[Named]:
    """The runs whose ids begin with `run`, newest first in each sync; just those called so, where there are any."""
    found: dict[tuple[str, str], Named] = {}
    for sync in syncs:
        for entry in runs.latest_history(app.state(sync)):
            name = next((one for one in _names(entry) if one.startswith(run)), None) if run else None
            if name is not None:
                # Of two lines about one run the later counts.
                found.setdefault((sync.name, name), Named(name, sync, entry))
    return [one for one in found.values() if one.run == run] or list(found.values())


def several(run: str, found: Iterable[Named]) -> UsageError:
    """That it takes more to say which run is meant."""
    named = list(dict.fromkeys(one.run for one in found))
    some = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
    return UsageError(
        f"{counted(len(named), 'run')} begin with {run!r}: {some}",
        hint="write more of it; see: bisync history",
    )


def _names(entry: Mapping[str, Any]) -> list[str]:
    """The ids that a line goes by: the newest run's, and the first's of those that share it."""
    return [str(entry[key]) for key in ("run", "first_run") if entry.get(key)]
