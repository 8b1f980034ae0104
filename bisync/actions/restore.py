"""Bring back what runs overwrote or deleted: the latest versions, those of a run, or what was there at a time."""

from __future__ import annotations

import filecmp
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bisync.app import App, Session
from bisync.config import Sync
from bisync.core import names
from bisync.core.counting import counted
from bisync.core.printable import typed, typed_path
from bisync.errors import BisyncError, UsageError
from bisync.sync import back_then, bring_back, hashing, trash
from bisync.sync.back_then import BackThen
from bisync.sync.bring_back import Blocked, Coming, Restored
from bisync.sync.moments import Moment
from bisync.sync.patterns import Wanted
from bisync.sync.prepare import stay_in_place
from bisync.sync.trash import Kept

SHOWN_RUNS = 5

Meant = Sequence[tuple[Sync, Wanted]]
"""The syncs that a word for files is about, and what it means in each: `bisync.sync.located.wanted`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What comes back in one sync, or has come (`restored`), sorted by path, and what does not.

    `left`: files that are here and were left as they are. `foreign`: which are kept only by runs that this device's
    history does not name. `blocked`: what something here keeps from coming back. With `at` (a time in RFC 3339, or the
    run that had ended then): how many files are `unchanged` since, which lie here and were `not_there_then`, which are
    `gone`: not kept any more; and which are `unsynced`: changed or deleted here, and no run has seen it.
    """

    sync: Sync
    word: str
    to: Path | None = None
    coming: tuple[Coming, ...] = ()
    restored: tuple[Restored, ...] = ()
    left: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    at: str | None = None
    unchanged: int = 0
    not_there_then: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unsynced: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where something keeps a file from coming back, 3 where one is not kept any more."""
        return 1 if self.blocked else 3 if self.gone else 0


class _OnlyForeign(UsageError):
    """What was asked for is kept, but by no run of ours."""


def find(
    app: App, syncs: Sequence[Sync], meant: Meant, *, run_id: str | None = None, to: Path | None = None
) -> list[Restoration]:
    """What would come back of a path, or of what is missing below a folder or fits a pattern: the latest versions.

    With `run_id`, what that run took away. Without it only of runs that this device's history names: whoever can write
    to the bucket can put a later one there. From the first sync that keeps any of it: those that are `meant`, then, for
    a path that may be one from its dir, any other of `syncs`. Into the sync dir, or into the
    folder `to`. Files that are still below a folder are left alone, unless a run or another folder is named: nobody
    asked to turn them back. Raises UsageError when nothing of that name is kept, BisyncError when none of it can be
    brought back.
    """
    missing: UsageError | None = None
    word = meant[0][1]
    others = [sync for sync in syncs if all(sync is not one for one, _ in meant)]
    if word.pattern is None and word.from_dir is not None:
        meant = [*meant, *((sync, replace(word, paths=(word.from_dir,))) for sync in others)]
    for sync, wanted in meant:
        try:
            with app.session(sync) as session:
                stay_in_place(session.state, session.place, sync.name)
                return [_found(session, wanted, run_id, to)]
        except UsageError as error:
            missing = missing if isinstance(missing, _OnlyForeign) else error
    if missing is not None:
        raise missing
    return []


def _found(session: Session, wanted: Wanted, run_id: str | None, to: Path | None) -> Restoration:
    sync = session.sync
    kept = [one for one in trash.versions(session) if run_id in (None, one.run)]
    chosen = set(wanted.among({one.path for one in kept}))
    found = [one for one in kept if one.path in chosen]
    if not found:
        where = f" by run {run_id}" if run_id else ""
        raise UsageError(
            f"{sync.name}: nothing called {wanted.word} was overwritten or deleted{where} in the last "
            f"{counted(session.app.manifest.keep_days, 'day')}",
            hint="see what is kept: bisync history --versions",
        )
    latest = {names.key(one.path): one for one in found if one.known or run_id is not None}
    if not latest:
        raise _only_foreign(sync.name, wanted, found)
    coming, left = [], []
    for one in latest.values():
        path = _spelled(sync.dir, one.path)
        lies = os.path.lexists(sync.dir / path)
        if lies and run_id is None and to is None and not wanted.is_path(one.path):
            left.append(path)
        else:
            coming.append(Coming(path=path, size=one.size, kept=one, replaces=lies and to is None))
    others = sorted({one.path for one in found if names.key(one.path) not in latest})
    restoration = Restoration(
        sync=sync, word=wanted.word, to=to, coming=tuple(sorted(coming, key=lambda one: one.path)),
        left=tuple(sorted(left)), foreign=tuple(others),
    )  # fmt: skip
    return _without_blocked(restoration)


def _only_foreign(name: str, wanted: Wanted, found: Sequence[Kept]) -> UsageError:
    """Which runs keep it, each with what is known of it, and how to have the last one all the same."""
    said = {kept.run: kept.foreign for kept in found}
    some = "; ".join(f"run {run} ({why})" for run, why in list(said.items())[-SHOWN_RUNS:])
    last = list(said)[-1]
    return _OnlyForeign(
        f"{name}: {wanted.word} is kept only by runs that this device's history does not name: {some}",
        hint=f"if you trust one, name it: bisync restore {typed_path(wanted.word)} --run {typed(last)}",
    )


def _spelled(root: Path, path: str) -> str:
    """A path as the file that lies here spells it (NFC or NFD); as it is where none does."""
    spellings = (path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD")))
    return next((one for one in spellings if os.path.lexists(root / one)), path)


def find_at(app: App, meant: Meant, moment: Moment, *, to: Path | None = None) -> list[Restoration]:
    """What would come back of what was there at that moment: of a path, a folder, a pattern or all of it.

    What was not there then stays. Raises UsageError for a word that is about nothing that is or was there, and as
    `find`.
    """
    found = []
    unknown: list[back_then.NoSuchRun] = []
    for sync, wanted in meant:
        with app.session(sync) as session:
            stay_in_place(session.state, session.place, sync.name)
            try:
                one = _found_at(session, wanted, moment, to)
            except back_then.NoSuchRun as error:
                unknown.append(error)
                continue
            if one is not None:
                found.append(one)
    if unknown and len(unknown) == len(meant):
        raise unknown[0]
    if not found:
        word = meant[0][1].word
        raise UsageError(
            f"nothing called {word} is here, or was since {moment.word}",
            hint="see: bisync history --versions",
        )
    if to is not None and len(found) > 1:
        # Two syncs may have a file of one name.
        found = [replace(one, to=to / one.sync.name) for one in found]
    return [_without_blocked(one) for one in found]


def _found_at(session: Session, wanted: Wanted, moment: Moment, to: Path | None) -> Restoration | None:
    """What is meant of what was there; None for nothing."""
    past = back_then.look(session, moment)
    then = past.then
    called = {path: _called(past, path) for path in _all_of(past)}
    chosen = set(wanted.among(called.values()))
    if not chosen and wanted.word:
        return None
    coming, unchanged = [], 0

    def meant(paths: Iterable[str]) -> list[str]:
        return [path for path in paths if called[path] in chosen]

    for path in meant([*then.back, *then.under]):
        one = _coming(session, past, path, called[path], to)
        if one is None:
            unchanged += 1
        else:
            coming.append(one)
    at = past.run or datetime.fromtimestamp(moment.time or 0.0).astimezone().isoformat(timespec="seconds")

    def listed(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(called[path] for path in meant(paths)))

    return Restoration(
        sync=session.sync, word=wanted.word, to=to, coming=tuple(sorted(coming, key=lambda one: one.path)), at=at,
        unchanged=unchanged + len(meant(then.same)), not_there_then=listed(then.not_there), gone=listed(then.gone),
        unsynced=listed(then.unsynced),
    )  # fmt: skip


def _all_of(past: BackThen) -> list[str]:
    then = past.then
    return [*then.back, *then.under, *then.same, *then.not_there, *then.gone, *then.unsynced]


def _called(past: BackThen, path: str) -> str:
    """A path as the operating system has it: as it is spelled here, else as its version is."""
    version = past.then.back.get(path)
    if path in past.spelled:
        return past.spelled[path]
    if version is not None and names.key(names.to_rclone(version.name)) == path:
        return version.name
    return names.shown(path)


def _coming(session: Session, past: BackThen, path: str, name: str, to: Path | None) -> Coming | None:
    """The file that comes back under a name; None where the same lies there."""
    root = session.sync.dir
    lies = to is None and os.path.lexists(root / name)
    version = past.then.back.get(path)
    if version is None:
        source = past.spelled[past.then.under[path]]
        same = lies and filecmp.cmp(root / source, root / name, shallow=False)
        return None if same else Coming(path=name, size=_size(root / source), source=source, replaces=lies)
    kept = past.kept[version]
    if lies and _is_alike(session, kept, root / name):
        return None
    return Coming(path=name, size=kept.size, kept=kept, replaces=lies)


def _size(path: Path) -> int:
    return path.lstat().st_size


def _is_alike(session: Session, kept: Kept, path: Path) -> bool:
    """Whether a file holds what a version does, as far as that can be told without fetching it."""
    if path.is_symlink() or not path.is_file() or _size(path) != kept.size:
        return False
    if kept.side == "local":
        return filecmp.cmp(session.state.trash / kept.run / kept.path, path, shallow=False)
    return kept.md5 is not None and kept.md5 == hashing.file_md5(path)


def _without_blocked(found: Restoration) -> Restoration:
    """With what something keeps from coming back among `blocked`.

    Raises BisyncError where that is all of it, and for any where no time is named: then what is meant is a whole.
    """
    elsewhere = found.to is not None
    root = found.sync.dir if found.to is None else found.to
    blocked = []
    for one in found.coming:
        why = bring_back.obstacle(root, one.path, elsewhere=elsewhere)
        if why is not None:
            blocked.append(Blocked(one.path, why))
    if blocked and (found.at is None or len(blocked) == len(found.coming)):
        raise _elsewhere(found, blocked[0].why)
    names_of = {one.path for one in blocked}
    coming = tuple(one for one in found.coming if one.path not in names_of)
    if found.to is not None:
        bring_back.must_be_free(found.to, coming)
    return replace(found, coming=coming, blocked=tuple(blocked))


def _elsewhere(found: Restoration, why: str) -> BisyncError:
    other = "another FOLDER" if found.to is not None else "FOLDER"
    if found.at is not None:
        return BisyncError(
            why, hint=f"move that away, or bring it back elsewhere: type the same with --to {other}"
        )
    return BisyncError(
        why,
        hint=f"move that away, or bring it back elsewhere: bisync restore {typed_path(found.word)} --to {other}",
    )


def carry_out(app: App, found: Restoration) -> Restoration:
    """Bring back what was found. What lies in the way goes to the trash itself first.

    Raises BisyncError when nothing of it can be brought back.
    """
    if not found.coming:
        return found
    with app.locked_session(found.sync) as session:
        stay_in_place(session.state, session.place, found.sync.name)
        if found.to is not None:
            return replace(found, restored=tuple(bring_back.put_elsewhere(session, found.coming, found.to)))
        restored, blocked = bring_back.put_in(session, found.coming)
    if blocked and not restored:
        raise _elsewhere(found, f"{blocked[0].path}: {blocked[0].why}")
    return replace(found, restored=tuple(restored), blocked=(*found.blocked, *blocked))
