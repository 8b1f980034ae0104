"""Many changes by their folders, so that all of a plan can be seen at once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bisync.core.change import Action, Change


class FolderGroup(NamedTuple):
    """The changes in a folder ("" is the sync dir), with all that lies below it but what has groups of its own.

    `whole`: nothing has. `counts`: how many of each kind, in the order of `Action`. `size`: bytes that travel or go.
    """

    folder: str
    whole: bool
    counts: tuple[tuple[Action, int], ...]
    size: int


class _Folder:
    """A folder in which something changes, with all that lies below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.below: dict[str, _Folder] = {}
        self.counts: Counter[Action] = Counter()
        self.size = 0

    def add(self, change: Change) -> None:
        self.counts[change.action] += 1
        self.size += _size(change)

    @property
    def total(self) -> int:
        return self.counts.total()


def _size(change: Change) -> int:
    return 0 if change.action is Action.RENAME else change.size  # no bytes travel


def grouped(changes: Iterable[Change], at_most: int) -> tuple[FolderGroup, ...]:
    """The changes of files by folder, sorted: at most so many groups, of folders as deep as that allows.

    What has the most changes is divided first. Where a folder has more in it than there is room for, those below it
    with the most changes have groups of their own. A rename is where the file was.
    """
    root = _deepest(_tree(changes))
    if not root.total:
        return ()
    groups, divided = {root.path: root}, list[tuple[_Folder, list[_Folder]]]()
    for complete in (True, False):
        undivided = dict(groups)
        while undivided:
            folder = min(undivided.values(), key=_most_first)
            del undivided[folder.path]
            inside = sorted(map(_deepest, folder.below.values()), key=_most_first)
            room = at_most - len(groups) - sum(_has_rest(*one) for one in divided)
            more = len(inside) + _has_rest(folder, inside) - 1
            if not inside or room < (more if complete else 1):
                continue
            inside = inside if complete else inside[:room]
            del groups[folder.path]
            divided.append((folder, inside))
            groups |= {one.path: one for one in inside}
            undivided |= {one.path: one for one in inside}
    found = [_group(folder, ()) for folder in groups.values()]
    found += [_group(folder, inside) for folder, inside in divided if _has_rest(folder, inside)]
    return tuple(sorted(found))


def members(changes: Iterable[Change], groups: Iterable[FolderGroup]) -> dict[str, list[Change]]:
    """The changes of files in each of the groups that `grouped` made of them, by the group's folder, in their order."""
    found: dict[str, list[Change]] = {group.folder: [] for group in groups}
    for change in changes:
        if change.action is Action.REGISTER_PROJECT:
            continue
        folder = change.path.rpartition("/")[0]
        while folder not in found:
            folder = folder.rpartition("/")[0]
        found[folder].append(change)
    return found


def _most_first(folder: _Folder) -> tuple[int, str]:
    return -folder.total, folder.path


def _has_rest(folder: _Folder, inside: Sequence[_Folder]) -> bool:
    """Whether more changes in a folder than in these below it."""
    return folder.total > sum(one.total for one in inside)


def _group(folder: _Folder, but: Sequence[_Folder]) -> FolderGroup:
    counts = folder.counts - sum((one.counts for one in but), Counter[Action]())
    in_order = tuple((action, counts[action]) for action in Action if counts[action])
    return FolderGroup(folder.path, not but, in_order, folder.size - sum(one.size for one in but))


def _tree(changes: Iterable[Change]) -> _Folder:
    root = _Folder("")
    for change in changes:
        if change.action is Action.REGISTER_PROJECT:
            continue
        folder = root
        folder.add(change)
        for part in change.path.split("/")[:-1]:
            if part not in folder.below:
                folder.below[part] = _Folder(f"{folder.path}/{part}" if folder.path else part)
            folder = folder.below[part]
            folder.add(change)
    return root


def _deepest(folder: _Folder) -> _Folder:
    """The deepest folder that has all that changes in `folder`."""
    while len(folder.below) == 1:
        [below] = folder.below.values()
        if below.total < folder.total:
            break
        folder = below
    return folder


DESERVE_A_NAME = {
    Action.DELETE_LOCAL: "deletion",
    Action.DELETE_CLOUD: "deletion",
    Action.CONFLICT: "conflict",
}
"""What is named one by one also where all else is grouped: of each kind a few."""


def named(changes: Iterable[Change], of_each: int) -> Iterator[tuple[str, list[Change], int]]:
    """Kinds of changes that are named all the same: the kind, the first of them, and how many more there are."""
    by_kind: dict[str, list[Change]] = {kind: [] for kind in DESERVE_A_NAME.values()}
    for change in changes:
        if change.action in DESERVE_A_NAME:
            by_kind[DESERVE_A_NAME[change.action]].append(change)
    for kind, found in by_kind.items():
        if found:
            yield kind, found[:of_each], max(0, len(found) - of_each)
