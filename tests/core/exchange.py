"""The same situation with the sides exchanged, and the plan that should follow from it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from bisync.config import Compare, ConflictResolve
from bisync.core.change import Action, Change
from bisync.core.names import from_rclone, obstacle, to_rclone
from bisync.core.plan import Plan
from bisync.core.snapshot import BaseFile, CloudFile, CloudSnapshot, LocalFile, LocalSnapshot, Stamp
from tests.core.situations import DEVICE, Situation

_OTHER: dict[str, Any] = {
    "here": "in the cloud",
    "in the cloud": "here",
    "local": "cloud",
    "cloud": "local",
    Action.UPLOAD: Action.DOWNLOAD,
    Action.DOWNLOAD: Action.UPLOAD,
    Action.DELETE_LOCAL: Action.DELETE_CLOUD,
    Action.DELETE_CLOUD: Action.DELETE_LOCAL,
    ConflictResolve.LOCAL: ConflictResolve.CLOUD,
    ConflictResolve.CLOUD: ConflictResolve.LOCAL,
}


def exchanged(one: Situation) -> Situation | None:
    """The situation with the sides exchanged; None where a local file would need what it cannot be without.

    A local file always has a time and a name that can travel, and no disk holds a file and a folder of one name.
    The stamps go: they tell nothing that hashes or times do not. Where the cloud was asked for a file's own time,
    that is the time the file now has here.
    """
    # By modtime only files here have hashes: without any the times tell all there is to tell.
    hashed = one.compare is Compare.CHECKSUM
    here, times = {}, {}
    if any(path.startswith(f"{file}/") for path in one.cloud.files for file in one.cloud.files):
        return None
    for path, file in one.cloud.files.items():
        time = one.answers.times.get(path, file.mtime_ns)
        name = from_rclone(file.name)
        if time is None or obstacle(name) is not None:
            return None
        here[path] = LocalFile(name, file.size, Stamp(time, time, 2), file.md5)
    there = {
        path: CloudFile(to_rclone(file.name), file.size, file.md5 if hashed else None, file.stamp.mtime_ns)
        for path, file in one.local.files.items()
    }
    for path in one.asked().times:
        if path not in one.answers.times:
            return None
        times[path] = one.local.files[path].stamp.mtime_ns
    return replace(
        one,
        baseline=None
        if one.baseline is None
        else {
            path: BaseFile(
                base.size, base.md5 if hashed else None, None, base.cloud_mtime_ns, base.local_mtime_ns
            )
            for path, base in one.baseline.items()
        },
        local=LocalSnapshot(here, one.cloud.left_out, DEVICE, one.cloud.marker),
        cloud=CloudSnapshot(there, one.local.left_out, one.local.marker),
        resolve=_OTHER.get(one.resolve, one.resolve),
        answers=replace(one.answers, times=times),
    )


def exchanged_plan(plan: Plan, one: Situation) -> Plan:
    """The plan with the sides exchanged: what `exchanged(one)` should lead to.

    Three things are not symmetric by intention: a deletion here replaces a file (it goes to the trash by our
    hand), nobody's victory is counted by the local size, and a file the cloud has no hash of is marked.
    """
    return replace(
        plan,
        changes=tuple(_exchanged_change(change, one) for change in plan.changes),
    )


def _exchanged_change(change: Change, one: Situation) -> Change:
    action = _OTHER.get(change.action, change.action)
    deletes = action in (Action.DELETE_LOCAL, Action.DELETE_CLOUD)
    return change._replace(
        action=action,
        why=re.sub("in the cloud|here|local|cloud", lambda match: str(_OTHER[match.group()]), change.why),
        winner=_OTHER.get(change.winner or "", change.winner),
        side=_OTHER.get(change.side or "", change.side),
        size=one.cloud.files[change.path].size if change.winner == "both" else change.size,
        replaces=action is Action.DELETE_LOCAL if deletes else change.replaces,
    )
