"""Look at both sides at once, cheaply: one walk here, one listing there.

The cloud is listed through the filters of the last run while the local tree is walked; when the walk
finds other rules, it is listed anew through those. Local files are read only where neither size nor
stamp (mtime, ctime, inode) vouches for the content of the baseline.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from bisync import events, ignore
from bisync.app import Session
from bisync.config import Compare, Sync
from bisync.core import names
from bisync.core.conflict_names import beside, contested_name, original_of
from bisync.core.lease_folder import NOTHING_SEEN, Seen
from bisync.core.letter_case import goes_first, told_apart
from bisync.core.metadata import MARKER_PATH, METADATA_DIR, PARTIAL_SUFFIX
from bisync.core.snapshot import (
    PRIVATE_KEY,
    BaseFile,
    CloudFile,
    CloudSnapshot,
    LeftOut,
    LocalFile,
    LocalSnapshot,
    Stamp,
)
from bisync.core.waiting import Waiting, waiting
from bisync.ignore.walk import NOT_SYNCED
from bisync.rclone.argv import check_argv, modtimes_argv
from bisync.rclone.listings import ListedFile
from bisync.rclone.output import is_partial_name, parse_time, read_listing
from bisync.rclone.program import name_list
from bisync.state import runs
from bisync.state.held import NOTHING, Held
from bisync.sync import cloud_listing, hashing
from bisync.sync.cloud_listing import CloudListing, Fit, Remembered
from bisync.sync.cloud_look import FEW, Ahead, ended, listed_through
from bisync.sync.frame import PLACED, Marker

if TYPE_CHECKING:
    from bisync.core.plan import Answers, Questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sides, the rules they were seen through, as text for rclone, too, and when it began.

    `partials`: half-written downloads in the sync dir that a run of ours left, or is just writing: only the holder of
    the lock may judge. `others`: what is called like one and is not ours; it is left out.
    `held`: what waits because ignore rules changed in the cloud, as it is now.
    `leases`: the lease objects of the cloud.
    `left_alone`: links and special files, which are never synced; no failure of this run.
    `here`, `there`: fingerprints of both sides, where somebody wants them.
    """

    local: LocalSnapshot
    cloud: CloudSnapshot
    rules: ignore.RuleSet
    filters: str
    marker: Marker
    partials: tuple[str, ...]
    started_ns: int
    held: Held = NOTHING
    left_alone: tuple[LeftOut, ...] = ()
    others: tuple[str, ...] = ()
    leases: Seen = NOTHING_SEEN
    here: ignore.Fingerprint | None = None
    there: cloud_listing.Fingerprint | None = None

    def is_ignored(self, path: str) -> bool:
        """Whether the rules ignore a file of this path (a key)."""
        return self.rules.decide(names.from_rclone(path), is_dir=False).ignored

    @property
    def filters_digest(self) -> str:
        """Names these filters."""
        return "sha256:" + hashlib.sha256(self.filters.encode()).hexdigest()


def both(
    session: Session,
    baseline: Mapping[str, BaseFile],
    compare: Compare,
    ahead: Ahead | None,
    *,
    held: Held = NOTHING,
    coming: ignore.Texts | None = None,
    remembered: Remembered | None = None,
    fingerprinted: bool = False,
    on_change: Callable[[], object] = lambda: None,
) -> Observation:
    """Look at both sides, telling changes by `compare`. Writes nothing but a private temporary file.

    `held`: what waited before. `coming`: other versions of ignore files, which are to be obeyed as well.
    `on_change` is called as soon as files here seem to have changed since the baseline.
    `remembered`: the cloud, in place of a listing, as long as rules and `compare` are those it was listed by.
    Raises BisyncError when a side cannot be listed, IgnoreError when a rule cannot be honoured.
    """
    started = session.app.now_ns()
    session.emit(events.Step("looking at both sides"))
    tree = session.app.walk(session.sync, coming, fingerprinted=fingerprinted)
    text = session.app.filters(tree.rules)
    if remembered is not None and (remembered.filters, remembered.compare) == (text, compare):
        # (When it was listed is of no use to a lease by now: its folder is looked at before one is asked for.)
        at, found = NOTHING_SEEN.at, CloudListing.remembered(session, remembered, baseline)
        local, here, waits = _local(tree, session, baseline, held, on_change)
    elif ahead is not None and (ahead.filters, ahead.compare) == (text, compare):
        at = ahead.at
        local, here, waits = _local(tree, session, baseline, held, on_change)
        found = ended(session, ahead.argv, ahead.running.outcome(), ahead.found)
    else:
        # The cloud is listed while files here are read.
        sides = []
        at, found = listed_through(
            session, text, compare, fingerprinted=fingerprinted, few=len(baseline) <= FEW,
            meanwhile=lambda: sides.append(_local(tree, session, baseline, held, on_change)),
        )  # fmt: skip
        [(local, here, waits)] = sides
    files: Mapping[str, CloudFile] = found.files
    twins: Sequence[LeftOut] = ()
    if folds_case(session.sync.dir):
        files, twins = told_apart(files, {**baseline, **local.files}, where="this disk")
    if session.remote.can.folds_case:
        first = goes_first(local.files, files, baseline)
        ours, left = told_apart(local.files, first, where="the cloud")
        local = local._replace(files=ours, left_out=(*local.left_out, *left))
    before = runs.partials_before(session.state)
    halves = [
        name
        for name in tree.partials
        if before is not None and name not in before and is_partial_name(name.rpartition("/")[2])
    ]
    others = sorted(set(tree.partials) - set(halves))
    why = f"its name ends like a half-written download ({PARTIAL_SUFFIX}): rename it"
    named = [LeftOut(names.to_rclone(name), why) for name in others]
    return Observation(
        local=local._replace(left_out=(*local.left_out, *named)),
        cloud=CloudSnapshot(files, (*found.left_out, *twins), found.marker is not None),
        rules=tree.rules,
        filters=text,
        marker=Marker(here, found.marker),
        partials=tuple(halves),
        started_ns=started,
        held=Held(waiting=waits),
        left_alone=tuple(
            LeftOut(names.to_rclone(entry.path), NOT_SYNCED[entry.kind])
            for entry in tree.entries
            if entry.kind is not ignore.Kind.FILE
        ),
        others=tuple(others),
        leases=Seen(at, tuple(found.leases)),
        here=tree.fingerprint,
        there=found.fingerprint,
    )


def folds_case(root: Path) -> bool:
    """Whether the disk finds our own folder by the same name in capitals."""
    try:
        return (root / METADATA_DIR.upper()).lstat().st_ino == (root / METADATA_DIR).lstat().st_ino
    except OSError:
        return False


def _local(
    tree: ignore.Tree,
    session: Session,
    baseline: Mapping[str, BaseFile],
    held: Held,
    on_change: Callable[[], object],
) -> tuple[LocalSnapshot, ListedFile | None, Mapping[str, Waiting]]:
    """The local side, the marker there, and what waits."""
    root = session.sync.dir
    device = root.stat().st_dev
    fit = Fit(session)
    left_out = [
        LeftOut(names.to_rclone(one.path.rstrip("/")), f"cannot be read: {one.error.strerror}", folder=True)
        for one in tree.unreadable
    ]
    files: dict[str, LocalFile] = {}
    marker: ListedFile | None = None
    unread: dict[str, None] = {}
    others = []
    is_file = ignore.Kind.FILE  # looking it up for each takes as long as all the rest
    for entry in tree.entries:
        if entry.kind is not is_file:
            others.append(entry)
            continue
        if entry.path == MARKER_PATH:
            marker = _marker(root, entry)
            continue
        # Nearly all names are plain: three questions less for each.
        plain = entry.path.isascii() and entry.path.isprintable()
        spelled = entry.path if plain else names.to_rclone(entry.path)
        why = (None if plain else names.obstacle(entry.path)) or fit.obstacle(spelled)
        if why is not None:
            left_out.append(LeftOut(spelled, why))
            continue
        key = spelled if plain else names.key(spelled)
        base = baseline.get(key)
        stamp = Stamp(entry.mtime_ns, entry.ctime_ns, entry.inode)
        same = base is not None and base.stamp == stamp and base.size == entry.size
        vouched = base is not None and same and bool(base.md5)
        file = LocalFile(entry.path, entry.size, stamp, base.md5 if base is not None and vouched else None)
        if key in files:
            goes_on, twin = _goes_on(files[key], file, base)
            left_out.append(twin)
            if goes_on is not file:
                continue
            unread.pop(key, None)
        if not vouched:
            unread[key] = None
        files[key] = file
    waits = waiting(files, baseline, held.waiting, were_ignored(held)) if held != NOTHING else {}
    for key in waits:
        spelled = names.to_rclone(files.pop(key).name)
        unread.pop(key, None)
        why = (
            "it was ignored until the rules changed in the cloud; if it may go there, type: "
            f"bisync sync --only {session.sync.name} --reveal"
        )
        left_out.append(LeftOut(spelled, why, waits=True))
    if unread or len(files) != len(baseline):
        on_change()
    left_out += _read(session, tree, files, unread, baseline)
    links, specials, occupied = _in_the_way(tree, others, left_out)
    snapshot = LocalSnapshot(files, tuple(left_out), device, marker is not None, occupied, links, specials)
    return snapshot, marker, waits


def _read(
    session: Session,
    tree: ignore.Tree,
    files: dict[str, LocalFile],
    unread: Iterable[str],
    baseline: Mapping[str, BaseFile],
) -> Iterator[LeftOut]:
    """Read the files that are `unread`; those that cannot be, or that begin like a private key, are out of `files`."""
    for key, read in hashing.read_all(session, [(key, files[key]) for key in unread], tree.held):
        file = files[key]
        if isinstance(read, OSError):
            del files[key]
            if not isinstance(read, FileNotFoundError):
                yield LeftOut(names.to_rclone(file.name), f"cannot be read: {read.strerror}")
        elif read.is_key and not (
            is_known(baseline.get(key), file, read.md5) or tree.rules.is_taken_back(file.name)
        ):
            del files[key]
            yield LeftOut(names.to_rclone(file.name), PRIVATE_KEY)
        else:
            files[key] = file._replace(md5=read.md5)


def is_known(base: BaseFile | None, file: LocalFile, md5: str | None) -> bool:
    """Whether a file holds what both sides held: it is neither new nor edited."""
    if base is None or base.size != file.size:
        return False
    if md5 is not None and base.md5 is not None:
        return base.md5 == md5
    return base.local_mtime_ns == file.stamp.mtime_ns


def _in_the_way(
    tree: ignore.Tree, others: Sequence[ignore.Entry], left_out: Sequence[LeftOut]
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Links, special files (both among `others`) and folders that no plan empties, by their keys."""
    links, specials = (
        frozenset(names.key(names.to_rclone(one.path)) for one in others if one.kind is kind)
        for kind in (ignore.Kind.SYMLINK, ignore.Kind.SPECIAL)
    )
    folders = {names.key(names.to_rclone(folder)) for folder in tree.occupied}
    inside = {*links, *specials, *folders, *(names.key(one.path) for one in left_out)}
    return links, specials, frozenset(folders.union(*map(names.parents, inside)))


def were_ignored(held: Held) -> Callable[[str], bool] | None:
    """Tells whether a path here was ignored by the rules that the cloud replaced; None where it did not."""
    if not held.before:
        return None
    before = ignore.RuleSet.restored(held.before)
    return lambda name: before.decide(name, is_dir=False).ignored


def _goes_on(first: LocalFile, other: LocalFile, base: BaseFile | None) -> tuple[LocalFile, LeftOut]:
    """Of two files whose names differ in spelling alone, the one that both sides know, else the first."""
    file, twin = (other, first) if base is not None and base.stamp == other.stamp else (first, other)
    why = f"its name differs from {file.name} only in how accents are encoded (NFC, NFD)"
    return file, LeftOut(names.to_rclone(twin.name), why, twin=True)


def _marker(root: Path, entry: ignore.Entry) -> ListedFile:
    """The marker here. Ours is known by its size and time; a strange one is read."""
    if (entry.size, entry.mtime_ns) == (PLACED.size, PLACED.mtime_ns):
        return PLACED
    return ListedFile(MARKER_PATH, entry.size, hashing.file_md5(root / MARKER_PATH), entry.mtime_ns)


def answers(session: Session, seen: Observation, asked: Questions) -> Answers:
    """Ask both sides what the plan needs to know about its conflicts, and nothing where it asks nothing.

    Raises RcloneError when the cloud does not answer.
    """
    from bisync.core.plan import Answers

    return Answers(
        equal=_equal_contents(session, seen.cloud, asked.contents),
        times=_cloud_times(session, seen.cloud, asked.times),
        taken=_copies_on_disk(session.sync, {path: _name_here(seen, path) for path in asked.copies}),
        kept=frozenset(path for path in asked.kept if _is_kept(session.sync, seen, path)),
    )


def _is_kept(sync: Sync, seen: Observation, path: str) -> bool:
    """Whether the cloud's version of a contested path lies here as a conflict copy, by its content."""
    there = seen.cloud.files[path]
    for copy in _copies_on_disk(sync, {path: _name_here(seen, path)}):
        file = seen.local.files.get(copy)
        if file is not None and there.md5 is not None and file.size == there.size:
            with suppress(OSError):
                if hashing.file_md5(sync.dir / file.name, size=file.size) == there.md5:
                    return True
    return False


def _cloud_times(session: Session, cloud: CloudSnapshot, paths: Sequence[str]) -> dict[str, int]:
    """The files' own modification times (ns since the epoch): one HEAD each, for just these files."""
    if not paths:
        return {}
    with name_list(cloud.files[path].name for path in paths) as listed:
        outcome = session.rclone.check(modtimes_argv(session.remote, listed), remote=session.remote)
    found = {}
    for each in read_listing(outcome.stdout):
        time = parse_time(each.modtime)
        if time is not None:
            found[names.key(each.path)] = time
    return found


def _equal_contents(session: Session, cloud: CloudSnapshot, paths: Sequence[str]) -> frozenset[str]:
    """Which of these files are byte for byte the same on both sides. Downloads them where the cloud has no hashes."""
    if not paths:
        return frozenset()
    with name_list(cloud.files[path].name for path in paths) as listed:
        argv = check_argv(
            session.sync.dir, session.remote, filters=listed, names=listed, download=_by_download(session)
        )
        outcome = session.rclone.run(argv, remote=session.remote)
    return frozenset(names.key(line[2:]) for line in outcome.stdout.splitlines() if line.startswith("= "))


def _by_download(session: Session) -> bool:
    """Whether contents are to be fetched to be compared: objects may have no hash though their store has."""
    return session.remote.hashes or not session.remote.can.slow_hashes


def _name_here(seen: Observation, path: str) -> str:
    """What a contested path is called here, or would be."""
    here = seen.local.files.get(path)
    return here.name if here is not None else names.from_rclone(seen.cloud.files[path].name)


def _copies_on_disk(sync: Sync, contested: Mapping[str, str]) -> frozenset[str]:
    """Names that look like conflict copies of `contested` (path to local name) and exist, ignored ones among them."""
    found: set[str] = set()
    for path, name in contested.items():
        original = PurePath(contested_name(name, extensions=sync.keeps_extensions))
        try:
            others = [
                entry.name for entry in os.scandir(sync.dir / original.parent) if ".conflict" in entry.name
            ]
        except FileNotFoundError:
            continue  # gone since it was looked at
        copies = [
            one for one in others if original_of(one, extensions=sync.keeps_extensions) == original.name
        ]
        found |= {beside(path, name, str(original.with_name(one))) for one in copies}
    return frozenset(found)
