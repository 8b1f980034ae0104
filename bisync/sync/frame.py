"""The frame of a plan: what bisync may see of either side, and the listings it believes in. Pure.

bisync looks at both sides again and acts on what it sees. In the frame it sees the paths that the plan sends to or
takes out of the cloud, and the marker; everything else waits for the next run, whatever has happened to it meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from bisync.config import Compare
from bisync.core import conflict_names, names
from bisync.core.change import Action, Change
from bisync.core.conflict_names import taken_copy_names
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT, MARKER_TIME
from bisync.core.snapshot import BaseFile, CloudSnapshot, LocalSnapshot
from bisync.rclone.listings import ListedFile, header, line
from bisync.state.wording import Wording, put_into_words

if TYPE_CHECKING:
    from bisync.core.plan import Plan

_FRAMED = (Action.UPLOAD, Action.DELETE_CLOUD, Action.CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`names`: what bisync may see on either side, in rclone's spelling. `base`: what both sides held of it."""

    names: frozenset[str] = frozenset()
    base: Mapping[str, BaseFile] = field(default_factory=dict)

    def __or__(self, other: Frame) -> Frame:
        return Frame(names=self.names | other.names, base={**self.base, **other.base})

    def without(self, paths: Iterable[str]) -> Frame:
        """The same frame with these paths (keys) left out."""
        out = frozenset(paths)
        return Frame(
            names=frozenset(name for name in self.names if names.key(name) not in out),
            base={path: file for path, file in self.base.items() if path not in out},
        )


def beside(name: str, change: Change, copy: str) -> str:
    """The conflict copy `copy` beside `name`, which spells the contested path as its own side does.

    In a folder that is spelled otherwise (NFC, NFD) it would not lie beside the file.
    """
    return conflict_names.beside(name, change.path, copy)


def frame_of(
    changes: Iterable[Change],
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    baseline: Mapping[str, BaseFile],
    is_ignored: Callable[[str], bool],
) -> Frame:
    """The frame of these changes, and of the conflict copies beside them that are not ignored.

    bisync numbers the copy of a conflict that is younger than the plan by what it sees: copies that are there
    already have to be seen, or it writes over them. `is_ignored` says of a path whether the rules ignore it.
    """
    seen: set[str] = set()
    paths: set[str] = set()
    files = local.files.keys() | cloud.files.keys()
    for change in changes:
        spelled = _spelled(change.path, local, cloud)
        copies = [copy for copy in change.copies if not is_ignored(copy)]
        seen |= {beside(name, change, copy) for name in spelled for copy in copies}
        if is_sent_first(change):
            continue
        seen |= spelled
        paths.add(change.path)
        for copy in taken_copy_names(change.path, files):
            seen |= _spelled(copy, local, cloud)
            paths.add(copy)
    base = {path: baseline[path] for path in paths if path in baseline}
    return Frame(names=frozenset(seen), base=base)


def is_sent_first(change: Change) -> bool:
    """Whether a version goes up by a copy of our own, and bisync does not see it at all.

    Where it wins over another one, or has its edits, or bisync would see a conflict; an edit of a file whose version in
    the cloud has no hash, or bisync would see no edit.
    """
    if change.action is Action.MERGE:
        return True
    return change.winner == "local" or (change.action is Action.UPLOAD and change.unhashed)


def framed(plan: Plan) -> Iterator[Change]:
    """What a plan leaves to bisync: uploads, deletions in the cloud, conflicts."""
    return (change for change in plan.changes if change.action in _FRAMED)


def _spelled(path: str, local: LocalSnapshot, cloud: CloudSnapshot) -> set[str]:
    """How either side spells a path, as rclone shows it."""
    spelled = set()
    if path in local.files:
        spelled.add(names.to_rclone(local.files[path].name))
    if path in cloud.files:
        spelled.add(cloud.files[path].name)
    return spelled


def delete_percent(frame: Frame, plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> int:
    """The tightest `--max-delete` percentage that admits the plan in its frame.

    bisync counts a side's missing files against all it knew there, the marker among them, and stops when
    more than this share is missing. What the steps before it took away is missing, too; and a name that a
    side spells anew (NFC, NFD) looks to bisync like a deletion and a new file.
    """
    left = {
        change.path
        for change in plan.changes
        if change.action in (Action.DELETE_CLOUD, Action.DELETE_LOCAL)
        or (change.action is Action.CONFLICT and change.winner in ("both", "folder"))
    }
    here = there = 0
    for path, base in frame.base.items():
        ours, theirs = base.names or (path, path)
        mine, other = local.files.get(path), cloud.files.get(path)
        here += path in left or mine is None or names.to_rclone(mine.name) != ours
        there += path in left or other is None or other.name != theirs
    return min(100, -(-100 * max(here, there) // (len(frame.base) + 1)))


class Marker(NamedTuple):
    """The marker as it lies on either side; None where this run puts it there."""

    here: ListedFile | None
    there: ListedFile | None


PLACED = ListedFile(
    MARKER_PATH,
    len(MARKER_TEXT.encode()),
    hashlib.md5(MARKER_TEXT.encode(), usedforsecurity=False).hexdigest(),
    MARKER_TIME * 1_000_000_000,
)
"""The marker as we put it."""


def lines(
    files: Mapping[str, BaseFile], compare: Compare, marker: Marker
) -> Iterator[tuple[ListedFile, ListedFile]]:
    """What bisync's two listings say of the marker and `files`, in the order of their paths; one object where alike."""
    yield _of_marker(marker, compare)
    for path, file in sorted(files.items()):
        yield _of_file(path, file, compare)


def _of_file(path: str, file: BaseFile, compare: Compare) -> tuple[ListedFile, ListedFile]:
    """What the two listings say of one file.

    By checksum a listing has no times, and no hash of an object that the store has none of; by modtime it
    has no hashes. (Measured with rclone 1.75: what it writes itself.)
    """
    here, there = file.names or (path, path)
    if compare is Compare.CHECKSUM:
        ours = ListedFile(here, file.size, file.md5, None)
        # When an object was stored is noted where it has no hash.
        if file.cloud_mtime_ns is None and here == there:
            return ours, ours
        return ours, ListedFile(there, file.size, None if file.cloud_mtime_ns is not None else file.md5, None)
    return (
        ListedFile(here, file.size, None, file.local_mtime_ns),
        ListedFile(there, file.size, None, file.cloud_mtime_ns),
    )


def _of_marker(marker: Marker, compare: Compare) -> tuple[ListedFile, ListedFile]:
    here, there = marker.here or PLACED, marker.there or PLACED
    if compare is Compare.CHECKSUM:
        return here._replace(mtime_ns=None), there._replace(mtime_ns=None)
    return here._replace(md5=None), there._replace(md5=None)


def in_lines(
    files: Mapping[str, BaseFile], compare: Compare, known: Wording[tuple[str, str]] | None = None
) -> Wording[tuple[str, str]]:
    """Files as bisync's two listings say them; one object where these are alike."""

    def say(path: str, file: BaseFile) -> tuple[str, str]:
        return _in_both(*_of_file(path, file, compare))

    return put_into_words(files, say, known)


def _in_both(mine: ListedFile, other: ListedFile) -> tuple[str, str]:
    ours = line(mine)
    return ours, ours if other is mine else line(other)


def listed(
    files: Mapping[str, BaseFile],
    compare: Compare,
    marker: Marker,
    at: datetime,
    known: Wording[tuple[str, str]] | None = None,
) -> tuple[str, str]:
    """The texts of bisync's two listings, as if it had written them `at` that moment; one object where equal.

    `known`: files that were put into words before (`in_lines`, with this `compare`).
    """
    both = [_in_both(*_of_marker(marker, compare)), *in_lines(files, compare, known).texts.values()]
    text = header(at) + "".join([ours for ours, _ in both])
    if all(theirs is ours or theirs == ours for ours, theirs in both):
        return text, text
    return text, header(at) + "".join([theirs for _, theirs in both])
