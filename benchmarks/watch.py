"""Watching 10,000 notes, a cloud 20 ms away: an idle look, a saved note, and what it costs to be there.

    python -m benchmarks.watch [--files 10000] [--rounds 5]

Beside bare `rclone bisync` as it is without flags of ours (one request for each file), and `bisync sync` typed by hand.
Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bare import Cost, is_over, timed, told
from benchmarks.far import moved_away
from benchmarks.far_notes import edit, ours
from tests.support.world import BUCKET, S3, Device, rclone_path, serve_s3

BARE = "bare-bucket"
INTERVAL = 10
TICKS = os.sysconf("SC_CLK_TCK")


class Watched:
    """A watch under way, and what it has said."""

    def __init__(self, device: Device, interval: int = INTERVAL) -> None:
        self._log = device.home / "watch.json"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bisync", "sync", "--watch", "--json", "--interval", str(interval)],
                cwd=device.home, env=device.environment, stdin=subprocess.DEVNULL, stdout=log,
            )  # fmt: skip

    def ended(self) -> list[dict[str, Any]]:
        """The runs that have ended so far."""
        lines = self._log.read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["event"] == "ended"]

    def next(self, count: int, timeout: float = 120, **facts: object) -> dict[str, Any]:
        """The next run after `count` of them that has these facts."""
        deadline = time.monotonic() + timeout
        while True:
            for one in self.ended()[count:]:
                assert one["error"] is None, one
                if facts.items() <= one.items():
                    return one
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def own(self) -> float:
        """The processor time of the process itself, in seconds."""
        return self._cpu(11)

    def rclones(self) -> float:
        """The processor time of its rclones that have ended, in seconds."""
        return self._cpu(13)

    def _cpu(self, first: int) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[first : first + 2])) / TICKS

    def memory(self) -> float:
        """What it has in memory, in MiB."""
        (line,) = [
            one
            for one in Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            if one.startswith("VmRSS")
        ]
        return int(line.split()[1]) / 1024

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(60)


def bare(server: S3, tree: Path, work: Path) -> Cost:
    """One `rclone bisync` as the manual has it."""
    values = {"type": "s3", "provider": server.provider, "endpoint": server.endpoint, "region": "us-east-1",
              "access_key_id": server.key_id, "secret_access_key": server.secret}  # fmt: skip
    env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    env |= {f"RCLONE_CONFIG_S3_{name.upper()}": value for name, value in values.items()}
    first = [] if work.exists() else ["--resync"]
    argv = [
        str(rclone_path()),
        "bisync",
        str(tree),
        f"s3:{BARE}",
        "--workdir",
        str(work),
        "--config",
        os.devnull,
    ]
    return timed((*argv, *first), env, tree)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET, BARE)) as server, moved_away(server) as far:
            device = Device(top / "ours", far)
            device.setup()
            edit(device.notes, range(options.files), "as it was")
            tree = top / "bare" / "tree"
            shutil.copytree(device.notes, tree)
            assert server.folder is not None
            for bucket in (BUCKET, BARE):
                shutil.copytree(tree, server.folder / bucket, dirs_exist_ok=True)
            ours(device)
            bare(far, tree, top / "bare" / "work")
            found["bare, idle"] = [bare(far, tree, top / "bare" / "work") for _ in range(2)]
            for number in range(options.rounds):
                edit(device.notes, range(number, number + 1), f"by hand {number}")
                found.setdefault("by hand", []).append(ours(device))
            watched = Watched(device)
            try:
                watched.next(0)
                for number in range(options.rounds):
                    count = len(watched.ended())
                    edit(device.notes, range(number, number + 1), f"watched {number}")
                    seconds = watched.next(count, uploaded=1)["seconds"]
                    found.setdefault("saved", []).append(Cost(seconds, 0.0, 0.0))
                count = len(watched.ended())
                own, rclones, began = watched.own(), watched.rclones(), time.monotonic()
                time.sleep(3 * INTERVAL + 1)
                idle = [one["seconds"] for one in watched.ended()[count:] if one["outcome"] == "idle"]
                seconds = time.monotonic() - began
                each = ((watched.own() - own) / len(idle), (watched.rclones() - rclones) / len(idle))
                found["idle look"] = [Cost(seconds, 0.0, 0.0) for seconds in idle]
                memory = watched.memory()
            finally:
                watched.end()
    cost = told(found)
    print(f"{options.files} notes, medians of {options.rounds}; {len(idle)} idle looks in {seconds:.0f} s")
    print(f"a look takes {each[0]:.2f} s of processor time, its rclone {each[1]:.2f} s; {memory:.0f} MiB")
    return int(is_over(cost, (("idle look", "bare, idle", 0.25), ("saved", "by hand", 0.5))))


if __name__ == "__main__":
    sys.exit(main())
