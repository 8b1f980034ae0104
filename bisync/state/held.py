"""What ignore rules said before a change of theirs came from the cloud, and the files that wait for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bisync.core.waiting import Waiting
from bisync.files import write_if_changed
from bisync.stored import LARGE, Damaged, Fields
from bisync.stored import load as load_stored

VERSION = 1
Row = tuple[str, int, str, str]
"""A rule: its source, line, folder and text."""
_SHAPE = {
    "version": int,
    "before": [[Fields((str, int, str, str))]],
    "waiting": {str: Fields((int, int))},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """`before`: the rules, in each of their versions, that a change from the cloud is about to replace, or has.

    `waiting`: files that are not uploaded, by key.
    """

    before: tuple[tuple[Row, ...], ...] = ()
    waiting: Mapping[str, Waiting] = field(default_factory=dict)


NOTHING = Held()


def load(path: Path) -> Held:
    """What is held; nothing where there is no such file. Raises ValueError for a damaged one, StateError."""
    try:
        document = load_stored(path, _SHAPE, limit=LARGE)
    except FileNotFoundError:
        return NOTHING
    except Damaged as error:
        raise ValueError(f"{path}: damaged: {error}") from None
    if document["version"] != VERSION:
        raise ValueError(f"{path}: damaged: version {document['version']}")
    return Held(
        before=tuple(
            tuple((source, line, folder, text) for source, line, folder, text in rows)
            for rows in document["before"]
        ),
        waiting={name: Waiting(size, time) for name, (size, time) in document["waiting"].items()},
    )


def save(path: Path, held: Held) -> None:
    """Write it down in one step; nothing held, no file."""
    if held == NOTHING:
        path.unlink(missing_ok=True)
        return
    document = {"version": VERSION, "before": held.before, "waiting": held.waiting}
    write_if_changed(path, json.dumps(document) + "\n")


def replacing(held: Held, readings: Sequence[Sequence[Row]]) -> Held:
    """Held, with rules that are about to be replaced; what was remembered before and is not settled yet stays."""
    more = [tuple(rows) for rows in readings]
    return Held(before=tuple(dict.fromkeys([*held.before, *more])), waiting=held.waiting)
