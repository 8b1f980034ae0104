"""A second device that has a full copy joins: 10,000 notes, a cloud 20 ms away; equal, and with 1 % differing.

    python -m benchmarks.joining [--files 10000]

Compared with listing both sides with their hashes, in the same run. Exits 1 when a limit is passed, or when anything
but LIST requests was needed for equal sides.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bare import Cost, listing, remote_of, run_rclone, timed
from benchmarks.far import moved_away
from benchmarks.far_notes import edit
from tests.support.proxy import proxied
from tests.support.world import BUCKET, Device, serve_s3


def joined(device: Device) -> Cost:
    """What the first setup of a device costs."""
    return timed((sys.executable, "-m", "bisync", "setup"), device.environment, device.home)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with (
            serve_s3(top / "cloud", (BUCKET,)) as server,
            moved_away(server) as far,
            proxied(server) as proxy,
        ):
            first, equal, other = (Device(top / name, far) for name in ("first", "equal", "other"))
            counted = Device(top / "counted", proxy.s3)
            for device in (first, equal, other, counted):
                edit(device.notes, range(options.files), "as it was")
            assert server.folder is not None
            shutil.copytree(first.notes, server.folder / BUCKET, dirs_exist_ok=True)
            edit(other.notes, range(options.files // 100), "another text")
            time.sleep(0.2)
            joined(first)
            remote = remote_of(far, BUCKET)
            here = (
                "rclone",
                "lsjson",
                str(first.notes),
                "--recursive",
                "--files-only",
                "--hash",
                "--hash-type",
                "md5",
            )
            listings = listing(remote, top).wall + run_rclone(here, remote, top).wall
            same = joined(equal)
            joined(counted)
            requests = dict(proxy.counts)
            differing = joined(other)
    print(f"both listings    {listings:6.2f} s")
    print(f"joining, equal   {same.wall:6.2f} s   requests {requests}")
    print(f"1 % differing    {differing.wall:6.2f} s")
    ratio = same.wall / listings
    print(f"joining / both listings: {ratio:.2f} ×  (at most 1.5)")
    return int(ratio > 1.5 or set(requests) != {"LIST"})


if __name__ == "__main__":
    sys.exit(main())
