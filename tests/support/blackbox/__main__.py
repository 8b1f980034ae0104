"""The game from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.support.blackbox.game import Played, play


def main() -> int:
    parser = argparse.ArgumentParser(description="Three devices, a bucket, somebody foreign, and chance.")
    parser.add_argument("--seeds", default="1", help="such as 7, or 1-20")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1, help="games at a time")
    parser.add_argument("--log", type=Path, help="a folder for what happens, one file a seed")
    parser.add_argument("--reasons", action="store_true", help="why paths were left out, and how often")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    failed = 0
    reasons: Counter[str] = Counter()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for played in pool.map(partial(_play, steps=arguments.steps, log=arguments.log), seeds):
            failed += bool(played.wrong)
            reasons += played.reasons
            print(f"seed {played.seed}: {played.told}", flush=True)
            for wrong in played.wrong:
                print(f"  {wrong}", flush=True)
    if arguments.reasons:
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
    return 1 if failed else 0


def _play(seed: int, *, steps: int, log: Path | None) -> Played:
    began = time.monotonic()
    if log is not None:
        log.mkdir(parents=True, exist_ok=True)
    played = play(seed, steps, log=log)
    return played._replace(told=f"{played.told}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
