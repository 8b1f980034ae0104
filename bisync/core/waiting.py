"""Files that ignore rules hid until a change of theirs came from the cloud: they wait for a word from here. Pure.

Whoever can write to the bucket can edit or delete an ignore file there. What it kept on this device does not leave it
for that: only once the user here says so, or edits the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from bisync.core.change import Action, Change
from bisync.core.conflict_names import judged_as
from bisync.core.snapshot import BaseFile, LocalFile


class Waiting(NamedTuple):
    """A waiting file as it was when the rules let go of it: another size or time is an edit."""

    size: int
    mtime_ns: int


def waiting(
    files: Mapping[str, LocalFile],
    baseline: Mapping[str, BaseFile],
    known: Mapping[str, Waiting],
    were_ignored: Callable[[str], bool] | None,
) -> dict[str, Waiting]:
    """Which files here (by key) wait. `known`: those that did before.

    `were_ignored`: what the rules said of a path here before a change of theirs came from the cloud; None where none
    came.
    """
    found = {}
    for path, file in files.items():
        if path in baseline:
            continue
        now = Waiting(file.size, file.stamp.mtime_ns)
        if known.get(path) == now or (were_ignored is not None and were_ignored(file.name)):
            found[path] = now
    return found


def rules_among(changes: Iterable[Change], ignore_files: Iterable[str]) -> tuple[Change, ...]:
    """The changes that are about ignore files, or versions of them that are contested."""
    wanted = frozenset(ignore_files)
    return tuple(change for change in changes if any(names_rules(path, wanted) for path in change.paths))


def rules_in_cloud(changes: Iterable[Change], ignore_files: Iterable[str]) -> dict[str, Change]:
    """Where (by key) the cloud holds a version of an ignore file that is not here yet, and the change that is about it.

    It comes here, by its name or by another's, or it loses against the one here.
    """
    wanted = frozenset(ignore_files)
    found = {}
    for change in changes:
        path = change.to or change.path
        if (
            comes_from_cloud(change)
            and change.action is not Action.DELETE_LOCAL
            and names_rules(path, wanted)
        ):
            found[path] = change
    return found


def names_rules(path: str, wanted: frozenset[str]) -> bool:
    """Whether a path is that of an ignore file (one of the names `wanted`), or of a version of it that is contested."""
    return judged_as(path.rpartition("/")[2]) in wanted


def comes_from_cloud(change: Change) -> bool:
    """Whether a change of an ignore file here, or of what contests it, is another device's doing."""
    return (
        change.action in (Action.DOWNLOAD, Action.DELETE_LOCAL, Action.CONFLICT)
        or change.winner == "local"
        or (change.action is Action.RENAME and change.side == "cloud")
    )
