"""Small trees for the ignore rules, and what rclone sees of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bisync.ignore import (
    RuleSet,
)
from bisync.ignore.pattern import parse_lines
from tests.ignore import differential


def make(root: Path, *paths: str) -> None:
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def rclone_lists(root: Path, text: str) -> set[str]:
    filters = root.parent / "filters"
    filters.write_text(text)
    command = [str(differential.RCLONE), "lsf", "-R", "--files-only", "--fast-list", "--config", "/notfound"]
    command += ["--filter-from", str(filters), str(root)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return set(done.stdout.splitlines())


def rules_of(*lines: str) -> RuleSet:
    return RuleSet(parse_lines(lines, "x"))
