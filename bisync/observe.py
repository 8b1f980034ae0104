"""Look at both sides at once, cheaply: one walk here, one listing there.

The cloud is listed through the filters of the last run while the local tree is walked; when the walk
finds other rules, it is listed anew through those. Local files are read only where neither size nor
stamp (mtime, ctime, inode) vouches for the content of the baseline.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bisync import events, ignore, listing, names, rclone
from bisync.app import Target
from bisync.config import Compare
from bisync.plan import Answers, Questions
from bisync.snapshot import BaseFile, CloudFile, CloudSnapshot, LeftOut, LocalFile, LocalSnapshot, Stamp

# ext4 and friends stamp files by a clock that ticks every 4 ms or so; a file as young as this when it was
# looked at may be written again under the same stamp (git calls such entries racily clean).
RACY_NS = 50_000_000
NAME_BYTES = 255
CHUNK = 1 << 18
PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sides, the text of the filters they were seen through, and when it began.

    `partials`: rclone's half-written downloads in the sync dir, which only the holder of the lock may judge.
    """

    local: LocalSnapshot
    cloud: CloudSnapshot
    filters: str
    partials: tuple[str, ...]
    started_ns: int

    @property
    def filters_digest(self) -> str:
        """Names these filters."""
        return "sha256:" + hashlib.sha256(self.filters.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The cloud being listed, through filters that are probably still the right ones."""

    running: rclone.Running
    argv: rclone.Argv
    filters: str
    compare: Compare


@contextmanager
def listing_ahead(target: Target) -> Iterator[Listing | None]:
    """Start to list the cloud through the last run's filters, for `both`; None where there are none.

    Listing is what takes long: reading the baseline and the local tree costs nothing while it goes on.
    """
    try:
        filters = target.state.filters.read_text(encoding="utf-8")
    except FileNotFoundError:
        yield None
        return
    argv = rclone.list_argv(target.remote, compare=target.compare, filters=target.state.filters)
    with target.rclone.started(argv, remote=target.remote) as running:
        yield Listing(running=running, argv=argv, filters=filters, compare=target.compare)


def both(
    target: Target, baseline: Mapping[str, BaseFile], compare: Compare, ahead: Listing | None
) -> Observation:
    """Look at both sides, telling changes by `compare`. Writes nothing but a private temporary file.

    Raises BisyncError when a side cannot be listed, IgnoreError when a rule cannot be honoured.
    """
    started = target.app.now_ns()
    target.emit(events.Step("looking at both sides"))
    tree = target.app.walk(target.sync)
    text = target.app.filters(tree.rules)
    local = _local(tree, target, baseline, compare)
    if ahead is not None and (ahead.filters, ahead.compare) == (text, compare):
        cloud = _cloud(target, ahead.argv, ahead.running)
    else:
        cloud = _cloud_through(target, text, compare)
    return Observation(
        local=local, cloud=cloud, filters=text, partials=tuple(tree.partials), started_ns=started
    )


def _local(
    tree: ignore.Tree, target: Target, baseline: Mapping[str, BaseFile], compare: Compare
) -> LocalSnapshot:
    root = target.sync.dir
    device = root.stat().st_dev
    left_out = [
        LeftOut(names.to_rclone(one.path.rstrip("/")), f"cannot be read: {one.error.strerror}", folder=True)
        for one in tree.unreadable
    ]
    files: dict[str, LocalFile] = {}
    marker = False
    unread: list[str] = []
    for entry in tree.entries:
        if entry.kind is not ignore.Kind.FILE:
            continue
        if entry.path == ignore.MARKER_PATH:
            marker = True
            continue
        spelled = names.to_rclone(entry.path)
        why = names.obstacle(entry.path)
        key = names.key(spelled)
        if why is None and key in files:
            why = f"its name differs from {files[key].name} only in how accents are encoded (NFC, NFD)"
        if why is not None:
            left_out.append(LeftOut(spelled, why))
            continue
        stamp = Stamp(entry.mtime_ns, entry.ctime_ns, entry.inode)
        base = baseline.get(key)
        md5 = None
        if base is not None and base.stamp == stamp and base.size == entry.size:
            md5 = base.md5
        else:
            unread.append(key)
        files[key] = LocalFile(entry.path, entry.size, stamp, md5)
    for key, read in _read_all(target, [(key, files[key]) for key in unread], compare):
        if isinstance(read, OSError):
            file = files.pop(key)
            if not isinstance(read, FileNotFoundError):
                left_out.append(LeftOut(names.to_rclone(file.name), f"cannot be read: {read.strerror}"))
        else:
            files[key] = files[key]._replace(md5=read)
    return LocalSnapshot(files, tuple(left_out), device, marker)


_Read = tuple[str, str | OSError | None]


def _read_all(target: Target, files: Sequence[tuple[str, LocalFile]], compare: Compare) -> list[_Read]:
    """The MD5 of each file, or why it cannot be read; by modtime only whether it can be."""
    root = target.sync.dir
    stopped = threading.Event()
    taken: list[int] = []

    def on_bytes(count: int) -> None:
        if stopped.is_set():
            raise InterruptedError(errno.EINTR, "stopped")
        taken.append(count)

    def look(key: str, file: LocalFile) -> _Read:
        try:
            if compare is Compare.CHECKSUM:
                return key, file_md5(root / file.name, on_bytes)
            os.close(os.open(root / file.name, os.O_RDONLY))
        except OSError as error:
            return key, error
        return key, None

    total = sum(file.size for _, file in files)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(look, key, file) for key, file in files]
        open_: set[Future[_Read]] = set(futures)
        try:
            while open_:
                _, open_ = wait(open_, timeout=PROGRESS_SECONDS)
                if open_:
                    done = len(files) - len(open_)
                    target.emit(_reading(sum(taken), total, done, len(files), time.monotonic() - began))
        except BaseException:
            # Ctrl-C: the files in hand may be of many gigabytes.
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _reading(taken: int, total: int, done: int, files: int, seconds: float) -> events.Progress:
    speed = taken / seconds
    eta = (total - taken) / speed if speed and total >= taken else None
    return events.Progress(taken, total, done, files, speed, eta, reading=True)


def file_md5(path: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """The MD5 of a file's content, as S3 names it. Raises OSError, and whatever `on_bytes` raises.

    `on_bytes` hears of every piece that was read, by its length.
    """
    digest = hashlib.md5(usedforsecurity=False)
    buffer = bytearray(CHUNK)
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            on_bytes(count)
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def _cloud_through(target: Target, filters: str, compare: Compare) -> CloudSnapshot:
    with tempfile.NamedTemporaryFile("w", prefix="bisync-", suffix=".rclone", encoding="utf-8") as file:
        file.write(filters)
        file.flush()
        argv = rclone.list_argv(target.remote, compare=compare, filters=Path(file.name))
        with target.rclone.started(argv, remote=target.remote) as running:
            return _cloud(target, argv, running)


def _cloud(target: Target, argv: rclone.Argv, running: rclone.Running) -> CloudSnapshot:
    outcome = running.outcome()
    # A prefix that does not exist yet is an empty one (S3 has none, other remotes say so: exit 3).
    if outcome.code != 0 and not (outcome.code == 3 and not target.remote.hashes):
        raise rclone.failure(argv, outcome, target.remote)
    files: dict[str, CloudFile] = {}
    left_out: list[LeftOut] = []
    marker = False
    for each in rclone.read_listing(outcome.stdout if outcome.code == 0 else "[]"):
        if each.path == ignore.MARKER_PATH:
            marker = True
            continue
        key = names.key(each.path)
        if not each.path.isascii() and key in files:
            left_out.append(LeftOut(each.path, f"its name is another spelling of {files[key].name}"))
            continue
        if _is_too_long(each.path):
            left_out.append(LeftOut(each.path, "its name is too long for this disk"))
            continue
        files[key] = CloudFile(each.path, each.size, each.md5, listing.parse_time(each.modtime))
    return CloudSnapshot(files, tuple(left_out), marker)


def _is_too_long(path: str) -> bool:
    if path.isascii() and len(path) <= NAME_BYTES:
        return False
    return any(len(part.encode()) > NAME_BYTES for part in path.split("/"))


@contextmanager
def name_list(paths: Iterable[str]) -> Iterator[Path]:
    """A private file with one name a line, for rclone's --files-from-raw."""
    with tempfile.NamedTemporaryFile("w", prefix="bisync-", suffix=".list", encoding="utf-8") as file:
        file.write("".join(f"{path}\n" for path in paths))
        file.flush()
        yield Path(file.name)


def answers(target: Target, seen: Observation, asked: Questions) -> Answers:
    """Ask both sides what the plan needs to know about its conflicts, and nothing where it asks nothing.

    Raises RcloneError when the cloud does not answer.
    """
    return Answers(
        equal=_equal_contents(target, seen.cloud, asked.contents),
        times=_cloud_times(target, seen.cloud, asked.times),
        taken=_copies_on_disk(target.sync.dir, {path: seen.local.files[path].name for path in asked.copies}),
    )


def _cloud_times(target: Target, cloud: CloudSnapshot, paths: Sequence[str]) -> dict[str, int]:
    """The files' own modification times (ns since the epoch): one HEAD each, for just these files."""
    if not paths:
        return {}
    with name_list(cloud.files[path].name for path in paths) as listed:
        outcome = target.rclone.check(rclone.modtimes_argv(target.remote, listed), remote=target.remote)
    found = {}
    for each in rclone.read_listing(outcome.stdout):
        time = listing.parse_time(each.modtime)
        if time is not None:
            found[names.key(each.path)] = time
    return found


def _equal_contents(target: Target, cloud: CloudSnapshot, paths: Sequence[str]) -> frozenset[str]:
    """Which of these files are byte for byte the same on both sides. Downloads them to compare."""
    if not paths:
        return frozenset()
    with name_list(cloud.files[path].name for path in paths) as listed:
        argv = rclone.check_argv(target.sync.dir, target.remote, filters=listed, names=listed, download=True)
        outcome = target.rclone.run(argv, remote=target.remote)
    return frozenset(names.key(line[2:]) for line in outcome.stdout.splitlines() if line.startswith("= "))


def _copies_on_disk(root: Path, contested: Mapping[str, str]) -> frozenset[str]:
    """Names that look like conflict copies of `contested` (path to local name) and exist, ignored ones among them."""
    found = set()
    for path, name in contested.items():
        here = root / name
        prefix = here.name + ".conflict"
        try:
            beside = [entry.name for entry in os.scandir(here.parent) if entry.name.startswith(prefix)]
        except FileNotFoundError:
            continue  # gone since it was looked at
        found |= {path + other[len(here.name) :] for other in beside}
    return frozenset(found)
