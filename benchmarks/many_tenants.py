"""50 tenants with 1,000 files each, no latency: idle, one edit, joining with equal copies; time and memory.

    python -m benchmarks.many_tenants [--tenants 50] [--files 1000]

Every tenant has a bucket of its own, every run is over all of them. Compared with bare listings of all the buckets, one
after the other, and with our idle run, in the same run. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bare import Cost, is_over, is_too_large, listing, remote_of, timed, told
from benchmarks.far_notes import edit, ours
from benchmarks.many_files import MEMORY
from tests.support.world import S3, Device, serve_s3


def manifest(server: S3, buckets: Sequence[str]) -> str:
    """One tenant and one sync for each bucket."""
    tenants = [
        f"  {bucket}: {{provider: s3, bucket: {bucket}, endpoint: {server.endpoint}, region: us-east-1,"
        f" s3_provider: {server.provider}, credentials:"
        " {access_key_id: {env: TEST_KEY_ID}, secret_access_key: {env: TEST_SECRET}}}"
        for bucket in buckets
    ]
    syncs = [f"  {bucket}: {{tenant: {bucket}, dir: ~/{bucket}}}" for bucket in buckets]
    return "\n".join(["version: 1", "tenants:", *tenants, "syncs:", *syncs, ""])


def sum_of(costs: Sequence[Cost]) -> Cost:
    """What they cost one after the other."""
    return Cost(sum(one.wall for one in costs), sum(one.cpu for one in costs), max(one.peak for one in costs))


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    buckets = tuple(f"bucket-{number:02}" for number in range(options.tenants))
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", buckets) as server:
            device, other = Device(top / "one", server), Device(top / "two", server)
            for each in (device, other):
                each.write_manifest(manifest(server, buckets))
            for bucket in buckets:
                edit(device.home / bucket, range(options.files), f"as it was in {bucket}")
                assert server.folder is not None
                shutil.copytree(device.home / bucket, server.folder / bucket, dirs_exist_ok=True)
                shutil.copytree(device.home / bucket, other.home / bucket)
            time.sleep(0.2)
            ours(device, "setup")
            ours(device)
            found: dict[str, list[Cost]] = {"listings": [], "idle": [], "one edit": []}
            for round_ in range(options.rounds):
                found["listings"].append(
                    sum_of([listing(remote_of(server, bucket), top) for bucket in buckets])
                )
                found["idle"].append(ours(device))
                edit(device.home / buckets[0], range(round_, round_ + 1), f"edited in round {round_}")
                time.sleep(0.1)
                found["one edit"].append(ours(device))
            found["joining"] = [
                timed((sys.executable, "-m", "bisync", "setup"), other.environment, other.home)
            ]
    cost = told(found)
    over = is_over(cost, (("idle", "listings", 1.4), ("one edit", "idle", 1.4), ("joining", "idle", 3.0)))
    return int(is_too_large(cost, ("idle", "one edit", "joining"), MEMORY) or over)


if __name__ == "__main__":
    sys.exit(main())
