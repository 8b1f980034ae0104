"""Peak memory and time of plan and guards at 200,000 files: `python -m benchmarks.plan_memory`. At most 300 MB."""

from __future__ import annotations

import resource
import sys
import time

from bisync.config import Compare, ConflictResolve
from bisync.core.guard import judge
from bisync.core.plan import Answers, Mode, make_plan
from bisync.core.reconcile import compare_sides
from bisync.core.snapshot import BaseFile, Baseline, CloudFile, CloudSnapshot, LocalFile, LocalSnapshot, Stamp

FILES = 200_000


def main() -> int:
    local, cloud, base = {}, {}, {}
    for number in range(FILES):
        path = f"project-{number % 50}/folder-{number % 977}/note number {number}.md"
        md5 = f"{number:032x}"
        stamp = Stamp(1_700_000_000_000_000_000 + number, 1_700_000_000_000_000_000 + number, number)
        edited = number % 100 == 0
        local[path] = LocalFile(path, 1000 + edited, stamp, f"{number + FILES:032x}" if edited else md5)
        cloud[path] = CloudFile(path, 1000, md5, None)
        base[path] = BaseFile(1000, md5, stamp, None, None)
    sides = LocalSnapshot(local, (), 1, True), CloudSnapshot(cloud, (), True)
    known = Baseline(
        files=base, compare=Compare.CHECKSUM, profile="balanced", filters="", device=1, run="", listings=""
    )
    began = time.perf_counter()
    found = compare_sides(base, *sides, Compare.CHECKSUM)
    plan = make_plan(
        found,
        Answers(),
        baseline=base,
        local=sides[0],
        cloud=sides[1],
        compare=Compare.CHECKSUM,
        resolve=ConflictResolve.NEWER,
        mode=Mode.SYNC,
    )
    judge(plan, baseline=known, local=sides[0], cloud=sides[1], max_delete=25, name="notes")
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{FILES} files, {len(plan.changes)} changes: {took:.2f} s, peak {peak:.0f} MiB (at most 300 MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
