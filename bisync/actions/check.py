"""Compare the contents of both sides, changing nothing."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bisync import events, ignore, names, rclone
from bisync.app import App
from bisync.config import Sync
from bisync.errors import BisyncError


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one comparison found: `match` is a count, the rest are sorted paths."""

    name: str
    match: int = 0
    differ: tuple[str, ...] = ()
    missing_local: tuple[str, ...] = ()
    missing_cloud: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    error: BisyncError | None = None

    @property
    def exit_code(self) -> int:
        """0 in sync, 3 differences, 1 when something could not be compared."""
        if self.error is not None:
            return self.error.exit_code
        if self.differ or self.missing_local or self.missing_cloud:
            return 3
        return 1 if self.errors else 0


def run(app: App, sync: Sync, *, one_way: bool = False) -> CheckResult:
    """Compare sizes and hashes of everything that is not ignored (rclone docs, `rclone check`).

    `one_way`: files that only the cloud has are fine. Our own metadata does not count.
    """
    try:
        with app.target(sync) as target, tempfile.TemporaryDirectory(prefix="bisync-") as scratch:
            filters = Path(scratch) / "filters.rclone"
            filters.write_text(app.filters(app.rules(sync)))
            argv = rclone.check_argv(sync.dir, target.remote, filters=filters, one_way=one_way)
            target.emit(events.Step("comparing both sides"))
            outcome = target.rclone.run(argv, remote=target.remote)
            # 0 equal, 1 differences; a general failure has no file lines to show for itself.
            if outcome.code not in (0, 1) or (outcome.code == 1 and not outcome.stdout.strip()):
                raise rclone.failure(argv, outcome, target.remote)
    except BisyncError as error:
        return CheckResult(name=sync.name, error=error)
    except OSError as error:
        text = f"{error.filename or sync.dir}: {error.strerror or error}"
        return CheckResult(
            name=sync.name, error=BisyncError(text, hint="mend that, then run again: bisync check")
        )
    found: dict[str, list[str]] = {mark: [] for mark in "=*+-!"}
    for line in outcome.stdout.splitlines():
        mark, path = line[:1], line[2:]
        if mark in found and path != ignore.MARKER_PATH:
            found[mark].append(names.from_rclone(path))
    return CheckResult(
        name=sync.name,
        match=len(found["="]),
        differ=tuple(sorted(found["*"])),
        missing_cloud=tuple(sorted(found["+"])),
        missing_local=tuple(sorted(found["-"])),
        errors=tuple(sorted(found["!"])),
    )
