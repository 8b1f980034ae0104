"""Renames among a plan's changes: content that left one name and turned up under another, on one side. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from bisync.config import Compare
from bisync.core.change import Action, Change
from bisync.core.names import parents
from bisync.core.snapshot import BaseFile, CloudSnapshot, LocalSnapshot

Side = Literal["local", "cloud"]
_GONE: dict[Action, Side] = {Action.DELETE_CLOUD: "local", Action.DELETE_LOCAL: "cloud"}
_CAME: dict[Action, Side] = {Action.UPLOAD: "local", Action.DOWNLOAD: "cloud"}


class _Content(NamedTuple):
    """What a file holds, as far as `side` tells: its size, and its hash or else its time."""

    side: Side
    size: int
    tell: str | int | None


def answered(
    changes: Iterable[Change],
    baseline: Mapping[str, BaseFile],
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
) -> Iterator[tuple[str, str]]:
    """Deleted paths whose content turned up under a new name on the side that deleted: (old, new).

    One new file answers for one deleted file: two copies collapsed into one are a deletion.
    """
    gone, came = _contents(changes, baseline, local, cloud, compare)
    used: Counter[_Content] = Counter()
    for content, path in gone:
        targets = came.get(content, [])
        if used[content] < len(targets):
            yield path, sorted(targets)[used[content]]
            used[content] += 1


def carried(
    changes: Collection[Change],
    baseline: Mapping[str, BaseFile],
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
    *,
    in_cloud: bool,
) -> Iterator[Change]:
    """The renames that can be carried over to the other side as what they are. `in_cloud`: to the cloud, too.

    Only what is certain: the hash is known, and one file alone left with this content and one alone came. And
    only what is in nobody's way: no file becomes a folder by it, no folder a file.
    """
    gone, came = _contents(changes, baseline, local, cloud, compare)
    often = Counter(content for content, _ in gone)
    touched = {change.path for change in changes}
    folders = {folder for path in touched for folder in parents(path)}
    for content, old in gone:
        targets = came.get(content, [])
        if not isinstance(content.tell, str) or often[content] != 1 or len(targets) != 1:
            continue
        new = targets[0]
        if content.side == "local" and not (in_cloud and cloud.files[old].md5 == content.tell):
            continue
        if not any(path in folders or not touched.isdisjoint(parents(path)) for path in (old, new)):
            where = "here" if content.side == "local" else "in the cloud"
            why = f"renamed {where}"
            yield Change(Action.RENAME, old, content.size, why, side=content.side, to=new)


def _contents(
    changes: Iterable[Change],
    baseline: Mapping[str, BaseFile],
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
) -> tuple[list[tuple[_Content, str]], dict[_Content, list[str]]]:
    """The deleted files with their content, and the new files by theirs. What tells nothing is left away."""
    gone: list[tuple[_Content, str]] = []
    came: dict[_Content, list[str]] = {}
    for change in changes:
        path = change.path
        if (side := _GONE.get(change.action)) is not None:
            base = baseline[path]
            time = base.local_mtime_ns if side == "local" else base.cloud_mtime_ns
            # Of a file in the cloud nothing but the time is listed where changes are told by that.
            hashed = side == "local" or compare is Compare.CHECKSUM
            content = _Content(side, base.size, (base.md5 if hashed else None) or time)
            # Where neither hash nor time is known, two files of one size are strangers.
            if content.tell is not None:
                gone.append((content, path))
        elif (side := _CAME.get(change.action)) is not None and path not in baseline:
            if side == "local":
                file = local.files[path]
                content = _Content(side, file.size, file.md5 or file.stamp.mtime_ns)
            else:
                there = cloud.files[path]
                content = _Content(side, there.size, there.md5 or there.mtime_ns)
            came.setdefault(content, []).append(path)
    return gone, came
