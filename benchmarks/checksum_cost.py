"""What telling changes by checksum costs on a large tree, beside telling them by time.

    python -m benchmarks.checksum_cost [--gib 4]

By checksum bisync reads every local file in a run that has something to do; by modtime it asks the cloud
for each object's time instead. One small note is edited before each run. The server is on this machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support.world import Device, serve_s3

FILE = 64 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=int, default=4)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bisync-benchmark-", dir=os.environ.get("BENCHMARK_DIR")))
    with serve_s3(home / "cloud") as server:
        profiles = "profiles:\n  by-time: {compare: modtime}\n"
        device = Device(home / "device", server, extra=profiles)
        device.notes.mkdir()
        block = os.urandom(1 << 20)
        for number in range(arguments.gib * (1 << 30) // FILE):
            with (device.notes / f"video{number:04d}.bin").open("wb") as stream:
                for part in range(FILE >> 20):
                    stream.write(number.to_bytes(4, "big") + part.to_bytes(4, "big") + block[8:])
        device.write("note.md", "first")
        device.run("setup", timeout=3600)
        device.run("sync", timeout=3600)
        for profile in ("balanced", "by-time"):
            device.write("note.md", f"before {profile}")
            device.run("sync", "--profile", profile, timeout=3600)  # takes the new way of telling up
            for what in ("idle", "one edit"):
                if what == "one edit":
                    device.write("note.md", f"by {profile}")
                began = time.perf_counter()
                device.run("sync", "--profile", profile, timeout=3600)
                took = time.perf_counter() - began
                print(f"{arguments.gib} GiB, {profile:8}, {what:8}: {took:6.2f} s", flush=True)
    print(f"{sys.version.split()[0]}, {os.cpu_count()} cores; the tree is in {home}, remove it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
