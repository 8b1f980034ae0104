"""What a run did, path by path, as its line of the history keeps it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from bisync.core.change import Action, Change
from bisync.core.result import Tally

KINDS = ("conflicts", "merged", "deleted_local", "deleted_cloud", "renamed", "uploaded", "downloaded")
"""What can become of a path; where there are many, those are kept first that one would ask about first."""
# A line of the history names no more of them, and they have no more characters.
MOST_PATHS = 1_000
MOST_CHARACTERS = 65_536


def account(done: Tally, planned: Iterable[Change], told: Collection[str] = ()) -> dict[str, Any]:
    """`paths`, by kind and sorted, as rclone spells them, and `more_paths`: how many more there were. Nothing of none.

    A rename is `path` and `to`, which only the plan (`planned`) knows. `told`: contested paths the line names anyway.
    """
    paths: dict[str, list[Any]] = {}
    count = characters = 0
    for kind, path, entry in _each(done, planned, told):
        count += 1
        characters += len(path)
        if count <= MOST_PATHS and characters <= MOST_CHARACTERS:
            paths.setdefault(kind, []).append(entry)
    if not count:
        return {}
    return {"paths": paths, "more_paths": count - sum(map(len, paths.values()))}


def _each(
    done: Tally, planned: Iterable[Change], told: Collection[str]
) -> Iterator[tuple[str, str, str | dict[str, str | None]]]:
    to = {change.path: change.to for change in planned if change.action is Action.RENAME}
    for kind in KINDS:
        contested = {one.path for one in done.conflicts}.difference(told)
        happened: set[str] = contested if kind == "conflicts" else getattr(done, kind)
        for path in sorted(happened - done.merged if kind == "uploaded" else happened):
            if kind == "renamed":
                yield kind, path + (to.get(path) or ""), {"path": path, "to": to.get(path)}
            else:
                yield kind, path, path
