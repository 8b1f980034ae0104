"""Somebody who moves over: old trees, what is typed, what came of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.world import BUCKET, S3, Device, Ran

OLD, NEW = 1_000_000_000.0, 1_200_000_000.5


def grow(root: Path, files: dict[str, str | bytes], *, mtime: float = OLD) -> Path:
    """Make a tree; a name that ends with a slash is a folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(path, (mtime, mtime))
    return root


def states(said: Ran) -> dict[str, str]:
    """What became of each step, from `--json`."""
    return {one["step"]: one["state"] for one in said.json["steps"]}


def moved(device: Device, *argv: str | Path, expect: int = 0) -> Ran:
    """`migrate --from DIR`; nothing of Python's is ever said."""
    flags = [part for one in argv for part in (["--from", str(one)] if isinstance(one, Path) else [one])]
    said = device.run("migrate", *flags, expect=expect)
    assert "Traceback" not in said.err and "unexpected error" not in said.err
    return said


def objects(cloud: S3, below: str) -> dict[str, str]:
    return cloud.tree(f"{BUCKET}/{below}")


def config(device: Device, **projects: Path) -> Path:
    path = device.home / ".basic-memory/config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"env": "dev", "projects": {k: str(v) for k, v in projects.items()}}, indent=3)
    )
    return path
