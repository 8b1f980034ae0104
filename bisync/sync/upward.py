"""What goes up where bisync is not run (see `own_copies`), and what becomes of the cloud's side of conflicts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.plan import Plan
from bisync.core.snapshot import CloudSnapshot, LocalSnapshot
from bisync.sync.frame import beside


class Goes(NamedTuple):
    """A file that goes up: `name` here and `there` in the cloud, both in rclone's spelling."""

    change: Change
    name: str
    there: str


def is_used(compare: Compare) -> bool:
    """Whether runs that tell changes so carry them out by copies of their own."""
    return compare is not Compare.CHECKSUM


def going(
    plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot, is_ignored: Callable[[str], bool]
) -> Iterator[Goes]:
    """The files that a plan sends to the cloud, conflict copies among them. Pure."""
    for change in plan.changes:
        here, there = local.files.get(change.path), cloud.files.get(change.path)
        if here is None:
            continue
        ours = names.to_rclone(here.name)
        theirs = there.name if there is not None else ours
        if change.action in (Action.UPLOAD, Action.MERGE) or change.winner == "local":
            yield Goes(change, ours, theirs)
        if change.action is Action.CONFLICT:
            # Of two copies the first is that of the version here; the other one stays in the cloud, under its new name.
            copy = change.copies[0]
            if not is_ignored(copy):
                yield Goes(change, beside(ours, change, copy), beside(theirs, change, copy))


def renamed_there(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[tuple[str, str, str]]:
    """The conflict copies that the cloud's versions become there: key, name here and name in the cloud. Pure."""
    for change in plan.changes:
        if change.action is not Action.CONFLICT or not (
            change.winner == "both" or (change.winner == "folder" and change.side == "cloud")
        ):
            continue
        theirs = cloud.files[change.path].name
        here = local.files.get(change.path)
        ours = names.to_rclone(here.name) if here is not None else theirs
        copy = beside(ours, change, change.copies[-1])
        yield names.key(copy), copy, beside(theirs, change, change.copies[-1])
