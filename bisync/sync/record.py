"""After a run: the baseline, the listings that go with it, and the line of history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bisync.app import Session
from bisync.config import Compare, ConflictResolve
from bisync.core import names
from bisync.core.arriving import spelling
from bisync.core.change import Action, Change
from bisync.core.did import Did, noted
from bisync.core.reconcile import same_content
from bisync.core.result import Conflict, SyncResult, Tally, Version, facts
from bisync.core.snapshot import BaseFile, Baseline, LeftOut, LocalFile
from bisync.errors import RcloneError
from bisync.rclone import listings
from bisync.state import baseline
from bisync.state.wording import Wording
from bisync.sync import hashing, own_copies, swap, upward
from bisync.sync.alike import agreed, is_racy, is_unread, renamed, seen_alike, sent
from bisync.sync.frame import in_lines, is_sent_first, listed
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared

if TYPE_CHECKING:
    from bisync.sync.apply import Execution

# Files that are looked at while rclone is at work, which waits for the cloud most of the time.
BEFOREHAND = 20_000


@dataclass(slots=True)
class Beforehand:
    """What a run leaves as it is, found and put into words while rclone is at work."""

    prepared: Prepared
    files: dict[str, BaseFile] | None = None
    rows: Wording[str] | None = None
    lines: Wording[tuple[str, str]] | None = None

    def find(self) -> None:
        """Find it, the first time; not for many files, which take memory."""
        known = self.prepared.baseline
        if self.files is not None or known is None or len(known.files) > BEFOREHAND:
            return
        self.files = seen_alike(self.prepared, self.prepared.plan.left_out)
        self.rows = baseline.in_rows(self.files)
        self.lines = in_lines(self.files, self.prepared.compare)


def baseline_after(session: Session, prepared: Prepared, done: Execution, found: Beforehand) -> Baseline:
    """What both sides hold after a run that ended well. Raises RcloneError when bisync left no listings.

    What the plan did not touch is as it was seen, what it brought here as it lies on disk, what it sent to the
    cloud as bisync's listings of the frame have it. Paths that were left out keep what was known of them.
    """
    told = None if done.failed else found.files
    files = seen_alike(prepared, done.left_out) if told is None else dict(told)
    if upward.is_used(prepared.compare):
        return _by_ourselves(session, prepared, done, files)
    framed = _framed(session, prepared, done)
    done.failed += _unreported(prepared, done, framed)
    for path in map(names.key, done.frame.names):
        files.pop(path, None)
    files |= framed
    for change in prepared.plan.changes:
        path = change.path
        if path in done.placed and path not in framed:
            files[path] = _fetched(session, prepared, change, done.placed[path])
        elif is_sent_first(change) and path in done.tally.uploaded:
            files.pop(path, None)
            if (file := sent(change, prepared, done.merged.get(path))) is not None:
                files[path] = file
        elif change.action is Action.DELETE_LOCAL and path in done.tally.deleted_local:
            files.pop(path, None)
        elif change.to is not None and path in done.tally.renamed:
            if path not in framed:
                files.pop(path, None)
            if change.to not in framed:
                # bisync may have seen the old name as a conflict copy beside what it sent.
                before = renamed(change, done.known[path], prepared)
                files[change.to] = _vouched(session, prepared, change, before)
    return _baseline(session, prepared, done, files)


def _by_ourselves(
    session: Session, prepared: Prepared, done: Execution, files: dict[str, BaseFile]
) -> Baseline:
    """As `baseline_after`, where bisync was not run. What did not come about is left out of the run."""
    held, gone, missed = own_copies.recorded(prepared, done, lambda file: is_racy(file, prepared.seen))
    done.failed += missed
    for change in prepared.plan.changes:
        path = change.path
        if path in done.placed and change.winner != "folder":
            files[path] = _fetched(session, prepared, change, done.placed[path])
        elif change.action is Action.DELETE_LOCAL and path in done.tally.deleted_local:
            gone.add(path)
        elif change.to is not None and path in done.tally.renamed:
            before = renamed(change, done.known[path], prepared)
            files[change.to] = _vouched(session, prepared, change, before)
            gone.add(path)
    for path in gone:
        files.pop(path, None)
    return _baseline(session, prepared, done, files | held)


def _baseline(session: Session, prepared: Prepared, done: Execution, files: dict[str, BaseFile]) -> Baseline:
    seen = prepared.seen
    return Baseline(
        files=files,
        compare=prepared.compare,
        profile=session.profile.name,
        filters=seen.filters_digest,
        device=seen.local.device,
        run=done.run,
        listings="",
        keeps_versions=session.remote.keeps_versions,
        place=session.place,
        as_listed=prepared.compare is not Compare.CHECKSUM,
    )


def keep(session: Session, made: Baseline, seen: Observation, found: Beforehand | None = None) -> Baseline:
    """Write a new baseline down, and the listings that say the same to bisync; the baseline that goes with them.

    `found`: what of it was put into words beforehand, with its `compare`. The baseline comes first: after a crash in
    between, the listings are made again from it.
    """
    rows, lines = (found.rows, found.lines) if found is not None else (None, None)
    texts = listed(made.files, made.compare, seen.marker, session.app.now(), lines)
    made = replace(made, listings=listings.digest_of(texts))
    baseline.save(session.state.baseline, made, rows)
    listings.write(listings.place(session.state.work, session.sync.dir, session.remote.fs), texts)
    return made


def keep_texts(session: Session, made: Baseline) -> list[str]:
    """Keep what edits of texts are merged by, once both sides hold it; what is to be said of that."""
    if (
        ConflictResolve.MERGE
        not in (
            session.profile.conflict_resolve,
            session.sync.profile.conflict_resolve,
        )
        and not session.state.contents.exists()
    ):
        return []
    from bisync.sync import merging

    try:
        merging.remember(session, made)
    except OSError as error:
        return [f"texts could not be kept for merging: {error.strerror}; edits of both sides make conflicts"]
    return []


def converted(known: Baseline, seen: Observation, compare: Compare) -> Baseline | None:
    """The same baseline for another way to tell changes, from both sides as they are seen by it.

    None as long as a file of it is missing on a side, or left out: nobody can say of it then what the other way
    goes by, and without that it would count as edited. By time, a file that was only touched here since it was
    synced counts as edited. By checksum, contents that differ though size and time do not are no common ground:
    the next run finds a conflict.
    """
    files = {}
    for path, base in known.files.items():
        here, there = seen.local.files.get(path), seen.cloud.files.get(path)
        if here is None or there is None:
            return None
        alike = same_content(here, there, compare)
        racy = is_racy(here, seen)
        if alike or (alike is None and base.stamp == here.stamp):
            files[path] = agreed(here, there, compare, racy=racy)
        elif alike is None and compare is Compare.MODTIME:
            files[path] = agreed(here, there, compare, racy=True)._replace(local_mtime_ns=there.mtime_ns)
    return replace(known, files=files, compare=compare)


def _vouched(session: Session, prepared: Prepared, change: Change, file: BaseFile) -> BaseFile:
    """With the stamp of a file that this run renamed here: another name moves its ctime and nothing else."""
    before = prepared.seen.local.files.get(change.path)
    if change.side != "cloud" or before is None or is_racy(before, prepared.seen):
        return file
    name = names.from_rclone(file.names[0] if file.names else change.paths[-1])
    try:
        size, stamp = swap.stamp_of(session.sync.dir / name)
    except OSError:
        return file
    old = before.stamp
    same = (size, stamp.mtime_ns, stamp.inode) == (before.size, old.mtime_ns, old.inode)
    return file._replace(stamp=stamp) if same else file


def _fetched(session: Session, prepared: Prepared, change: Change, placed: swap.Identity) -> BaseFile:
    """A file that this run put here; it is read once more, so that only what is really on disk gets a stamp."""
    there = prepared.seen.cloud.files[change.path]
    known = prepared.seen.local.files.get(change.path)
    name = known.name if known is not None else names.from_rclone(there.name)
    fresh = _look_again(session, name)
    ours = fresh is not None and swap.Identity(fresh.size, fresh.stamp.mtime_ns, fresh.stamp.inode) == placed
    by_checksum = prepared.compare is Compare.CHECKSUM
    md5 = there.md5 or (fresh.md5 if fresh is not None and ours else None)
    stamp = None
    if fresh is not None and ours and fresh.md5 == md5:
        young = fresh.stamp.ctime_ns > session.app.now_ns() - hashing.RACY_NS
        stamp = None if young else fresh.stamp
    return BaseFile(
        there.size,
        md5,
        stamp,
        None if by_checksum and md5 is not None else placed.mtime_ns,
        there.mtime_ns if there.md5 is None or not by_checksum else None,
        spelling(names.to_rclone(name), there.name),
    )


def _framed(session: Session, prepared: Prepared, done: Execution) -> Mapping[str, BaseFile]:
    """What bisync says of the paths in its frame: what both sides hold of them now."""
    if not done.frame.names:
        return {}
    pair = listings.find(session.state.frame, session.sync.dir, session.remote.fs)
    if pair is None:
        raise RcloneError("bisync ended well but left no listings", hint="type: bisync sync")
    seen = prepared.seen
    # Conflict copies beside what the plan names may be in it, too.
    lying = {names.key(one.path) for side in (pair.path1, pair.path2) for one in listings.read(side)}
    stamps = {
        path: file
        for path in lying - done.tally.downloaded - set(done.skipped)
        if (file := seen.local.files.get(path)) is not None and not is_racy(file, seen)
    }
    cloud = seen.cloud.files
    stored = {path: cloud[path].mtime_ns for path in lying & cloud.keys() - done.tally.uploaded}
    return baseline.from_listings(pair, stamps, stored)


def _unreported(prepared: Prepared, done: Execution, framed: Mapping[str, BaseFile]) -> Iterator[LeftOut]:
    """What the plan left to bisync, and it neither said that it did nor holds to be done."""
    seen = set(map(names.key, done.frame.names))
    out = {*done.skipped, *(one.path for one in done.failed)}
    for change in prepared.plan.changes:
        path = change.path
        if path not in seen or path in out:
            continue
        here = prepared.seen.local.files.get(path)
        if change.action is Action.UPLOAD and path not in done.tally.uploaded:
            if here is None or path not in framed or framed[path].md5 != here.md5:
                yield LeftOut(path, own_copies.UNREPORTED.format("went up"))
        elif change.action is Action.DELETE_CLOUD and path not in done.tally.deleted_cloud and path in framed:
            yield LeftOut(path, own_copies.UNREPORTED.format("was deleted"))


def _look_again(session: Session, name: str) -> LocalFile | None:
    """A file here as it is now; None when it is gone or changing."""
    file = session.sync.dir / name
    try:
        before = swap.stamp_of(file)
        md5 = hashing.file_md5(file)
        after = swap.stamp_of(file)
    except OSError:
        return None
    return LocalFile(name, after[0], after[1], md5) if before == after else None


def refreshed(known: Baseline, seen: Observation, profile: str) -> Baseline:
    """An idle run's gain: stamps for files that were read and found to be what was synced; where, and how."""
    files = dict(known.files)
    for path, file in seen.local.files.items():
        base = files.get(path)
        if base is not None and is_unread(base, file, known.compare):
            files[path] = base._replace(md5=file.md5)
        if base is None or base.stamp == file.stamp or is_racy(file, seen):
            continue
        if base.size == file.size and base.md5 is not None and base.md5 == file.md5:
            files[path] = base._replace(stamp=file.stamp)
    return replace(
        known,
        files=files,
        device=seen.local.device,
        profile=profile,
        filters=seen.filters_digest,
        as_listed=known.compare is not Compare.CHECKSUM,
    )


def known_versions(session: Session, prepared: Prepared, done: Execution) -> tuple[Conflict, ...]:
    """This run's conflicts, each with the versions that lie here by now.

    A later conflict may leave copies of the same names: what a run knows of its own holds for these files alone.
    """
    seen, found = prepared.seen, []
    for conflict in done.tally.conflicts:
        here, there = seen.local.files.get(conflict.path), seen.cloud.files.get(conflict.path)
        spelled = there.name if there is not None else conflict.path
        name = here.name if here is not None else names.from_rclone(spelled)
        versions = []
        for path, origin in conflict.origins.items():
            try:
                lies = swap.identity(session.sync.dir / (name + path[len(conflict.path) :]))
            except OSError:
                continue
            if path == conflict.path and origin == "cloud":
                # As it was fetched: what was written to it since is this device's.
                lies = done.placed.get(path, lies)
            versions.append(Version(path, origin, *lies))
        found.append(replace(conflict, versions=tuple(versions)))
    return tuple(found)


def changes(prepared: Prepared, made: Baseline, tally: Tally, here: Iterable[str]) -> Iterator[Did]:
    """What a run did to its paths, and what both sides held of them before and, by `made`, afterwards.

    `here`: the paths (keys) that it had changed here before there was a plan for the cloud.
    """
    before = prepared.baseline.files if prepared.baseline is not None else {}
    moved = {
        *tally.uploaded, *tally.downloaded, *tally.renamed, *tally.deleted_local, *tally.deleted_cloud
    }  # fmt: skip
    return noted(prepared.plan.changes, moved, before, made.files, here)


def passed_by(done: Execution) -> list[str]:
    """The paths (keys) that the plan named and the run did not bring about, because they changed under its hands."""
    told = {names.key(one.path) for one in done.failed} | {one.path for one in done.tally.conflicts}
    return sorted(set(done.skipped) - told - done.tally.uploaded - done.tally.downloaded)


def history_entry(result: SyncResult, at: str, device: str, paths: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the history: the run, when, how and by which device it was made, and whose version was whose.

    `paths`: what became of which path (`bisync.core.account`).
    """
    told = facts(result)
    for said, conflict in zip(told["conflicts"], result.conflicts, strict=True):
        said["versions"] = [version._asdict() for version in conflict.versions]
    how = {"at": at, "device": device, "profile": result.profile, "exit_code": result.exit_code}
    undoes = {} if result.undoes is None else {"undoes": result.undoes}
    return {**how, **undoes, **paths, **told}
