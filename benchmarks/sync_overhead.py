"""What `bisync sync` costs on top of the same bare `rclone bisync`: 10,000 small files, 1 % edited.

    python -m benchmarks.sync_overhead [--files N] [--rounds N]

Two equal trees, two equal buckets on one `rclone serve s3`: one pair is kept by `bisync sync`, the other by
bare `rclone bisync` with the very flags that bisync uses. Each round makes the same edits in both trees and
times both, in turns. Prints the medians. Exits 1 when the difference is over the limit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bisync.config import BUILTIN_PROFILES, DEFAULT_PROFILE, Compare
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT
from bisync.rclone.argv import Argv, BisyncCall, bisync_argv, copy_one_argv
from bisync.rclone.program import environment
from bisync.rclone.remote import Remote
from tests.support.world import BUCKET, KEY_ID, S3, SECRET, Device, rclone_path, serve_s3

LIMIT_SECONDS = 1.0
BARE = "bare-bucket"
FOLDERS = 100


def edit(tree: Path, numbers: range, text: str) -> None:
    """Write files by number, spread over the folders."""
    for number in numbers:
        path = tree / f"folder-{number % FOLDERS:02}" / f"note-{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Note {number}\n\n{text}\n" + "Some words of a short note. " * 40 + "\n")


class Bare:
    """A folder kept by `rclone bisync` alone."""

    def __init__(self, home: Path, server: S3, filters: str) -> None:
        self.tree = home / "notes"
        self.filters = home / "filters.rclone"
        for folder in (self.tree, home / "work", home / "trash"):
            folder.mkdir(parents=True)
        self.filters.write_text(filters)
        digest = hashlib.md5(filters.encode(), usedforsecurity=False).hexdigest()
        self.filters.with_name("filters.rclone.md5").write_text(digest)
        values = {
            "type": "s3",
            "provider": server.provider,
            "endpoint": server.endpoint,
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        }
        env = {f"RCLONE_CONFIG_BARE_{name.upper()}": value for name, value in values.items()}
        self.remote = Remote(fs=f"bare:{BARE}/", hashes=True, label=BARE, env=env)
        self.home = home
        marker = self.tree / MARKER_PATH
        marker.parent.mkdir()
        marker.write_text(MARKER_TEXT)
        self._run(copy_one_argv(str(marker), self.remote.below(MARKER_PATH)))

    def sync(self, *, resync: bool = False) -> Cost:
        """What one run takes."""
        profile = BUILTIN_PROFILES[DEFAULT_PROFILE]
        call = BisyncCall(
            local=self.tree, remote=self.remote, profile=profile, compare=Compare.CHECKSUM,
            filters=self.filters, workdir=self.home / "work", backup_local=self.home / "trash" / "run",
            backup_cloud=self.remote.below(".basic-memory/trash/run"),
        )  # fmt: skip
        return self._run(bisync_argv(call))

    def _run(self, argv: Argv) -> Cost:
        command = (str(rclone_path()), *argv[1:], "--config", os.devnull)
        return timed(command, environment(os.environ, self.remote.env), self.home)


class Cost(NamedTuple):
    """What a command took: wall time, and the processor time of it and all it started, in seconds."""

    wall: float
    cpu: float


def timed(argv: tuple[str, ...], env: Mapping[str, str], cwd: Path) -> Cost:
    """The cost of a command that must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    ran = subprocess.run(argv, env=dict(env), cwd=cwd, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        raise SystemExit(f"{argv}: exit {ran.returncode}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def middle(costs: list[Cost]) -> Cost:
    """The medians."""
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    changed = max(1, options.files // 100)
    ours: list[Cost] = []
    bare: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET, BARE)) as server:
            device = Device(top / "ours", server)
            edit(device.notes, range(options.files), "as it was")
            device.run("setup", timeout=600)
            other = Bare(top / "bare", server, (device.state / "filters.rclone").read_text())
            edit(other.tree, range(options.files), "as it was")
            other.sync(resync=True)
            other.sync()
            bisync = (sys.executable, "-m", "bisync", "sync")
            for round_ in range(options.rounds):
                some = range(round_ * changed, (round_ + 1) * changed)
                for tree in (device.notes, other.tree):
                    edit(tree, some, f"edited in round {round_}")
                time.sleep(0.1)
                if round_ % 2:
                    ours.append(timed(bisync, device.environment, device.home))
                    bare.append(other.sync())
                else:
                    bare.append(other.sync())
                    ours.append(timed(bisync, device.environment, device.home))
                for who, costs in (("bisync sync", ours), ("rclone bisync", bare)):
                    print(
                        f"round {round_ + 1}: {who:<13} {costs[-1].wall:.2f} s, CPU {costs[-1].cpu:.2f} s",
                        flush=True,
                    )
            one_more = timed(bisync, device.environment, device.home)
    extra = middle(ours).wall - middle(bare).wall
    cpu = middle(ours).cpu - middle(bare).cpu
    print(
        f"{options.files} files, {changed} edited: {middle(ours).wall:.2f} s, bare {middle(bare).wall:.2f} s"
    )
    print(f"bisync sync costs {extra:+.2f} s more (limit +{LIMIT_SECONDS}), CPU {cpu:+.2f} s")
    print(f"an idle run: {one_more.wall:.2f} s, CPU {one_more.cpu:.2f} s")
    return 0 if extra <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
