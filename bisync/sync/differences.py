"""What a plan changes in texts, file by file: both versions are read, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bisync import process
from bisync.app import Session
from bisync.core import names, private_keys
from bisync.core.change import Action, Change
from bisync.core.private_keys import HEAD_BYTES
from bisync.core.text_diff import ABSENT, EFFORT, LONG, TOTAL_EFFORT, Shown, Version, shown, unshown
from bisync.sync import merging, texts
from bisync.sync.patterns import Wanted
from bisync.sync.prepare import Prepared

Side = Literal["local", "cloud", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """What a sync changes in one file on `side`. `before`, `after`: how many bytes there are; None: no file.

    A conflict is on both sides: `before` is the version here, `after` the one in the cloud, and what becomes of them is
    in the change. A merge is a difference on each side. `shown` None: nothing but names change. `is_key`: a version
    looks like a private key, which its user may look at and others may not.
    """

    change: Change
    side: Side
    before: int | None = None
    after: int | None = None
    shown: Shown | None = None
    is_key: bool = False


def is_by_name(change: Change) -> bool:
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


def differences(
    session: Session, prepared: Prepared, changes: Sequence[Change], words: Sequence[Wanted] = ()
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
        if not is_by_name(change)
        and (there := cloud.get(change.path)) is not None
        and unshown(here(change.path), Version(there.size), whole=is_named(change.path)) is None
    ]
    came = texts.fetched(session, to_fetch)
    left = TOTAL_EFFORT
    for change in changes:
        process.check_interrupt()
        path, ours, theirs = change.path, ABSENT, ABSENT
        if not is_by_name(change):
            ours = here(path)
            if (there := cloud.get(path)) is not None:
                theirs = came.get(there.name, Version(there.size))
        for side, before, after in _sides(
            change, ours, theirs, _merged(session, prepared, change, ours, theirs)
        ):
            if is_by_name(change):
                yield FileDifference(change=change, side=side)
                continue
            found = shown(before, after, effort=min(left, EFFORT), whole=is_named(path))
            left -= found.spent
            is_key = any(
                private_keys.is_private_key((one.content or b"")[:HEAD_BYTES]) for one in (before, after)
            )
            yield FileDifference(
                change=change, side=side, before=before.size, after=after.size, shown=found, is_key=is_key
            )


def _merged(session: Session, prepared: Prepared, change: Change, ours: Version, theirs: Version) -> Version:
    """What both versions become where they are merged."""
    if change.merged is None:
        return ABSENT
    base = None if prepared.baseline is None else prepared.baseline.files.get(change.path)
    text = None
    if ours.content is not None and theirs.content is not None:
        text = merging.foreseen(session, change, base, ours.content, theirs.content)
    return Version(change.merged.size, text, "" if text is not None else merging.CHANGING)


_WORTH = {Action.CONFLICT: 0, Action.MERGE: 1, Action.DELETE_LOCAL: 3, Action.DELETE_CLOUD: 3}


class Chosen(NamedTuple):
    """Changes whose texts are looked at, in the order of their paths, and how many more there would be."""

    changes: tuple[Change, ...]
    others: int


def chosen(changes: Iterable[Change], at_most: int) -> Chosen:
    """So many of the changes whose texts are worth a look. Pure.

    Conflicts come first, then merges, edits, deletions, and files that are new. What changes by its name alone, or is
    new or goes and is too long to be shown, is none of them.
    """
    worth = [
        change
        for change in changes
        if change.action is not Action.REGISTER_PROJECT
        and not is_by_name(change)
        and (change.size <= LONG or change.action in (Action.CONFLICT, Action.MERGE) or change.replaces)
    ]
    first = sorted(
        worth, key=lambda change: (_WORTH.get(change.action, 2 if change.replaces else 4), change.path)
    )
    return Chosen(tuple(sorted(first[:at_most], key=lambda one: one.path)), max(0, len(worth) - at_most))
