"""Say what the next sync will change in texts, on both sides, changing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bisync import process
from bisync.app import App, Session
from bisync.config import Sync
from bisync.core import guard, names
from bisync.core.change import Action, Change
from bisync.core.text_diff import ABSENT, EFFORT, TOTAL_EFFORT, Shown, Version, shown, unshown
from bisync.errors import BisyncError
from bisync.sync import merging, texts
from bisync.sync.located import wanted
from bisync.sync.patterns import Wanted
from bisync.sync.prepare import Prepared, prepare

Side = Literal["local", "cloud", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """What a sync changes in one file on `side`. `before`, `after`: how many bytes there are; None: no file.

    A conflict is on both sides: `before` is the version here, `after` the one in the cloud, and what becomes of them is
    in the change. A merge is a difference on each side. `shown` None: nothing but names change.
    """

    change: Change
    side: Side
    before: int | None = None
    after: int | None = None
    shown: Shown | None = None


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
            files = tuple(_differences(session, prepared, changes, words))
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


def _by_name(change: Change) -> bool:
    """Whether nothing but names change."""
    return change.action is Action.RENAME or change.winner == "folder"


def _sides(
    change: Change, ours: Version, theirs: Version, merged: Version
) -> Iterator[tuple[Side, Version, Version]]:
    """The sides that a change is on, with the version before and the one after it. `merged`: what a merge makes."""
    match change.action:
        case Action.DOWNLOAD:
            yield "local", ours, theirs
        case Action.UPLOAD:
            yield "cloud", theirs, ours
        case Action.DELETE_LOCAL:
            yield "local", ours, ABSENT
        case Action.DELETE_CLOUD:
            yield "cloud", theirs, ABSENT
        case Action.RENAME:
            yield "cloud" if change.side == "local" else "local", ABSENT, ABSENT
        case Action.MERGE:
            yield "local", ours, merged
            yield "cloud", theirs, merged
        case _:
            yield "both", ours, theirs


def _differences(
    session: Session, prepared: Prepared, changes: Sequence[Change], words: Sequence[Wanted]
) -> Iterator[FileDifference]:
    """The difference that each change makes, in the order of their paths. Raises RcloneError.

    What one of `words` names is shown whole, however long it is.
    """
    local, cloud = prepared.seen.local.files, prepared.seen.cloud.files

    def is_named(path: str) -> bool:
        return any(word.is_path(names.shown(path)) for word in words)

    def here(path: str) -> Version:
        file = local.get(path)
        return ABSENT if file is None else texts.here(session.sync.dir, file.name, file.size)

    # What lies here is read once more when its turn comes: all of it together may be large.
    to_fetch = [
        there
        for change in changes
        if not _by_name(change)
        and (there := cloud.get(change.path)) is not None
        and unshown(here(change.path), Version(there.size), whole=is_named(change.path)) is None
    ]
    came = texts.fetched(session, to_fetch)
    left = TOTAL_EFFORT
    for change in changes:
        process.check_interrupt()
        path, ours, theirs = change.path, ABSENT, ABSENT
        if not _by_name(change):
            ours = here(path)
            if (there := cloud.get(path)) is not None:
                theirs = came.get(there.name, Version(there.size))
        for side, before, after in _sides(
            change, ours, theirs, _merged(session, prepared, change, ours, theirs)
        ):
            if _by_name(change):
                yield FileDifference(change=change, side=side)
                continue
            found = shown(before, after, effort=min(left, EFFORT), whole=is_named(path))
            left -= found.spent
            yield FileDifference(change=change, side=side, before=before.size, after=after.size, shown=found)


def _merged(session: Session, prepared: Prepared, change: Change, ours: Version, theirs: Version) -> Version:
    """What both versions become where they are merged."""
    if change.merged is None:
        return ABSENT
    base = None if prepared.baseline is None else prepared.baseline.files.get(change.path)
    text = None
    if ours.content is not None and theirs.content is not None:
        text = merging.foreseen(session, change, base, ours.content, theirs.content)
    return Version(change.merged.size, text, "" if text is not None else merging.CHANGING)
