"""Manifests written down and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.config import (
    Manifest,
)
from bisync.errors import ManifestError
from bisync.manifest.load import load


def written(folder: Path, text: str, name: str = "bisync.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder / name


def loaded(home: Path, text: str, env: dict[str, str] | None = None) -> Manifest:
    return load(written(home.parent / "repo", text), env=env or {}, home=home)


def problems(home: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        loaded(home, text, env)
    assert caught.value.exit_code == 2
    return list(caught.value.problems)
