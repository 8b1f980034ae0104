"""Take a migration back: the sync dir and the configuration as they were; the cloud is left alone.

What is not as the migration left it is somebody's work by now: it stays, and is named.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bisync.app import App
from bisync.config import Sync
from bisync.core.conflict_names import judged_as
from bisync.core.metadata import METADATA_DIR
from bisync.files import atomic_write, private_dir
from bisync.migrate import trees
from bisync.state.migration import FOLDER, PENDING, Entry, Journal, MigrationState, file_digest, read_entries
from bisync.state.paths import SyncState
from bisync.sync import inside, naming
from bisync.sync.hashing import file_md5


@dataclass(slots=True)
class Undone:
    """What was taken back, as paths, and what was not, with the reason."""

    removed: int = 0
    restored: list[str] = field(default_factory=list)
    config: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)


def undo(app: App, sync: Sync, migration: MigrationState, journal: Journal, *, dry_run: bool) -> Undone:
    """Put things back from the journal. For the holder of the migration's lock; raises Locked, BisyncError, OSError."""
    if dry_run:
        return _Undo(app, sync, app.state(sync), migration, journal, dry_run=True).all()
    with app.locked_dir(sync) as state:
        return _Undo(app, sync, state, migration, journal, dry_run=False).all()


class _Undo:
    def __init__(
        self,
        app: App,
        sync: Sync,
        state: SyncState,
        migration: MigrationState,
        journal: Journal,
        *,
        dry_run: bool,
    ) -> None:
        self._app = app
        self._root = Path(journal.dir)
        self._state = state
        self._migration = migration
        self._journal = journal
        self._dry_run = dry_run
        self._trash = state.trash / f"undone-{journal.id}"
        self._contents: dict[str, str | None] = {}
        self.done = Undone()

    def all(self) -> Undone:
        """Everything, in an order that can be begun again after a crash."""
        if not self._dry_run:
            # First of all: what goes now must not be taken for deletions by the next run.
            self._forget_baseline()
        self._tree()
        for path, row in self._journal.config.items():
            self._config(Path(path), row)
        return self.done

    def _forget_baseline(self) -> None:
        aside = self._migration.root / "forgotten"
        for path in (self._state.baseline, self._state.work):
            if path.exists():
                private_dir(aside)
                target = aside / path.name
                shutil.rmtree(target, ignore_errors=True)
                target.unlink(missing_ok=True)
                path.rename(target)
        self._state.prepare()

    def _tree(self) -> None:
        before = {one.path: one for one in read_entries(self._migration.before)}
        if not (before or self._migration.before.exists()):
            return  # it had not come as far as the sync dir
        files = {path: one for path, one in before.items() if not path.endswith(FOLDER)}
        found = trees.here(self._root)
        is_brought = self._brought()
        # What has to come back is looked for before anything goes: it may have another name now.
        wanted = {path: one for path, one in files.items() if not self._is_as_before(found, path, one)}
        origins = self._origins(found, files, wanted)
        needed = set(origins.values())
        for path in sorted(found.files):
            if path in files and path not in wanted:
                continue
            if path in needed:
                continue
            if path in wanted and path not in origins:
                self.done.kept.append(
                    (path, "it was edited since, and its old version is not there any more")
                )
            elif is_brought(found.files[path]):
                self._remove(path)
            else:
                self.done.kept.append((path, "it is not what the migration brought"))
        stay = {path for path, _ in self.done.kept}
        folders = {path.rstrip(FOLDER) for path in before if path.endswith(FOLDER)}
        self._empty_folders(found, folders)  # one of them may have the name of what comes back
        for path, origin in sorted(origins.items()):
            if path not in stay:
                self._restore(path, origin, wanted[path])
        self._empty_folders(found, folders)
        self._own_folders()

    def _brought(self) -> Callable[[Entry], bool]:
        """Tells whether a file is one that a migration has brought, and is as it was then.

        Where one was killed before that was noted: whether a source has that content under that name.
        """
        noted = {one.path: one.md5 for one in read_entries(self._migration.brought)}
        contents: dict[str, set[str | None]] = {}
        for label in self._journal.sources:
            for path in (self._migration.inventory(label), self._migration.settled(label)):
                for one in read_entries(path):
                    contents.setdefault(_last_name(one.path), set()).add(one.md5)
        unfinished = self._migration.began_with.exists()

        def is_brought(one: Entry) -> bool:
            md5 = self._content(one)
            if md5 is None:
                return False
            return noted.get(one.path) == md5 or (
                unfinished and md5 in contents.get(_last_name(one.path), ())
            )

        return is_brought

    def _is_as_before(self, found: trees.Here, path: str, one: Entry) -> bool:
        there = found.files.get(path)
        return there is not None and (there.size, there.mtime_ns) == (one.size, one.mtime_ns)

    def _origins(
        self, found: trees.Here, files: Mapping[str, Entry], wanted: Mapping[str, Entry]
    ) -> dict[str, str]:
        """Where what was there before lies now: under another name in the tree, or (absolute) in a run's trash."""
        by_size: dict[tuple[int, int], list[str]] = {}
        for path, one in found.files.items():
            if path not in files or path in wanted:
                by_size.setdefault((one.size, one.mtime_ns), []).append(path)
        # Of every run: one that was killed has told nobody its name.
        for kept in sorted(p for p in self._state.trash.rglob("*") if p.is_file()):
            status = kept.lstat()
            by_size.setdefault((status.st_size, status.st_mtime_ns), []).append(str(kept))
        origins: dict[str, str] = {}
        for path, one in wanted.items():
            there = by_size.get((one.size, one.mtime_ns), [])
            origin = next((each for each in there if file_md5(self._root / each) == one.md5), None)
            if origin is not None:
                there.remove(origin)
                origins[path] = origin
        return origins

    def _content(self, one: Entry) -> str | None:
        if one.path not in self._contents:
            try:
                self._contents[one.path] = file_md5(self._root / one.path, size=one.size)
            except OSError:
                self._contents[one.path] = None
        return self._contents[one.path]

    def _remove(self, path: str) -> None:
        """Into the trash of the sync: nothing is destroyed."""
        if not self._dry_run:
            target = self._trash / path
            private_dir(target.parent)
            try:
                with inside.at(self._root, path) as here:
                    shutil.move(here, target)
            except inside.InTheWay as way:
                self.done.kept.append((path, str(way)))
                return
        self.done.removed += 1

    def _restore(self, path: str, origin: str, one: Entry) -> None:
        source = self._root / origin
        if not self._dry_run:
            if not source.is_relative_to(self._root):
                copy = self._root / METADATA_DIR / "coming-back"
                private_dir(copy.parent)
                copy.unlink(missing_ok=True)
                shutil.copy2(source, copy)
                os.utime(copy, ns=(one.mtime_ns, one.mtime_ns))
                source = copy
            try:
                with inside.at(self._root, path, make=True) as target:
                    why = None if naming.take_name(source, target) else "something has its name"
            except inside.InTheWay as way:
                why = str(way)
            if why is not None:
                self.done.kept.append((path, f"{why}; it lies in {source}"))
                return
        self.done.restored.append(path)

    def _empty_folders(self, found: trees.Here, before: set[str]) -> None:
        if self._dry_run:
            return
        for path in sorted(found.folders, reverse=True):
            if path not in before:
                with suppress(OSError):  # one that is not empty stays
                    (self._root / path).rmdir()

    def _own_folders(self) -> None:
        if self._dry_run:
            return
        if self._journal.made_dir:
            shutil.rmtree(self._root / METADATA_DIR, ignore_errors=True)
            with suppress(OSError):
                self._root.rmdir()
        elif METADATA_DIR + FOLDER not in {one.path for one in read_entries(self._migration.before)}:
            shutil.rmtree(self._root / METADATA_DIR, ignore_errors=True)

    def _config(self, path: Path, row: Mapping[str, str | None]) -> None:
        """A configuration file as it was, unless somebody else has written to it since."""
        now = file_digest(path)
        if now == row["before"]:
            return
        if row["now"] not in (PENDING, now):
            self.done.kept.append((str(path), "it was changed since"))
            return
        self.done.config.append(str(path))
        if self._dry_run:
            return
        if row["before"] is None:
            path.unlink(missing_ok=True)
        else:
            kept = self._migration.kept(path).read_bytes()
            atomic_write(path, kept, mode=int(row["mode"] or "600", 8))


def _last_name(path: str) -> str:
    """What a file is called, or is a conflict copy of."""
    return judged_as(path.rpartition("/")[2])
