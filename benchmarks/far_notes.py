"""10,000 notes, a cloud 20 ms away: an idle run, one edit, a hundred, beside bare rclone in the same run.

    python -m benchmarks.far_notes [--files 10000] [--rounds 5]

Two equal trees and buckets: one kept by `bisync sync`, the other by `rclone bisync` with the flags that serve it
best. Each round does the same to both, in turns; medians count. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bare import WIDE, Bare, Cost, is_over, listing, remote_of, timed, told
from benchmarks.far import moved_away
from tests.support.world import BUCKET, Device, serve_s3

BARE = "bare-bucket"
FOLDERS = 100


def edit(tree: Path, numbers: range, text: str) -> None:
    """Write notes by number, spread over the folders."""
    for number in numbers:
        path = tree / f"folder-{number % FOLDERS:02}" / f"note-{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Note {number}\n\n{text}\n" + "Some words of a short note. " * 40 + "\n")


def ours(device: Device, task: str = "sync") -> Cost:
    """What one of our tasks costs."""
    return timed((sys.executable, "-m", "bisync", task), device.environment, device.home)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, list[Cost]] = {}

    def measure(name: str, work: Callable[[], Cost]) -> None:
        found.setdefault(name, []).append(work())

    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET, BARE)) as server, moved_away(server) as far:
            device = Device(top / "ours", far)
            device.setup()
            other = Bare(top / "bare", remote_of(far, BARE), (device.state / "filters.rclone").read_text())
            for tree in (device.notes, other.tree):
                edit(tree, range(options.files), "as it was")
            for bucket, tree in ((BUCKET, device.notes), (BARE, other.tree)):
                assert server.folder is not None
                shutil.copytree(tree, server.folder / bucket, dirs_exist_ok=True)
            time.sleep(0.2)
            ours(device)
            other.sync("--resync", width=WIDE)
            other.sync(width=WIDE)
            ours(device)
            fresh = 0
            for _ in range(options.rounds):
                measure("listing", lambda: listing(other.remote, top))
                measure("idle", lambda: ours(device))
                measure("bare, idle", other.sync)
                for count, what in ((1, "one edit"), (100, "a hundred")):
                    for tree in (device.notes, other.tree):
                        edit(tree, range(fresh, fresh + count), f"edited in round {fresh}")
                    fresh += count
                    time.sleep(0.1)
                    measure(what, lambda: ours(device))
                    measure(f"bare, {what}", other.sync)
                edit(other.tree, range(fresh, fresh + 100), f"edited in round {fresh}")
                time.sleep(0.1)
                measure("bare, wide, a hundred", lambda: other.sync(width=WIDE))
    cost = told(found)
    print(f"{options.files} notes, medians of {options.rounds}")
    print(f"(wide: {WIDE} transfers at a time, as our plan chooses for a hundred notes; else rclone's own 4)")
    limits = (
        ("idle", "listing", 1.4),
        ("one edit", "bare, one edit", 1.0),
        ("one edit", "idle", 1.4),
        ("a hundred", "bare, a hundred", 0.7),
    )
    return int(is_over(cost, limits))


if __name__ == "__main__":
    sys.exit(main())
