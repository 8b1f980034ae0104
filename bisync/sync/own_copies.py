"""Where no hashes tell what lies in the cloud, whatever goes there is copied by ourselves, and looked at afterwards.

bisync takes two files of one size for one where a remote keeps no times, or keeps them coarsely, and notes the time of
the file here as that of its copy. So it is not run there at all: our own copies are told to copy, whatever they find.
Before, the files that they are about are looked at once more, as bisync would look; afterwards each is listed again,
and what the listing says of it is what the next run goes by.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bisync import events
from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.arriving import spelling
from bisync.core.change import Action, Change
from bisync.core.snapshot import BaseFile, CloudFile, LeftOut, LocalFile
from bisync.rclone.argv import File, copy_one_argv, list_argv, look_argv, touch_argv
from bisync.rclone.diagnosis import failure, is_no_file, troubled_files
from bisync.rclone.output import parse_time, read_listing
from bisync.rclone.program import name_list
from bisync.rclone.remote import Remote
from bisync.sync import swap, transfers, upward
from bisync.sync.hashing import file_md5
from bisync.sync.steps import DeleteAllThere, LookAgain, ReadBack

if TYPE_CHECKING:
    from bisync.sync.prepare import Prepared
    from bisync.sync.undertaking import Undertaking

# So many files are asked for one by one; for more the whole remote is listed.
ASKED = 100
# The clock of a store, and of a file system, may tell seconds, or two of them.
APART = 1.1
LATER_NS = 2_000_000_000
UNREPORTED = "rclone did not say that it {}: the next run tries again"
UNGIVEN = (
    "the cloud lists it, and has no such file when it is asked for it: is it a link there that leads nowhere?"
)
UNSEEN = "the cloud shows it as it was before it was sent, to the size and time: the next run tries again"


def look(
    session: Session, compare: Compare, paths: Sequence[str], listed: Mapping[str, CloudFile] | None = None
) -> dict[str, CloudFile]:
    """What the cloud holds of these files (names as it spells them) now, by their keys. Raises RcloneError.

    `listed`: what its last listing has shown, whereupon few of them are asked for by name.
    """
    if not paths:
        return {}
    remote = session.remote
    each = compare is Compare.MODTIME and remote.can.asks_each  # the whole would cost more
    if len(paths) > ASKED and not each:
        argv = list_argv(remote, compare=compare, filters=session.state.filters)
        outcome = session.rclone.run(argv, remote=remote)
    else:
        singly = listed is not None and _singly(remote, paths, listed)
        with name_list(paths) as asked:
            argv = look_argv(remote, asked, compare=compare, singly=singly)
            outcome = session.rclone.run(argv, remote=remote)
            if singly and troubled_files(outcome):
                # One is a folder by now, which fails the whole. Listings tell of the others.
                argv = look_argv(remote, asked, compare=compare)
                outcome = session.rclone.run(argv, remote=remote)
    if outcome.code == 3:
        return {}  # not even its folder is there
    if outcome.code != 0:
        raise failure(argv, outcome, remote)
    return {
        names.key(each.path): CloudFile(each.path, each.size, None, parse_time(each.modtime))
        for each in read_listing(outcome.stdout)
    }


def _singly(remote: Remote, paths: Sequence[str], listed: Mapping[str, CloudFile]) -> bool:
    """Whether to ask for each of these files by its name, in place of listing the folders they lie in. Pure.

    Where they are fewer, and the answer is the same: an object store tells its times to the second then, not to the
    fraction that its listings have, and a remote that folds case finds another file's name, too. By its name a file is
    found behind a link as well, which no listing shows: so only in folders that the last one has shown.
    """
    folders = {"", *(folder for path in paths for folder in names.parents(path))}
    if remote.is_bucket or remote.can.folds_case or len(paths) > len(folders):
        return False
    inmost = {path.rpartition("/")[0] for path in paths} - {""}
    return all(any(file.name.startswith(f"{one}/") for file in listed.values()) for one in inmost)


def changed_since(
    seen: Mapping[str, CloudFile], now: Mapping[str, CloudFile], paths: Sequence[str]
) -> frozenset[str]:
    """Of these paths (keys), those that are not in the cloud as they were seen. Pure."""
    return frozenset(path for path in paths if _as_stored(seen.get(path)) != _as_stored(now.get(path)))


def _as_stored(file: CloudFile | None) -> tuple[int, int | None] | None:
    return None if file is None else (file.size, file.mtime_ns)


def look_for(done: Undertaking, step: LookAgain | ReadBack) -> None:
    """See what the cloud holds of a step's files: before anything is done to them, or after."""
    before, compare = done.seen.cloud.files, done.prepared.compare
    now = look(done.session, compare, step.names, before)
    if isinstance(step, ReadBack):
        done.there = now
        if _twins(done) and compare is Compare.STORED:
            time.sleep(APART)
            # What another program has stored meanwhile is told from ours by now, and left alone.
            done.there = look(done.session, compare, step.names, before)
        for tell_apart in (_set_later, _send_anew):
            tried = [path for path in _twins(done) if tell_apart(done, path)]
            if tried:
                done.there = look(done.session, compare, step.names, before)
            done.unseen = frozenset(tried).intersection(_twins(done))
    else:
        keys = [names.key(name) for name in step.names]
        if changed_since(before, now, keys):
            # By its name a link may be found, or not, otherwise than in the listing that the plan was made from.
            now = look(done.session, compare, step.names)
        done.changed = changed_since(before, now, keys)


def not_given(done: Undertaking, fetched: Sequence[str]) -> list[tuple[str, str]]:
    """What was to be fetched and did not come, though the cloud lists it as before; each with the reason."""
    failed = {one.path for one in done.failed}
    missing = {
        key: name
        for name in fetched
        if (key := names.key(name)) not in failed
        and not os.path.lexists(done.area.staging / names.from_rclone(name))
    }
    if not missing:
        return []
    now = look(done.session, done.prepared.compare, list(missing.values()))
    gone = changed_since(done.seen.cloud.files, now, list(missing))
    return [(name, UNGIVEN) for key, name in missing.items() if key not in gone]


def _twins(done: Undertaking) -> list[str]:
    """What was sent and has the size and time of what lay there before."""
    before = done.seen.cloud.files
    return [path for path in done.sent if _as_stored(before.get(path)) == _as_stored(done.there.get(path))]


def _set_later(done: Undertaking, path: str) -> bool:
    """Have a file be told from the one that lay there before, by a later time, where times are kept and can be set.

    That reaches every copy of it: a union of folders may have several, and show the time of any.
    """
    there = done.there.get(path)
    if done.prepared.compare is not Compare.MODTIME or there is None or path not in done.tally.uploaded:
        return False
    later = _later(done.sent[path], there)
    argv = touch_argv(File(done.session.remote.fs, there.name), later)
    return done.attempt(argv, count=False).code == 0


def _later(sent: LocalFile, there: CloudFile) -> int:
    return max(sent.stamp.mtime_ns, there.mtime_ns or 0) + LATER_NS


def _send_anew(done: Undertaking, path: str) -> bool:
    """Send a file once more that has the size and time of the one that lay there before; whether it was.

    A remote that keeps seconds is told a later one; a store's own clock goes on by itself. Nothing goes to the trash:
    what lies there is this file.
    """
    sent, there = done.sent[path], done.there.get(path)
    if there is None or path not in done.tally.uploaded:
        return False
    folder = done.session.sync.dir
    name = names.to_rclone(sent.name)
    try:
        if done.prepared.compare is Compare.MODTIME:
            folder = done.area.staging / "anew"
            staged = folder / sent.name
            staged.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(done.session.sync.dir / sent.name, staged)
            later = _later(sent, there)
            os.utime(staged, ns=(later, later))
        if swap.stamp_of(done.session.sync.dir / sent.name) != (sent.size, sent.stamp):
            return False  # edited since: the next run has it
    except FileNotFoundError:
        return False  # deleted since: the next run has that
    argv = copy_one_argv(File(str(folder), name), File(done.session.remote.fs, there.name))
    outcome = done.attempt(argv, count=False)
    if outcome.code != 0:
        raise failure(argv, outcome, done.session.remote)
    return True


def local_copy(session: Session, name: str) -> LocalFile | None:
    """A conflict copy as it lies here; None where it does not. `name`: rclone's spelling."""
    here = names.from_rclone(name)
    file = session.sync.dir / here
    try:
        size, stamp = swap.stamp_of(file)
        md5 = file_md5(file, size=size)
        return LocalFile(here, size, stamp, md5) if swap.stamp_of(file) == (size, stamp) else None
    except OSError:
        return None


def may_go(done: Undertaking, change: Change, name: str) -> bool:
    """Whether a file still is to be sent; `name` as rclone spells it here. What it holds is noted."""
    if change.path in done.skipped:
        return False
    key = names.key(name)
    if change.action is Action.MERGE and key not in done.merged:
        return done.note(
            change, False
        )  # it was written to as soon as it was merged: no text that was planned
    if not swap.is_file_here(done.area.root, names.from_rclone(name)):
        return upward.is_used(done.prepared.compare) and done.note(change, False)
    if key in done.changed:
        return done.note(change, False)
    if upward.is_used(done.prepared.compare):
        seen = done.seen.local.files
        own = done.merged.get(key) or seen.get(key) if key == change.path else None
        sent = own or local_copy(done.session, name)
        if sent is None:
            return done.note(change, False)
        done.sent[key] = sent
    return True


def delete(done: Undertaking, step: DeleteAllThere) -> None:
    """Delete files in the cloud. What rclone does not say of them is looked up afterwards (`own_copies`)."""
    wanted = {}
    for change, name in zip(step.changes, step.names, strict=True):
        if change.path in done.changed or done.lies_here(change):
            done.note(change, False)
        else:
            wanted[name] = change
    if not wanted:
        return

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Moved | events.Deleted) and (change := wanted.get(event.path)):
            done.tally.deleted_cloud.add(change.path)

    argv = done.argv(step)
    with done.list_file("deletions", wanted):
        many = transfers.is_long([0] * len(wanted))
        outcome = done.attempt(argv, count=False, on_event=on_event, at_length=many)
    if outcome.code != 0 and not is_no_file(outcome):
        for name, why in done.troubled(argv, outcome, others_follow=True).items():
            if name in wanted:
                done.go_without(wanted[name], why)


def recorded(
    prepared: Prepared, done: Undertaking, is_racy: Callable[[LocalFile], bool]
) -> tuple[dict[str, BaseFile], set[str], list[LeftOut]]:
    """After a run: what both sides hold of what it was about, what neither has any more, and what did not come about.

    A file that was sent is held by both sides where rclone said that it went up and the listing has it in its size, and
    not still as what lay there before; one that was edited since is held as it was sent.
    """
    held: dict[str, BaseFile] = {}
    gone: set[str] = set()
    missed: list[LeftOut] = []
    for path, sent in done.sent.items():
        there = done.there.get(path)
        if path not in done.tally.uploaded:
            missed.append(LeftOut(path, UNREPORTED.format("went up")))
        elif there is None or there.size != sent.size:
            missed.append(
                LeftOut(path, "it did not arrive in the cloud as it was sent: the next run tries again")
            )
        elif path in done.unseen:
            missed.append(LeftOut(path, UNSEEN))
        else:
            held[path] = _both(sent, there, racy=is_racy(sent))
    for path, name, _ in upward.renamed_there(prepared.plan, prepared.seen.local, prepared.seen.cloud):
        there, here = done.there.get(path), local_copy(done.session, name)
        if there is not None and here is not None and here.size == there.size:
            held[path] = _both(here, there, racy=is_racy(here))
    for change in prepared.plan.changes:
        if change.action is Action.DELETE_CLOUD and change.path not in done.skipped:
            if change.path in done.there:
                missed.append(LeftOut(change.path, UNREPORTED.format("was deleted")))
            else:
                gone.add(change.path)
        elif change.winner in ("both", "folder") and change.path not in (*done.skipped, *done.there):
            gone.add(change.path)
    failed = {one.path for one in done.failed}
    return held, gone, [one for one in missed if one.path not in failed]


def _both(here: LocalFile, there: CloudFile, *, racy: bool) -> BaseFile:
    return BaseFile(
        here.size,
        here.md5,
        None if racy else here.stamp,
        here.stamp.mtime_ns,
        there.mtime_ns,
        spelling(names.to_rclone(here.name), there.name),
    )
