"""What a watch costs that has nothing to do, with 100,000 notes: of a core, and in memory.

    python -m benchmarks.watch_idle [--files 100000] [--looks 3]

At the interval that a watch has without being told. Its rclones are told apart: each look lists the cloud, which costs
rclone more than comparing costs us. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.watch import Watched
from tests.support.world import BUCKET, Device, serve_s3

INTERVAL = 60
SHARE, MEMORY = 0.01, 150.0
"""Of a core; MiB."""


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--looks", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud") as server:
            device = Device(top / "ours", server)
            device.setup()
            for number in range(options.files):
                folder = device.notes / f"folder {number // 100:04}"
                folder.mkdir(exist_ok=True)
                (folder / f"note {number}.md").write_text(f"note number {number}\n")
            assert server.folder is not None
            shutil.copytree(device.notes, server.folder / BUCKET, dirs_exist_ok=True)
            assert device.sync().error is None
            watched = Watched(device, INTERVAL)
            try:
                watched.next(1, timeout=600)  # from the second look on it knows what to compare with
                began, own, rclones = time.monotonic(), watched.own(), watched.rclones()
                watched.next(1 + options.looks, timeout=600)
                seconds = time.monotonic() - began
                own, rclones = watched.own() - own, watched.rclones() - rclones
                memory = watched.memory()
            finally:
                watched.end()
    print(f"{options.files} notes, a look every {INTERVAL} s, {options.looks} of them:")
    print(f"the watch itself  {own / seconds:6.2%} of a core (at most {SHARE:.0%})")
    print(f"in memory         {memory:6.0f} MiB (at most {MEMORY:.0f})")
    print(f"its rclones       {rclones / seconds:6.2%} of a core")
    return int(own / seconds > SHARE or memory > MEMORY)


if __name__ == "__main__":
    sys.exit(main())
