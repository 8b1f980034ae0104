"""What a remote can do, by what rclone says of it and by what was tried there. Pure.

rclone says what a backend promises (`rclone backend features`); a server behind it may keep less. So a small file is
written there once, and read back: its time, its size, its hash. Nothing here knows a backend by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bisync.config import Compare

# rclone's word for times that are not kept: a hundred years (fs.ModTimeNotSupported).
NO_TIMES_NS = 100 * 365 * 86_400 * 1_000_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a remote can do, as far as a sync needs it.

    `hashes`: its listings carry MD5s for free; `slow_hashes`: it has them, at a price for each file. `precision_ns`: of
    the times it keeps for files; None: it keeps none. `asks_each`: these times cost a request for each file.
    `stored_tells`: the time at which a file was stored is another one for its next version. `own_times`: that time is
    the store's own, whatever it is told. `keeps_versions`: it can move or copy on its own side, into a backup folder.
    `is_bucket`: it is a store of objects, where a condition on a creation is of one piece with it, if it is kept.
    `folds_case`: it takes names that differ in case alone for one. `proved`: it was tried.
    """

    hashes: bool = False
    slow_hashes: bool = False
    precision_ns: int | None = 1
    asks_each: bool = False
    stored_tells: bool = True
    own_times: bool = True
    keeps_versions: bool = True
    is_bucket: bool = False
    folds_case: bool = False
    proved: bool = False

    @property
    def told_by(self) -> Compare | None:
        """By what changes are told here unless somebody says otherwise; None where nothing tells them."""
        if self.hashes:
            return Compare.CHECKSUM
        if self.precision_ns is not None and not (self.asks_each and self.stored_tells):
            return Compare.MODTIME
        return Compare.STORED if self.stored_tells else None

    def why_not(self, compare: Compare) -> str | None:
        """Why changes cannot be told in this way here; None where they can."""
        if compare is Compare.CHECKSUM and not (self.hashes or self.slow_hashes):
            return "it has no MD5 of what lies there"
        if compare is Compare.MODTIME and self.precision_ns is None:
            return "it keeps no modification times"
        return None


OBJECTS = Abilities(hashes=True, asks_each=True, is_bucket=True, proved=True)
"""S3: hashes in its listings, a file's own time by a request, a copy on its own side."""


def promised(features: Mapping[str, Any], behind: Iterable[Mapping[str, Any]] = ()) -> Abilities:
    """What a remote promises, by `rclone backend features` of it, and of the remotes `behind` it.

    One that stands before others (crypt, chunker, union, …) says of itself that it is quick; what it asks them is not.
    """
    can, leads_to = features.get("Features") or {}, [dict(one.get("Features") or {}) for one in behind]
    precision = features.get("Precision")
    has_md5 = "md5" in (features.get("Hashes") or ())
    slow = bool(can.get("SlowHash")) or any(one.get("SlowHash") for one in leads_to)
    return Abilities(
        hashes=has_md5 and not slow,
        slow_hashes=has_md5 and slow,
        precision_ns=precision if isinstance(precision, int) and 0 < precision < NO_TIMES_NS else None,
        asks_each=bool(can.get("SlowModTime")) or any(one.get("SlowModTime") for one in leads_to),
        keeps_versions=bool(can.get("Move") or can.get("Copy")),
        is_bucket=bool(can.get("BucketBased")),
        folds_case=bool(can.get("CaseInsensitive")),
    )


def is_opaque(features: Mapping[str, Any]) -> bool:
    """Whether a remote stands before another one and has no hashes of what lies there: it may be enciphered."""
    return bool((features.get("Features") or {}).get("Overlay")) and not features.get("Hashes")


class Seen(NamedTuple):
    """A file as a listing has it. Times in ns since the epoch: its own, and when it was stored."""

    md5: str | None
    own_ns: int | None
    stored_ns: int | None


class Trial(NamedTuple):
    """What came of a file of this `md5` and time `told_ns` that was written, and again, and perhaps moved there.

    `leased`: the second version, which was written as leases are: the store was told no time, where that can be.
    `folded`: it is found by its name in capitals, too.
    """

    md5: str
    told_ns: int
    first: Seen
    again: Seen
    leased: Seen
    moved: bool
    folded: bool


def proved(said: Abilities, trial: Trial) -> Abilities:
    """What a remote keeps of what it promises."""
    precision = said.precision_ns and kept_precision(trial.told_ns, trial.first.own_ns)
    return replace(
        said,
        hashes=said.hashes and trial.first.md5 == trial.md5,
        slow_hashes=said.slow_hashes and trial.first.md5 == trial.md5,
        precision_ns=max(said.precision_ns or 1, precision) if precision else None,
        stored_tells=trial.first.stored_ns is not None and trial.first.stored_ns != trial.again.stored_ns,
        own_times=trial.leased.stored_ns is not None
        and kept_precision(trial.told_ns, trial.leased.stored_ns) is None,
        keeps_versions=said.keeps_versions and trial.moved,
        folds_case=said.folds_case or trial.folded,
        proved=True,
    )


def kept_precision(told_ns: int, kept_ns: int | None) -> int | None:
    """How exactly a time was kept, in ns: to the ns, µs, ms, second, or two of them (FAT); None: not at all."""
    if kept_ns is None:
        return None
    for step in (1, 1_000, 1_000_000, SECOND, 2 * SECOND):
        if abs(told_ns - kept_ns) < step and (step == 1 or kept_ns % step == 0):
            return step
    return None


def words(can: Abilities, told_by: Compare) -> str:
    """The abilities in one line for people. `told_by`: how changes are told in this sync."""
    how = {
        Compare.CHECKSUM: "checksum",
        Compare.MODTIME: f"time ({_span(can.precision_ns or 1)})",
        Compare.STORED: "size and time of upload",
    }[told_by]
    each = told_by is Compare.MODTIME and can.asks_each
    return (
        f"changes are told by {how}; old versions are kept there: {_yes(can.keeps_versions)}; "
        f"one request per file: {_yes(each)}"
    )


def _span(ns: int) -> str:
    for unit, size in (("s", SECOND), ("ms", 1_000_000), ("µs", 1_000)):
        if ns >= size:
            return f"{ns // size} {unit}"
    return f"{ns} ns"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
