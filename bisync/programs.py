"""Which program is run when a name is given: one of the PATH, and never one that came with the files.

Whoever can write to the bucket can put a program of any name into a sync dir. So the folders of the PATH that are not
written out, which mean wherever one happens to be started, and those in sync dirs are left out; and what lies in a
sync dir is not run by its path either.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bisync.errors import BisyncError


def search_path(env: Mapping[str, str], synced: Iterable[Path] = ()) -> str:
    """The PATH without the folders that are not written out and those in `synced` ones; never empty."""
    away = [os.path.realpath(folder) for folder in synced]
    folders = [
        folder
        for folder in env.get("PATH", os.defpath).split(os.pathsep)
        if folder.startswith("/") and not _lies_in(os.path.realpath(folder), away)
    ]
    # An empty PATH would mean the working folder.
    return os.pathsep.join(folders) or os.defpath


def searched(env: Mapping[str, str], synced: Iterable[Path] = ()) -> dict[str, str]:
    """An environment in which no program is found where it should not be: for ours, and for what they start."""
    return {**env, "PATH": search_path(env, synced)}


def which(name: str, env: Mapping[str, str]) -> Path | None:
    """The program of a name on the PATH; None where there is none. A path is itself, where it is written out."""
    if "/" in name:
        return Path(name) if name.startswith("/") and _can_run(name) else None
    for folder in search_path(env).split(os.pathsep):
        if _can_run(f"{folder}/{name}"):
            return Path(folder, name)
    return None


def command(argv: Sequence[str], env: Mapping[str, str], synced: Iterable[Path] = ()) -> list[str]:
    """`argv` with its program as a path. Raises BisyncError, saying what is the matter with it."""
    name = argv[0] if argv else ""
    if "/" in name and not name.startswith("/"):
        raise BisyncError(f"{name}: a program is named by its whole path, or by a name on the PATH")
    found = which(name, {**env, "PATH": search_path(env, synced)})
    if found is None:
        reason = "Permission denied" if os.path.exists(name) and "/" in name else "No such file or directory"  # noqa: PTH110
        raise BisyncError(reason)
    away = [os.path.realpath(folder) for folder in synced]
    if _lies_in(os.path.realpath(found), away):
        raise BisyncError(f"{found} lies in a folder that is synced, where others can change it")
    # It is still called as it was: some programs go by their name.
    return [str(found), *argv[1:]]


def _can_run(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - asked for every folder of the PATH


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
