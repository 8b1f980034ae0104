"""The programs that a manifest names: none of them is where those who write to the bucket can put one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bisync.manifest.document import KeyPath, quoted
from bisync.manifest.draft import Draft, Folder, Reading, is_path


def check(reading: Reading, draft: Draft, folders: Sequence[Folder]) -> None:
    """Report hooks, secrets' commands and an rclone that lie in a synced folder, or in whatever folder one is in."""
    for path, argv in _commands(reading, draft):
        program = argv[0] if argv else None
        if not isinstance(program, str) or "/" not in program:
            continue
        if not program.startswith("/"):
            text = f"{quoted(program)}: name a program by its whole path, or by a name on the PATH"
            reading.report((*path, 0), text)
        else:
            _not_synced(reading, (*path, 0), Path(program), folders)
    binary = reading.text("rclone", "binary")
    found = reading.local_path("rclone", "binary") if binary and is_path(binary) else None
    if found is not None:
        _not_synced(reading, ("rclone", "binary"), found, folders)


def _not_synced(reading: Reading, path: KeyPath, program: Path, folders: Sequence[Folder]) -> None:
    real = Path(os.path.realpath(program))
    for folder in folders:
        if folder.real in real.parents:
            text = f"lies in the folder of syncs.{folder.sync}, where others can change it; keep it elsewhere"
            reading.report(path, text)


def _commands(reading: Reading, draft: Draft) -> Iterator[tuple[KeyPath, list[Any]]]:
    for name in draft.syncs:
        for hook, listed in reading.mapping("syncs", name, "hooks").items():
            for number, argv in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(argv, list):
                    yield ("syncs", name, "hooks", hook, number), argv
    for key in ("tenants", "syncs", "ping", "migration"):
        yield from _references((key,), reading.get(key))


def _references(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, list[Any]]]:
    """Every `{command: […]}` below a value."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key == "command" and isinstance(below, list):
                yield (*path, key), below
            else:
                yield from _references((*path, key), below)
