"""What a migration sees: the sources, the sync dir, and how they stand to each other. Changes nothing in either."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bisync import events
from bisync.app import App
from bisync.config import Sync
from bisync.core.metadata import METADATA_DIR
from bisync.core.migration import Forest, Gathering, contested, gather, path_key
from bisync.core.snapshot import BaseFile, Stamp
from bisync.errors import BisyncError
from bisync.migrate import trees
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Holding, Passed, Source
from bisync.migrate.webdav import Server
from bisync.state.migration import FOLDER, Entry, MigrationState, read_entries, write_entries
from bisync.sync.hashing import file_md5


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A source as it was found: what it holds, and how its files stand to the sync dir.

    `fresh`: how many of them no finished migration has brought. `unknown`: what its content will tell once it is here.
    """

    source: Source
    files: int
    bytes: int
    ignored: tuple[trees.Ignored, ...]
    passed: tuple[Passed, ...]
    fresh: int = 0
    new: int = 0
    same: int = 0
    differ: int = 0
    unknown: int = 0


@dataclass(slots=True, kw_only=True)
class View:
    """All that is known of a migration's trees. `servers`: for each source on a WebDAV server, how it is reached."""

    app: App
    sync: Sync
    state: MigrationState
    sources: tuple[Source, ...]
    servers: Mapping[str, Server]
    holdings: dict[str, Holding] = field(default_factory=dict)
    here: trees.Here = field(init=False)
    _read: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.here = trees.here(self.sync.dir)

    def tell(self, event: events.Event) -> None:
        """Pass an event on."""
        self.app.on_event(self.sync.name, event)

    def settled(self, source: Source) -> dict[str, Entry]:
        """What of a source finished migrations have brought."""
        return {one.path: one for one in read_entries(self.state.settled(source.label))}

    def look(self, *, contents: bool) -> None:
        """Look at every source; with `contents` all of it is read that has not been read before."""
        pace = Pace(self.tell, "looking at what there is")
        for source in self.sources:
            server = self.servers.get(source.label)
            noted = {one.path: one for one in read_entries(self.state.inventory(source.label))}
            known = self.settled(source) | noted
            if server is not None:
                self.holdings[source.label] = server.read(server.look(), known, pace)
            else:
                holding = trees.look(self.app, self.sync, source)
                only = None if contents else ()
                self.holdings[source.label] = trees.read(source, holding, known, pace, only=only)

    def look_here(self) -> None:
        """Look at the sync dir anew."""
        self.here = trees.here(self.sync.dir)

    def note(self) -> None:
        """Write down what the sources hold."""
        for source in self.sources:
            write_entries(self.state.inventory(source.label), self.holdings[source.label].files.values())

    def note_here(self, known: Mapping[str, BaseFile]) -> None:
        """Write down what the sync dir holds, once for all migrations and once for this one: `--undo` goes by it.

        `known`: the baseline's files, which need not be read again as long as nobody has touched them.
        """
        if not self.state.began_with.exists():
            write_entries(self.state.began_with, self.here.files.values())
        if self.state.before.exists():
            return
        pace = Pace(self.tell, "looking at the sync dir")
        files = self.here.files.values()
        pace.expect(sum(one.size for one in files), len(self.here.files))
        rows = []
        for one in files:
            base = known.get(path_key(one.path))
            same = base is not None and base.stamp is not None and _stands_for(base.stamp, base.size, one)
            md5 = base.md5 if base is not None and same else None
            rows.append(one._replace(md5=md5 or self._content(one)))
            pace.done(one.size)
        folders = [Entry(path + FOLDER, 0, 0, "", None) for path in self.here.folders]
        if (self.sync.dir / METADATA_DIR).is_dir():
            folders.append(Entry(METADATA_DIR + FOLDER, 0, 0, "", None))
        write_entries(self.state.before, (*rows, *folders))

    def note_brought(self, contents: Mapping[str, str]) -> None:
        """Write down what this migration has brought by now. `contents`: MD5s that are known, by the key of a path."""
        self.look_here()
        began = {one.path: one.mark for one in read_entries(self.state.began_with)}
        brought = {one.path: one for one in read_entries(self.state.brought)}
        for path, one in self.here.files.items():
            if began.get(path) != one.mark:
                md5 = contents.get(path_key(path)) or self._content(one)
                brought[path] = one._replace(md5=md5)
        write_entries(self.state.brought, brought.values())

    def settle(self) -> None:
        """Write down that all of it has been brought."""
        for source in self.sources:
            both = self.settled(source) | dict(self.holdings[source.label].files)
            write_entries(self.state.settled(source.label), both.values())
        self.state.began_with.unlink(missing_ok=True)

    def fresh(self, source: Source) -> dict[str, Entry]:
        """The source's files that no finished migration has brought as they are."""
        settled = self.settled(source)
        return {
            path: one
            for path, one in self.holdings[source.label].files.items()
            if path not in settled
            or (one.mark != settled[path].mark and (one.md5 is None or one.md5 != settled[path].md5))
        }

    def counted(self) -> tuple[Gathering, list[Looked]]:
        """What has to be done; and how the sources stand to the sync dir, and to each other."""
        gathering, unknown = self.decide()
        looked = [
            Looked(
                source=source,
                files=len(self.holdings[source.label].files),
                bytes=self.holdings[source.label].bytes,
                ignored=self.holdings[source.label].ignored,
                passed=self.holdings[source.label].passed,
                fresh=len(self.fresh(source)),
                new=gathering.new[number],
                same=gathering.same[number],
                differ=gathering.differ[number] - unknown[number],
                unknown=unknown[number],
            )
            for number, source in enumerate(self.sources)
        ]
        return gathering, looked

    def decide(self) -> tuple[Gathering, list[int]]:
        """What has to be done; and for each source how many files only their content can place, which is not here."""
        sources = self.sources
        forest = Forest(
            here=trees.versions_here(self.here, {}),
            blocked={path_key(path) for path in (*self.here.folders, *self.here.others)},
            sources=[
                layer
                for number, source in enumerate(sources)
                for layer in trees.versions_of(number, source, self.fresh(source).values())
            ],
            folders=[trees.empty_folders(source, self.holdings[source.label]) for source in sources],
        )
        contents: dict[str, str] = {}
        read: dict[tuple[int, str], str] = {}
        unknown = [0] * len(sources)
        asked = contested(forest)
        pace = Pace(self.tell, "comparing what has the same name")
        pace.expect(sum(one.size for one in asked), len(asked))
        for one in asked:
            if one.tree < 0:
                md5 = self._content(self.here.files[one.name])
                if md5 is not None:
                    contents[one.name] = md5
            elif one.md5 is None:
                source = sources[one.tree]
                path = source.root / one.name.removeprefix(source.below)
                md5 = _content(path, one.size) if source.kind == "folder" else None
                if md5 is None:
                    unknown[one.tree] += path_key(one.name) in forest.here
                else:
                    read[one.tree, one.name] = md5
            pace.done(one.size)
        known = replace(
            forest,
            here=trees.versions_here(self.here, contents),
            sources=[
                {
                    key: one._replace(md5=read.get((one.tree, one.name), one.md5))
                    for key, one in source.items()
                }
                for source in forest.sources
            ],
        )
        return gather(known), unknown

    def fetch_unknown(self) -> list[Passed]:
        """Bring to this disk what a server's listing tells no content of, and learn it."""
        passed: list[Passed] = []
        for label, server in self.servers.items():
            holding = self.holdings[label]
            wanted = [one for one in self.fresh(server.source).values() if one.md5 is None]
            need(self.state.root, sum(one.size for one in wanted), f"what {label} holds")
            lost = server.fetch(wanted)
            passed += lost
            holding = server.read(holding, {}, Pace(self.tell, f"comparing with {label}"))
            gone = {one.path for one in lost}
            files = {path: one for path, one in holding.files.items() if path not in gone}
            self.holdings[label] = replace(holding, files=files, passed=(*holding.passed, *lost))
            write_entries(self.state.inventory(label), files.values())
        return passed

    def fetch_wanted(self, gathering: Gathering) -> list[Passed]:
        """Bring to this disk what a server told the content of, where it is needed."""
        passed: list[Passed] = []
        for number, source in enumerate(self.sources):
            server = self.servers.get(source.label)
            if server is None:
                continue
            holding = self.holdings[source.label]
            names = {
                kept.version.name.removeprefix(source.below)
                for one in gathering.meetings
                for kept in one.brought
                if kept.version.tree == number
            }
            passed += server.fetch([holding.files[name] for name in sorted(names)])
        return passed

    def changed(self) -> Iterator[tuple[str, str, str]]:
        """What a source holds now that it did not hold when it was looked at."""
        for source in self.sources:
            server = self.servers.get(source.label)
            now = server.look() if server is not None else trees.look(self.app, self.sync, source)
            before = self.holdings[source.label]
            gone = {one.path for one in before.passed}
            for path, one in now.files.items():
                if path not in gone and (path not in before.files or before.files[path].mark != one.mark):
                    yield source.label, path, "it changed while the migration was at work"

    def _content(self, one: Entry) -> str | None:
        """The content of a file of the sync dir, read once as long as it is as it was."""
        known = one.path, one.mark
        if known not in self._read:
            self._read[known] = _content(self.sync.dir / one.path, one.size)
        return self._read[known]


def _stands_for(stamp: Stamp, size: int, one: Entry) -> bool:
    """Whether what a stamp was taken of is this file, as it is now."""
    return one.mark == trees.mark_of(size, stamp.mtime_ns, 0, stamp.inode)


def _content(path: Path, size: int) -> str | None:
    """A file's MD5; None where it cannot be read."""
    try:
        return file_md5(path, size=size)
    except OSError:
        return None


def need(folder: Path, size: int, what: str) -> None:
    """Raise BisyncError where the disk of a folder (or of what will hold it) has no room for so many bytes."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    free = shutil.disk_usage(there).free
    if free < size:
        raise BisyncError(
            f"not enough room for {what}: {size} bytes, and {there} has {free}",
            hint="free some space, then run again",
        )
