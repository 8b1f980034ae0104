"""Which rclone commands a plan amounts to. Decides and builds; `apply` runs them, `plan` and `script` print them."""

from __future__ import annotations

from collections.abc import Iterable

from bisync import listing, names, rclone, swap
from bisync.app import Target
from bisync.baseline import Baseline
from bisync.config import Compare
from bisync.errors import BisyncError, RcloneError
from bisync.guard import delete_percent
from bisync.ignore import METADATA_DIR
from bisync.plan import Action, Change, Mode, Plan
from bisync.rclone import Argv, BisyncCall
from bisync.snapshot import LeftOut

CLOUD_TRASH = f"{METADATA_DIR}/trash"
# Stands for the run's id in printed commands, which are the same for the same plan.
RUN = "{run}"


def run_filters(text: str, left_out: Iterable[LeftOut]) -> str:
    """The filters of one run: the compiled rules, and one rule for each path that is left out."""
    rules = sorted({names.exclude_rule(one.path, folder=one.folder) for one in left_out})
    return text + "".join(f"{rule}\n" for rule in rules)


def cloud_backup(target: Target, run: str) -> str | None:
    """Where a run keeps what it replaces in the cloud; None where the backend cannot."""
    return target.remote.below(f"{CLOUD_TRASH}/{run}") if target.remote.keeps_versions else None


def bisync_call(target: Target, *, run: str, percent: int, resync: bool, compare: Compare) -> BisyncCall:
    """What this sync's bisync is called with."""
    return BisyncCall(
        local=target.sync.dir,
        remote=target.remote,
        profile=target.profile,
        compare=compare,
        filters=target.state.filters,
        workdir=target.state.work,
        backup_local=target.state.trash / run,
        backup_cloud=cloud_backup(target, run),
        max_delete_percent=percent,
        resync=resync,
    )


def for_plan(target: Target, plan: Plan, baseline: Baseline | None) -> tuple[Argv, ...]:
    """The rclone commands that carry the plan out, in their order, with `{run}` for the run's id."""
    if plan.mode in (Mode.IDLE, Mode.BLOCKED):
        return ()
    found: list[Argv] = []
    area = swap.Area(target.sync.dir, RUN, target.state.trash / RUN)
    lists = target.state.lists
    if any(fetched(plan)):
        found.append(
            rclone.copy_argv(target.remote.fs, str(area.staging), lists / "downloads", profile=target.profile)
        )
    if any(sent_first(plan)):
        found.append(
            rclone.copy_argv(
                str(target.sync.dir),
                target.remote.fs,
                lists / "uploads",
                profile=target.profile,
                backup=cloud_backup(target, RUN),
            )
        )
    backup = cloud_backup(target, RUN)
    if backup is not None:
        for change in in_the_way(plan):
            found.append(rclone.move_argv(target.remote.below(change.path), f"{backup}/{change.path}"))
    for change in renamed_in_cloud(plan):
        source, copy = target.remote.below(change.path), target.remote.below(change.copies[-1])
        found.append(rclone.move_argv(source, copy, backup=backup))
    return (*found, *bisync_commands(target, plan, baseline))


def bisync_commands(target: Target, plan: Plan, baseline: Baseline | None) -> tuple[Argv, ...]:
    """The bisync runs a plan takes, with `{run}` for the run's id."""
    return tuple(rclone.bisync_argv(call) for call in bisync_calls(target, plan, baseline, RUN))


def bisync_calls(target: Target, plan: Plan, baseline: Baseline | None, run: str) -> list[BisyncCall]:
    """The bisync runs a plan takes: one, and a second where the first cannot leave good listings."""
    percent = delete_percent(plan, baseline)
    if plan.mode is Mode.BASELINE:
        # The plain run right after a resync makes the listings that --recover needs.
        return [
            bisync_call(target, run=run, percent=0, resync=resync, compare=target.compare)
            for resync in (True, False)
        ]
    before = baseline.compare if baseline is not None else target.compare
    first = bisync_call(target, run=run, percent=percent, resync=False, compare=before)
    if before is target.compare:
        return [first]
    # Other compare settings: the changes travel by the old ones, then a run without changes notes the new.
    return [first, bisync_call(target, run=run, percent=0, resync=False, compare=target.compare)]


def fetched(plan: Plan) -> list[tuple[Change, str]]:
    """What must be fetched, and the name it gets here."""
    found = []
    for change in plan.changes:
        if change.action is Action.DOWNLOAD or (
            change.action is Action.CONFLICT and change.winner == "cloud"
        ):
            found.append((change, change.path))
        elif change.action is Action.CONFLICT and change.winner != "folder":
            found.append((change, change.copies[-1]))
    return found


def sent_first(plan: Plan) -> list[Change]:
    """What goes up before bisync: conflicts the local version wins, or bisync would see a conflict; edits of
    files whose version in the cloud has no hash, or bisync would see no edit.
    """
    return [
        c
        for c in plan.changes
        if (c.action is Action.CONFLICT and c.winner == "local") or (c.action is Action.UPLOAD and c.unhashed)
    ]


def renamed_in_cloud(plan: Plan) -> list[Change]:
    """Conflicts whose cloud version leaves the contested name: nobody won, or a folder needs it."""
    return [
        change
        for change in plan.changes
        if change.action is Action.CONFLICT
        and (change.winner == "both" or (change.winner == "folder" and change.side == "cloud"))
    ]


def in_the_way(plan: Plan) -> list[Change]:
    """Deletions in the cloud that must come before uploads: a file becomes a folder, or a folder a file.

    bisync copies first and deletes last, which only a store without real folders can bear.
    """
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


def blocked_by_name_length(target: Target) -> BisyncError | None:
    """bisync names its listings after both paths; a name over 255 bytes cannot be a file."""
    session = listing.session_name(target.sync.dir, target.remote.fs)
    if len(f"local__{session}.path1.lst-new".encode()) <= 255:
        return None
    return RcloneError(
        f"{target.sync.name}: the sync dir's path and the remote's name are too long together for bisync",
        hint=f"move {target.sync.dir} to a shorter path",
    )
