"""(baseline, local, cloud) -> what became of every path, and what follows. Pure: same inputs, same answer.

The table of `_compare` is the specification: for each path, what became of it on either side since the
baseline, and what follows. Without a baseline every path is new on the sides that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.snapshot import (
    A_LINK,
    NO_FILE,
    BaseFile,
    CloudFile,
    CloudSnapshot,
    LeftOut,
    LocalFile,
    LocalSnapshot,
    behind_link,
    no_folder,
)


class Difference(NamedTuple):
    """A path changed on both sides to different content: a conflict to be decided."""

    path: str
    local: LocalFile
    cloud: CloudFile


class Clash(NamedTuple):
    """A name that is a file on `side` and a folder on the other; the file (of `size` bytes) is to make room."""

    path: str
    side: Literal["local", "cloud"]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What follows by itself, and what is to be decided. `settled`: both sides changed alike."""

    changes: tuple[Change, ...]
    conflicts: tuple[Difference, ...]
    clashes: tuple[Clash, ...]
    settled: int
    left_out: tuple[LeftOut, ...]


def restricted(found: Comparison, is_meant: Callable[[str], bool]) -> Comparison:
    """As much of a comparison as a run is about."""
    return replace(
        found,
        changes=tuple(one for one in found.changes if all(map(is_meant, one.paths))),
        conflicts=tuple(one for one in found.conflicts if is_meant(one.path)),
        clashes=tuple(one for one in found.clashes if is_meant(one.path)),
        left_out=tuple(one for one in found.left_out if is_meant(one.path)),
    )


def local_changed(base: BaseFile, file: LocalFile, compare: Compare) -> bool:
    """Whether a local file differs from what was synced.

    By time another time counts as an edit, as in bisync, and the content is looked at where time and size are as they
    were and the stamp is not: programs put times back.
    """
    if base.stamp == file.stamp and base.size == file.size:
        return False
    if base.size != file.size:
        return True
    if compare is Compare.MODTIME and file.stamp.mtime_ns != base.local_mtime_ns:
        return True
    if base.md5 is not None and (file.md5 is not None or compare is Compare.CHECKSUM):
        return file.md5 != base.md5
    return file.stamp.mtime_ns != base.local_mtime_ns


def cloud_changed(base: BaseFile, file: CloudFile, compare: Compare) -> bool:
    """Whether a cloud file differs from what was synced.

    By checksum, an object without a hash (put there in parts by another program: its ETag is no MD5) is
    judged by the time it was stored. Times are as the listing after the last run had them, to the digit (`as_listed`).
    """
    if base.size != file.size:
        return True
    if compare is not Compare.CHECKSUM:
        return file.mtime_ns != base.cloud_mtime_ns
    if file.md5 is not None:
        return file.md5 != base.md5
    return base.cloud_mtime_ns is None or file.mtime_ns != base.cloud_mtime_ns


def same_time(one: int | None, other: int | None) -> bool:
    """Whether two modification times (ns) are one, as far as the coarser of two clocks can tell.

    A remote may keep seconds or milliseconds only (rclone docs, overview, "ModTime"), while bisync notes
    the local file's own time as that of the copy it uploaded.
    """
    if one is None or other is None or one == other:
        return one == other
    for step in (1_000_000_000, 1_000_000):
        if one % step == 0 or other % step == 0:
            return abs(one - other) < step
    return False


def as_listed(baseline: Mapping[str, BaseFile], cloud: Mapping[str, CloudFile]) -> dict[str, BaseFile]:
    """The baseline with the times that the cloud's listing has, where it has those of before as a program noted them.

    bisync notes the time of the file here as that of the copy it made, and a remote may keep seconds only.
    """
    files = dict(baseline)
    for path, base in baseline.items():
        there = cloud.get(path)
        if (
            there is not None
            and there.size == base.size
            and there.mtime_ns != base.cloud_mtime_ns
            and same_time(there.mtime_ns, base.cloud_mtime_ns)
        ):
            files[path] = base._replace(cloud_mtime_ns=there.mtime_ns)
    return files


def same_content(local: LocalFile, cloud: CloudFile, compare: Compare) -> bool | None:
    """Whether two files are equal; None when size, hashes and times do not tell.

    Times tell it where they are the same to the µs: two people may save in one second.
    """
    if local.size != cloud.size:
        return False
    if local.md5 is not None and cloud.md5 is not None:
        return local.md5 == cloud.md5
    time = local.stamp.mtime_ns
    if compare is Compare.MODTIME and time == cloud.mtime_ns and time % 1_000_000:
        return True
    return None


def compare_sides(
    baseline: Mapping[str, BaseFile] | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
) -> Comparison:
    """What became of every path since the baseline, and what follows from it.

    Paths that are left out, or below a folder that is, are not judged at all.
    """
    found = _compare_all(baseline, local, cloud, compare, ())
    clashes = _clashes(found, local, cloud, Hidden(local, found.left_out))
    on_both = {path for path in clashes if path in local.files and path in cloud.files}
    if on_both:
        # The cloud holds a key and keys "below" it; no disk can. The file goes on, the folder waits.
        why = "the cloud has a file of its folder's name, too"
        waiting = tuple(LeftOut(path, why, folder=True) for path in on_both)
        found = _compare_all(baseline, local, cloud, compare, waiting)
    return _without(found, clashes - on_both, local, cloud)


class Hidden:
    """The paths that are not judged: those left out, and what lies below.

    A file here that is left out stands in the way of what the cloud has below its name, as a folder would.
    """

    def __init__(self, local: LocalSnapshot, left_out: tuple[LeftOut, ...]) -> None:
        self._paths = {names.key(one.path) for one in left_out if not (one.folder or one.twin)}
        above = {one.path for one in left_out if one.folder} | {one.path for one in local.left_out}
        self._folders = tuple(names.key(path) + "/" for path in above)

    def __contains__(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._folders)


def _clashes(found: Comparison, local: LocalSnapshot, cloud: CloudSnapshot, hidden: Hidden) -> set[str]:
    """Names that are to stay a file on one side and a folder on the other."""
    going = {c.path for c in found.changes if c.action in (Action.DELETE_LOCAL, Action.DELETE_CLOUD)}
    files = (local.files.keys() | cloud.files.keys()) - going
    if found.left_out:
        files = {path for path in files if path not in hidden}
    folders = {path.rpartition("/")[0] for path in files}
    for folder in list(folders):
        folders.update(names.parents(folder))
    return files & folders


def _without(found: Comparison, clashes: set[str], local: LocalSnapshot, cloud: CloudSnapshot) -> Comparison:
    """The comparison with its clashes taken out, for the plan to make room."""
    if not clashes:
        return found
    sided: list[Clash] = []
    for path in sorted(clashes):
        if path in local.files:
            sided.append(Clash(path, "local", local.files[path].size))
        else:
            sided.append(Clash(path, "cloud", cloud.files[path].size))
    changes = tuple(change for change in found.changes if change.path not in clashes)
    return replace(found, changes=changes, clashes=tuple(sided))


def _compare_all(
    baseline: Mapping[str, BaseFile] | None,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
    waiting: tuple[LeftOut, ...],
) -> Comparison:
    changes: list[Change] = []
    conflicts: list[Difference] = []
    behind: list[LeftOut] = []
    settled = 0
    base = baseline or {}
    left_out = tuple(sorted({*local.left_out, *cloud.left_out, *waiting}))
    hidden = Hidden(local, left_out)
    here_is, there_is = local.files.get, cloud.files.get
    moved = []
    for path, before in base.items():
        here, there = here_is(path), there_is(path)
        if here is None or there is None or not _is_untouched(before, here, there, compare):
            moved.append(path)
    moved += (local.files.keys() | cloud.files.keys()) - base.keys()
    for path in sorted(moved):
        if left_out and path in hidden:
            continue
        found = _compare(path, base.get(path), here_is(path), there_is(path), compare)
        if isinstance(found, Change) and (why := _not_deleted(found, local)) is not None:
            behind.append(LeftOut(cloud.files[path].name, why))
        elif isinstance(found, Change):
            changes.append(found)
        elif isinstance(found, Difference):
            conflicts.append(found)
        else:
            settled += found
    return Comparison(
        changes=tuple(changes),
        conflicts=tuple(conflicts),
        clashes=(),
        settled=settled,
        left_out=tuple(sorted({*left_out, *behind})) if behind else left_out,
    )


def _not_deleted(change: Change, local: LocalSnapshot) -> str | None:
    """Why a file of the cloud that is not here was not deleted for all that: something else stands in its place."""
    return no_file_here(change.path, local) if change.action is Action.DELETE_CLOUD else None


def no_file_here(path: str, local: LocalSnapshot) -> str | None:
    """Which link, or what else that is neither file nor folder, has the name of a path or stands on the way to it."""
    if not (local.links or local.specials):
        return None
    if path in local.links:
        return A_LINK
    if path in local.specials:
        return NO_FILE
    for folder in names.parents(path):
        if folder in local.links:
            return behind_link(folder)
        if folder in local.specials:
            return no_folder(folder)
    return None


def _is_untouched(before: BaseFile, here: LocalFile, there: CloudFile, compare: Compare) -> bool:
    """The row of the table that nearly all paths are in, at a glance: nothing has happened to it on either side."""
    return (
        here.stamp == before.stamp
        and here.size == before.size == there.size
        and compare is Compare.CHECKSUM
        and there.md5 is not None
        and there.md5 == before.md5
    )


def _compare(
    path: str,
    before: BaseFile | None,
    here: LocalFile | None,
    there: CloudFile | None,
    compare: Compare,
) -> Change | Difference | bool:
    """The decision table for one path. A bool: nothing to do; True when both sides moved alike."""
    if here is None and there is None:
        return before is not None  # deleted on both sides
    if before is None:
        if here is None and there is not None:
            return Change(Action.DOWNLOAD, path, there.size, "new in the cloud")
        if there is None and here is not None:
            return Change(Action.UPLOAD, path, here.size, "new here")
        assert here is not None and there is not None
        return True if same_content(here, there, compare) else Difference(path, here, there)
    here_moved = here is not None and local_changed(before, here, compare)
    there_moved = there is not None and cloud_changed(before, there, compare)
    if here is None and there is not None:
        if there_moved:
            return Change(Action.DOWNLOAD, path, there.size, "edited in the cloud, deleted here")
        return Change(Action.DELETE_CLOUD, path, there.size, "deleted here")
    if there is None and here is not None:
        if here_moved:
            return Change(Action.UPLOAD, path, here.size, "edited here, deleted in the cloud")
        return Change(Action.DELETE_LOCAL, path, here.size, "deleted in the cloud", replaces=True)
    assert here is not None and there is not None
    if here_moved and there_moved:
        return True if same_content(here, there, compare) else Difference(path, here, there)
    if here_moved:
        return Change(Action.UPLOAD, path, here.size, "edited here", replaces=True)
    if there_moved:
        return Change(Action.DOWNLOAD, path, there.size, "edited in the cloud", replaces=True)
    return False
