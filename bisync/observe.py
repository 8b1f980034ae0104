"""Look at both sides at once, cheaply: one walk here, one listing there.

The cloud is listed through the filters of the last run while the local tree is walked; when the walk
finds other rules, it is listed again through those. Local files are read only where neither size nor
stamp (mtime, ctime, inode) vouches for the content of the baseline.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bisync import ignore, listing, names, rclone
from bisync.app import Target
from bisync.config import Compare
from bisync.errors import BisyncError
from bisync.snapshot import BaseFile, CloudFile, CloudSnapshot, LeftOut, LocalFile, LocalSnapshot, Stamp

# ext4 and friends stamp files by a clock that ticks every 4 ms or so; a file as young as this when it was
# looked at may be written again under the same stamp (git calls such entries racily clean).
RACY_NS = 50_000_000
NAME_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sides, the text of the filters they were seen through, the local folders, and when it began."""

    local: LocalSnapshot
    cloud: CloudSnapshot
    filters: str
    folders: tuple[str, ...]
    started_ns: int

    @property
    def filters_digest(self) -> str:
        """Names these filters."""
        return "sha256:" + hashlib.sha256(self.filters.encode()).hexdigest()


def both(target: Target, baseline: Mapping[str, BaseFile], compare: Compare) -> Observation:
    """Look at both sides, telling changes by `compare`. Writes nothing but a private temporary file.

    Raises BisyncError when a side cannot be listed, IgnoreError when a rule cannot be honoured.
    """
    root = target.sync.dir
    known = target.state.filters
    started = time.time_ns()
    with ThreadPoolExecutor(1) as background, tempfile.TemporaryDirectory(prefix="bisync-") as scratch:
        before = known.read_text() if known.is_file() else None
        early: Future[CloudSnapshot] | None = None
        if before is not None:
            early = background.submit(_cloud, target, known, compare)
        try:
            tree = _walk(root, target)
            text = ignore.compile_rules(tree.rules, target.app.manifest.state_dir / "cache")
            local = _local(tree, root, baseline, compare)
        finally:
            listed = early.exception() if early is not None else None
        if early is not None and text == before:
            if listed is not None:
                raise listed
            cloud = early.result()
        else:
            path = Path(scratch) / "filters.rclone"
            path.write_text(text)
            cloud = _cloud(target, path, compare)
    return Observation(
        local=local, cloud=cloud, filters=text, folders=tuple(tree.folders), started_ns=started
    )


def _walk(root: Path, target: Target) -> ignore.Tree:
    try:
        return ignore.walk(root, target.app.layers(target.sync), target.app.manifest.ignore_files)
    except FileNotFoundError:
        raise BisyncError(
            f"the sync dir {root} does not exist: is its disk mounted?",
            hint="mount it, or make it with: bisync setup",
        ) from None
    except NotADirectoryError:
        raise BisyncError(
            f"the sync dir {root} is not a folder",
            hint=f"correct syncs.{target.sync.name}.dir in the manifest",
        ) from None
    except PermissionError:
        raise BisyncError(f"the sync dir {root} cannot be read", hint="mend its permissions") from None


def _local(
    tree: ignore.Tree, root: Path, baseline: Mapping[str, BaseFile], compare: Compare
) -> LocalSnapshot:
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
    for key, read in _read_all(root, [(key, files[key]) for key in unread], compare):
        if isinstance(read, OSError):
            file = files.pop(key)
            if not isinstance(read, FileNotFoundError):
                left_out.append(LeftOut(names.to_rclone(file.name), f"cannot be read: {read.strerror}"))
        else:
            files[key] = files[key]._replace(md5=read)
    return LocalSnapshot(files, tuple(left_out), device, marker)


def _read_all(
    root: Path, files: Sequence[tuple[str, LocalFile]], compare: Compare
) -> Iterator[tuple[str, str | OSError | None]]:
    def look(item: tuple[str, LocalFile]) -> tuple[str, str | OSError | None]:
        key, file = item
        try:
            if compare is Compare.CHECKSUM:
                return key, file_md5(root / file.name)
            os.close(os.open(root / file.name, os.O_RDONLY))
        except OSError as error:
            return key, error
        return key, None

    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(look, files)


def file_md5(path: Path) -> str:
    """The MD5 of a file's content, as S3 names it. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _cloud(target: Target, filters: Path, compare: Compare) -> CloudSnapshot:
    argv = rclone.list_argv(target.remote, compare=compare, filters=filters)
    outcome = target.rclone.run(argv, remote=target.remote)
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
        if any(len(part.encode()) > NAME_BYTES for part in each.path.split("/")):
            left_out.append(LeftOut(each.path, "its name is too long for this disk"))
            continue
        files[key] = CloudFile(each.path, each.size, each.md5, listing.parse_time(each.modtime))
    return CloudSnapshot(files, tuple(left_out), marker)


@contextmanager
def name_list(paths: Iterable[str], folder: Path | None = None) -> Iterator[Path]:
    """A private file with one name a line, for rclone's --files-from-raw."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="bisync-", suffix=".list", dir=folder, encoding="utf-8"
    ) as file:
        file.write("".join(f"{path}\n" for path in paths))
        file.flush()
        yield Path(file.name)


def cloud_times(target: Target, cloud: CloudSnapshot, paths: Sequence[str]) -> dict[str, int]:
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


def equal_contents(target: Target, cloud: CloudSnapshot, paths: Sequence[str]) -> frozenset[str]:
    """Which of these files are byte for byte the same on both sides. Downloads them to compare."""
    if not paths:
        return frozenset()
    with name_list(cloud.files[path].name for path in paths) as listed:
        argv = rclone.check_argv(target.sync.dir, target.remote, filters=listed, names=listed, download=True)
        outcome = target.rclone.run(argv, remote=target.remote)
    return frozenset(names.key(line[2:]) for line in outcome.stdout.splitlines() if line.startswith("= "))


def copies_on_disk(root: Path, paths: Iterable[str]) -> frozenset[str]:
    """Names beside `paths` that look like their conflict copies and exist, ignored ones among them."""
    found = set()
    for path in paths:
        here = root / names.from_rclone(path)
        prefix = here.name + ".conflict"
        try:
            beside = [entry.name for entry in os.scandir(here.parent) if entry.name.startswith(prefix)]
        except FileNotFoundError:
            continue
        found |= {path + name[len(here.name) :] for name in beside}
    return frozenset(found)
