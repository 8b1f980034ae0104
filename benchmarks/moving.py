"""10,000 notes come together in a sync dir, beside `rclone copy` of the same tree.

    python -m benchmarks.moving [--files 10000]

Timed is the step "bring together" of a migration: deciding about every file, copying it beside, naming it, having all
of it reach the disk. The steps before it are done and not counted. Exits 1 when it takes more than 1.3 times as long.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bisync.app import App
from bisync.core.migration import STEPS
from bisync.manifest.load import load
from bisync.migrate.run import Moving, Wish
from bisync.migrate.trees import Source
from tests.support.world import rclone_path

LIMIT = 1.3
MANIFEST = """\
version: 1
tenants:
  here: {provider: embedded, storage: store}
syncs:
  notes: {tenant: here, dir: notes}
"""


def notes(folder: Path, count: int) -> None:
    """Notes of some KiB, a hundred in a folder."""
    chance = random.Random(1)
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(200, 6000)))


def ours(top: Path, tree: Path) -> float:
    """Seconds that bringing the tree together takes."""
    home = top / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "bisync.yaml").write_text(MANIFEST)
    manifest = load(home / "bisync.yaml", env={}, home=home)
    app = App(manifest=manifest, env={**os.environ, "HOME": str(home), "BISYNC_RCLONE": str(rclone_path())})
    source = Source(kind="folder", label=str(tree), root=tree)
    moving = Moving(app.agreed(), manifest.syncs[0], Wish(sources=(source,)))
    for name, step in moving.steps():
        os.sync()
        began = time.monotonic()
        moving.add(step())
        if name == STEPS[3]:
            seconds = time.monotonic() - began
            break
    shutil.rmtree(f"{tree}.backup")
    return seconds


def bare(top: Path, tree: Path) -> float:
    """Seconds that `rclone copy` takes."""
    target = top / "copied"
    shutil.rmtree(target, ignore_errors=True)
    os.sync()
    began = time.monotonic()
    subprocess.run([str(rclone_path()), "copy", str(tree), str(target), "--config", os.devnull], check=True)
    os.sync()
    return time.monotonic() - began


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        tree = top / "old"
        notes(tree, options.files)
        rounds = [(ours(top, tree), bare(top, tree)) for _ in range(options.rounds)]
    mine, theirs = (
        statistics.median([one for one, _ in rounds]),
        statistics.median([one for _, one in rounds]),
    )
    ratio = mine / theirs
    print(
        f"{options.files:,} files: bringing together {mine:.2f} s, rclone copy {theirs:.2f} s: {ratio:.2f} x"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
