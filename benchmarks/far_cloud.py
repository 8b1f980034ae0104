"""Idle runs and runs with a few edits, 10,000 files in one folder, a cloud 20 ms away. Ratios of one run.

    python -m benchmarks.far_cloud [--files 10000] [--skip-seed]

Compared with a bare listing of both sides, and with `rclone bisync` as basic-memory v0.15 called it
(modification times, so one HEAD per object). A proxy on loopback holds each request back for 20 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.proxy import Delay, proxied
from tests.support.world import BUCKET, Device, rclone_path, serve_s3


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rclone(device: Device, *argv: str) -> None:
    conf = device.home / ".config/rclone/rclone.conf"
    env = {**device.environment, "RCLONE_SKIP_LINKS": "true"}
    done = subprocess.run(
        [str(rclone_path()), *argv, "--config", str(conf)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr[-2000:])


def list_both(device: Device) -> None:
    rclone(device, "lsf", "-R", "--files-only", str(device.notes))
    rclone(device, "lsjson", "-R", "--files-only", "--hash", "--no-modtime", "--no-mimetype", "--fast-list",
           f"basic-memory-team:{BUCKET}/")  # fmt: skip


def edit(device: Device, count: int, round_: int) -> None:
    for number in range(count):
        (device.notes / f"n{number * 7 % 9973:05d}.md").write_text(f"edited {round_} {number}\n" * 40)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument(
        "--skip-seed", action="store_true", help="leave out v0.15's flags, which take minutes"
    )
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bisync-benchmark-"))
    with serve_s3(home / "cloud") as server:
        near = Device(home / "device", server)
        for number in range(arguments.files):
            near.write(
                f"n{number:05d}.md", f"# note {number}\n" + "lorem ipsum " * 100, mtime=1_700_000_000 + number
            )
        near.run("setup", timeout=1200)
        near.run("sync")
        with proxied(server) as proxy:
            proxy.on("*", Delay(0.02))
            conf = near.home / ".config/rclone/rclone.conf"
            conf.write_text(conf.read_text().replace(server.endpoint, proxy.s3.endpoint))
            far = Device(near.home, proxy.s3)
            listing = min(timed(lambda: list_both(far)) for _ in range(3))
            proxy.reset()
            idle = min(timed(lambda: far.run("sync")) for _ in range(3))
            print(f"requests of three idle runs: {dict(proxy.counts)}")
            print(f"bare listing of both sides   {listing:7.2f} s")
            print(f"idle run                     {idle:7.2f} s   ratio {idle / listing:5.2f}   (at most 1.5)")
            edit(far, arguments.files // 100, 1)
            proxy.reset()
            edits = timed(lambda: far.run("sync", timeout=1200))
            print(f"run with 1 % edits           {edits:7.2f} s   {dict(proxy.counts)}")
            if not arguments.skip_seed:
                work, filters = home / "work", home / "filters"
                filters.write_text("- .basic-memory/**\n")
                flags = ["bisync", str(far.notes), f"basic-memory-team:{BUCKET}", "--create-empty-src-dirs",
                         "--resilient", "--conflict-resolve=newer", "--max-delete=25", "--filters-file", str(filters),
                         "--workdir", str(work)]  # fmt: skip
                conf.write_text(conf.read_text().replace(proxy.s3.endpoint, server.endpoint))
                rclone(far, *flags, "--resync")
                conf.write_text(conf.read_text().replace(server.endpoint, proxy.s3.endpoint))
                edit(far, arguments.files // 100, 2)
                seed = timed(lambda: rclone(far, *flags))
                print(
                    f"v0.15's bisync, 1 % edits    {seed:7.2f} s   ratio {edits / seed:5.2f}   (at most 0.1)"
                )
    print(f"{sys.version.split()[0]}, {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
