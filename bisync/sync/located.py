"""Which sync a path that somebody types belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from bisync.config import Sync
from bisync.errors import UsageError
from bisync.files import named_path


def locate(syncs: tuple[Sync, ...], path: str, cwd: Path) -> tuple[Sync, str]:
    """The sync whose dir holds `path`, and the path below that dir, with slashes.

    It is absolute, or relative to `cwd`, or to the only sync's dir. Raises UsageError where it lies in none of them.
    """
    full = Path(os.path.normpath(cwd / named_path(path)))
    really = full.parent.resolve() / full.name  # the entry itself may be a link
    for sync in syncs:
        for root, there in ((Path(os.path.normpath(sync.dir)), full), (sync.dir.resolve(), really)):
            if there != root and there.is_relative_to(root):
                return sync, there.relative_to(root).as_posix()
    if len(syncs) == 1 and not Path(path).is_absolute() and not path.startswith(".."):
        return syncs[0], os.path.normpath(path).replace(os.sep, "/")
    raise UsageError(
        f"{path} lies in none of the sync dirs", hint="name one of: " + ", ".join(str(s.dir) for s in syncs)
    )
