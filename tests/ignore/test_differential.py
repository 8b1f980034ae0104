"""git is asked for the truth; rclone, the walk and `decide` must agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ignore import differential
from tests.ignore.cases import Case, hard_cases

HARD = hard_cases()


@pytest.fixture(scope="module")
def bench() -> Iterator[differential.Bench]:
    with differential.bench() as one:
        yield one


def test_the_table_is_large() -> None:
    assert len(HARD) >= 120


@pytest.mark.parametrize("case", HARD.values(), ids=[name.encode("unicode_escape").decode() for name in HARD])
def test_hard_case(bench: differential.Bench, case: Case) -> None:
    refused = bench.refused
    assert bench.differences(case) == []
    assert bench.refused == refused


def test_random_cases() -> None:
    tried, refused, wrong = differential.run(range(300))
    assert (tried, wrong) == (300, [])
    assert refused <= 1
