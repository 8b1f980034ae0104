"""What a plan amounts to: ordered steps, each with the names that a side really has.

`steps` is the only place that knows their order. `apply` takes them one by one, `plan` prints the rclone command of
each, `script` renders them for a shell. The order is what makes a stop harmless at any point: downloads are fetched
beside the tree, what changes here is swapped in, conflicts are settled in the cloud, and bisync does the rest; it
meets two equal sides in everything done before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from bisync.app import Session
from bisync.config import Compare
from bisync.core import guard, names
from bisync.core.change import Action, Change
from bisync.core.metadata import CLOUD_TRASH, MARKER_PATH
from bisync.core.plan import Mode, Plan
from bisync.core.snapshot import Baseline, CloudSnapshot, LocalSnapshot
from bisync.rclone.argv import (
    Argv,
    BisyncCall,
    bisync_argv,
    copy_argv,
    copy_one_argv,
    move_argv,
)
from bisync.sync import swap

# Stands for the run's id in printed commands, which are the same for the same plan.
RUN = "{run}"


class PlaceMarker(NamedTuple):
    """Both sides have the marker before bisync looks for it: on the first run, and after --force."""

    side: Literal["local", "cloud"]


class Fetch(NamedTuple):
    """Copy these files (the cloud's names) beside the tree, each under the name it has in the cloud."""

    names: tuple[str, ...]


class DeleteHere(NamedTuple):
    """The file `name` here goes to the trash."""

    change: Change
    name: str


class StepAside(NamedTuple):
    """The file `name` here becomes `copy`: the cloud has a folder of its name."""

    change: Change
    name: str
    copy: str


class PutIn(NamedTuple):
    """The fetched file `staged` takes the place of `name` here; what lay there goes to the trash.

    `folder`: a folder of that name goes with this plan.
    """

    change: Change
    staged: str
    name: str
    folder: bool


class Settle(NamedTuple):
    """A conflict's versions get their names here: the fetched file `staged`, and `name`.

    `copies`: what the losers are called, the local version's first.
    """

    change: Change
    staged: str
    name: str
    copies: tuple[str, ...]


class Send(NamedTuple):
    """Copy these files (names as rclone spells them here) to the cloud before bisync looks.

    Conflicts the local version wins, or bisync would see a conflict; edits of files whose version in the
    cloud has no hash, or bisync would see no edit.
    """

    changes: tuple[Change, ...]
    names: tuple[str, ...]


class SendAs(NamedTuple):
    """As `Send`, of one file `name` here that the cloud spells as `there` (NFC, NFD)."""

    change: Change
    name: str
    there: str


class DeleteThere(NamedTuple):
    """The file `name` in the cloud goes to the cloud's trash before anything is uploaded.

    A file becomes a folder, or a folder a file: bisync copies first and deletes last, which only a store
    without real folders can bear.
    """

    change: Change
    name: str


class RenameThere(NamedTuple):
    """The file `name` in the cloud becomes `copy`: nobody won its name, or a folder needs it."""

    change: Change
    name: str
    copy: str


class RunBisync(NamedTuple):
    """One run of bisync. `percent`: its `--max-delete`."""

    compare: Compare
    percent: int
    resync: bool


Step = (
    PlaceMarker
    | Fetch
    | DeleteHere
    | StepAside
    | PutIn
    | Settle
    | Send
    | SendAs
    | DeleteThere
    | RenameThere
    | RunBisync
)


def steps(
    plan: Plan,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    baseline: Baseline | None,
    *,
    compare: Compare,
    keeps_versions: bool,
) -> Iterator[Step]:
    """The steps that carry a plan out, in their order. Pure.

    `local` and `cloud` are what the plan was made from. `compare`: how this run tells changes.
    `keeps_versions`: the cloud can move files on its own side.
    """
    if plan.mode in (Mode.IDLE, Mode.BLOCKED):
        return
    if not local.marker:
        yield PlaceMarker("local")
    if not cloud.marker:
        yield PlaceMarker("cloud")
    yield from fetching_steps(plan, local, cloud)
    yield from _sent_first(plan, local, cloud)
    cleared = _in_the_way(plan) if keeps_versions else []
    yield from (DeleteThere(change, cloud.files[change.path].name) for change in cleared)
    for change in plan.changes:
        if change.action is Action.CONFLICT and (
            change.winner == "both" or (change.winner == "folder" and change.side == "cloud")
        ):
            name = cloud.files[change.path].name
            yield RenameThere(change, name, _beside(name, change, change.copies[-1]))
    yield from _bisync_runs(plan, baseline, compare, len(cleared))


def fetching_steps(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[Step]:
    """The steps that bring the plan's changes here, and change nothing in the cloud. Pure.

    Deletions come first: a folder may take the place of a file.
    """
    fetched = [change for change in plan.changes if _is_fetched(change)]
    if fetched:
        yield Fetch(tuple(cloud.files[change.path].name for change in fetched))
    gone = [change for change in plan.changes if change.action is Action.DELETE_LOCAL]
    yield from (DeleteHere(change, local.files[change.path].name) for change in gone)
    for change in plan.changes:
        if change.winner == "folder" and change.side == "local":
            name = local.files[change.path].name
            yield StepAside(change, name, _beside(name, change, change.copies[0]))
    folders = {folder for change in gone for folder in _parents(change.path)}
    for change in fetched:
        here = local.files.get(change.path)
        staged = names.from_rclone(cloud.files[change.path].name)
        name = here.name if here is not None else staged
        if change.action is Action.DOWNLOAD:
            yield PutIn(change, staged, name, change.path in folders)
        else:
            yield Settle(change, staged, name, tuple(_beside(name, change, copy) for copy in change.copies))


def _sent_first(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[Step]:
    alike, otherwise = [], []
    for change in plan.changes:
        if _is_sent_first(change):
            here, there = names.to_rclone(local.files[change.path].name), cloud.files[change.path].name
            if here == there:
                alike.append((change, here))
            else:
                otherwise.append(SendAs(change, local.files[change.path].name, there))
    if alike:
        yield Send(tuple(change for change, _ in alike), tuple(name for _, name in alike))
    yield from otherwise


def _beside(name: str, change: Change, copy: str) -> str:
    """The conflict copy `copy` beside `name`, which spells the contested path as its own side does.

    In a folder that is spelled otherwise (NFC, NFD) it would not lie beside the file.
    """
    return name + copy.removeprefix(change.path)


def _is_fetched(change: Change) -> bool:
    if change.action is Action.CONFLICT:
        return change.winner != "folder"
    return change.action is Action.DOWNLOAD


def _is_sent_first(change: Change) -> bool:
    if change.action is Action.CONFLICT:
        return change.winner == "local"
    return change.action is Action.UPLOAD and change.unhashed


def _in_the_way(plan: Plan) -> list[Change]:
    """Deletions in the cloud of files that become folders, and of those in folders that become files."""
    uploads = {change.path for change in plan.changes if change.action is Action.UPLOAD}
    folders = {folder for path in uploads for folder in _parents(path)}
    return [
        change
        for change in plan.changes
        if change.action is Action.DELETE_CLOUD
        and (change.path in folders or not uploads.isdisjoint(_parents(change.path)))
    ]


def _parents(path: str) -> list[str]:
    """The folders above a path: "a/b/c" has "a" and "a/b"."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _bisync_runs(
    plan: Plan, baseline: Baseline | None, compare: Compare, cleared: int
) -> Iterator[RunBisync]:
    """One run, and a second where the first cannot leave good listings."""
    percent = guard.delete_percent(plan, baseline, cleared=cleared)
    if plan.mode is Mode.BASELINE:
        # The plain run right after a resync makes the listings that --recover needs.
        yield RunBisync(compare, percent=0, resync=True)
        yield RunBisync(compare, percent=0, resync=False)
        return
    before = baseline.compare if baseline is not None else compare
    yield RunBisync(before, percent=percent, resync=False)
    if before is not compare:
        # Other compare settings: the changes travel by the old ones, then a run without changes notes the new.
        yield RunBisync(compare, percent=0, resync=False)


def area(session: Session, run: str) -> swap.Area:
    """The working places of a run in the sync dir, and its trash."""
    return swap.Area(session.sync.dir, run, session.state.trash / run)


def command(step: Step, session: Session, run: str) -> Argv | None:
    """The rclone command of one step of the run called `run`; None for what is done without rclone. Pure."""
    remote, lists = session.remote, session.state.lists
    backup = remote.below(f"{CLOUD_TRASH}/{run}") if remote.keeps_versions else None
    match step:
        case PlaceMarker(side="cloud"):
            return copy_one_argv(str(session.sync.dir / MARKER_PATH), remote.below(MARKER_PATH))
        case Fetch():
            staging = str(area(session, run).staging)
            return copy_argv(remote.fs, staging, lists / "downloads", profile=session.profile)
        case Send():
            return copy_argv(
                str(session.sync.dir), remote.fs, lists / "uploads", profile=session.profile, backup=backup
            )
        case SendAs(name=name, there=there):
            return copy_one_argv(f"{session.sync.dir}/{name}", remote.below(there), backup=backup)
        case DeleteThere(name=name):
            return move_argv(remote.below(name), remote.below(f"{CLOUD_TRASH}/{run}/{name}"))
        case RenameThere(name=name, copy=copy):
            return move_argv(remote.below(name), remote.below(copy), backup=backup)
        case RunBisync(compare=compare, percent=percent, resync=resync):
            return bisync_argv(
                BisyncCall(
                    local=session.sync.dir,
                    remote=remote,
                    profile=session.profile,
                    compare=compare,
                    filters=session.state.filters,
                    workdir=session.state.work,
                    backup_local=session.state.trash / run,
                    backup_cloud=backup,
                    max_delete_percent=percent,
                    resync=resync,
                )
            )
        case _:
            return None
