"""Compare the contents of both sides, changing nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisync import events
from bisync.app import App, Session
from bisync.config import Compare, Sync
from bisync.core import names
from bisync.core.metadata import MARKER_PATH
from bisync.errors import BisyncError, UsageError, disk_error
from bisync.rclone.argv import Argv, check_argv, list_argv
from bisync.rclone.diagnosis import failure, is_unlisted
from bisync.rclone.output import count_unchecked, read_listing
from bisync.rclone.program import name_list
from bisync.sync.patterns import Wanted


class NothingMeant(UsageError):
    """A path, folder or pattern that neither side has a file of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one comparison found: `match` is a count, the rest are sorted paths.

    `by_size_only`: how many files were compared by size alone, the cloud having no hash of them.
    """

    name: str
    match: int = 0
    by_size_only: int = 0
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


def run(
    app: App, sync: Sync, *, one_way: bool = False, download: bool = False, wanted: Wanted | None = None
) -> CheckResult:
    """Compare sizes and hashes of everything that is not ignored (rclone docs, `rclone check`).

    `one_way`: files that only the cloud has are fine. `download`: fetch what the cloud has no hash of, and
    compare the contents. `wanted`: what is said is about these files alone. Our own metadata does not count.
    """
    try:
        with app.session(sync) as session, tempfile.TemporaryDirectory(prefix="bisync-") as scratch:
            filters = Path(scratch) / "filters.rclone"
            filters.write_text(app.filters(app.rules(sync)))
            argv = check_argv(sync.dir, session.remote, filters=filters, one_way=one_way)
            found, by_size = _compare(session, argv, "comparing both sides")
            unhashed: list[str] = []
            if by_size and (download or wanted is not None):
                unhashed = _names_without_hash(session, filters)
            if wanted is not None:
                found, unhashed = meant(found, unhashed, wanted)
                by_size = sum(1 for name in unhashed if found.get(names.from_rclone(name)) == "=")
            if by_size and download:
                with name_list(unhashed) as listed:
                    argv = check_argv(sync.dir, session.remote, filters=filters, names=listed, download=True)
                    contents, by_size = _compare(session, argv, "comparing contents")
                found = {path: contents.get(path, mark) for path, mark in found.items()}
    except BisyncError as error:
        return CheckResult(name=sync.name, error=error)
    except OSError as error:
        refused = disk_error(error, where=sync.dir, failed="read", then="run again: bisync check")
        return CheckResult(name=sync.name, error=refused)

    def marked(mark: str) -> tuple[str, ...]:
        return tuple(sorted(path for path, its in found.items() if its == mark))

    return CheckResult(
        name=sync.name,
        match=len(marked("=")),
        by_size_only=by_size,
        differ=marked("*"),
        missing_cloud=marked("+"),
        missing_local=marked("-"),
        errors=marked("!"),
    )


def meant(
    found: Mapping[str, str], unhashed: Sequence[str], wanted: Wanted
) -> tuple[dict[str, str], list[str]]:
    """What is about the files that are wanted. Raises UsageError where neither side has one."""
    chosen = set(wanted.among(found))
    if not chosen:
        raise NothingMeant(
            f"no file on either side is {wanted.word}",
            hint="see which there are: bisync check, or bisync plan",
        )
    marks = {path: mark for path, mark in found.items() if path in chosen}
    return marks, [name for name in unhashed if names.from_rclone(name) in chosen]


def about(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The syncs that have a file of those that are wanted; all of them where none has."""
    having = [one for one in results if not isinstance(one.error, NothingMeant)]
    return having or list(results)


def _compare(session: Session, argv: Argv, doing: str) -> tuple[dict[str, str], int]:
    """rclone's mark for each path, and how many were compared by size alone. Raises RcloneError."""
    session.emit(events.Step(doing))
    outcome = session.rclone.run(argv, remote=session.remote)
    # 0 equal, 1 differences; a general failure has no file lines to show for itself.
    failed = outcome.code not in (0, 1) or (outcome.code == 1 and not outcome.stdout.strip())
    if failed or is_unlisted(outcome):
        raise failure(argv, outcome, session.remote)
    found = {
        names.from_rclone(line[2:]): line[0]
        for line in outcome.stdout.splitlines()
        if line[:1] in tuple("=*+-!")
    }
    by_size = count_unchecked(outcome)
    if found.pop(MARKER_PATH, None) == "=" and by_size and not session.remote.hashes:
        by_size -= 1
    return found, by_size


def _names_without_hash(session: Session, filters: Path) -> list[str]:
    """The cloud's files, in rclone's spelling, whose listing carries no MD5."""
    argv = list_argv(session.remote, compare=Compare.CHECKSUM, filters=filters)
    listed = read_listing(session.rclone.check(argv, remote=session.remote).stdout)
    return [each.path for each in listed if each.md5 is None and each.path != MARKER_PATH]
