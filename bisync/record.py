"""After a run: the baseline, the history, and what a crash left behind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bisync import baseline, listing, names, state, swap
from bisync.app import Target
from bisync.apply import Application
from bisync.config import Compare
from bisync.errors import RcloneError
from bisync.observe import RACY_NS, Observation, file_md5
from bisync.prepare import Prepared
from bisync.result import SyncResult, facts
from bisync.snapshot import LocalFile


def baseline_after(target: Target, prepared: Prepared, done: Application) -> baseline.Baseline:
    """The baseline that bisync's new listings amount to. Raises RcloneError when there are none.

    A file this run put here is read once more: only what is really on disk gets a stamp. Everything else
    is vouched for by what was seen before the run: an edit since then has moved the file's stamp.
    """
    pair = listing.find(target.state.work, target.sync.dir, target.remote.fs)
    if pair is None:
        raise RcloneError("bisync ended well but left no listings", hint="type: bisync sync")
    listing.make_durable(pair)
    hidden = done.left_out
    if hidden:
        listing.carry_over(
            target.state.ancestor, pair,
            {one.path for one in hidden}, [one.path for one in hidden if one.folder],
        )  # fmt: skip
    seen = prepared.seen
    stamps = {path: file for path, file in seen.local.files.items() if not _is_racy(file, seen)}
    for path in sorted(done.tally.downloaded | set(done.skipped)):
        stamps.pop(path, None)
        fresh = _look_again(target, path, prepared)
        if fresh is not None:
            stamps[path] = fresh
    listing.add_equal(pair, _equal_without_hash(target, prepared, done, stamps))
    return baseline.from_listings(
        pair,
        stamps,
        {key: file.mtime_ns for key, file in seen.cloud.files.items() if key not in done.tally.uploaded},
        compare=target.compare,
        profile=target.profile.name,
        filters=seen.filters_digest,
        device=seen.local.device,
        run=done.run,
        keeps_versions=target.remote.keeps_versions,
    )


def _equal_without_hash(
    target: Target, prepared: Prepared, done: Application, local: Mapping[str, LocalFile]
) -> list[listing.EqualFile]:
    """Files that both sides hold alike though the cloud has no hash of them.

    Either the plan had nothing to do for them and nobody has touched them since, or this run fetched them.
    """
    if target.compare is not Compare.CHECKSUM:
        return []
    found = []
    for key, there in prepared.seen.cloud.files.items():
        here = local.get(key)
        if there.md5 is not None or here is None or here.md5 is None or key in done.tally.uploaded:
            continue
        expected = done.placed.get(key)
        if expected is None and key not in done.planned:
            expected = swap.Identity(there.size, here.stamp.mtime_ns, here.stamp.inode)
        if expected is not None and _is_now(target.sync.dir / here.name, expected):
            name = names.to_rclone(here.name)
            found.append(listing.EqualFile(name, there.name, there.size, here.md5))
    return found


def _is_now(path: Path, expected: swap.Identity) -> bool:
    try:
        return swap.identity(path) == expected
    except FileNotFoundError:
        return False


def _is_racy(file: LocalFile, seen: Observation) -> bool:
    return file.stamp.ctime_ns > seen.started_ns - RACY_NS


def _look_again(target: Target, path: str, prepared: Prepared) -> LocalFile | None:
    known = prepared.seen.local.files.get(path)
    there = prepared.seen.cloud.files.get(path)
    name = known.name if known is not None else there.name if there is not None else path
    here = target.sync.dir / name
    try:
        before = swap.stamp_of(here)
        md5 = file_md5(here)
        after = swap.stamp_of(here)
    except OSError:
        return None
    if before != after or after[1].ctime_ns > target.app.now_ns() - RACY_NS:
        return None
    return LocalFile(name, after[0], after[1], md5)


def refreshed(known: baseline.Baseline, seen: Observation, profile: str) -> baseline.Baseline:
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


def undo(target: Target, run: str) -> list[str]:
    """After a run that did not end well: put the ancestor and held files back. Names put back.

    Only under the sync's lock. Everything the run did manage is found again as equal on both sides.
    """
    listing.clear_locks(target.state.work)
    listing.restore_ancestor(target.state.ancestor, target.state.work)
    return _put_back(target)


def _put_back(target: Target) -> list[str]:
    """Return held files to their place; a dir that is gone or unreadable says so when it is walked."""
    if os.access(target.sync.dir, os.R_OK | os.X_OK):
        return swap.put_back(target.sync.dir, target.state.trash)
    return []


def recover(target: Target) -> str | None:
    """Under the lock, before anything else: clean up after a run that died. What was done, or None."""
    stale = listing.clear_locks(target.state.work)
    crashed = state.read_journal(target.state)
    if crashed is None:
        _put_back(target)
        return "cleared a lock that a dead rclone left" if stale else None
    returned = undo(target, str(crashed.get("run")))
    state.append_history(
        target.state,
        {
            "run": crashed.get("run"),
            "at": target.app.now().isoformat(timespec="seconds"),
            "mode": crashed.get("mode"),
            "outcome": "failed",
            "error": "the run was killed; the next one recovered from it",
        },
    )
    state.close_journal(target.state)
    files = f", {len(returned)} file(s) put back" if returned else ""
    return f"recovered from a run that was killed ({crashed.get('run')}{files})"


def sweep(target: Target, partials: Iterable[str]) -> None:
    """Remove half-written downloads (`*.bisync-partial`) that a killed rclone left. Only under the lock."""
    for name in partials:
        (target.sync.dir / name).unlink(missing_ok=True)
