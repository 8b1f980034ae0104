"""What the benchmarks compare with: a folder kept by `rclone bisync` alone, and what a command costs."""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bisync.config import BUILTIN_PROFILES, DEFAULT_PROFILE, Compare
from bisync.core.abilities import OBJECTS
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT
from bisync.rclone.argv import Argv, BisyncCall, File, bisync_argv, copy_one_argv, list_argv
from bisync.rclone.program import environment
from bisync.rclone.remote import Remote
from tests.support.world import KEY_ID, S3, SECRET, rclone_path

WIDE = 32


class Cost(NamedTuple):
    """What a command took: wall time, the processor time of it and all it started (s), and its peak memory (MiB)."""

    wall: float
    cpu: float
    peak: float


def timed(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Cost:
    """The cost of a command that must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    # As a user has it: modules are compiled once, not at every start.
    clean = {key: value for key, value in env.items() if key != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        argv, env=clean, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise SystemExit(f"{argv}: exit {child.returncode}\n{said[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, used.ru_maxrss / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians."""
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def told(found: Mapping[str, Sequence[Cost]]) -> dict[str, Cost]:
    """The medians of what was measured, by its name; and print them."""
    cost = {name: middle(costs) for name, costs in found.items()}
    width = max(map(len, cost))
    for name, one in cost.items():
        print(f"{name:<{width}} {one.wall:6.2f} s   processor {one.cpu:6.2f} s   peak {one.peak:4.0f} MiB")
    return cost


def is_over(cost: Mapping[str, Cost], limits: Iterable[tuple[str, str, float]]) -> bool:
    """Whether one thing takes more than so many times another; and print the ratios."""
    over = False
    for one, other, limit in limits:
        ratio = cost[one].wall / cost[other].wall
        over = over or ratio > limit
        print(f"{one} / {other}: {ratio:.2f} ×  (at most {limit})")
    return over


def is_too_large(cost: Mapping[str, Cost], names: Iterable[str], limit: int) -> bool:
    """Whether any of these took more memory than so many MiB; and print the most."""
    peak = max(cost[name].peak for name in names)
    print(f"peak memory {peak:.0f} MiB  (at most {limit})")
    return peak > limit


def remote_of(server: S3, bucket: str) -> Remote:
    """A bucket as rclone reaches it without any config file."""
    values = {
        "type": "s3",
        "provider": server.provider,
        "endpoint": server.endpoint,
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
        "region": "us-east-1",
        "no_check_bucket": "true",
    }
    env = {f"RCLONE_CONFIG_BARE_{name.upper()}": value for name, value in values.items()}
    return Remote(fs=f"bare:{bucket}/", label=bucket, can=OBJECTS, env=env)


def run_rclone(argv: Argv, remote: Remote, cwd: Path) -> Cost:
    """The cost of one rclone command."""
    conf = remote.env.get("RCLONE_CONFIG", os.devnull)
    command = (str(rclone_path()), *argv[1:], "--config", conf)
    return timed(command, environment(os.environ, remote.env), cwd)


def listing(remote: Remote, cwd: Path) -> Cost:
    """What it costs to list the remote, as cheaply as can be."""
    return run_rclone(list_argv(remote, compare=Compare.CHECKSUM), remote, cwd)


class Bare:
    """A folder kept by `rclone bisync` alone, with the flags that serve it best."""

    def __init__(
        self, home: Path, remote: Remote, filters: str, *, compare: Compare = Compare.CHECKSUM, fast_list: bool = True,
        flags: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.tree = home / "notes"
        self.home = home
        self.remote = remote
        self.compare, self.fast_list, self.flags = compare, fast_list, flags
        self.filters = home / "filters.rclone"
        for folder in (self.tree, home / "work", home / "trash"):
            folder.mkdir(parents=True)
        self.filters.write_text(filters)
        digest = hashlib.md5(filters.encode(), usedforsecurity=False).hexdigest()
        self.filters.with_name("filters.rclone.md5").write_text(digest)
        marker = self.tree / MARKER_PATH
        marker.parent.mkdir()
        marker.write_text(MARKER_TEXT)
        run_rclone(
            copy_one_argv(File(str(self.tree), MARKER_PATH), File(self.remote.fs, MARKER_PATH)), remote, home
        )

    def sync(self, *more: str, width: int | None = None) -> Cost:
        """What one run takes; `more` flags, such as `--resync`. `width`: files at a time, rclone's own when None."""
        call = BisyncCall(
            local=self.tree, remote=self.remote, profile=BUILTIN_PROFILES[DEFAULT_PROFILE],
            compare=self.compare, filters=self.filters, workdir=self.home / "work", fast_list=self.fast_list,
            backup_local=self.home / "trash" / "run", max_delete_percent=50, width=width,
            backup_cloud=self.remote.below(".basic-memory/trash/run"),
        )  # fmt: skip
        return run_rclone((*bisync_argv(call), *self.flags, *more), self.remote, self.home)
