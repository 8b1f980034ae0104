"""What each run changed, and what both sides held of it before and afterwards: `changes/{run}.json`, kept as its trash.

The history names paths, and not all of them where they are many; what `undo` goes by is here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bisync.core.did import Did
from bisync.core.snapshot import BaseFile
from bisync.files import atomic_write, private_dir
from bisync.state.baseline import from_row, to_row
from bisync.state.paths import SyncState
from bisync.stored import LARGE, Damaged, Fields
from bisync.stored import load as load_stored

VERSION = 1
_ROW = Fields((str, (None, list), (None, list), (None, str)))
_SHAPE = {"version": int, "run": str, "paths": {str: _ROW}}


def save(state: SyncState, run: str, done: Iterable[Did]) -> None:
    """Write down what `run` did; nothing where it did nothing. Raises OSError."""
    rows = {did.path: [did.what, _row(did.before), _row(did.after), did.to] for did in done}
    if rows:
        document = {"version": VERSION, "run": run, "paths": rows}
        atomic_write(private_dir(state.changes) / f"{run}.json", json.dumps(document) + "\n")


def load(state: SyncState, run: str) -> list[Did] | None:
    """What `run` wrote down; None where it wrote nothing, or its note is damaged or of another version.

    Raises StateError, OSError.
    """
    try:
        found = load_stored(_place(state, run), _SHAPE, limit=LARGE)
        if (found["version"], found["run"]) != (VERSION, run):
            return None
        return [
            Did(what, path, _file(before), _file(after), to)
            for path, (what, before, after, to) in sorted(found["paths"].items())
        ]
    except (FileNotFoundError, Damaged, ValueError, TypeError):
        return None


def kept(state: SyncState) -> dict[str, Path]:
    """The runs of which something is written down here, and where."""
    if not state.changes.is_dir():
        return {}
    return {
        path.name.removesuffix(".json"): path for path in state.changes.iterdir() if path.suffix == ".json"
    }


def _place(state: SyncState, run: str) -> Path:
    # The name is a run's and no path, whatever a line of the history says.
    return state.changes / f"{Path(run).name}.json"


def _row(file: BaseFile | None) -> list[object] | None:
    return None if file is None else to_row(file)


def _file(row: list[object] | None) -> BaseFile | None:
    return None if row is None else from_row(row)
