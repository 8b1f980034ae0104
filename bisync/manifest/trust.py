"""Which manifests are obeyed: those that nobody else can have written, and that lie in no synced folder.

A manifest says what runs, which secrets are read and where they go. One that another user, or whoever writes to the
cloud, could change is refused, however it was found.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bisync import stored
from bisync.core.metadata import MARKER_PATH
from bisync.core.printable import typed
from bisync.errors import ManifestError

LINKS_DEEP = 40


class Owned(NamedTuple):
    """Whose a file or folder is, and its mode (stat(2))."""

    uid: int
    gid: int
    mode: int


class Me(NamedTuple):
    """The user we are. `own_groups`: groups that nobody else is in."""

    uid: int
    own_groups: frozenset[int] = frozenset()


def fault(there: Owned, me: Me) -> str | None:
    """Why somebody else could change a file, or what lies in a folder; None where nobody could. Pure.

    In a folder with the sticky bit everybody may make files, and nobody may change those of others.
    """
    if there.uid not in (me.uid, 0):
        return "belongs to another user"
    if stat.S_ISLNK(there.mode) or (stat.S_ISDIR(there.mode) and there.mode & stat.S_ISVTX):
        return None
    if there.mode & stat.S_IWOTH:
        return "can be written by everybody"
    if there.mode & stat.S_IWGRP and there.gid not in me.own_groups:
        return "can be written by a group that others may be in"
    return None


def check(files: tuple[Path, ...]) -> None:
    """Raise ManifestError for a manifest, or an overlay, that is not to be obeyed."""
    problems, hints = [], []
    for file in files:
        # What lies in a synced folder is the worse fault: no chmod mends it.
        found = _in_synced_folder(file) or _writable(file)
        if found is not None:
            problems.append(found[0])
            hints.append(found[1])
    if problems:
        raise ManifestError(problems, hint=hints[0])


def _in_synced_folder(file: Path) -> tuple[str, str] | None:
    """What lies below a marker was perhaps brought by a sync: it is the word of whoever writes to the cloud."""
    real = Path(os.path.realpath(file))
    for folder in dict.fromkeys((*file.parents, *real.parents)):
        if os.path.lexists(folder / MARKER_PATH):
            return (
                f"{file}: lies in the synced folder {folder}, where whoever writes to the cloud could have put it",
                "keep it elsewhere, such as in ~/.config/bisync/, and name it with --manifest",
            )
    return None


def _writable(file: Path) -> tuple[str, str] | None:
    me = _me()
    if me is None:
        return None
    for path in _way(file):
        try:
            seen = path.lstat()
        except OSError:
            continue  # whoever reads it says what is wrong
        there = Owned(seen.st_uid, seen.st_gid, seen.st_mode)
        wrong = fault(there, me)
        if wrong is not None and there.mode & stat.S_IWGRP and stored.is_own_group(there.gid):
            wrong = fault(there, me._replace(own_groups=frozenset({there.gid})))
        if wrong is not None:
            return f"{path}: {wrong}, and is not obeyed", _cure(path, there, me)
    return None


def _way(file: Path) -> Iterator[Path]:
    """The folder that a file lies in and the file itself; of a link also those that it leads to."""
    seen = file
    for _ in range(LINKS_DEEP):
        # realpath, of the folder alone: a link among the folders above is looked through, and lies in one of theirs.
        folder = Path(os.path.realpath(seen.parent))
        yield folder
        yield folder / seen.name
        if not (folder / seen.name).is_symlink():
            return
        seen = folder / (folder / seen.name).readlink()


def _cure(path: Path, there: Owned, me: Me) -> str:
    named = typed(path)
    if there.uid not in (me.uid, 0):
        return "use a manifest of your own: --manifest FILE (a copy of it, once you have read it)"
    bits = "".join(who for who, bit in (("g", stat.S_IWGRP), ("o", stat.S_IWOTH)) if there.mode & bit)
    return f"type: {'sudo ' if there.uid != me.uid else ''}chmod {bits}-w {named}"


def _me() -> Me | None:
    """Who we are; None where a system knows no users of this kind."""
    return Me(os.geteuid()) if hasattr(os, "geteuid") else None
