"""Results as a person reads them: a result goes in, lines come out. Pure.

Names and messages stand in these lines as they are; what prints them makes their control characters visible. The
engine's own values are imported where they are used: every task loads this module, also when all it does is
print its help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bisync.report.heed import RED, YELLOW, Heed
from bisync.report.left_out import own

if TYPE_CHECKING:
    from bisync.actions.check import CheckResult
    from bisync.actions.explain import Explanation
    from bisync.actions.prune import Pruned
    from bisync.actions.status import SyncStatus
    from bisync.config import Manifest
    from bisync.core.result import Finding
    from bisync.events import Progress
    from bisync.ignore import LintWarning

NOTHING_CHANGED = "Nothing was changed (dry run)."


class Problem(NamedTuple):
    """What went wrong, in a line, and its cure: a line that is an error."""

    message: str
    hint: str | None = None


class Painted(NamedTuple):
    """A line with a colour (SGR) for those who look at a terminal.

    `as_it_is`: text that another program may read: in a pipe nothing is made visible in it.
    """

    text: str
    colour: str = ""
    as_it_is: bool = False


Line = str | Problem
"""A line of result, or an error among them."""
Shown = Line | Painted
"""The same where it may have a colour."""


# -- single words ---------------------------------------------------------------------------------------


def counted(count: int, thing: str, several: str | None = None) -> str:
    """ "1 run", "2 runs"; `several`: the plural where it is not the word with an s."""
    from bisync.core import counting  # every task loads this module, also one that prints its help

    return counting.counted(count, thing, several)


def files(count: int) -> str:
    """ "1 file", "2 files"."""
    return counted(count, "file")


def conflicts_text(count: int) -> str:
    """ "1 conflict", "2 conflicts"."""
    return counted(count, "conflict")


def size_text(size: int) -> str:
    """A size for people, in powers of 1024."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def time_text(seconds: float) -> str:
    """A time to wait, for people: "8 s", "2:05", "1:02:05"."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def progress_text(event: Progress) -> str:
    """How far the work is: "3 of 10 files, 1.2 MiB of 40.0 MiB, 3.1 MiB/s, 12 s left"."""
    parts = [f"{'reading ' if event.reading else ''}{event.files} of {files(event.total_files)}"]
    if event.total_bytes:
        parts.append(f"{size_text(event.bytes)} of {size_text(event.total_bytes)}")
        parts.append(f"{size_text(int(event.speed))}/s")
    if event.eta is not None:
        parts.append(f"{time_text(event.eta)} left")
    return ", ".join(parts)


def ago(then: str | None, now: datetime) -> str:
    """How long since an RFC 3339 time: "2 minutes ago", "never"."""
    if then is None:
        return "never"
    from bisync.stored import moment  # not needed by every command

    at = moment(then)
    if at is None:
        return "nobody knows when"
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{counted(count, unit)} ago"
    return "just now"


def clock_text(at: object, zone: tzinfo | None = None) -> str:
    """An RFC 3339 time as a clock on the wall shows it: "2026-11-22 11:15"; what is none as it is.

    `zone`: where the clock is; None: here.
    """
    from bisync.stored import moment

    then = moment(at)
    try:
        return f"{then.astimezone(zone):%Y-%m-%d %H:%M}" if then is not None else str(at or "-")
    except OverflowError:  # the first or the last day that there is, in another zone
        return str(at)


def home_text(path: Path) -> str:
    """A path with the home as `~`."""
    try:
        return "~/" + str(path.relative_to(Path.home()))
    except ValueError:
        return str(path)


# -- setting up -----------------------------------------------------------------------------------------


def init_lines(path: Path) -> list[str]:
    """What to do with a manifest that was written to `path`."""
    return [f"✓ Wrote {path}: edit it, then type: bisync validate"]


def validate_lines(manifest: Manifest, warnings: Iterable[LintWarning | str]) -> Iterator[str]:
    """What is odd about a manifest without a problem, as it is found, and how much is in it."""
    for warning in warnings:
        yield Heed(f"warning: {warning}", YELLOW)
    held = f"{counted(len(manifest.syncs), 'sync')}, {counted(len(manifest.tenants), 'tenant')}"
    yield f"OK: {manifest.path} ({held})"


# -- looking --------------------------------------------------------------------------------------------


def status_rows(one: SyncStatus, now: datetime) -> list[tuple[str, str, str | None]]:
    """A sync's state as rows of a table: property, value, and the value's colour where it has one."""
    rows: list[tuple[str, str, str | None]] = [
        ("Status", *(("✓ Initialized", "green") if one.initialised else ("✗ Not initialized", "red"))),
        ("Local Directory", home_text(one.local), None),
        ("Remote", one.remote, None),
        *([("Abilities", one.abilities, None)] if one.abilities is not None else ()),
        ("Profile", one.profile, None),
        ("Last Sync", ago(one.last_sync, now) + (" (one is running)" if one.running else ""), None),
        ("Total Projects", str(one.projects), None),
        ("Storage Used", size_text(one.storage_bytes), None),
        ("Conflicts", str(one.conflicts), "yellow" if one.conflicts else None),
    ]
    if not one.keeps_cloud_versions:
        rows.append(("Old Versions", "not kept in the cloud: this remote cannot move files", "yellow"))
    if one.left_out:
        rows.append(("Left Out", ", ".join(map(own, one.left_out)), "yellow"))
    if one.blocked:
        rows.append(("Blocked", one.blocked, "red"))
    return rows


def check_lines(result: CheckResult) -> list[Line]:
    """What is not equal on both sides, and how much is."""
    if result.error is not None:
        return [Problem(result.error.message, result.error.hint)]
    groups = (
        ("differs", result.differ), ("missing here", result.missing_local),
        ("missing in the cloud", result.missing_cloud), ("cannot be read", result.errors),
    )  # fmt: skip
    lines: list[Line] = [Heed(f"  {word}: {path}", YELLOW) for word, paths in groups for path in paths]
    apart = len(lines)
    if result.exit_code == 0:
        verb = "matches" if result.match == 1 else "match"
        lines.append(f"✓ Both sides are equal: {files(result.match)} {verb}")
    else:
        verb = "is" if apart == 1 else "are"
        lines.append(
            Heed(f"✗ {apart} of {files(apart + result.match)} {verb} not in sync; see: bisync plan", RED)
        )
    if result.by_size_only:
        lines.append(
            f"  {files(result.by_size_only)} compared by size alone, as the cloud has no hash of them; "
            "to compare contents: bisync check --download"
        )
    return lines


def doctor_lines(findings: Sequence[Finding]) -> list[str]:
    """One line a finding, and its cure."""
    lines: list[str] = []
    for one in findings:
        mark = {"ok": "✓", "warning": "!", "problem": "✗"}[one.level]
        said = [f"{mark} {one.about}: {one.text}", *([f"    → {one.cure}"] if one.cure else [])]
        colour = {"warning": YELLOW, "problem": RED}.get(one.level)
        lines += said if colour is None else [Heed(text, colour) for text in said]
    return lines


def explain_lines(found: Sequence[Explanation]) -> list[str]:
    """One line a path: whether it is synced, and which rule, or what it is, says so."""
    lines = []
    for one in found:
        why = f"{one.source}:{one.line}: {one.pattern}" if one.source else "no rule speaks about it"
        word = "synced" if one.synced else "not synced" if one.why else "ignored"
        lines.append(f"{one.path}: {word} ({one.why or why})")
    return lines


# -- conflicts and what is ignored --------------------------------------------------------------------------------


def prune_lines(result: Pruned) -> list[str]:
    """The ignored files in the cloud, and what became of them."""
    if not result.files:
        return ["nothing in the cloud is ignored"]
    lines = [f"  {size_text(size):>10}  {path}" for path, size in result.files]
    count, total = len(result.files), size_text(sum(size for _, size in result.files))
    if result.run:
        lines.append(f"✓ Pruned {count} from the cloud ({total}); kept in its trash (run {result.run})")
    else:
        lines.append(f"{count} in the cloud ({total}). Remove them there with: bisync prune --yes")
    return lines
