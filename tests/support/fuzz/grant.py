"""The reader of what a manifest was granted: a good file of it, and what is done with one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from bisync.manifest.load import load
from bisync.state import granted


def sample() -> bytes:
    """What is written down of an embedded store and one folder."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "bisync.yaml").write_text(
            "version: 1\ntenants: {t: {provider: embedded, storage: /srv/store}}\n"
        )
        manifest = load(home / "bisync.yaml", env={}, home=home)
        granted.grant(manifest, {"HOME": folder}, datetime(2026, 11, 1, tzinfo=UTC))
        text = granted.file_of(manifest, {"HOME": folder}).read_text()
        return text.replace(os.path.realpath(manifest.path), "/bisync.yaml").encode()


def read(path: Path) -> object:
    found = granted._load(path, SimpleNamespace(path="/bisync.yaml"))  # type: ignore[arg-type]
    assert found is not None and found.at and all(map(hash, found.keys))
    return found
