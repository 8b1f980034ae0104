"""Which manifest was used last, so that another one than that is never used without a word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bisync.errors import StateError
from bisync.files import atomic_write, home_state
from bisync.stored import open_plain

LONGEST = 1 << 16


def note(manifest: Path, env: Mapping[str, str]) -> None:
    """This one is used now. Never raises."""
    file = home_state(env) / "last-manifest"
    with suppress(OSError):
        if not file.is_symlink():
            atomic_write(file, os.fsencode(manifest) + b"\n")


def instead_of(manifest: Path, env: Mapping[str, str]) -> str | None:
    """The manifest that was used last, where that was another one; from now on it is this one. Never raises.

    Nothing is written in a home where nothing was ever agreed to: looking around leaves no trace there.
    """
    file, now = home_state(env) / "last-manifest", os.fsdecode(manifest)
    with suppress(OSError, ValueError):
        before = _read(file)
        if before == now or not (file.parent / "grants").is_dir():
            return None
        note(manifest, env)
        return before
    return None


def _read(file: Path) -> str | None:
    try:
        with os.fdopen(open_plain(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
            return os.fsdecode(stream.read(LONGEST).rstrip(b"\n")) or None
    except (OSError, StateError):
        return None
