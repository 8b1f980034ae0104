"""What happens in a run, as typed values; most come from rclone's log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["local", "cloud"]


@dataclass(frozen=True, slots=True)
class Copied:
    """A file arrived at `to`; `size` in bytes."""

    path: str
    to: Side
    size: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file left `side`; `kept`: it was moved into the backup dir."""

    path: str
    side: Side
    kept: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """A file got another name on its own side."""

    path: str


@dataclass(frozen=True, slots=True)
class ConflictCopy:
    """bisync itself kept a loser beside its winner, because both sides moved after the plan."""

    path: str
    copy: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Totals so far: bytes and files, speed in bytes per second, eta in seconds or None.

    `reading`: of files here that are read to tell what changed, not of transfers.
    """

    bytes: int
    total_bytes: int
    files: int
    total_files: int
    speed: float
    eta: float | None
    reading: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What begins now and may take a while, in a few words for people."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing goes on until another device is done; said again and again."""

    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error or warning; `path` is the file it is about, or None."""

    level: Literal["error", "notice"]
    text: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """Anything else rclone said."""

    text: str


@dataclass(frozen=True, slots=True)
class HookLine:
    """A line that a hook of the user's wrote, whether to its stdout or its stderr."""

    text: str


Event = Copied | Deleted | Moved | ConflictCopy | Progress | Step | Waiting | Problem | Text | HookLine
