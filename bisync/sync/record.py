"""After a run: the baseline that bisync's new listings amount to, and the line of history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.result import SyncResult, facts
from bisync.core.snapshot import Baseline, LocalFile
from bisync.errors import RcloneError
from bisync.rclone import listings
from bisync.state import baseline
from bisync.sync import hashing, swap
from bisync.sync.apply import Execution
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared


def baseline_after(session: Session, prepared: Prepared, done: Execution) -> Baseline:
    """The baseline that bisync's new listings amount to. Raises RcloneError when there are none.

    A file this run put here is read once more: only what is really on disk gets a stamp. Everything else
    is vouched for by what was seen before the run: an edit since then has moved the file's stamp.
    """
    pair = listings.find(session.state.work, session.sync.dir, session.remote.fs)
    if pair is None:
        raise RcloneError("bisync ended well but left no listings", hint="type: bisync sync")
    listings.make_durable(pair)
    hidden = done.left_out
    if hidden:
        listings.carry_over(
            session.state.ancestor, pair,
            {names.key(one.path) for one in hidden},
            [names.key(one.path) for one in hidden if one.folder],
        )  # fmt: skip
    seen = prepared.seen
    stamps = {path: file for path, file in seen.local.files.items() if not _is_racy(file, seen)}
    for path in sorted(done.tally.downloaded | set(done.skipped)):
        stamps.pop(path, None)
        fresh = _look_again(session, path, prepared)
        if fresh is not None:
            stamps[path] = fresh
    listings.add_equal(pair, _equal_without_hash(session, prepared, done, stamps))
    return baseline.from_listings(
        pair,
        stamps,
        {key: file.mtime_ns for key, file in seen.cloud.files.items() if key not in done.tally.uploaded},
        compare=session.compare,
        profile=session.profile.name,
        filters=seen.filters_digest,
        device=seen.local.device,
        run=done.run,
        keeps_versions=session.remote.keeps_versions,
    )


def _equal_without_hash(
    session: Session, prepared: Prepared, done: Execution, local: Mapping[str, LocalFile]
) -> list[listings.EqualFile]:
    """Files that both sides hold alike though the cloud has no hash of them.

    Either the plan had nothing to do for them and nobody has touched them since, or this run fetched them.
    """
    if session.compare is not Compare.CHECKSUM:
        return []
    found = []
    for key, there in prepared.seen.cloud.files.items():
        here = local.get(key)
        if there.md5 is not None or here is None or here.md5 is None or key in done.tally.uploaded:
            continue
        expected = done.placed.get(key)
        if expected is None and key not in done.planned:
            expected = swap.Identity(there.size, here.stamp.mtime_ns, here.stamp.inode)
        if expected is not None and _is_now(session.sync.dir / here.name, expected):
            name = names.to_rclone(here.name)
            found.append(listings.EqualFile(name, there.name, there.size, here.md5))
    return found


def _is_now(path: Path, expected: swap.Identity) -> bool:
    try:
        return swap.identity(path) == expected
    except FileNotFoundError:
        return False


def _is_racy(file: LocalFile, seen: Observation) -> bool:
    return file.stamp.ctime_ns > seen.started_ns - hashing.RACY_NS


def _look_again(session: Session, path: str, prepared: Prepared) -> LocalFile | None:
    known = prepared.seen.local.files.get(path)
    there = prepared.seen.cloud.files.get(path)
    name = known.name if known is not None else names.from_rclone(there.name if there is not None else path)
    file = session.sync.dir / name
    try:
        before = swap.stamp_of(file)
        md5 = hashing.file_md5(file)
        after = swap.stamp_of(file)
    except OSError:
        return None
    if before != after or after[1].ctime_ns > session.app.now_ns() - hashing.RACY_NS:
        return None
    return LocalFile(name, after[0], after[1], md5)


def refreshed(known: Baseline, seen: Observation, profile: str) -> Baseline:
    """An idle run's gain: stamps for files that were read and found to be what was synced; where, and how."""
    files = dict(known.files)
    for path, file in seen.local.files.items():
        base = files.get(path)
        if base is None or base.stamp == file.stamp or _is_racy(file, seen):
            continue
        if base.size == file.size and base.md5 is not None and base.md5 == file.md5:
            files[path] = base._replace(stamp=file.stamp)
    return replace(known, files=files, device=seen.local.device, profile=profile, filters=seen.filters_digest)


def history_entry(result: SyncResult, at: str) -> dict[str, Any]:
    """One line of the history: the run, and when and how it was made."""
    return {"at": at, "profile": result.profile, "exit_code": result.exit_code, **facts(result)}
