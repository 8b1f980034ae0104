"""How long `bisync --version` takes beside `python -c 'import invoke'`: the program's own share of a start.

    python benchmarks/start_up.py

Both are run in turn, so that what else the machine does falls on both alike; the medians are compared.
Exits 1 when the ratio is over the limit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 30
LIMIT = 1.5
COMMANDS = {
    "import invoke": (sys.executable, "-c", "import invoke"),
    "bisync --version": (sys.executable, "-m", "bisync", "--version"),
    "bisync --help": (sys.executable, "-m", "bisync", "--help"),
}


def seconds(argv: tuple[str, ...]) -> float:
    """The wall time of one run."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=env)
    return time.perf_counter() - began


def main() -> int:
    """Measure, print, judge."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for argv in COMMANDS.values():
        seconds(argv)  # fills the disk cache and writes the byte code
    for _ in range(ROUNDS):
        for name, argv in COMMANDS.items():
            times[name].append(seconds(argv))
    base = statistics.median(times["import invoke"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:<18} {middle * 1000:6.1f} ms (best {min(found) * 1000:6.1f})  {middle / base:.2f} x")
    ratio = statistics.median(times["bisync --version"]) / base
    print(f"bisync --version / import invoke: {ratio:.2f} (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
