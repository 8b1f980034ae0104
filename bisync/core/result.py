"""What came of it, as plain values that the screen and `--json` read alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from bisync.core.change import Change
from bisync.core.snapshot import LeftOut


class Outcome(StrEnum):
    """How a run over one sync ended."""

    DONE = "done"
    IDLE = "idle"
    REFUSED = "refused"
    FAILED = "failed"


def ended_well(outcome: str, exit_code: int) -> bool:
    """Whether a run is a success for whoever watches over it: it came to its end, left nothing out, nothing failed."""
    return exit_code == 0 and outcome in (Outcome.DONE, Outcome.IDLE)


class Passing(str):
    """A note that nobody has to act upon: what a run makes of it is as it should be."""

    __slots__ = ()


class Version(NamedTuple):
    """A version of a contested file as a run left it here, and whose it was. Size to inode tell it from others."""

    path: str
    origin: Literal["local", "cloud"]
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A conflict of this run: the contested name, the copies kept beside it, and who won the name.

    `side`: where the file lay that made room for a folder. `planned`: it was decided in the plan, by the profile's
    rule, and did not come up later. `versions`: those that lay here when the run ended. `device`: the one other
    that has synced with the cloud since this one's last look, where it was one: the cloud's version is most likely its.
    """

    path: str
    copies: tuple[str, ...]
    winner: str
    side: Literal["local", "cloud"] | None = None
    planned: bool = True
    versions: tuple[Version, ...] = ()
    device: str | None = None

    @property
    def origins(self) -> dict[str, Literal["local", "cloud"]]:
        """Whose version has which name."""
        if self.winner == "local":
            return {self.path: "local", **dict.fromkeys(self.copies, "cloud")}
        if self.winner == "cloud":
            return {self.path: "cloud", **dict.fromkeys(self.copies, "local")}
        if self.winner == "folder":
            return dict.fromkeys(self.copies, self.side or "local")
        return dict(zip(self.copies, ("local", "cloud"), strict=False))


@dataclass(slots=True)
class Tally:
    """Counts what really happened while a run is under way. What is `merged` is `uploaded`, too, once it is there."""

    uploaded: set[str] = field(default_factory=set)
    downloaded: set[str] = field(default_factory=set)
    deleted_local: set[str] = field(default_factory=set)
    deleted_cloud: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)
    merged: set[str] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """One run over one sync. `bytes` travelled, `seconds` taken; `exit_code` as the contract lists them.

    `left_alone`: what is never synced, where it was asked what a run would do. `registered`: the folders that were
    made projects of the cloud. `undoes`: the run that this one took back.
    """

    name: str
    mode: str
    outcome: Outcome
    run: str | None
    exit_code: int = 0
    uploaded: int = 0
    downloaded: int = 0
    deleted_local: int = 0
    deleted_cloud: int = 0
    renamed: int = 0
    merged: int = 0
    conflicts: tuple[Conflict, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    left_alone: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    error: str | None = None
    hint: str | None = None
    profile: str = ""
    resolve: str = ""
    preview: tuple[Change, ...] = ()
    registered: tuple[str, ...] = ()
    undoes: str | None = None


def facts(result: SyncResult) -> dict[str, Any]:
    """A run as JSON has it, in `sync --json` and in the history alike. `seconds` to the millisecond."""
    return {
        "mode": result.mode,
        "outcome": result.outcome.value,
        "uploaded": result.uploaded,
        "downloaded": result.downloaded,
        "deleted_local": result.deleted_local,
        "deleted_cloud": result.deleted_cloud,
        "renamed": result.renamed,
        "merged": result.merged,
        "conflicts": [
            {"path": one.path, "copies": list(one.copies), "winner": one.winner, "device": one.device}
            for one in result.conflicts
        ],
        "left_out": [{"path": one.path, "why": one.why} for one in result.left_out],
        "notes": list(result.notes),
        "registered": list(result.registered),
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "run": result.run,
        "error": result.error,
        "hint": result.hint,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `cure` only where `level` is not ok."""

    about: str
    level: Literal["ok", "warning", "problem"]
    text: str
    cure: str | None = None

    @property
    def exit_code(self) -> int:
        """1 for a problem."""
        return 1 if self.level == "problem" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One step of setup. `state`: ok, changed or failed ("would change" in a dry run)."""

    step: str
    state: str
    detail: str = ""
    hint: str | None = None
    exit_code: int = 0
