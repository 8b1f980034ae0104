"""Change the sync dir without ever losing what somebody writes into it meanwhile.

A new version is fetched beside the tree first. Then the old file is moved to a holding place on the same
disk and the new one gets its name, never over anything. rclone alone renames a download over
whatever lies there: an edit saved in that moment is gone without a trace.

A crash between the two leaves the old file in the holding place; `put_back` returns it.

Nothing is written, moved or deleted through a link, and no link gives way: what lies behind one is not ours.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from bisync.core.metadata import HOLD, METADATA_DIR, PARTIAL_SUFFIX
from bisync.core.snapshot import OCCUPIED, LocalFile, Stamp
from bisync.files import private_dir
from bisync.sync import naming
from bisync.sync.inside import InTheWay, at, check_way


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


# What the system may refuse for one path while all others go on. (A full disk refuses them all.)
_OF_ONE_PATH = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR,
    errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EINVAL, errno.EILSEQ, errno.ETXTBSY,
}  # fmt: skip


def refusal(error: OSError) -> str | None:
    """Why the system would not change one path here, in words; None where the trouble is a general one."""
    # Where our own folder alone is named, there is no place to work in.
    ours = error.filename2 is None and METADATA_DIR in Path(error.filename or "").parts
    if ours or error.errno not in _OF_ONE_PATH:
        return None
    if error.errno == errno.EXDEV:
        return "another disk is mounted there, from which its old version cannot be moved to the trash"
    return f"cannot be changed here: {error.strerror}"


def check_writable(root: Path) -> None:
    """Raise PermissionError for a sync dir that takes no new names: then it is not one path's trouble."""
    if not os.access(root, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(root))


def is_file_here(root: Path, name: str) -> bool:
    """Whether a file lies under that name, not behind a link. What cannot be looked at is none."""
    try:
        check_way(root, name)
        return (root / name).is_file()
    except (InTheWay, OSError):
        return False


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
    except (FileNotFoundError, NotADirectoryError):
        return False
    return seen == Identity(expected.size, expected.stamp.mtime_ns, expected.stamp.inode)


def _is_unmarked(path: Path, expected: LocalFile) -> bool:
    """Whether ctime, which any write moves and a rename does, too, is the one that was planned for."""
    try:
        return path.lstat().st_ctime_ns == expected.stamp.ctime_ns
    except (FileNotFoundError, NotADirectoryError):
        return False


def place(source: Path, target: Path) -> bool:
    """Give `source` the name `target`; False when that name is taken, or `source` is gone. Raises OSError.

    The name never stands for half a file: from another disk, the content is copied beside it first.
    """
    try:
        return naming.take_name(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    # The name of a half-written download: it is never synced, and swept after a kill.
    beside = target.with_name(f".placing.{os.urandom(4).hex()}{PARTIAL_SUFFIX}")
    try:
        with beside.open("xb") as stream, source.open("rb") as content:
            shutil.copyfileobj(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(PermissionError):  # FAT and its like know no such permissions
            shutil.copystat(source, beside)
        placed = naming.take_name(beside, target)
    except FileNotFoundError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    if placed:
        source.unlink()
    return placed


def place_or_undo(source: Path, target: Path, moved: Path, back: Path) -> bool:
    """As `place`; where the system refuses, what was `moved` before gets its name `back`. Raises OSError."""
    try:
        return place(source, target)
    except OSError:
        place(moved, back)
        raise


def settle(here: Path, staged: Path, winner: str | None, names: Sequence[str]) -> bool:
    """Give the versions of a conflict their names in one folder: the one `here` and the cloud's, which is `staged`.

    `names`: those of copies, the local version's first. Whatever the user has there by now is the local version: it is
    kept, not judged again. False when it went away, or a name was taken. Raises OSError.
    """
    copies = [here.with_name(name) for name in names]
    keep_mode(here, staged)
    if winner == "local":
        return place(staged, copies[0])
    target = here if winner == "cloud" else copies[1]
    return place(here, copies[0]) and place_or_undo(staged, target, copies[0], here)


def place_at_first_free(source: Path, names: Iterable[Path]) -> Path | None:
    """Give `source` the first of these names that is free; None when `source`, or their folder, is gone."""
    for name in names:
        if place(source, name):
            return name
        if not (os.path.lexists(source) and os.path.lexists(name)):
            break
    return None


def take_away(area: Area, name: str, expected: LocalFile | None) -> bool:
    """Move the file `name` to the holding place if it still is what was planned for; False otherwise.

    With `expected` None whatever file lies there is taken. Raises InTheWay, and OSError.
    """
    held = area.hold / name
    try:
        with at(area.root, name) as path:
            if expected is not None and not (_is_untouched(path, expected) and _is_unmarked(path, expected)):
                return False
            private_dir(held.parent)
            path.rename(held)
            if expected is not None and not _is_untouched(held, expected):
                # Written to in the moment between: it goes back, and the cloud's version waits for the next run.
                place(held, path)
                return False
    except FileNotFoundError:
        return False
    return True


def stage(area: Area, name: str, content: bytes) -> None:
    """Have this be the staged version of `name`, in place of what was fetched; on the disk before it gets a name."""
    staged = area.staging / name
    staged.unlink(missing_ok=True)
    staged.parent.mkdir(parents=True, exist_ok=True)
    with staged.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def keep_aside(area: Area, staged: str, name: str) -> None:
    """Put a fetched version of `name` into the trash, beside the one that was here. Raises OSError."""
    kept = area.trash / f"{name}~"
    private_dir(kept.parent)
    while not place(area.staging / staged, kept):
        kept = kept.with_name(f"{kept.name}~")


def put_in(area: Area, name: str, expected: LocalFile | None) -> bool:
    """Put the staged version of `name` in place of the old one; False when the user was faster.

    `expected`: the old file as planned, None when there was none. Raises InTheWay, and OSError; the old file has its
    place then.
    """
    staged = area.staging / name
    if expected is None:
        with at(area.root, name, make=True) as path:
            _make_room(path)
            return place(staged, path)
    if not take_away(area, name, expected):
        return False
    keep_mode(area.hold / name, staged)
    with at(area.root, name, make=True) as path:
        try:
            _make_room(path)
            return place(staged, path)
        except (InTheWay, OSError):
            place(area.hold / name, path)
            raise


def rename(area: Area, name: str, to: str, expected: LocalFile) -> bool:
    """Give the file `name` the name `to` as it is; False when the user was faster, or `to` is taken.

    Raises InTheWay, and OSError.
    """
    check_way(area.root, to)
    try:
        with at(area.root, name) as source:
            if not (_is_untouched(source, expected) and _is_unmarked(source, expected)):
                return False
            with at(area.root, to, make=True) as target:
                _make_room(target)
                if os.path.lexists(target) and target.samefile(source):
                    # A disk that ignores case: only the spelling changes.
                    source.rename(target)
                    return True
                return place(source, target)
    except FileNotFoundError:
        return False


def _make_room(path: Path) -> None:
    """Make room for a file called `path`. Raises InTheWay where a folder of its name is not empty.

    One that holds nothing but empty folders goes; anything in it stays.
    """
    if not path.is_dir() or path.is_symlink():
        return
    filled = InTheWay(OCCUPIED)
    folders = list(os.walk(path, topdown=False))
    if any(
        files or any(Path(folder, one).is_symlink() for one in inside) for folder, inside, files in folders
    ):
        raise filled
    try:
        for folder, _, _ in folders:
            Path(folder).rmdir()
    except OSError as error:
        raise filled from error


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


def name_late_edit(area: Area, name: str) -> str:
    """Give what was written into a held file a name in the tree again: its own, or a copy's. Which, below the root.

    Raises InTheWay, and OSError.
    """
    staged = area.staging / "late-edit"
    with at(area.root, name, make=True) as target:
        private_dir(area.staging)
        shutil.copy2(area.hold / name, staged)
        copies = (target.with_name(f"{target.name}.conflict{number}") for number in count(1))
        kept = place_at_first_free(staged, chain([target], copies))
    if kept is None:
        raise InTheWay("its folder went away")
    return str(Path(name).with_name(kept.name))


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
                with at(root, str(name), make=True) as path:
                    if place(held, path):
                        returned.append(str(name))
            except InTheWay:
                continue  # its folder has become a file, or a link: it goes to the trash
            except OSError as error:
                # The same where its place refuses it; a full disk has to be mended first.
                if refusal(error) is None:
                    raise
        _move_tree(hold, trash / hold.name)
    for leftover in (holds, root / METADATA_DIR / "staging"):
        shutil.rmtree(leftover, ignore_errors=True)
    return returned


def stamp_of(path: Path) -> tuple[int, Stamp]:
    """Size and stamp of a file as it is now. Raises FileNotFoundError."""
    status = path.lstat()
    return status.st_size, Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
