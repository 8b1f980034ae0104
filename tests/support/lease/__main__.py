"""Look at every state of the lease's protocols, within bounds, and at machines with a fault, which it has to find.

python -m tests.support.lease
python -m tests.support.lease --quick
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

from bisync.core.lease_folder import Protocol
from tests.support.lease.broken import BROKEN
from tests.support.lease.search import Found, search
from tests.support.lease.world import Budget, World


class Bound(NamedTuple):
    """How much is looked at: so many devices, each wanting the lease so often; `depth` None: all there is."""

    devices: int
    runs: int
    left: Budget
    depth: int | None = None
    renewals: int = 1

    def __str__(self) -> str:
        deep = "any depth" if self.depth is None else f"{self.depth} steps"
        worst = ", ".join(f"{times} {name}" for name, times in self.left._asdict().items() if times)
        return f"{self.devices} devices x {self.runs}, {worst or 'nothing goes wrong'}, {deep}"


NOTHING = Budget(0, 0, 0)
QUICK = (
    Bound(2, 1, NOTHING, 24),
    Bound(2, 1, Budget(1, 1, 1), 13),
    Bound(2, 2, Budget(0, 1, 1), 13),
    Bound(3, 1, Budget(1, 1, 0), 10),
)
WHOLE = (
    Bound(2, 1, NOTHING),
    Bound(2, 1, Budget(1, 0, 0)),
    Bound(2, 1, Budget(0, 1, 0)),
    Bound(2, 1, Budget(0, 0, 1)),
    Bound(2, 2, Budget(1, 1, 1), 24),
    Bound(3, 1, Budget(1, 1, 1), 17),
)


def look(protocol: Protocol, bound: Bound) -> Found:
    """Look at all states of a protocol within a bound."""
    world = World(protocol)
    return search(
        world, world.start(bound.devices, bound.runs, bound.renewals, bound.left), depth=bound.depth
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. 0: no state with two writers, and every fault found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.lease",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the bounds of the test suite")
    quick, bad = parser.parse_args(argv).quick, 0
    for protocol in Protocol:
        for bound in QUICK if quick else WHOLE:
            found = look(protocol, bound)
            bad += bool(found.fault)
            much = "all" if found.whole else f"{found.depth} steps deep"
            print(
                f"{protocol.value}: {bound}: {found.states:,} states ({much}), {found.seconds:.1f} s",
                flush=True,
            )
            _tell(found)
    for one in BROKEN:
        if quick and one.long:
            continue
        found = one.found()
        bad += not found.fault
        verdict = f"found in {len(found.way)} steps" if found.fault else "NOT FOUND"
        much = f"{found.states:,} states, {found.seconds:.1f} s"
        print(f"fault ({one.protocol.value}): {one.name}: {verdict}, {much}", flush=True)
    return 1 if bad else 0


def _tell(found: Found) -> None:
    if found.fault:
        print(f"  FAULT: {found.fault}")
        for number, words in enumerate(found.way, 1):
            print(f"  {number:3} {words}")


if __name__ == "__main__":
    sys.exit(main())
