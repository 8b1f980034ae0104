"""Change the sync dir without ever losing what somebody writes into it meanwhile.

A new version is fetched beside the tree first. Then the old file is moved to a holding place on the same
disk and the new one is linked into its place, never over anything. rclone alone renames a download over
whatever lies there: an edit saved in that moment is gone without a trace.

A crash between the move and the link leaves the old file in the holding place; `put_back` returns it.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bisync.core.metadata import HOLD, METADATA_DIR
from bisync.core.snapshot import LocalFile, Stamp
from bisync.files import private_dir


@dataclass(frozen=True, slots=True)
class Area:
    """The working places of one run: below the sync dir's own metadata folder, and its trash."""

    root: Path
    run: str
    trash: Path

    @property
    def staging(self) -> Path:
        """Where new versions wait."""
        return self.root / METADATA_DIR / "staging" / self.run

    @property
    def hold(self) -> Path:
        """Where old versions wait until the run has ended."""
        return self.root / HOLD / self.run


class Identity(NamedTuple):
    """What a file keeps when it gets another name; any write moves one of them. (A rename moves ctime.)"""

    size: int
    mtime_ns: int
    inode: int


def identity(path: Path) -> Identity:
    """A file's identity as it is now. Raises FileNotFoundError."""
    status = path.lstat()
    return Identity(status.st_size, status.st_mtime_ns, status.st_ino)


def _is_untouched(path: Path, expected: LocalFile) -> bool:
    """Whether `path` still is the file that was planned for."""
    try:
        seen = identity(path)
    except FileNotFoundError:
        return False
    return seen == Identity(expected.size, expected.stamp.mtime_ns, expected.stamp.inode)


def _is_unmarked(path: Path, expected: LocalFile) -> bool:
    """Whether ctime, which any write moves and a rename does, too, is the one that was planned for."""
    try:
        return path.lstat().st_ctime_ns == expected.stamp.ctime_ns
    except FileNotFoundError:
        return False


def place(source: Path, target: Path) -> bool:
    """Give `source` the name `target`; False when that name is taken, or `source` is gone."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS):
            raise
        # A disk without hard links: an exclusive create is as careful.
        try:
            with target.open("xb") as stream, source.open("rb") as content:
                shutil.copyfileobj(content, stream)
        except FileExistsError:
            return False
        shutil.copystat(source, target)
    source.unlink()
    return True


def take_away(area: Area, name: str, expected: LocalFile | None) -> bool:
    """Move the file `name` to the holding place if it still is what was planned for; False otherwise.

    With `expected` None whatever lies there is taken.
    """
    path, held = area.root / name, area.hold / name
    if expected is not None and not (_is_untouched(path, expected) and _is_unmarked(path, expected)):
        return False
    private_dir(held.parent)
    try:
        path.rename(held)
    except FileNotFoundError:
        return False
    if expected is not None and not _is_untouched(held, expected):
        # Written to in the moment between: it goes back, and the cloud's version waits for the next run.
        place(held, path)
        return False
    return True


def put_in(area: Area, name: str, expected: LocalFile | None) -> bool:
    """Put the staged version of `name` in place of the old one; False when the user was faster.

    `expected`: the old file as planned, None when there was none.
    """
    staged, path = area.staging / name, area.root / name
    if expected is not None:
        if not take_away(area, name, expected):
            return False
        keep_mode(area.hold / name, staged)
    return _make_way(path) and place(staged, path)


def rename(area: Area, name: str, to: str, expected: LocalFile) -> bool:
    """Give the file `name` the name `to` as it is; False when the user was faster, or `to` is taken."""
    source, target = area.root / name, area.root / to
    if not (_is_untouched(source, expected) and _is_unmarked(source, expected)):
        return False
    if not _make_way(target):
        return False
    if os.path.lexists(target) and target.samefile(source):
        # A disk that ignores case: only the spelling changes.
        source.rename(target)
        return True
    return place(source, target)


def _make_way(path: Path) -> bool:
    """Make the folders that a file called `path` needs; False where something lies in their way, or in its own.

    A folder of its name that holds nothing but empty folders goes; anything in it stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    if not path.is_dir() or path.is_symlink():
        return True
    folders = list(os.walk(path, topdown=False))
    if any(files for _, _, files in folders):
        return False
    try:
        for folder, _, _ in folders:
            Path(folder).rmdir()
    except OSError:
        return False
    return True


def keep_mode(old: Path, new: Path) -> None:
    """Give a new version the permissions of the old one: the cloud has none, and a private note stays private."""
    # Gone meanwhile: then there is nothing to keep. FAT and its like know no such permissions.
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(old.stat().st_mode)
        if stat.S_IMODE(new.stat().st_mode) != mode:
            new.chmod(mode)


def late_edits(area: Area, taken: dict[str, LocalFile]) -> Iterator[str]:
    """Held files that were written to after they were moved, by a program that had them open."""
    for name, expected in taken.items():
        held = area.hold / name
        if held.exists() and not _is_untouched(held, expected):
            yield name


def empty_hold(area: Area) -> list[str]:
    """Move what is held to the trash; its names."""
    return _move_tree(area.hold, area.trash)


def _move_tree(source: Path, target: Path) -> list[str]:
    moved = []
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if not p.is_dir()):
            name = path.relative_to(source)
            there = target / name
            private_dir(there.parent)
            while there.exists():  # two versions of one name in one run: keep both
                there = there.with_name(there.name + "~")
            try:
                path.rename(there)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copy2(path, there)
                path.unlink()
            moved.append(str(name))
        shutil.rmtree(source)
    return moved


def put_back(root: Path, trash: Path) -> list[str]:
    """After a crash: held files return to their place, or go to `trash` where it is taken. Names put back.

    Only for the holder of the sync's lock. Half-fetched versions are dropped: the cloud has them.
    """
    returned = []
    holds = root / HOLD
    for hold in sorted(holds.iterdir()) if holds.is_dir() else ():
        for held in sorted(p for p in hold.rglob("*") if not p.is_dir()):
            name = held.relative_to(hold)
            try:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                continue  # its folder has become a file: it goes to the trash
            if place(held, root / name):
                returned.append(str(name))
        _move_tree(hold, trash / hold.name)
    for leftover in (holds, root / METADATA_DIR / "staging"):
        shutil.rmtree(leftover, ignore_errors=True)
    return returned


def stamp_of(path: Path) -> tuple[int, Stamp]:
    """Size and stamp of a file as it is now. Raises FileNotFoundError."""
    status = path.lstat()
    return status.st_size, Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
