"""Which hooks follow a run, and what a hook is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bisync.config import Sync
from bisync.core import names
from bisync.core.printable import printable
from bisync.core.result import Conflict, Outcome, Tally

BEFORE = "before_sync"
# So many characters of an error are passed on: a system takes 128 KiB for a variable, and a person less.
ERROR_LENGTH = 4_000
# So many characters of a command or of its last line stand in a message.
SHOWN_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What every hook of a run is told. `remote`: as rclone spells it; "" where the run did not come so far."""

    run: str
    profile: str
    remote: str = ""


def afterwards(outcome: Outcome, done: Tally) -> tuple[str, ...]:
    """The hooks that follow a run, in their order. `done`: what it did, also where it failed later."""
    moved = (
        done.uploaded,
        done.downloaded,
        done.deleted_local,
        done.deleted_cloud,
        done.renamed,
        done.merged,
        done.conflicts,
    )
    failed = outcome in (Outcome.FAILED, Outcome.REFUSED)
    return (
        *(["on_conflict"] if done.conflicts else []),
        *(["on_change"] if any(moved) else []),
        "on_failure" if failed else "after_sync",
    )


def named_remote(fs: str, store: str) -> str:
    """The cloud side for a hook: `fs`, or `store` where `fs` spells out how to get there, which may hold a password.

    (rclone docs, "Connection strings"; a remote of rclone.conf that is an alias may stand for one.)
    """
    name, colon, _ = fs.partition(":")
    return store if colon and (not name or "," in name) else fs


def facts(hook: str, sync: Sync, about: About) -> dict[str, str]:
    """What every hook is told, as variables."""
    return {
        "BISYNC_HOOK": hook,
        "BISYNC_SYNC": sync.name,
        "BISYNC_TENANT": sync.tenant.name,
        "BISYNC_DIR": str(sync.dir),
        "BISYNC_REMOTE": about.remote,
        "BISYNC_PROFILE": about.profile,
        "BISYNC_RUN": about.run,
    }


def outcome_facts(outcome: Outcome, error: str | None, done: Tally) -> dict[str, str]:
    """What a hook after the run is told besides."""
    text = error or ""
    return {
        "BISYNC_OUTCOME": outcome.value,
        "BISYNC_ERROR": text if len(text) <= ERROR_LENGTH else text[:ERROR_LENGTH] + "…",
        "BISYNC_UPLOADED": str(len(done.uploaded - done.merged)),
        "BISYNC_DOWNLOADED": str(len(done.downloaded)),
        "BISYNC_DELETED_LOCAL": str(len(done.deleted_local)),
        "BISYNC_DELETED_CLOUD": str(len(done.deleted_cloud)),
        "BISYNC_RENAMED": str(len(done.renamed)),
        "BISYNC_MERGED": str(len(done.merged)),
        "BISYNC_CONFLICTS": str(len(done.conflicts)),
    }


PATHS_FILE = "BISYNC_CONFLICT_PATHS_FILE"

VARIABLES = frozenset(
    [
        *(
            "BISYNC_HOOK",
            "BISYNC_SYNC",
            "BISYNC_TENANT",
            "BISYNC_DIR",
            "BISYNC_REMOTE",
            "BISYNC_PROFILE",
            "BISYNC_RUN",
        ),
        *("BISYNC_OUTCOME", "BISYNC_ERROR", "BISYNC_UPLOADED", "BISYNC_DOWNLOADED", "BISYNC_DELETED_LOCAL"),
        *("BISYNC_DELETED_CLOUD", "BISYNC_RENAMED", "BISYNC_MERGED", "BISYNC_CONFLICTS", PATHS_FILE),
    ]
)
"""Every variable that a hook may be told. One that is not told is not there, whatever runs bisync."""


def environment(base: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """What a hook runs in: the user's own environment, and what it is told. No variable can hold a NUL."""
    kept = {name: value for name, value in base.items() if name not in VARIABLES}
    return {**kept, **{name: value.replace("\0", "\\x00") for name, value in told.items()}}


def conflict_paths(conflicts: Iterable[Conflict]) -> str:
    """The contested paths, one a line and each once, as this machine writes them."""
    return "".join(f"{path}\n" for path in sorted({_on_one_line(one.path) for one in conflicts}))


def _on_one_line(path: str) -> str:
    """A path in rclone's spelling as its user wrote it; a line break, which no synced path has, as its picture."""
    return names.shown(path).replace("\n", names.PICTURES["\n"])


def shown_line(line: str) -> str:
    """A line that a hook wrote, for the terminal and for the log: tabs become blanks, control characters visible."""
    return printable(line.rstrip("\r\n").expandtabs())


def shortened(text: str) -> str:
    """A command, or a line that a hook wrote, for a message."""
    text = printable(text)
    return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"


def headline(at: str, run: str, hook: str, command: str) -> str:
    """What stands above a hook's output in the log; its lines are indented, so that none looks like one."""
    return f"== {at}  run {run or '-'}  {hook}: {shortened(command)}"
