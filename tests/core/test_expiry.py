"""When a kept version is old enough to go, whatever the clocks say."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core.expiry import DAY, aged, is_due, passed

pytestmark = pytest.mark.pure

NOW = 1_795_342_500.0
MONTH = 30 * DAY


def counted(looks: Iterable[float], keep: float) -> float:
    """How old something that was there at the first look is by the last one."""
    ages: dict[str, float] = {}
    last = None
    for look in looks:
        ages, last = aged(ages, ["run"], passed(last, look, keep)), look
    return ages["run"]


@pytest.mark.parametrize("keep", [1, 7, 30])
@pytest.mark.parametrize("every", [60.0, 9 * 3600.0, DAY])
def test_a_device_that_syncs_daily_counts_as_the_clock_does(keep: int, every: float) -> None:
    looks = [NOW + every * number for number in range(100)]

    assert counted(looks, keep * DAY) == every * 99


def test_a_device_that_is_seldom_used_keeps_for_longer_but_not_for_ever() -> None:
    looks = [NOW + 50 * DAY * number for number in range(32)]

    assert counted(looks, MONTH) == 31 * DAY


@pytest.mark.parametrize("keep", [1, 7, 30])
@given(when=st.floats(0, 250_000_000_000))
def test_one_run_under_another_clock_ages_nothing_past_its_time(keep: int, when: float) -> None:
    looks = [NOW, when, NOW + 60]

    assert counted(looks, keep * DAY) <= keep * DAY


def test_what_is_new_begins_at_nothing_and_what_is_gone_is_forgotten() -> None:
    assert aged({"a": 5.0, "b": 7.0}, ["b", "c"], 2.0) == {"b": 9.0, "c": 0.0}


OLD = NOW - 31 * DAY


@pytest.mark.parametrize(
    ("began", "kept", "age", "due"),
    [(OLD, OLD, 31, True), (NOW, OLD, 31, False), (OLD, NOW, 31, False), (OLD, OLD, 30, False),
     (None, OLD, 31, False), (OLD, None, 31, False), (NOW + MONTH, OLD, 31, False), (OLD, NOW + MONTH, 31, False)],
)  # fmt: skip
def test_all_of_them_have_to_agree(began: float | None, kept: float | None, age: int, due: bool) -> None:
    assert is_due(began=began, kept=kept, age=age * DAY, now=NOW, keep=MONTH) is due
