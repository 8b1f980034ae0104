"""What a migration writes down, so that it can be stopped anywhere, repeated and taken back. All of it private.

In `migration/` of the sync's state: the journal, what each source held and holds (one line a file), what the sync dir
held before, the configuration files as they were, and what has been fetched from a WebDAV server.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bisync.core.printable import typed
from bisync.errors import BisyncError
from bisync.files import atomic_write, private_dir
from bisync.stored import Damaged, Fields, fits, open_plain, parse
from bisync.stored import load as load_stored

VERSION = 1
_TEXT = (None, str)
_SHAPE = {
    "version": int,
    "id": str,
    "began": str,
    "dir": str,
    "sources": [str],
    "backups?": {str: {str: str}},
    "done?": {str: str},
    "config?": {str: {"mode": _TEXT, "before": _TEXT, "now": _TEXT}},
    "made_dir?": bool,
    "wish?": dict,
    "runs?": [str],
    "finished?": _TEXT,
    "removed?": [str],
    "gone?": [str],
}
_ROW = Fields((str, int, int, str, _TEXT))
# More than any path, escaped.
_LINE_BYTES = 1 << 16
PENDING = "?"
"""What a configuration file is made of while the migration writes to it: then it is ours, whatever it is."""
FOLDER = "/"
"""What the path of a folder ends with among what the sync dir held before."""


class Entry(NamedTuple):
    """A file as a source or the sync dir holds it: path, size in bytes, time in ns since the epoch, its content.

    `mark`: by what it is known again without reading it. `md5` None: not read.
    """

    path: str
    size: int
    mtime_ns: int
    mark: str
    md5: str | None


@dataclass(slots=True)
class Journal:
    """How far a migration has come.

    `sources`: their labels. `backups`: by a source's label, where its last whole copy lies and the digest of what that
    is a copy of. `done`: steps that ended well, with the time. `config`: configuration files by path: mode and digest
    as they were, None where there was none, and the digest of what the migration made of them. `made_dir`: there was
    no sync dir. `wish`: what was asked for. `runs`: what the runs of it are called. `finished`: when it was verified.
    `removed`: what of the old went; `gone`: remotes of rclone.conf that did.
    """

    id: str
    began: str
    dir: str
    sources: list[str]
    backups: dict[str, dict[str, str]] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    config: dict[str, dict[str, str | None]] = field(default_factory=dict)
    made_dir: bool = False
    wish: dict[str, Any] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    finished: str | None = None
    removed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MigrationState:
    """The files of one sync's migration, all below `root`."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def journal(self) -> Path:
        return self.root / "journal.json"

    @property
    def before(self) -> Path:
        """What the sync dir held before."""
        return self.root / "before.jsonl"

    @property
    def began_with(self) -> Path:
        """What the sync dir held when the migration that is under way came to it."""
        return self.root / "began-with.jsonl"

    @property
    def brought(self) -> Path:
        """What migrations have brought into the sync dir, from wherever, as it was then."""
        return self.root / "brought.jsonl"

    def inventory(self, label: str) -> Path:
        """What a source held when it was looked at last."""
        return self.root / f"source-{_short(label)}.jsonl"

    def settled(self, label: str) -> Path:
        """What of a source a finished migration has brought."""
        return self.root / f"settled-{_short(label)}.jsonl"

    def fetched(self, label: str) -> Path:
        """The folder for what comes from a WebDAV server."""
        return self.root / f"fetched-{_short(label)}"

    def kept(self, config: Path) -> Path:
        """A configuration file as it was. It may hold keys, so it is no part of the journal."""
        return self.root / f"config-{_short(str(config))}"

    def keep(self, config: Path) -> dict[str, str | None]:
        """Keep a configuration file as it is, unless there is none; what the journal says of it."""
        before = file_digest(config)
        if before is None:
            return {"mode": None, "before": None, "now": None}
        private_dir(self.root)
        atomic_write(self.kept(config), config.read_bytes())
        return {"mode": f"{config.stat().st_mode & 0o777:o}", "before": before, "now": before}

    def load(self) -> Journal | None:
        """The journal; None where there is none. Raises BisyncError for one that cannot be read."""
        try:
            found = load_stored(self.journal, _SHAPE)
            if found.pop("version") != VERSION:
                raise ValueError("its version is not known here")
            return Journal(**found)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise BisyncError(
                f"the migration's journal cannot be read: {self.journal}: {error}",
                hint=f"nothing was changed; start afresh with: mv {typed(self.root)} {typed(f'{self.root}.broken')}",
            ) from None

    def forget(self) -> None:
        """Remove all of it, the journal last: what is left of the rest must not pass for a new migration's."""
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self.journal:
                path.unlink()
        self.journal.unlink()
        self.root.rmdir()

    def save(self, journal: Journal) -> None:
        """Write the journal down."""
        private_dir(self.root)
        atomic_write(self.journal, json.dumps({"version": VERSION, **asdict(journal)}, indent=1) + "\n")


def _short(label: str) -> str:
    return hashlib.sha256(label.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write files down, one JSON list a line."""
    private_dir(path.parent)
    atomic_write(path, "".join(f"{json.dumps(list(one))}\n" for one in entries))


def read_entries(path: Path) -> Iterator[Entry]:
    """What `write_entries` wrote; nothing where there is no such file. Raises BisyncError for what is no such list."""
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as stream:
            while line := stream.readline(_LINE_BYTES):
                row = parse(line)
                if not fits(row, _ROW):
                    raise Damaged("a line of it is none of ours")
                yield Entry(*row)
    except FileNotFoundError:
        return
    except Damaged as error:
        raise BisyncError(
            f"{path} cannot be read: {error}", hint=f"remove it, then run again: rm {typed(path)}"
        ) from None


def digest(entries: Iterable[Entry]) -> str:
    """What tells one state of a tree from another: paths, sizes, times and contents."""
    found = hashlib.sha256()
    for one in sorted(entries):
        row = json.dumps([one.path, one.size, one.mtime_ns, one.md5])
        found.update(f"{row}\n".encode())
    return found.hexdigest()


def file_digest(path: Path) -> str | None:
    """A digest of a file's bytes; None where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
