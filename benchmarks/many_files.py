"""100,000 files in one bucket, no latency: idle, one edit, joining with an equal copy; time and memory.

    python -m benchmarks.many_files [--files 100000]

Joining is a second device that holds all files already. Each is compared with a bare listing of the bucket, or with
our idle run, in the same run. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bare import Cost, is_over, is_too_large, listing, remote_of, timed, told
from benchmarks.far_notes import edit, ours
from tests.support.world import BUCKET, Device, serve_s3

MEMORY = 300


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET,)) as server:
            device, other = Device(top / "one", server), Device(top / "two", server)
            edit(device.notes, range(options.files), "as it was")
            # The bucket gets its files from the disk: sending 100,000 is not what is measured.
            assert server.folder is not None
            shutil.copytree(device.notes, server.folder / BUCKET, dirs_exist_ok=True)
            time.sleep(0.2)
            setup = timed((sys.executable, "-m", "bisync", "setup"), device.environment, device.home)
            print(f"first device: {setup.wall:.2f} s, {setup.peak:.0f} MiB")
            ours(device)
            found: dict[str, list[Cost]] = {"listing": [], "idle": [], "one edit": []}
            for round_ in range(options.rounds):
                found["listing"].append(listing(remote_of(server, BUCKET), top))
                found["idle"].append(ours(device))
                edit(device.notes, range(round_, round_ + 1), f"edited in round {round_}")
                time.sleep(0.1)
                found["one edit"].append(ours(device))
            shutil.copytree(device.notes, other.notes, dirs_exist_ok=True)
            time.sleep(0.2)
            found["joining"] = [
                timed((sys.executable, "-m", "bisync", "setup"), other.environment, other.home)
            ]
    cost = told(found)
    over = is_over(cost, (("one edit", "idle", 1.4), ("joining", "idle", 3.0)))
    return int(is_too_large(cost, ("idle", "one edit", "joining"), MEMORY) or over)


if __name__ == "__main__":
    sys.exit(main())
