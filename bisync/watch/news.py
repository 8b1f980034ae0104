"""What a watch has to say, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bisync.core.agenda import Reason

if TYPE_CHECKING:
    from bisync.core.result import SyncResult


@dataclass(frozen=True, slots=True)
class Watching:
    """These syncs are watched from now on; each is looked at every so many seconds."""

    syncs: tuple[str, ...]
    interval: float


@dataclass(frozen=True, slots=True)
class Began:
    """A run began."""

    sync: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Ended:
    """A run ended; the next comes in `next_in` seconds unless something happens before."""

    sync: str
    result: SyncResult
    next_in: float


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run was at work on the sync; it is tried again in a moment."""

    sync: str
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something a user should know. `sync`: None where it is about all of them."""

    sync: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The manifest is broken; the last good one goes on."""

    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """It is over. `why`: in words."""

    why: str


News = Watching | Began | Ended | Busy | Note | Broken | Stopped
