"""Results as a person reads them, and as a script does. The only module that knows the terminal.

Text functions are pure; `Screen` prints. rich and the engine's own values are imported where they are
used: every task loads this module, also when all it does is print its help.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.table import Table

    from bisync import events
    from bisync.actions.check import CheckResult
    from bisync.actions.conflicts import ConflictGroup
    from bisync.actions.setup import SetupResult
    from bisync.actions.status import SyncStatus
    from bisync.plan import Change
    from bisync.result import SyncResult

PLAIN_PROGRESS_SECONDS = 5.0
SHOWN_CHANGES = 20


# -- words ----------------------------------------------------------------------------------------------


def files(count: int) -> str:
    """ "1 file", "2 files"."""
    return f"{count} file" if count == 1 else f"{count} files"


def size_text(size: int) -> str:
    """A size for people, in powers of 1024."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def ago(then: str | None, now: datetime) -> str:
    """How long since an RFC 3339 time: "2 minutes ago", "never"."""
    if then is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(then)).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def home_text(path: Path) -> str:
    """A path with the home as `~`."""
    try:
        return "~/" + str(path.relative_to(Path.home()))
    except ValueError:
        return str(path)


def clean(text: str) -> str:
    """A file name or message for a terminal: control characters made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


# By the action's name in `plan --json`; in the order of `plan.Action`.
_VERBS = {
    "upload": "upload",
    "download": "download",
    "delete_local": "delete here",
    "delete_cloud": "delete in the cloud",
    "conflict": "conflict",
    "register_project": "create project",
}


def plan_lines(changes: Sequence[Change], *, limit: int | None = SHOWN_CHANGES) -> list[str]:
    """One line a change, the first `limit` of them."""
    shown = changes if limit is None else changes[:limit]
    width = max((len(_VERBS[change.action]) for change in shown), default=0)
    lines = [
        f"  {_VERBS[change.action]:<{width}}  {clean(change.path)}  ({clean(change.why)})" for change in shown
    ]
    if len(changes) > len(shown):
        lines.append(f"  … and {len(changes) - len(shown)} more (see: bisync plan)")
    return lines


def plan_summary(changes: Sequence[Change]) -> str:
    """ "2 to upload, 1 to download, 1 to delete in the cloud"."""
    counts = [(action, sum(change.action == action for change in changes)) for action in _VERBS]
    parts = []
    for action, count in counts:
        if count and action == "conflict":
            parts.append(f"{count} conflict{'' if count == 1 else 's'}")
        elif count:
            parts.append(f"{count} to {_VERBS[action]}")
    return ", ".join(parts) or "nothing to do"


def outcome_text(result: SyncResult) -> str:
    """ "1 file uploaded", "2 files downloaded, 1 deleted"; "" when nothing moved."""
    parts = []
    if result.uploaded:
        parts.append(f"{files(result.uploaded)} uploaded")
    if result.downloaded:
        parts.append(f"{files(result.downloaded)} downloaded")
    deleted = result.deleted_local + result.deleted_cloud
    if deleted:
        parts.append(f"{deleted} deleted")
    return ", ".join(parts)


def sync_lines(result: SyncResult) -> list[str]:
    """What a person is told about a finished run."""
    from bisync.result import Outcome

    lines = [f"Note: {clean(note)}" for note in result.notes]
    for conflict in result.conflicts:
        lines.append(f"Conflict detected: {clean(conflict.path)}")
        copies = " and ".join(clean(copy) for copy in conflict.copies)
        if conflict.winner == "both":
            lines.append(f"Saved as: {copies}")
            lines.append(f"Please resolve manually, or: bisync resolve {clean(conflict.path)} --keep newer")
        else:
            rule = {"newer": "newer version", "older": "older version"}.get(
                result.resolve, f"{conflict.winner} version"
            )
            lines.append(f"Resolving conflict: using {rule}")
            lines.append(f"The other version is kept as: {copies}")
    for one in result.left_out:
        lines.append(f"Left out: {clean(one.path)}: {clean(one.why)}")
    if result.error is None:
        done = outcome_text(result)
        if result.outcome is Outcome.IDLE:
            done = done or "nothing to do"
        if result.left_out:
            done = ", ".join(part for part in (done, f"{files(len(result.left_out))} left out") if part)
        lines.append("✓ Sync completed" + (f" - {done}" if done else ""))
    return lines


def setup_lines(result: SetupResult, *, dry_run: bool = False) -> list[str]:
    """One line a step; why a step failed is for the error that follows."""
    width = len("would change" if dry_run else "changed")
    lines = []
    for step in result.steps:
        mark = {"ok": "✓", "failed": "✗"}.get(step.state, "+")
        detail = "" if step.state == "failed" else clean(step.detail)
        lines.append(f"{mark} {step.step:<11}  {step.state:<{width}}  {detail}".rstrip())
    return lines


# -- documents ------------------------------------------------------------------------------------------


def sync_document(results: Iterable[SyncResult]) -> dict[str, Any]:
    """What `sync --json` prints."""
    from bisync.result import facts

    return {"version": 1, "syncs": [{"name": result.name, **facts(result)} for result in results]}


def status_document(statuses: Iterable[SyncStatus]) -> dict[str, Any]:
    """What `status --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "tenant": one.tenant,
                "initialised": one.initialised,
                "local": str(one.local),
                "remote": one.remote,
                "profile": one.profile,
                "last_sync": one.last_sync,
                "last_outcome": one.last_outcome,
                "projects": one.projects,
                "storage_bytes": one.storage_bytes,
                "conflicts": one.conflicts,
                "blocked": one.blocked,
                "left_out": list(one.left_out),
                "running": one.running,
                "keeps_cloud_versions": one.keeps_cloud_versions,
            }
            for one in statuses
        ],
    }


def check_document(results: Iterable[CheckResult]) -> dict[str, Any]:
    """What `check --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "match": one.match,
                "by_size_only": one.by_size_only,
                "differ": list(one.differ),
                "missing_local": list(one.missing_local),
                "missing_cloud": list(one.missing_cloud),
                "errors": list(one.errors),
                "error": one.error.message if one.error else None,
            }
            for one in results
        ],
    }


def setup_document(results: Iterable[SetupResult]) -> dict[str, Any]:
    """What `setup --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": result.name,
                "steps": [
                    {"step": step.step, "state": step.state, "detail": step.detail, "hint": step.hint}
                    for step in result.steps
                ],
            }
            for result in results
        ],
    }


def conflicts_document(groups: Iterable[ConflictGroup]) -> dict[str, Any]:
    """What `conflicts --json` prints."""
    return {
        "version": 1,
        "conflicts": [
            {
                "sync": group.sync,
                "path": group.path,
                "versions": [
                    {"path": each.path, "size": each.size, "modified": each.modified, "origin": each.origin}
                    for each in group.versions
                ],
            }
            for group in groups
        ],
    }


# -- the terminal ---------------------------------------------------------------------------------------


def status_table(one: SyncStatus, now: datetime) -> Table:
    """The seed's table for one sync."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Cloud Bisync Status: {one.name}", title_justify="left", show_lines=False)
    table.add_column("Property")
    table.add_column("Value", overflow="fold")
    state = (
        Text("✓ Initialized", style="green") if one.initialised else Text("✗ Not initialized", style="red")
    )
    rows: list[tuple[str, str | Text]] = [
        ("Status", state),
        ("Local Directory", home_text(one.local)),
        ("Remote", one.remote),
        ("Profile", one.profile),
        ("Last Sync", ago(one.last_sync, now) + (" (one is running)" if one.running else "")),
        ("Total Projects", str(one.projects)),
        ("Storage Used", size_text(one.storage_bytes)),
        ("Conflicts", Text(str(one.conflicts), style="yellow") if one.conflicts else "0"),
    ]
    if not one.keeps_cloud_versions:
        rows.append(
            ("Old Versions", Text("not kept in the cloud: this remote cannot move files", style="yellow"))
        )
    if one.left_out:
        rows.append(("Left Out", Text(", ".join(map(clean, one.left_out)), style="yellow")))
    if one.blocked:
        rows.append(("Blocked", Text(clean(one.blocked), style="red")))
    for name, value in rows:
        table.add_row(name, value if isinstance(value, Text) else Text(value))
    return table


class Screen:
    """Where a task talks: results to stdout, errors and progress to stderr. Quiet when JSON is asked for."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self._listener: _Listener | None = None

    def say(self, text: str = "") -> None:
        """One line of result."""
        if not self.as_json:
            print(_encodable(text, sys.stdout), flush=True)

    def document(self, document: dict[str, Any]) -> None:
        """The JSON document, when one is asked for."""
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=True), flush=True)

    def error(self, message: str, hint: str | None = None) -> None:
        """One clear line, and the cure."""
        for number, line in enumerate(message.split("\n")):
            lead = style("Error: ", "31;1") if number == 0 else ""
            print(_encodable(lead + clean(line), sys.stderr), file=sys.stderr, flush=True)
        if hint:
            print(_encodable(f"  → {clean(hint)}", sys.stderr), file=sys.stderr, flush=True)

    def show(self, table: Table) -> None:
        """A table; wide enough in a pipe that no value is cut."""
        if not self.as_json:
            console = self._console()
            with console.capture() as shown:
                console.print(table)
            print(_encodable(shown.get(), sys.stdout), end="", flush=True)

    def _console(self) -> Console:
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else 160, highlight=False, safe_box=True)

    def plan(self, sync: str, changes: tuple[Change, ...]) -> None:
        """What a run is about to do."""
        if changes:
            self.say(f"{sync}: {plan_summary(changes)}")
            for line in plan_lines(changes, limit=None if self.verbose else SHOWN_CHANGES):
                self.say(line)

    def hear(self, sync: str, event: events.Event) -> None:
        """Show an event as it comes: a bar on a terminal, a line now and then in a pipe."""
        if self._listener is None:
            if self.as_json:
                self._listener = _Listener(verbose=False)
            elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
                self._listener = _Bar(verbose=self.verbose)
            else:
                self._listener = _Lines(verbose=self.verbose)
        self._listener(sync, event)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar off the screen."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


def style(text: str, code: str) -> str:
    """`text` in an SGR colour on a terminal; plain in a pipe and under NO_COLOR (no-color.org)."""
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        return f"\x1b[{code}m{text}\x1b[0m"
    return text


def _encodable(text: str, stream: Any) -> str:
    """`text` as the stream's encoding can print it (a C locale has no check mark)."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


class _Listener:
    """Hears events; shows nothing."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose

    def __call__(self, sync: str, event: events.Event) -> None:
        if self.verbose:
            self.tell(sync, event)

    def close(self) -> None:
        """Nothing more will come."""

    def tell(self, sync: str, event: events.Event) -> None:
        """Print what rclone says, for --verbose."""
        from bisync import events

        text = None
        match event:
            case events.Copied(path=path, to=side):
                text = f"{'uploaded' if side == 'cloud' else 'downloaded'} {path}"
            case events.Deleted(path=path, side=side, kept=True):
                text = f"deleted {path} ({side})"
            case events.Deleted(path=path):
                text = f"rclone: Deleted {path}"
            case events.Problem(text=said) | events.Text(text=said):
                text = f"rclone: {said}"
        if text:
            print(_encodable(f"  {clean(text)}", sys.stderr), file=sys.stderr)


class _Lines(_Listener):
    """Plain progress lines in a pipe, at most one every few seconds."""

    last = 0.0

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        if not isinstance(event, events.Progress) or not event.total_files:
            return
        now = time.monotonic()
        if self.last == 0.0:
            self.last = now  # a short run says nothing
        if now - self.last >= PLAIN_PROGRESS_SECONDS:
            self.last = now
            eta = f", {event.eta:.0f} s left" if event.eta is not None else ""
            verb = "read " if event.reading else ""
            print(
                f"{sync}: {verb}{event.files} of {files(event.total_files)}, {size_text(event.bytes)} of "
                f"{size_text(event.total_bytes)}, {size_text(int(event.speed))}/s{eta}",
                file=sys.stderr, flush=True,
            )  # fmt: skip


class _Bar(_Listener):
    """A bar with bytes, files, speed and time left; it pulses while nobody knows how much there is."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._bar: RichProgress | None = None
        self._phase = ""

    def __call__(self, sync: str, event: events.Event) -> None:
        from bisync import events

        super().__call__(sync, event)
        match event:
            case events.Step(text=text):
                self._show(f"{sync}: {text}", f"{sync}: {text}", 0, None)
            case events.Progress(total_files=total) if total:
                verb = "reading " if event.reading else ""
                text = f"{sync}: {verb}{event.files}/{files(total)}"
                self._show(f"{sync}: {verb}", text, event.bytes, event.total_bytes or None)

    def _show(self, phase: str, text: str, done: int, total: int | None) -> None:
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
        if phase != self._phase:
            # A task of its own: rich knows the speed of each, and cannot forget a total.
            self._phase = phase
            for old in self._bar.task_ids:
                self._bar.remove_task(old)
            self._bar.add_task(text, total=None)
        self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _rich_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class WhenKnown(ProgressColumn):
        """A column that is empty as long as there is nothing to count."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self.column = column

        def render(self, task: Task) -> Any:
            return Text("") if task.total is None else self.column.render(task)

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), WhenKnown(DownloadColumn(binary_units=True)),
        WhenKnown(TransferSpeedColumn()), WhenKnown(TimeRemainingColumn()),
    )  # fmt: skip
    # rich would send what we print to stderr with the bar: right on a terminal, lost for `sync > FILE`.
    on_screen = sys.stdout.isatty()
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=on_screen)
