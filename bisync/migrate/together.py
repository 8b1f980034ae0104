"""What was decided about trees that come together is done: copied beside, then named, never over anything."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bisync.core import names
from bisync.core.metadata import METADATA_DIR
from bisync.core.migration import Gathering, Kept, Meeting
from bisync.files import private_dir
from bisync.migrate.copying import Changed, Copier
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Passed, Source
from bisync.state.migration import Entry
from bisync.sync import inside, naming, swap


def carry_out(
    root: Path, sources: Sequence[Source], gathering: Gathering, seen: Mapping[str, Entry], pace: Pace
) -> list[Passed]:
    """Bring everything together in the sync dir at `root`; what could not be brought, and why.

    `seen`: the sync dir's files as they were when it was decided. For the holder of the sync's lock. Raises OSError
    for what refuses all of them, such as a full disk.
    """
    work = _Work(root, sources, seen, pace)
    pace.expect(
        sum(one.version.size for each in gathering.meetings for one in each.brought),
        sum(len(each.brought) for each in gathering.meetings),
    )
    try:
        for meeting in gathering.meetings:
            work.settle(meeting)
        for folder in gathering.folders:
            work.make_folder(folder)
        os.sync()
    finally:
        shutil.rmtree(work.staging, ignore_errors=True)
    return work.passed


class _Work:
    """One gathering under way."""

    def __init__(self, root: Path, sources: Sequence[Source], seen: Mapping[str, Entry], pace: Pace) -> None:
        self.root = root
        self.staging = root / METADATA_DIR / "staging" / "migration"
        self.passed: list[Passed] = []
        self._sources = sources
        self._seen = seen
        self._pace = pace
        self._copier = Copier(pace.add)
        self._folders: dict[str, str | None] = {"": None}
        shutil.rmtree(self.staging, ignore_errors=True)
        private_dir(self.staging)
        self._next, self._beside = self.staging / "next", self.staging / "beside"

    def settle(self, meeting: Meeting) -> None:
        """Do what was decided about one path. What is to have the name is copied before what has it gives way."""
        take = Kept(meeting.take, meeting.path) if meeting.take is not None else None
        why = self._copy(take, self._next) if take is not None else None
        if why is None and meeting.aside is not None and not self._set_aside(meeting.path, meeting.aside):
            self._next.unlink(missing_ok=True)
            return
        for one in meeting.beside:
            self._done(one, self._copy(one, self._beside) or self._name(one, self._beside))
        if take is not None:
            self._done(take, why or self._name(take, self._next))

    def _done(self, one: Kept, why: str | None) -> None:
        if why is not None:
            self.passed.append(Passed(one.name, why, lost=True))
        self._pace.done()

    def _set_aside(self, path: str, name: str) -> bool:
        seen = self._seen[path]
        try:
            with inside.at(self.root, path) as there, inside.at(self.root, name) as aside:
                now = there.lstat()
                same = (now.st_size, now.st_mtime_ns) == (seen.size, seen.mtime_ns)
                if same and naming.take_name(there, aside):
                    return True
        except (FileNotFoundError, inside.InTheWay):
            pass
        self.passed.append(Passed(path, "it changed in the sync dir meanwhile", lost=True))
        return False

    def _copy(self, one: Kept, beside: Path) -> str | None:
        """Copy a version to where it waits for its name; why it cannot have one, or None."""
        source = self._sources[one.version.tree]
        why = self._ready(one.name.rpartition("/")[0], source)
        if why is not None:
            return why
        path = source.root / one.version.name.removeprefix(source.below)
        try:
            self._copier.copy(path, beside, size=one.version.size, mtime_ns=one.version.mtime_ns)
        except (Changed, FileNotFoundError):
            return "it changed meanwhile"
        except PermissionError as error:
            return f"cannot be read: {error.strerror}"
        return None

    def _name(self, one: Kept, beside: Path) -> str | None:
        """Give what waits its name; why it has none, or None."""
        try:
            with inside.at(self.root, one.name) as target:
                if naming.take_name(beside, target):
                    return None
        except inside.InTheWay as way:
            return str(way)
        except OSError as error:
            why = swap.refusal(error)
            if why is None:
                raise
            return why
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        return "something got its name meanwhile"

    def _ready(self, folder: str, source: Source) -> str | None:
        """Make a folder and those above it; why nothing can come into it, or None."""
        if folder not in self._folders:
            above, _, _ = folder.rpartition("/")
            self._folders[folder] = self._ready(above, source) or self._make(folder, source)
        return self._folders[folder]

    def _make(self, folder: str, source: Source) -> str | None:
        path = self.root / folder
        try:
            inside.check_way(self.root, folder)
            path.mkdir(mode=_mode(source.root / folder.removeprefix(source.below)))
        except FileExistsError:
            return None if path.is_dir() else "a file here has the name of its folder"
        except inside.InTheWay as way:
            return str(way)
        except OSError as error:
            why = swap.refusal(error)
            if why is None:
                raise
            return why
        return None

    def make_folder(self, folder: str) -> None:
        """An empty folder of a source."""
        for source in self._sources:
            if folder.startswith(source.below) and (source.root / folder.removeprefix(source.below)).is_dir():
                self._ready(folder, source)
                return
        for one in (*names.parents(folder), folder):
            (self.root / one).mkdir(exist_ok=True)


def _mode(original: Path) -> int:
    """The permissions a folder gets: those of its original, where there is one on this disk."""
    try:
        return stat.S_IMODE(original.stat().st_mode) | stat.S_IRWXU
    except OSError:
        return 0o777
