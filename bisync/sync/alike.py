"""What both sides hold alike: as they were seen, and as a plan will leave them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bisync.config import Compare
from bisync.core import names
from bisync.core.arriving import as_fetched, as_sent, spelling
from bisync.core.change import Action, Change
from bisync.core.reconcile import Hidden, cloud_changed
from bisync.core.snapshot import BaseFile, CloudFile, LeftOut, LocalFile
from bisync.sync import hashing
from bisync.sync.frame import beside
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared


def is_racy(file: LocalFile, seen: Observation) -> bool:
    """Whether a file was so young when it was looked at that its stamp vouches for nothing."""
    return file.stamp.ctime_ns > seen.started_ns - hashing.RACY_NS


def agreed(here: LocalFile, there: CloudFile, compare: Compare, *, racy: bool) -> BaseFile:
    """A file that both sides hold alike. `racy`: see `is_racy`."""
    by_checksum = compare is Compare.CHECKSUM
    return BaseFile(
        here.size,
        here.md5,
        None if racy else here.stamp,
        None if by_checksum and here.md5 is not None else here.stamp.mtime_ns,
        there.mtime_ns if there.md5 is None or not by_checksum else None,
        spelling(names.to_rclone(here.name), there.name),
    )


def seen_alike(prepared: Prepared, left_out: tuple[LeftOut, ...]) -> dict[str, BaseFile]:
    """The baseline's files, and what the plan does not have to touch, as both sides were seen to hold it.

    Paths that are `left_out`, or that the run is not about, keep what was known of them.
    """
    seen, compare = prepared.seen, prepared.compare
    local, cloud = seen.local.files, seen.cloud.files
    planned = {path for change in prepared.plan.changes for path in change.paths}
    hidden = Hidden(seen.local, left_out)

    def is_open(path: str) -> bool:
        return path not in planned and path not in hidden and prepared.is_meant(path)

    before = prepared.baseline.files if prepared.baseline is not None else {}
    files = {
        path: base for path, base in before.items() if path in local or path in cloud or not is_open(path)
    }
    for path, here in local.items():
        there = cloud.get(path)
        if there is None:
            continue
        base = files.get(path)
        changed = base is None or base.stamp != here.stamp or cloud_changed(base, there, compare)
        if (changed or is_unread(base, here, compare)) and is_open(path):
            files[path] = agreed(here, there, compare, racy=is_racy(here, seen))
    return files


def after(prepared: Prepared) -> dict[str, BaseFile]:
    """What both sides will hold alike once the plan is carried out, as far as it can be told beforehand."""
    files = seen_alike(prepared, prepared.plan.left_out)
    for change in prepared.plan.changes:
        before = files.pop(change.path, None)
        if change.to is not None and before is not None:
            files[change.to] = renamed(change, before, prepared)
        for path, file in _left_by(change, prepared):
            if file is not None and not prepared.seen.is_ignored(path):
                files[path] = file
    return files


def is_unread(base: BaseFile | None, here: LocalFile, compare: Compare) -> bool:
    """Whether nobody knew until now what a file holds, as after runs that went by times alone."""
    return (
        base is not None
        and base.md5 is None
        and base.stamp == here.stamp
        and here.md5 is not None
        and compare is not Compare.CHECKSUM
    )


def renamed(change: Change, before: BaseFile, prepared: Prepared) -> BaseFile:
    """A file under its new name, which both sides have from the side that renamed it."""
    local, cloud = prepared.seen.local.files, prepared.seen.cloud.files
    assert change.to is not None
    if change.side == "local":
        here = local[change.to]
        name = names.to_rclone(here.name)
        stamp = None if is_racy(here, prepared.seen) else here.stamp
        return before._replace(stamp=stamp, names=spelling(name, name))
    name = cloud[change.to].name
    return before._replace(stamp=None, names=spelling(name, name))


def _left_by(change: Change, prepared: Prepared) -> Iterator[tuple[str, BaseFile | None]]:
    here = prepared.seen.local.files.get(change.path)
    there = prepared.seen.cloud.files.get(change.path)
    compare = prepared.compare
    ours = names.to_rclone(here.name) if here is not None else there.name if there is not None else ""
    theirs = there.name if there is not None else ours
    if change.action in (Action.UPLOAD, Action.DOWNLOAD) or change.winner in ("local", "cloud"):
        sent = change.action is Action.UPLOAD or change.winner == "local"
        won = _held(here if sent else there, compare)
        yield change.path, won and won._replace(names=spelling(ours, theirs))
    if change.action is not Action.CONFLICT:
        return
    lost = []
    if here is not None and change.winner != "local":
        # What is new in the cloud has the name it has here.
        lost.append((ours, ours, _held(here, compare)))
    if there is not None and change.winner != "cloud":
        lost.append((ours, theirs, _held(there, compare)))
    for copy, (mine, other, file) in zip(change.copies, lost, strict=True):
        name, twin = beside(mine, change, copy), beside(other, change, copy)
        yield names.key(name), file and file._replace(names=spelling(name, twin))


def sent(change: Change, prepared: Prepared, merged: LocalFile | None = None) -> BaseFile | None:
    """A file that this run has sent as it was seen, or as it was `merged`; None where nothing tells what that was."""
    here = merged or prepared.seen.local.files[change.path]
    there = prepared.seen.cloud.files.get(change.path)
    file = as_sent(here, prepared.compare)
    if file is None:
        return None
    name = names.to_rclone(here.name)
    stamp = None if is_racy(here, prepared.seen) else here.stamp
    return file._replace(stamp=stamp, names=spelling(name, there.name if there is not None else name))


def _held(file: LocalFile | CloudFile | None, compare: Compare) -> BaseFile | None:
    if file is None:
        return None
    return as_sent(file, compare) if isinstance(file, LocalFile) else as_fetched(file, compare)
