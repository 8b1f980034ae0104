"""What each side holds, and what both held after the last good run. Values only.

Paths are keys: rclone's spelling in NFC, as rclone pairs files. `name` keeps a side's own spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bisync.config import Compare
from bisync.core.place import Place


class Stamp(NamedTuple):
    """What says that a local file has not been touched: any write moves ctime, whatever mtime says."""

    mtime_ns: int
    ctime_ns: int
    inode: int


class LocalFile(NamedTuple):
    """A local file. `name` relative to the sync dir, as the operating system spells it. md5 None: not read."""

    name: str
    size: int
    stamp: Stamp
    md5: str | None


class CloudFile(NamedTuple):
    """A file in the cloud.

    `mtime_ns`: its own modtime where changes are told by that; else, of one without a hash, when it was stored.
    """

    name: str
    size: int
    md5: str | None
    mtime_ns: int | None


class LeftOut(NamedTuple):
    """A file or folder this run cannot handle, and why; the rest goes on without it.

    `path` as its own side spells it (rclone's spelling). `twin`: another spelling of it goes on (NFC, NFD).
    `waits`: for its user's word (see `core.waiting`).
    """

    path: str
    why: str
    folder: bool = False
    twin: bool = False
    waits: bool = False


OCCUPIED = "a folder here has its name, and it is not empty"
"""Why a file of the cloud cannot come here: what fills the folder is in no plan."""
PRIVATE_KEY = (
    "it begins like a private key, and those stay here: ignore it, or if it may go to the cloud, "
    "name it with a ! in this machine's .bmignore or in the manifest"
)
"""Why a file here is in no plan, whatever its name."""
A_LINK = "a link here has its name"
NO_FILE = "what has its name here is no file"


def behind_link(link: str) -> str:
    """Why nothing can come to a path that leads through the link of this name."""
    return f"{link} is a link here, and nothing is changed through one"


def no_folder(name: str) -> str:
    """Why nothing can come to a path that leads through something else of this name."""
    return f"{name} is a folder in the cloud, and none here"


class LocalSnapshot(NamedTuple):
    """The local side. `device`: st_dev of the sync dir. `marker`: our marker file is there.

    `occupied`: folders (keys) that hold, at any depth, what no plan moves: ignored files, links, what is left out.
    `links`, `specials`: what is neither file nor folder (keys).
    """

    files: Mapping[str, LocalFile]
    left_out: tuple[LeftOut, ...]
    device: int
    marker: bool
    occupied: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    specials: frozenset[str] = frozenset()


class CloudSnapshot(NamedTuple):
    """The cloud side."""

    files: Mapping[str, CloudFile]
    left_out: tuple[LeftOut, ...]
    marker: bool


class BaseFile(NamedTuple):
    """One file as both sides held it after the last good run.

    `md5` is the content's, None where nobody has read it. `stamp` None: this run could not vouch that
    the local file still is what was synced; it is read again. The times are what is compared where
    there are no hashes; by checksum, `cloud_mtime_ns` is when an object without a hash was stored. `names`: how
    rclone spells it here and in the cloud, where either is not the path itself.
    """

    size: int
    md5: str | None
    stamp: Stamp | None
    local_mtime_ns: int | None
    cloud_mtime_ns: int | None
    names: tuple[str, str] | None = None


class Arriving(NamedTuple):
    """A file that was on its way to `side` in a run that did not end well; the other side held it."""

    side: Literal["local", "cloud"]
    file: BaseFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`listings`: digest of the `.lst` pair it was made from. `filters`: digest of the filter text.

    `keeps_versions`: whether the remote could keep what the run replaced there. `arriving`: what runs since then
    that did not end well may have brought. `place`: what it speaks of; None in one of an earlier version.
    `as_listed`: the cloud's times are those that its listing had, and not what bisync noted.
    """

    files: Mapping[str, BaseFile]
    compare: Compare
    profile: str
    filters: str
    device: int
    run: str
    listings: str
    keeps_versions: bool = True
    arriving: Mapping[str, Arriving] = field(default_factory=dict)
    place: Place | None = None
    as_listed: bool = False
