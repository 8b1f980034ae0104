"""What a run was to bring to either side: after one that did not end well, what lies there tells what it did. Pure.

Until a run has ended its doings are in no baseline. A file that it brought would pass for its user's own: deleted on
the other side meanwhile, it would come back from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.reconcile import cloud_changed, local_changed, same_time
from bisync.core.snapshot import Arriving, BaseFile, CloudFile, CloudSnapshot, LocalFile, LocalSnapshot


def spelling(here: str, there: str) -> tuple[str, str] | None:
    """`BaseFile.names` of a file that rclone spells so here and in the cloud."""
    return None if here == there == names.key(here) else (here, there)


def as_sent(here: LocalFile, compare: Compare) -> BaseFile | None:
    """A file of this content on both sides, without a stamp; None where nothing tells what it holds."""
    if compare is Compare.MODTIME:
        # The copy has the time of the file here, as exactly as the remote keeps it.
        return BaseFile(here.size, here.md5, None, here.stamp.mtime_ns, here.stamp.mtime_ns)
    if compare is Compare.STORED or here.md5 is None:
        return None
    return BaseFile(here.size, here.md5, None, None, None)


def as_fetched(there: CloudFile, compare: Compare) -> BaseFile | None:
    """A file of this content on both sides, without a stamp; None where nothing tells what it holds."""
    if compare is Compare.MODTIME:
        return BaseFile(there.size, None, None, there.mtime_ns, there.mtime_ns)
    if compare is Compare.STORED or there.md5 is None:
        return None
    return BaseFile(there.size, there.md5, None, None, None)


def arriving(
    changes: Iterable[Change], local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> dict[str, Arriving]:
    """What these changes bring where, by path. Conflicts are left away: they are told by their copies."""
    found = {}
    for change in changes:
        path, side = change.paths[-1], change.side
        here, there = local.files.get(path), cloud.files.get(path)
        theirs = there.name if there is not None else names.to_rclone(here.name) if here is not None else path
        ours = names.to_rclone(here.name) if here is not None else theirs
        if change.action is Action.UPLOAD or (change.action is Action.RENAME and side == "local"):
            file = as_sent(here, compare) if here is not None else None
            if file is not None:
                found[path] = Arriving("cloud", file._replace(names=spelling(ours, theirs)))
        elif change.merged is not None:
            # Told by its content alone: what a merge wrote here came before it.
            if compare is Compare.CHECKSUM:
                file = BaseFile(change.size, change.merged.md5, None, None, None)
                found[path] = Arriving("cloud", file._replace(names=spelling(ours, theirs)))
        elif change.action in (Action.DOWNLOAD, Action.RENAME):
            file = as_fetched(there, compare) if there is not None else None
            if file is not None:
                found[path] = Arriving("local", file._replace(names=spelling(ours, theirs)))
    return found


def confirmed(
    baseline: Mapping[str, BaseFile],
    expected: Mapping[str, Arriving],
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    compare: Compare,
) -> dict[str, BaseFile]:
    """The baseline with what did arrive: both sides held it, whatever has become of it on the other one since."""
    files = dict(baseline)
    for path, (side, file) in expected.items():
        here, there = local.files.get(path), cloud.files.get(path)
        if side == "local":
            arrived = here is not None and not local_changed(file, here, compare)
        else:
            arrived = there is not None and not cloud_changed(_as_kept(file, there, compare), there, compare)
        if arrived:
            files[path] = file if there is None else _as_kept(file, there, compare)
    return files


def _as_kept(file: BaseFile, there: CloudFile, compare: Compare) -> BaseFile:
    """With the time of a copy as its remote keeps it."""
    if compare is Compare.MODTIME and same_time(file.cloud_mtime_ns, there.mtime_ns):
        return file._replace(cloud_mtime_ns=there.mtime_ns)
    return file
