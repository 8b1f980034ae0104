"""What came of it, as plain values that the screen and `--json` read alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from bisync.core.change import Change
from bisync.core.snapshot import LeftOut


class Outcome(StrEnum):
    """How a run over one sync ended."""

    DONE = "done"
    IDLE = "idle"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A conflict of this run: the contested name, the copies kept beside it, and who won the name."""

    path: str
    copies: tuple[str, ...]
    winner: str


@dataclass(slots=True)
class Tally:
    """Counts what really happened while a run is under way."""

    uploaded: set[str] = field(default_factory=set)
    downloaded: set[str] = field(default_factory=set)
    deleted_local: set[str] = field(default_factory=set)
    deleted_cloud: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """One run over one sync. `bytes` travelled, `seconds` taken; `exit_code` as the contract lists them."""

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
    conflicts: tuple[Conflict, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    error: str | None = None
    hint: str | None = None
    profile: str = ""
    resolve: str = ""
    preview: tuple[Change, ...] = ()


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
        "conflicts": [
            {"path": one.path, "copies": list(one.copies), "winner": one.winner} for one in result.conflicts
        ],
        "left_out": [{"path": one.path, "why": one.why} for one in result.left_out],
        "notes": list(result.notes),
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
