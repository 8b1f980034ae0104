"""What the lease costs: a run with one edit, with it and without, a cloud 20 ms away.

    python -m benchmarks.leases [--files 1000] [--rounds 9] [--store rclone]

On a store that honours conditional creation (moto: two small requests) or one that does not (rclone: three). In turns;
medians count. Exits 1 when the limit is passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.bare import Cost, is_over, timed, told
from benchmarks.far import moved_away
from benchmarks.far_notes import edit
from tests.support import no_lease
from tests.support.race import store
from tests.support.world import Device


def ours(device: Device, program: str) -> Cost:
    """What a sync costs, by this program."""
    env = {**device.environment, "PYTHONPATH": str(Path(__file__).parents[1])}
    return timed((sys.executable, "-m", program, "sync"), env, device.home)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--store", choices=("moto", "rclone"), default="moto")
    options = parser.parse_args()
    found: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with store(options.store, top) as server, moved_away(server) as far:
            device = Device(top / "ours", far)
            device.setup()
            edit(device.notes, range(options.files), "as it was")
            ours(device, "bisync")
            fresh = 0
            for _ in range(options.rounds):
                found.setdefault("idle", []).append(ours(device, "bisync"))
                for what, program in (("with", "bisync"), ("without", no_lease.NAME)):
                    edit(device.notes, range(fresh, fresh + 1), f"edited in round {fresh}")
                    fresh += 1
                    found.setdefault(what, []).append(ours(device, program))
    cost = told(found)
    print(f"{options.files} notes on {options.store}, medians of {options.rounds}")
    return int(is_over(cost, (("with", "without", 1.2),)))


if __name__ == "__main__":
    sys.exit(main())
