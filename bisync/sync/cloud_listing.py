"""The cloud's files as their listing comes, and which paths a sync cannot have at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.lease_folder import Entry, Kind
from bisync.core.metadata import CLOUD_TRASH, LEASES, MARKER_NAME, MARKER_PATH, METADATA_DIR
from bisync.core.snapshot import BaseFile, CloudFile, LeftOut
from bisync.locks import lease_objects
from bisync.rclone.listings import ListedFile
from bisync.rclone.output import Listed, ListingReader, parse_time
from bisync.state import lease as lease_state
from bisync.state import runs

KEY_BYTES = 1024
# bisync counts files of this name anywhere in its frame, and refuses to run when one side has more of them.
MARKERS_NAME = f"its name is that of bisync's marker, {MARKER_NAME}"


class Remembered(NamedTuple):
    """The cloud as it was listed through these filters, with what our own runs have done to it since.

    It is what the baseline of that time says (which goes with these `listings`; with others somebody else has synced
    here since), but for what `differs`: None for what is not there. `leases`: those of folders above and below.
    """

    listings: str
    differs: Mapping[str, CloudFile | None]
    left_out: tuple[LeftOut, ...]
    marker: ListedFile | None
    filters: str
    compare: Compare
    leases: tuple[Entry, ...]


def in_cloud(path: str, base: BaseFile) -> CloudFile | None:
    """A file as a listing by checksum has it that is what the baseline says; None where it has no hash."""
    if base.md5 is None:
        return None
    return CloudFile(base.names[1] if base.names is not None else path, base.size, base.md5, None)


class Fit:
    """Says which paths (rclone's spelling) this sync cannot have on either side."""

    def __init__(self, session: Session) -> None:
        self._room = _room(session)
        self._words = (MARKER_NAME, *session.app.manifest.ignore_files)
        rules = "|".join(re.escape(name) for name in session.app.manifest.ignore_files)
        marker = f"(?P<marker>{re.escape(MARKER_NAME)}\\Z)"
        self._taken = re.compile(f"(?:^|/)(?:{marker}" + (f"|(?P<rules>{rules})/)" if rules else ")"))

    def obstacle(self, path: str) -> str | None:
        """Why a file of this path cannot be synced; None when it can."""
        for word in self._words:  # in next to no path is any of them
            if word in path:
                break
        else:
            return self._too_long(path)
        if found := self._taken.search(path):
            if found["marker"]:
                return MARKERS_NAME
            # In the cloud it would stand in the way of the ignore file itself, on every device.
            return f"it is in a folder called {found['rules']}, which is the name of an ignore file"
        return self._too_long(path)

    def _too_long(self, path: str) -> str | None:
        if self._room is None or len(path) <= names.NAME_BYTES or len(path.encode()) <= self._room:
            return None
        return "its path is too long for the cloud: its old versions could not be kept"


def _room(session: Session) -> int | None:
    """How many bytes a path may have for this sync's cloud; None: nothing is known to limit it.

    S3's keys have 1,024 bytes (Amazon S3 User Guide, "Naming objects"), and that of an old version is longer.
    """
    if not session.remote.is_bucket:
        return None
    prefix = session.remote.fs.partition(":")[2].partition("/")[2]
    run = runs.on_device(runs.new_run_id(session.app.now()), session.app.device)
    added = f"{prefix}{CLOUD_TRASH}/{run}/.conflict999"
    return KEY_BYTES - len(added.encode())


def lease_entries(path: str, each: Listed) -> list[Entry]:
    """The lease object that a file of the sync with this remote `path` is, if it is one."""
    if not (each.path.startswith(LEASES) or f"/{LEASES}" in each.path):
        return []
    folder = each.path.rpartition(METADATA_DIR)[0].rstrip("/")
    found = lease_objects.entry("/".join(filter(None, (path, folder))), each)
    return [] if found is None else [found]


class Fingerprint(NamedTuple):
    """Of a listing: a digest of it as it came, and one that is the same in whatever order it comes."""

    as_it_came: bytes
    in_order: bytes


class CloudListing:
    """What is found. `leases`: the objects by which devices say that they write.

    `fingerprinted`: the listing is kept as it comes, and read once it is at its end.
    """

    def __init__(self, session: Session, *, fingerprinted: bool = False) -> None:
        self._raw: list[bytes] | None = [] if fingerprinted else None
        self._fit = Fit(session)
        self._path = session.sync.path
        self.files: dict[str, CloudFile] = {}
        self.left_out: list[LeftOut] = []
        self.marker: ListedFile | None = None
        self.leases: list[Entry] = []
        self._doubled: set[str] = set()
        self.fingerprint: Fingerprint | None = None
        self._reader = ListingReader(self._take)

    def feed(self, chunk: bytes) -> None:
        """The next piece of what rclone prints. Raises RcloneError for what is no listing."""
        if self._raw is None:
            self._reader.feed(chunk)
        else:
            self._raw.append(chunk)

    def forget(self) -> None:
        """Let go of what was kept: nobody will read it."""
        self._raw = []

    def is_like(self, before: Fingerprint) -> bool:
        """Whether what was kept has the same objects as the listing of `before`, in whatever order they come."""
        # They nearly always come in the same one, and to sort them takes ten times as long.
        return self._as_it_came() == before.as_it_came or self._in_order() == before.in_order

    def read(self) -> None:
        """Read what was kept. Raises RcloneError for what is no listing."""
        if self._raw is not None:
            self.fingerprint = Fingerprint(self._as_it_came(), self._in_order())
            for chunk in self._raw:
                self._reader.feed(chunk)
            self._raw = None

    def _as_it_came(self) -> bytes:
        digest = hashlib.sha256()
        for chunk in self._raw or ():
            digest.update(chunk)
        return digest.digest()

    def _in_order(self) -> bytes:
        lines = sorted(line.rstrip(b",") for line in b"".join(self._raw or ()).split(b"\n"))
        return hashlib.sha256(b"\n".join(lines)).digest()

    @classmethod
    def remembered(
        cls, session: Session, known: Remembered, baseline: Mapping[str, BaseFile]
    ) -> CloudListing:
        """A listing that was made before, with the lease that this device has given back since as the newest.

        `baseline`: what both sides held then.
        """
        found = cls(session)
        found.files = {
            path: there for path, base in baseline.items() if (there := in_cloud(path, base)) is not None
        }
        for path, other in known.differs.items():
            if other is None:
                found.files.pop(path, None)
            else:
                found.files[path] = other
        found.left_out, found.marker = list(known.left_out), known.marker
        number = lease_state.load(session.state.lease, session.place.store).number
        own = [] if number is None else [Entry(session.sync.path, number, "", Kind.FREE, 0.0)]
        found.leases = [*(one for one in known.leases if one.path != session.sync.path), *own]
        return found

    def _take(self, each: Listed) -> None:
        if each.path == MARKER_PATH:
            self.marker = ListedFile(MARKER_PATH, each.size, each.md5, parse_time(each.modtime))
            return
        if LEASES in each.path and (found := lease_entries(self._path, each)):
            self.leases += found
            return
        key = names.key(each.path)
        if key in self._doubled:
            return
        if (first := self.files.get(key)) is not None and first.name == each.path:
            # Of two with one name nobody can say which is read, written over or deleted (rclone docs, dedupe).
            self._doubled.add(key)
            del self.files[key]
            why = "the cloud has several files of this name: give them names of their own there"
            self.left_out.append(LeftOut(each.path, why))
        elif first is not None:
            twin = f"its name is another spelling of {first.name}"
            self.left_out.append(LeftOut(each.path, twin, twin=True))
        elif obstacle := names.misfit(each.path) or self._fit.obstacle(each.path):
            self.left_out.append(LeftOut(each.path, obstacle))
        elif names.is_too_long(each.path):
            self.left_out.append(LeftOut(each.path, "its name is too long for this disk"))
        else:
            # Where a hash tells, nobody asks when it was stored.
            stored = None if each.md5 is not None else parse_time(each.modtime)
            self.files[key] = CloudFile(each.path, each.size, each.md5, stored)
