"""What a sync held at a moment of the past, from its history, its trashes and what lies here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bisync import ignore
from bisync.app import Session
from bisync.core import history, names
from bisync.core.as_of import Did, Then, Version, as_of
from bisync.core.counting import counted
from bisync.core.expiry import DAY
from bisync.core.metadata import METADATA_DIR, PARTIAL_SUFFIX
from bisync.errors import UsageError
from bisync.state import baseline, runs
from bisync.sync import trash
from bisync.sync.moments import Moment
from bisync.sync.trash import Kept

SHOWN_RUNS = 5


class NoSuchRun(UsageError):
    """No run of this sync is called so: a run is one of one sync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackThen:
    """What was there, by keys (`names.key` of rclone's spelling); `kept`: what a version of it is in a trash.

    `spelled`: what a path is called here now, as the operating system has it; of those that lie here. `run`: the run
    after whose end it was, where that is what was asked for.
    """

    then: Then
    kept: Mapping[Version, Kept]
    spelled: Mapping[str, str]
    run: str | None


def look(session: Session, moment: Moment) -> BackThen:
    """What the sync held at that moment, as far as this device knows. Raises UsageError, RcloneError, OSError.

    What runs have kept that this device's history does not name is passed over: whoever can write to the bucket can
    put it there.
    """
    app, state = session.app, session.state
    entries = {str(one.get("run")): one for one in runs.read_history(state) if _is_one(one)}
    kept = files([one for one in trash.versions(session) if one.known])
    order = runs.in_order({*entries, *(one.run for one in kept)}, state)
    remains = app.now().timestamp() - app.manifest.keep_days * DAY
    whole = {run for run in order if session.remote.keeps_versions and (runs.run_began(run) or 0.0) > remains}
    acts = [did(run, entries.get(run), whole=run in whole) for run in order]
    since, at, run = after(moment, order, entries, session.sync.name)
    split = [*(one for one in acts if one.run not in since), *(one for one in acts if one.run in since)]
    here = _here(session)
    lost = {_key(one.path): one.path for one in kept if _key(one.path) not in here}
    spelled = {key: entry.path for key, entry in here.items()}
    # What is ignored by now is not in the walk.
    spelled |= {key: path for key, path in lost.items() if os.path.lexists(session.sync.dir / path)}
    unlike, missing = _unlike(session, here)
    by_path: dict[tuple[str, str], list[Version]] = {}
    whose: dict[Version, Kept] = {}
    for one in kept:
        written = None if one.written_ns is None else one.written_ns / 1e9
        version = Version(one.run, one.side, one.path, written)
        whose[version] = one
        by_path.setdefault((one.run, _key(one.path)), []).append(version)
    then = as_of(
        split,
        len(acts) - len(since),
        by_path,
        here=spelled,
        unlike=unlike,
        missing=missing - spelled.keys(),
        at=at,
    )
    return BackThen(then=then, kept=whose, spelled=spelled, run=run)


def _key(path: str) -> str:
    return names.key(names.to_rclone(path))


def _is_ours(path: str) -> bool:
    """Whether it is metadata of our own, which is no part of what was there."""
    return path.partition("/")[0] == METADATA_DIR


def _is_one(entry: Mapping[str, Any]) -> bool:
    return entry.get("run") not in history.NAMELESS


def files(kept: Iterable[Kept]) -> list[Kept]:
    """What was somebody's file: no half-written download, nothing of our own, and of two versions of a name in one run
    the one that has it (`swap.empty_hold` calls the other NAME~)."""
    there = {(one.run, one.side, one.path) for one in kept}
    return [
        one
        for one in kept
        if not one.path.endswith(PARTIAL_SUFFIX)
        and not _is_ours(one.path)
        and not (one.path.endswith("~") and (one.run, one.side, one.path[:-1]) in there)
    ]


def did(run: str, entry: Mapping[str, Any] | None, *, whole: bool) -> Did:
    """What the history says that a run did; of one that it does not name, nothing."""
    if entry is None:
        return Did(run, recorded=False, whole=whole)
    paths = entry.get("paths") or {}
    conflicts = entry.get("conflicts") or ()
    copies = [copy for one in conflicts for copy in one.get("copies") or ()]
    moved = {_named(one): _named_to(one) for one in paths.get("renamed") or () if _named_to(one)}
    return Did(
        run,
        came=frozenset(map(names.key, [*paths.get("uploaded", ()), *paths.get("downloaded", ()), *copies])),
        went=frozenset(map(names.key, [*paths.get("deleted_local", ()), *paths.get("deleted_cloud", ())])),
        renamed=moved,
        contested=frozenset(
            map(
                names.key,
                [*(one["path"] for one in conflicts), *paths.get("conflicts", ()), *paths.get("merged", ())],
            )
        ),
        # A line that names some of its paths alone says nothing of the others.
        whole=whole and not entry.get("more_paths"),
    )


def _named(one: object) -> str:
    return names.key(str(one["path"] if isinstance(one, dict) else one))


def _named_to(one: object) -> str:
    return names.key(str(one.get("to") or "")) if isinstance(one, dict) else ""


def after(
    moment: Moment, order: list[str], entries: Mapping[str, Mapping[str, Any]], name: str
) -> tuple[set[str], float | None, str | None]:
    """Which runs came after the moment, its time in seconds since the epoch, and the run that it is the end of."""
    if moment.run is not None:
        goes_by = {one: _ids(one, entries.get(one)) for one in order}
        found = [one for one, ids in goes_by.items() if any(each.startswith(moment.run) for each in ids)]
        found = [one for one in found if moment.run in goes_by[one]] or found
        if not found:
            raise NoSuchRun(
                f"{name}: no run in the history begins with {moment.run!r}", hint="see: bisync history"
            )
        if len(found) > 1:
            some = ", ".join(found[:SHOWN_RUNS]) + (", …" if len(found) > SHOWN_RUNS else "")
            raise UsageError(
                f"{name}: {counted(len(found), 'run')} begin with {moment.run!r}: {some}",
                hint="write more of it; see: bisync history",
            )
        [run] = found
        return set(order[order.index(run) + 1 :]), _ended(run, entries.get(run)), run
    assert moment.time is not None
    began = [_began(one, entries.get(one)) for one in order if one in entries]
    first = min((one for one in began if one is not None), default=None)
    if first is None:
        raise UsageError(
            f"{name}: no run yet, so nothing is known of earlier times", hint="type: bisync sync"
        )
    if moment.time < first:
        since = datetime.fromtimestamp(first).astimezone().isoformat(timespec="seconds")
        raise UsageError(
            f"{name}: the history of this device begins at {since}; of the time before nothing is known",
            hint="name a later time; see: bisync history",
        )
    after = {one for one in order if (_ended(one, entries.get(one)) or 0.0) > moment.time}
    return after, moment.time, None


def _ids(run: str, entry: Mapping[str, Any] | None) -> list[str]:
    """The ids that a run goes by: its own, and that of the first of those that share its line."""
    first = (entry or {}).get("first_run")
    return [run, first] if isinstance(first, str) else [run]


def _began(run: str, entry: Mapping[str, Any] | None) -> float | None:
    """When the first run of a line ended, as far as it says so."""
    said = _seconds((entry or {}).get("first") or (entry or {}).get("at"))
    return said if said is not None else runs.run_began(run)


def _ended(run: str, entry: Mapping[str, Any] | None) -> float | None:
    """When a run ended; of one that has no line, when it began."""
    said = _seconds((entry or {}).get("at"))
    return said if said is not None else runs.run_began(run)


def _seconds(at: object) -> float | None:
    try:
        return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _here(session: Session) -> dict[str, ignore.Entry]:
    """The files of the sync dir by their keys."""
    tree = session.app.walk(session.sync)
    found = (one for one in tree.entries if one.kind is ignore.Kind.FILE and not _is_ours(one.path))
    return {_key(one.path): one for one in found}


def _unlike(session: Session, here: Mapping[str, ignore.Entry]) -> tuple[set[str], set[str]]:
    """The files that are not as the last run left them, and those that it left and are not here."""
    known = baseline.load(session.state.baseline)
    left = {} if known is None else known.files

    def is_as_left(key: str, entry: ignore.Entry) -> bool:
        base = left.get(key)
        if base is None or base.size != entry.size:
            return False
        return base.stamp is None or base.stamp.mtime_ns == entry.mtime_ns

    return {key for key, entry in here.items() if not is_as_left(key, entry)}, set(left) - here.keys()
