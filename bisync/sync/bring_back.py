"""Give kept versions their names again: in the sync dir, or in another folder. What lies in the way is kept in turn."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bisync.app import Session
from bisync.core import names
from bisync.errors import BisyncError
from bisync.files import private_dir
from bisync.state import runs
from bisync.sync import inside, swap, trash
from bisync.sync.trash import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A file that is to come back as `path`, below the sync dir. `size` in bytes.

    `kept`: its version in a trash; None for one that lies here under another name since it was renamed, `source`.
    `replaces`: a file of its name lies here.
    """

    path: str
    size: int
    kept: Kept | None = None
    source: str | None = None
    replaces: bool = False


class Restored(NamedTuple):
    """What came back, and where it lies now. `replaced`: what was there is in the trash."""

    what: Coming
    path: Path
    replaced: bool


class Blocked(NamedTuple):
    """What could not come back, and why."""

    path: str
    why: str


def obstacle(root: Path, path: str, *, elsewhere: bool) -> str | None:
    """What lies where a file is to come, or where it needs a folder, in words; None for nothing.

    Nothing is written through a link in the sync dir. `elsewhere`: `root` is a folder that the user named.
    """
    for folder in reversed([root, *(root / parent for parent in names.parents(path))]):
        called = folder if elsewhere or folder == root else folder.relative_to(root)
        if folder.is_symlink() and not elsewhere and folder != root:
            return f"{called} is a link now, and {path} belongs in a folder of that name"
        if os.path.lexists(folder) and not folder.is_dir():
            return f"{called} is a file now, and {path} belongs in a folder of that name"
    if (root / path).is_dir() and not elsewhere:
        return f"{path} is a folder now"
    if not elsewhere:
        try:
            inside.check_way(root, path)
        except inside.InTheWay as found:
            return f"{path}: {found}"
    return None


def put_in(session: Session, coming: Sequence[Coming]) -> tuple[list[Restored], list[Blocked]]:
    """Fetch versions beside the tree, then give them their names in it. One that cannot come keeps no other waiting.

    Only under the sync's lock. Raises BisyncError and OSError before anything has its name.
    """
    root = session.sync.dir
    run = runs.unused_run_id(session.state, session.app.now(), session.app.device)
    area = swap.Area(root, run, session.state.trash / run)
    restored: list[Restored] = []
    blocked: list[Blocked] = []
    try:
        area.staging.mkdir(mode=0o700, parents=True)
        staged = _stage(session, coming, area.staging)
        for one in coming:
            try:
                replaced = _place(area, one.path, staged[one.path])
            except inside.InTheWay as found:
                blocked.append(Blocked(one.path, str(found)))
            except OSError as error:
                why = swap.refusal(error)
                if why is None:
                    raise
                blocked.append(Blocked(one.path, why))
            else:
                restored.append(Restored(one, root / one.path, replaced))
        swap.empty_hold(area)
    finally:
        # What is still held returns to its place; the emptied working folders go.
        swap.put_back(root, session.state.trash)
    return restored, blocked


def _place(area: swap.Area, name: str, staged: Path) -> bool:
    """Give a staged file its name; whether one lay there, which is held now. Raises InTheWay, and OSError."""
    inside.check_way(area.root, name)
    swap.keep_mode(area.root / name, staged)
    replaced = swap.take_away(area, name, None)
    try:
        with inside.at(area.root, name, make=True) as path:
            if not swap.place(staged, path):
                raise inside.InTheWay("it was written to just now")
    except (inside.InTheWay, OSError):
        # The old version has its name again, unless there is a newer one: then it goes to the trash.
        if replaced:
            with suppress(inside.InTheWay, OSError), inside.at(area.root, name) as path:
                swap.place(area.hold / name, path)
        raise
    return replaced


def must_be_free(to: Path, coming: Sequence[Coming]) -> None:
    """Raise BisyncError where something in the folder `to` has the path of a file that is to come there."""
    for one in coming:
        if os.path.lexists(to / one.path):
            raise BisyncError(f"{to / one.path} exists already", hint="give another folder with --to")


def put_elsewhere(session: Session, coming: Sequence[Coming], to: Path) -> list[Restored]:
    """Fetch versions into the folder `to`, where all their paths must be free. Raises BisyncError, and OSError."""
    must_be_free(to, coming)
    to.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".restore-", dir=to))
    try:
        staged = _stage(session, coming, staging)
        for one in coming:
            (to / one.path).parent.mkdir(parents=True, exist_ok=True)
            if not swap.place(staged[one.path], to / one.path):
                raise BisyncError(f"{to / one.path} exists already", hint="give another folder with --to")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [Restored(one, to / one.path, False) for one in coming]


def _stage(session: Session, coming: Sequence[Coming], staging: Path) -> dict[str, Path]:
    """Fetch each version to a place below `staging`, those that one run kept together; where each is, by its path."""
    by_run: dict[str, list[Kept]] = {}
    staged = {}
    for number, one in enumerate(coming):
        if one.kept is not None:
            by_run.setdefault(one.kept.run, []).append(one.kept)
            staged[one.path] = staging / one.kept.run / one.kept.path
        elif one.source is not None:
            staged[one.path] = private_dir(staging / "here") / str(number)
            _copy(session.sync.dir, one.source, staged[one.path])
    for run, kept in by_run.items():
        trash.fetch(session, kept, private_dir(staging / run))
    return staged


def _copy(root: Path, name: str, to: Path) -> None:
    """Copy the file `name` here, not through a link. Raises BisyncError."""
    try:
        with inside.at(root, name) as path:
            shutil.copy2(path, to, follow_symlinks=False)
    except (inside.InTheWay, FileNotFoundError) as error:
        why = "it is gone" if isinstance(error, OSError) else str(error)
        raise BisyncError(f"{name}: {why}", hint="look again: bisync restore --dry-run") from None
