"""What a plan amounts to: ordered steps, each with the names that a side really has.

`steps` is the only place that knows their order. `apply` takes them one by one, `plan` prints the rclone command of
each, `script` renders them for a shell. The order is what makes a stop harmless at any point: downloads are fetched
beside the tree, what changes here is swapped in, conflicts are settled in the cloud, and bisync does the rest; it
meets two equal sides in everything done before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.metadata import CLOUD_TRASH, MARKER_PATH
from bisync.core.plan import Mode, Plan
from bisync.core.snapshot import Baseline, CloudSnapshot, LocalSnapshot
from bisync.rclone.argv import (
    Argv,
    BisyncCall,
    File,
    bisync_argv,
    copy_argv,
    copy_one_argv,
    delete_listed_argv,
    move_argv,
    move_listed_argv,
)
from bisync.rclone.remote import Remote
from bisync.sync import swap, upward
from bisync.sync.frame import Frame, beside, delete_percent, frame_of, framed, is_sent_first
from bisync.sync.steps import (
    DeleteAllThere,
    DeleteHere,
    DeleteThere,
    Fetch,
    LookAgain,
    MakeRoom,
    Merge,
    MoveHere,
    MoveOneThere,
    MoveThere,
    PlaceMarker,
    PutIn,
    ReadBack,
    RenameThere,
    RunBisync,
    Send,
    SendAs,
    Settle,
    Step,
    StepAside,
)

# Stands for the run's id in printed commands, which are the same for the same plan.
RUN = "{run}"
# The filter file in a frame's folder.
FILTERS = "filters.rclone"
# S3 and its like answer a LIST with so many objects at the most.
LISTED_AT_ONCE = 1000
# Transfers at a time, by the mean size of the files.
FEW, SEVERAL, MANY = 4, 16, 32
SMALL, LARGE = 1 << 20, 16 << 20
# So much is on its way for more than a moment.
LONG_BYTES, LONG_FILES = 1 << 20, 32


def steps(
    plan: Plan,
    local: LocalSnapshot,
    cloud: CloudSnapshot,
    baseline: Baseline | None,
    *,
    compare: Compare,
    keeps_versions: bool,
    has_folders: bool,
    is_ignored: Callable[[str], bool],
) -> Iterator[Step]:
    """The steps that carry a plan out, in their order. Pure.

    `local` and `cloud` are what the plan was made from. `compare`: how this run tells changes.
    `keeps_versions`: the cloud can move files on its own side. `has_folders`: a file and a folder of one name cannot
    both be there. `is_ignored`: what the rules say of a path.
    """
    if plan.mode in (Mode.IDLE, Mode.BLOCKED):
        return
    if not local.marker:
        yield PlaceMarker("local")
    if not cloud.marker:
        yield PlaceMarker("cloud")
    if upward.is_used(compare):
        yield from fetching_steps(plan, local, cloud, folders=True)
        yield from _by_ourselves(plan, local, cloud, is_ignored, has_folders=has_folders)
        return
    yield from fetching_steps(plan, local, cloud)
    yield from _sent_first(plan, local, cloud)
    yield from _moved_there(plan, local, cloud)
    cleared = _in_the_way(plan) if keeps_versions else []
    yield from (DeleteThere(change, cloud.files[change.path].name) for change in cleared)
    yield from _renamed_there(plan, cloud)
    known = baseline.files if baseline else {}
    frame = frame_of(framed(plan), local, cloud, known, is_ignored)
    if frame.names:
        if has_folders:
            going = upward.going(plan, local, cloud, is_ignored)
            yield from _room((one for one in going if one.change.action is Action.UPLOAD), cloud)
        yield _bisync_run(frame, plan, local, cloud, compare)


def _by_ourselves(
    plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot, is_ignored: Callable[[str], bool],
    *, has_folders: bool,
) -> Iterator[Step]:  # fmt: skip
    """What happens in the cloud where bisync is not run (see `own_copies`). What makes room comes first."""
    up = list(upward.going(plan, local, cloud, is_ignored))
    gone = [change for change in plan.changes if change.action is Action.DELETE_CLOUD]
    copies = [there for _, _, there in upward.renamed_there(plan, local, cloud)]
    touched = {one.there for one in up} | {cloud.files[change.path].name for change in gone}
    if touched:
        yield LookAgain(tuple(sorted(touched)))
    yield from _moved_there(plan, local, cloud)
    if gone:
        named = tuple(cloud.files[change.path].name for change in gone)
        yield DeleteAllThere(tuple(gone), named, width([0] * len(gone)))
    if has_folders:
        yield from _room(up, cloud)
    yield from _renamed_there(plan, cloud)
    alike = [one for one in up if one.name == one.there]
    if alike:
        sizes = [one.change.size for one in alike]
        sent = tuple(one.change for one in alike)
        yield Send(sent, tuple(one.name for one in alike), width(sizes))
    yield from (SendAs(one.change, one.name, one.there) for one in up if one.name != one.there)
    if touched or copies:
        yield ReadBack(tuple(sorted({*touched, *copies})))


def _room(up: Iterable[upward.Goes], cloud: CloudSnapshot) -> Iterator[Step]:
    """Whatever goes up under a name that no file has there. (Not what a merge or a conflict is about: one has.)"""
    new = [one for one in up if names.key(one.there) not in cloud.files]
    if new:
        yield MakeRoom(tuple(one.change for one in new), tuple(one.there for one in new))


def _renamed_there(plan: Plan, cloud: CloudSnapshot) -> Iterator[RenameThere]:
    for change in plan.changes:
        if change.action is Action.CONFLICT and (
            change.winner == "both" or (change.winner == "folder" and change.side == "cloud")
        ):
            name = cloud.files[change.path].name
            yield RenameThere(change, name, beside(name, change, change.copies[-1]))


def fetching_steps(
    plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot, *, folders: bool = False
) -> Iterator[Step]:
    """The steps that bring the plan's changes here, and change nothing in the cloud. Pure.

    Deletions come first: a folder may take the place of a file. `folders`: a file of the cloud that makes room for a
    folder comes here under its new name; bisync would bring it.
    """
    fetched = [change for change in plan.changes if _is_fetched(change, folders=folders)]
    if fetched:
        found = [cloud.files[change.path] for change in fetched]
        yield Fetch(tuple(file.name for file in found), width([file.size for file in found]))
    gone = [change for change in plan.changes if change.action is Action.DELETE_LOCAL]
    yield from (DeleteHere(change, local.files[change.path].name) for change in gone)
    for change in plan.changes:
        if change.winner == "folder" and change.side == "local":
            name = local.files[change.path].name
            yield StepAside(change, name, beside(name, change, change.copies[0]))
    yield from _moved_here(plan, local, cloud)
    emptied = {folder for change in gone for folder in names.parents(change.path)}
    for change in fetched:
        here = local.files.get(change.path)
        staged = names.from_rclone(cloud.files[change.path].name)
        name = here.name if here is not None else staged
        if change.action is Action.MERGE:
            yield Merge(change, staged, name)
        elif change.action is Action.DOWNLOAD:
            yield PutIn(change, staged, name, change.path in emptied)
        elif change.winner == "folder":
            yield PutIn(change, staged, beside(name, change, change.copies[0]), folder=False)
        else:
            yield Settle(change, staged, name, tuple(beside(name, change, copy) for copy in change.copies))


def _sent_first(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[Step]:
    alike, otherwise = [], []
    for change in plan.changes:
        if is_sent_first(change):
            here, there = names.to_rclone(local.files[change.path].name), cloud.files[change.path].name
            if here == there:
                alike.append((change, here))
            else:
                otherwise.append(SendAs(change, here, there))
    if alike:
        sizes = [local.files[change.path].size for change, _ in alike]
        yield Send(tuple(change for change, _ in alike), tuple(name for _, name in alike), width(sizes))
    yield from otherwise


def _is_fetched(change: Change, *, folders: bool) -> bool:
    if change.action is Action.CONFLICT:
        return change.winner != "folder" or (folders and change.side == "cloud")
    return change.action in (Action.DOWNLOAD, Action.MERGE)


def _in_the_way(plan: Plan) -> list[Change]:
    """Deletions in the cloud of files that become folders, and of those in folders that become files."""
    uploads = {change.path for change in plan.changes if change.action is Action.UPLOAD}
    folders = {folder for path in uploads for folder in names.parents(path)}
    return [
        change
        for change in plan.changes
        if change.action is Action.DELETE_CLOUD
        and (change.path in folders or not uploads.isdisjoint(names.parents(change.path)))
    ]


def _moved_here(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[MoveHere]:
    for change in plan.changes:
        if change.action is Action.RENAME and change.side == "cloud" and change.to is not None:
            yield MoveHere(
                change, local.files[change.path].name, names.from_rclone(cloud.files[change.to].name)
            )


def _moved_there(plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot) -> Iterator[Step]:
    """One step for all that a folder's new name moves, one for each file that is called otherwise."""
    folders: dict[tuple[str, str], list[tuple[Change, str]]] = {}
    for change in plan.changes:
        if change.action is not Action.RENAME or change.side != "local" or change.to is None:
            continue
        source, target = cloud.files[change.path].name, names.to_rclone(local.files[change.to].name)
        old, new, below = _split(source, target)
        if below:
            folders.setdefault((old, new), []).append((change, below))
        else:
            yield MoveOneThere(change, source, target)
    for (old, new), moved in folders.items():
        # No bytes travel, whatever the files' sizes.
        changes, inside = tuple(change for change, _ in moved), tuple(name for _, name in moved)
        yield MoveThere(changes, old, new, inside, width([0] * len(moved)))


def _split(source: str, target: str) -> tuple[str, str, str]:
    """Two paths as two folders ("" is the root) and what both have below: ("d/a", "m/a") is "d", "m", "a"."""
    one, other = source.split("/"), target.split("/")
    alike = 0
    while alike < min(len(one), len(other)) and one[-1 - alike] == other[-1 - alike]:
        alike += 1
    below = one[len(one) - alike :]
    return "/".join(one[: len(one) - alike]), "/".join(other[: len(other) - alike]), "/".join(below)


def _bisync_run(
    frame: Frame, plan: Plan, local: LocalSnapshot, cloud: CloudSnapshot, compare: Compare
) -> RunBisync:
    folders = {folder for name in frame.names for folder in names.parents(name)}
    at_once = width([change.size for change in framed(plan)])
    pages = len(cloud.files) // LISTED_AT_ONCE + 1
    return RunBisync(
        frame,
        compare,
        percent=delete_percent(frame, plan, local, cloud),
        width=at_once,
        # Folders are listed side by side, the pages of a whole listing one after the other.
        fast_list=len(folders) > pages * at_once,
    )


def _folder(path: str) -> str:
    """With a slash at its end, or S3 asks whether it is an object."""
    return path + "/" if path else ""


def width(sizes: Sequence[int]) -> int:
    """How many files of these sizes (bytes) to move at a time: small ones wait for the network, large ones share it.

    Measured behind 20 ms with rclone 1.75: 100 notes take 2.05 s at 4 transfers, 1.22 s at 16, 0.84 s at 32.
    """
    mean = sum(sizes) / len(sizes) if sizes else 0
    return FEW if mean > LARGE else SEVERAL if mean > SMALL else max(FEW, min(MANY, len(sizes)))


def is_long(sizes: Sequence[int]) -> bool:
    """Whether files of these sizes (bytes) may take so long that people want to see them travel."""
    return sum(sizes) > LONG_BYTES or len(sizes) > LONG_FILES


def area(session: Session, run: str) -> swap.Area:
    """The working places of a run in the sync dir, and its trash."""
    return swap.Area(session.sync.dir, run, session.state.trash / run)


def backup(remote: Remote, run: str) -> str | None:
    """Where a run keeps the old versions of what it changes in the cloud; None where it cannot keep them."""
    return remote.below(f"{CLOUD_TRASH}/{run}/") if remote.keeps_versions else None


def command(step: Step, session: Session, run: str) -> Argv | None:
    """The rclone command of one step of the run called `run`; None for what is done without rclone. Pure."""
    remote, lists = session.remote, session.state.lists
    kept = backup(remote, run)
    match step:
        case PlaceMarker(side="cloud"):
            return copy_one_argv(File(str(session.sync.dir), MARKER_PATH), File(remote.fs, MARKER_PATH))
        case Fetch(width=width):
            staging = str(area(session, run).staging)
            return copy_argv(remote.fs, staging, lists / "downloads", profile=session.profile, width=width)
        case Send(width=width):
            return copy_argv(
                str(session.sync.dir), remote.fs, lists / "uploads", profile=session.profile, width=width,
                backup=kept,
            )  # fmt: skip
        case SendAs(name=name, there=there):
            return copy_one_argv(File(str(session.sync.dir), name), File(remote.fs, there), backup=kept)
        case DeleteAllThere(width=width) if kept is not None:
            return move_listed_argv(
                remote.fs, kept, lists / "deletions", profile=session.profile, width=width
            )  # fmt: skip
        case DeleteAllThere(width=width):
            return delete_listed_argv(remote.fs, lists / "deletions", profile=session.profile, width=width)
        case DeleteThere(name=name):
            return move_argv(File(remote.fs, name), File(remote.fs, f"{CLOUD_TRASH}/{run}/{name}"))
        case RenameThere(name=name, copy=copy):
            return move_argv(File(remote.fs, name), File(remote.fs, copy), backup=kept)
        case MoveOneThere(name=name, to=to):
            return move_argv(File(remote.fs, name), File(remote.fs, to), backup=kept)
        case MoveThere(source=source, target=target, width=width):
            return move_listed_argv(
                remote.below(_folder(source)), remote.below(_folder(target)), lists / "moves",
                profile=session.profile, width=width, backup=kept,
            )  # fmt: skip
        case RunBisync(
            compare=compare, percent=percent, fast_list=fast_list, width=width, check_sync=check_sync
        ):
            return bisync_argv(
                BisyncCall(
                    local=session.sync.dir,
                    remote=remote,
                    profile=session.profile,
                    compare=compare,
                    filters=session.state.frame / FILTERS,
                    workdir=session.state.frame,
                    backup_local=session.state.trash / run,
                    backup_cloud=kept,
                    max_delete_percent=percent,
                    check_sync=check_sync,
                    fast_list=fast_list,
                    width=width,
                )
            )
        case _:
            return None
