"""Histories that break a law of the world on paper today: what is to be mended, and how it shows on a disk.

One that is mended fails here. Then it moves to the regressions of `test_paper`, and what `chance` and `game`
spare for its sake (they name it) is spared no longer.
"""

from __future__ import annotations

import pytest

from bisync.config import Compare
from tests.support.paper.chance import History
from tests.support.paper.laws import Broken, Law
from tests.support.paper.steps import Put, Rules, Step, Sync, Write
from tests.support.paper.world import Core

TWICE = (Write(0, "e\u0301", 1), Write(0, "\u00e9", 2))

FINDINGS: dict[str, tuple[Law, str, tuple[Step, ...]]] = {
    "UNSEEN, an ignored file": (
        Law.PLAN,
        "A folder of ignored files alone is in the way of a file in the cloud: each plan says download, and the"
        " run leaves it out.",
        (Write(0, "d/a", 1), Rules(0, ("d/a",)), Put("d", 2), Sync(0)),
    ),
    "UNSEEN, a closed file": (
        Law.PLAN,
        "The same with a folder of files that cannot be read.",
        (Write(0, "d/a", 1), Put("d", 2), Sync(0, unreadable=("d/a",))),
    ),
}


@pytest.mark.parametrize(
    ("law", "steps"),
    [
        pytest.param(
            law,
            steps,
            id=name,
            marks=pytest.mark.xfail(raises=Broken, strict=True, reason=f"{name}: {reason}"),
        )
        for name, (law, reason, steps) in FINDINGS.items()
    ],
)
def test_a_law_that_is_broken_today(law: Law, steps: tuple[Step, ...]) -> None:
    broken = History((Compare.CHECKSUM,) * 2, 1, steps).play(Core(), strict=True).broken

    if broken is not None:
        assert broken.law is law, broken
        raise broken
