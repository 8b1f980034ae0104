"""Fuzz for as long as is asked: `python -m tests.support.fuzz --seconds 300 --seed 7 [--only history]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.support.fuzz.play import play
from tests.support.fuzz.readers import READERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=120.0, help="for all readers together (default: 120)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(READERS), action="append", help="this reader (repeatable)")
    asked = parser.parse_args()
    names = asked.only or list(READERS)
    faults = 0
    for name in names:
        done, found = play(READERS[name], asked.seed, until=_after(asked.seconds / len(names)))
        print(f"{name}: {done} cases" + (f", {len(found)} faults" if found else ""), flush=True)
        for fault in found:
            print(f"  {fault}")
        faults += len(found)
    return 1 if faults else 0


def _after(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() > ends


if __name__ == "__main__":
    sys.exit(main())
