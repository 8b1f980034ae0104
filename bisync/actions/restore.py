"""Bring back what runs overwrote or deleted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bisync.app import App, Session
from bisync.config import Sync
from bisync.core import names
from bisync.core.printable import typed, typed_path
from bisync.errors import BisyncError, UsageError
from bisync.state import runs
from bisync.sync import inside, swap, trash
from bisync.sync.prepare import stay_in_place
from bisync.sync.trash import Kept

SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back: the kept version and where it lies now. `replaced`: what was there is in the trash."""

    kept: Kept
    path: Path
    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What came back, sorted by path, and which files below a folder were left as they are.

    `foreign`: which are kept only by runs that this device's history does not name.
    """

    restored: tuple[Restored, ...]
    left: tuple[str, ...]
    foreign: tuple[str, ...] = ()


class _OnlyForeign(UsageError):
    """What was asked for is kept, but by no run of ours."""


def restore(
    app: App, sync: Sync, path: str, *, run_id: str | None = None, to: Path | None = None
) -> Restoration:
    """Bring a file, or what is missing below a folder, back from the trash: its latest version.

    With `run_id`, what that run took away. Without it only runs that this device's history names: whoever can write
    to the bucket can put a later one there. Into the sync dir, or into the folder `to`. Files that are still
    below a folder are left alone, unless a run or another folder is named: nobody asked to turn them back.
    What lies in the way goes to the trash itself first. Raises UsageError when nothing of that name is
    kept, BisyncError when it cannot be brought back.
    """
    wanted = path.removeprefix("./").strip("/")
    with app.locked_session(sync) as session:
        stay_in_place(session.state, session.place, sync.name)
        found = [
            kept
            for kept in trash.versions(session)
            if (kept.path == wanted or kept.path.startswith(wanted + "/")) and run_id in (None, kept.run)
        ]
        if not found:
            where = f" by run {run_id}" if run_id else ""
            raise UsageError(
                f"{sync.name}: nothing called {path} was overwritten or deleted{where} in the last "
                f"{app.manifest.keep_days} days",
                hint="see what is kept: bisync history --versions",
            )
        latest = {kept.path: kept for kept in found if kept.known or run_id is not None}
        if not latest:
            raise _only_foreign(sync.name, path, wanted, found)
        left: list[str] = []
        if run_id is None and to is None:
            left = sorted(name for name in latest if name != wanted and os.path.lexists(sync.dir / name))
        chosen = [kept for name, kept in sorted(latest.items()) if name not in set(left)]
        for kept in chosen:
            _refuse_blocked(sync.dir if to is None else to, kept.path, wanted, elsewhere=to is not None)
        if to is not None:
            trash.fetch(session, chosen, to)
            restored = [Restored(kept=kept, path=to / kept.path, replaced=False) for kept in chosen]
        else:
            restored = _put_in(session, chosen)
        others = sorted({kept.path for kept in found} - latest.keys())
        return Restoration(restored=tuple(restored), left=tuple(left), foreign=tuple(others))


def bring_back(
    app: App, syncs: Sequence[Sync], path: str, *, run_id: str | None = None, to: Path | None = None
) -> Restoration:
    """As `restore`, from the first of `syncs` whose trash keeps something of that name."""
    missing: UsageError | None = None
    for sync in syncs:
        try:
            return restore(app, sync, path, run_id=run_id, to=to)
        except UsageError as error:
            missing = missing if isinstance(missing, _OnlyForeign) else error
    if missing is not None:
        raise missing
    return Restoration(restored=(), left=())


def _only_foreign(name: str, path: str, wanted: str, found: Sequence[Kept]) -> UsageError:
    """Which runs keep it, each with what is known of it, and how to have the last one all the same."""
    said = {kept.run: kept.foreign for kept in found}
    some = "; ".join(f"run {run} ({why})" for run, why in list(said.items())[-SHOWN_RUNS:])
    last = list(said)[-1]
    return _OnlyForeign(
        f"{name}: {path} is kept only by runs that this device's history does not name: {some}",
        hint=f"if you trust one, name it: bisync restore {typed_path(wanted)} --run {typed(last)}",
    )


def _refuse_blocked(root: Path, path: str, wanted: str, *, elsewhere: bool) -> None:
    """Say what lies where a file is to come, or where it needs a folder. Raises BisyncError.

    Nothing is written through a link in the sync dir. `wanted`: what was asked for. `elsewhere`: `root` is a folder
    that the user named.
    """
    other = "another FOLDER" if elsewhere else "FOLDER"
    hint = f"move that away, or bring it back elsewhere: bisync restore {typed_path(wanted)} --to {other}"
    for folder in reversed([root, *(root / parent for parent in names.parents(path))]):
        called = folder if elsewhere or folder == root else folder.relative_to(root)
        if folder.is_symlink() and not elsewhere and folder != root:
            raise BisyncError(
                f"{called} is a link now, and {path} belongs in a folder of that name", hint=hint
            )
        if os.path.lexists(folder) and not folder.is_dir():
            raise BisyncError(
                f"{called} is a file now, and {path} belongs in a folder of that name", hint=hint
            )
    if (root / path).is_dir() and not elsewhere:
        raise BisyncError(f"{path} is a folder now", hint=hint)


def _put_in(session: Session, versions: Sequence[Kept]) -> list[Restored]:
    """Fetch versions beside the tree, then give them their names in it."""
    root = session.sync.dir
    run = runs.unused_run_id(session.state, session.app.now(), session.app.device)
    area = swap.Area(root, run, session.state.trash / run)
    restored = []
    for kept in versions:
        try:
            inside.check_way(root, kept.path)
        except inside.InTheWay as found:
            raise _elsewhere(f"{kept.path}: {found}") from None
    try:
        area.staging.mkdir(mode=0o700, parents=True)
        trash.fetch(session, versions, area.staging)
        for kept in versions:
            swap.keep_mode(root / kept.path, area.staging / kept.path)
            replaced = swap.take_away(area, kept.path, None)
            with inside.at(root, kept.path, make=True) as path:
                if not swap.place(area.staging / kept.path, path):
                    raise _elsewhere(f"{kept.path} was written to just now")
            restored.append(Restored(kept=kept, path=root / kept.path, replaced=replaced))
        swap.empty_hold(area)
    except inside.InTheWay as found:
        raise _elsewhere(f"{kept.path}: {found}") from None
    finally:
        # What is still held returns to its place; the emptied working folders go.
        swap.put_back(root, session.state.trash)
    return restored


def _elsewhere(trouble: str) -> BisyncError:
    return BisyncError(trouble, hint="restore it elsewhere with --to FOLDER")
