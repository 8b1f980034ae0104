"""Play so many plans; the first broken law ends it, with the shortest history that breaks it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.support.paper.chance import Played, draw
from tests.support.paper.shrink import in_words, shrink
from tests.support.paper.world import Core

HISTORIES = 1_000_000_000
"""How many histories a seed has to itself."""
PROGRESS_SECONDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. 0: every law held; 1: one did not; 130: stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.paper", description=__doc__)
    parser.add_argument("--plans", type=int, default=100_000, help="how many plans to play at least")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plays the same histories")
    arguments = parser.parse_args(argv)
    plans = number = 0
    began = said = time.monotonic()
    try:
        while plans < arguments.plans:
            played = draw(arguments.seed * HISTORIES + number, Core())
            plans, number = plans + played.plans, number + 1
            if played.broken is not None:
                _report(arguments.seed, number, played)
                return 1
            if time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                _say(arguments.seed, plans, number, said - began)
    except KeyboardInterrupt:
        _say(arguments.seed, plans, number, time.monotonic() - began)
        return 130
    _say(arguments.seed, plans, number, time.monotonic() - began)
    return 0


def _say(seed: int, plans: int, histories: int, seconds: float) -> None:
    pace = plans / seconds * 60
    print(f"seed {seed}: {plans} plans in {histories} histories, {pace:,.0f} a minute", flush=True)


def _report(seed: int, number: int, played: Played) -> None:
    assert played.broken is not None
    short = shrink(played.history, played.broken.law, Core())
    print(f"seed {seed}, history {number}: {short.broken}")
    print(in_words(short.history))


if __name__ == "__main__":
    sys.exit(main())
