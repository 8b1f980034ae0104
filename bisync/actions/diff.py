"""Say what the next sync will change in texts, on both sides, changing nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisync.app import App
from bisync.config import Sync
from bisync.core import guard, names
from bisync.core.change import Action, Change
from bisync.errors import BisyncError
from bisync.sync.differences import FileDifference, differences
from bisync.sync.located import wanted
from bisync.sync.patterns import Wanted
from bisync.sync.prepare import prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What the next sync changes in files. `refused`: what guards have against it; then it changes nothing."""

    name: str
    files: tuple[FileDifference, ...] = ()
    refused: tuple[str, ...] = ()
    error: BisyncError | None = None

    @property
    def exit_code(self) -> int:
        """0, or that of the error."""
        return 0 if self.error is None else self.error.exit_code


def meant(
    syncs: tuple[Sync, ...], words: Sequence[str], cwd: Path
) -> tuple[tuple[Sync, ...], Mapping[str, list[Wanted]]]:
    """The syncs that `words` (paths, folders, patterns) are about, and by a sync's name what each word means there.

    No words: all of every sync. Raises UsageError where one leads into no sync dir.
    """
    found: dict[str, list[Wanted]] = {}
    for word in words:
        for sync, one in wanted(syncs, word, cwd):
            found.setdefault(sync.name, []).append(one)
    return tuple(sync for sync in syncs if not words or sync.name in found), found


def run(app: App, sync: Sync, *, meant: Mapping[str, Sequence[Wanted]]) -> Differences:
    """What the next sync would change in the files that are `meant`: by a sync's name the words for them; none: all."""
    words = meant.get(sync.name, ())
    try:
        with app.session(sync) as session:
            prepared = prepare(session)
            changes = _chosen(prepared.plan.changes, words)
            files = tuple(differences(session, prepared, changes, words))
    except BisyncError as error:
        return Differences(name=sync.name, error=error)
    refused = tuple(one.message for one in guard.refusals(prepared.verdicts))
    return Differences(name=sync.name, files=files, refused=refused)


def _chosen(changes: Sequence[Change], words: Sequence[Wanted]) -> list[Change]:
    """The changes of files that are meant; a rename is by either name. Raises UsageError for a pattern that is none."""
    about_files = [change for change in changes if change.action is not Action.REGISTER_PROJECT]
    if not words:
        return about_files
    spelled = {path: names.shown(path) for change in about_files for path in change.paths}
    found = {path for word in words for path in word.among(spelled.values())}
    return [change for change in about_files if any(spelled[path] in found for path in change.paths)]
