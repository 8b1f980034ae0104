"""What is synced and what is not, and which line of which ignore file says so."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bisync.app import App
from bisync.config import Sync
from bisync.core import names
from bisync.core.private_keys import HEAD_BYTES, is_private_key
from bisync.core.snapshot import PRIVATE_KEY
from bisync.ignore.walk import NOT_SYNCED, Kind, kind_of
from bisync.sync.located import locate


def filters(app: App, sync: Sync) -> str:
    """The filter text this sync runs with. Raises IgnoreError."""
    return app.filters(app.rules(sync))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether a path is synced, and which line says so; `source` None: no rule speaks about it.

    `why`: what keeps it from being synced though no rule ignores it.
    """

    sync: str
    path: str
    synced: bool
    source: str | None
    line: int | None
    pattern: str | None
    why: str | None = None

    @property
    def exit_code(self) -> int:
        """0 synced, 3 ignored or nothing that is synced."""
        return 0 if self.synced else 3


def explain(app: App, syncs: tuple[Sync, ...], path: str, cwd: Path) -> Explanation:
    """Which rule decides about `path`: absolute, or relative to `cwd`, or to the only sync's dir.

    A trailing slash says that a path which does not exist means a folder. Raises UsageError for a path
    outside every sync dir.
    """
    sync, below = locate(syncs, path, cwd)
    full = sync.dir / below
    is_dir = full.is_dir() and not full.is_symlink() if os.path.lexists(full) else path.endswith("/")
    rules = app.rules(sync)
    decision = rules.decide(below, is_dir)
    rule = decision.rule
    why = None if decision.ignored else _no_file(sync.dir, below) or _private_key(sync.dir / below)
    if why == PRIVATE_KEY and rules.is_taken_back(below):
        why = None
    return Explanation(
        sync=sync.name,
        path=below,
        synced=not decision.ignored and why is None,
        source=None if rule is None else rule.source,
        line=None if rule is None else rule.line,
        pattern=None if rule is None else rule.text,
        why=why,
    )


def _no_file(root: Path, below: str) -> str | None:
    """Why what lies there is nothing to be synced: a link, behind a link, a special file; None for anything else."""
    for folder in names.parents(below):
        if (root / folder).is_symlink():
            return f"{folder} is a link: {NOT_SYNCED[Kind.SYMLINK]}"
    try:
        mode = (root / below).lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISDIR(mode) else NOT_SYNCED.get(kind_of(mode))


def _private_key(path: Path) -> str | None:
    """Why a file stays here for how it begins; None for anything else, and for what cannot be read."""
    try:
        with path.open("rb") as stream:
            return PRIVATE_KEY if is_private_key(stream.read(HEAD_BYTES)) else None
    except OSError:
        return None
