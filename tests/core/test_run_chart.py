"""Past runs as stretches of time."""

from __future__ import annotations

import random

import pytest

from bisync.core.run_chart import DAY, HOUR, LANES, LEAST, MINUTE, MOST, Ran, chart

pytestmark = pytest.mark.pure

NOON = 1_795_348_800 // DAY * DAY + 12 * HOUR


def test_no_runs_are_no_drawing() -> None:
    assert chart([]) is None


@pytest.mark.parametrize(
    ("seconds", "length"),
    [
        (0, MINUTE), (50 * MINUTE, MINUTE), (4 * HOUR, 5 * MINUTE), (20 * HOUR, HOUR), (10 * DAY, 6 * HOUR),
        (400 * DAY, 7 * DAY),
    ],
)  # fmt: skip
def test_stretches_are_as_people_count(seconds: int, length: int) -> None:
    found = chart([Ran(NOON, NOON, "done"), Ran(NOON + seconds, NOON + seconds, "done")])

    assert found is not None and found.length == length
    assert found.start % length == 0 and found.start <= NOON
    assert found.start + found.stretches * length > NOON + seconds and LEAST <= found.stretches <= MOST
    assert (found.first, found.last, found.runs) == (NOON, NOON + seconds, 2)


def test_what_happened_in_a_stretch_is_added_up() -> None:
    found = chart(
        [
            Ran(NOON, NOON, "done", uploaded=3, deleted=1),
            Ran(NOON + 5, NOON + 5, "failed", uploaded=4, conflicts=2),
            Ran(NOON + 3 * MINUTE, NOON + 3 * MINUTE, "refused"),
        ]
    )

    assert found is not None
    lanes = {lane.kind: [(bar.at, bar.number, bar.height) for bar in lane.bars] for lane in found.lanes}
    assert lanes == {
        "uploaded": [(0, 7, 1.0)], "downloaded": [], "deleted": [(0, 1, 1.0)], "conflicts": [(0, 2, 1.0)],
        "failed": [(0, 1, 1.0)], "refused": [(3, 1, 1.0)],
    }  # fmt: skip
    assert tuple(lanes) == LANES


def test_idle_runs_are_rows() -> None:
    found = chart(
        [
            Ran(NOON, NOON + 2 * MINUTE, "idle", runs=3),
            Ran(NOON + 3 * MINUTE, NOON + 3 * MINUTE, "idle"),
            Ran(NOON + 4 * MINUTE, NOON + 4 * MINUTE, "done"),
            Ran(NOON + 9 * MINUTE, NOON + 9 * MINUTE, "idle"),
        ]
    )

    assert found is not None and found.idle == ((0, 3), (9, 9)) and found.runs == 6


def test_nothing_is_lost_or_drawn_outside_by_chance() -> None:
    dice = random.Random(7)
    for _ in range(200):
        runs = []
        for _ in range(dice.randrange(1, 40)):
            end = dice.randrange(0, 10 ** dice.randrange(1, 10))
            runs.append(
                Ran(
                    max(0, end - dice.randrange(9999)), end, dice.choice(["done", "idle", "failed", "refused"]),
                    dice.randrange(10), dice.randrange(9), dice.randrange(9), dice.randrange(3), dice.randrange(1, 9),
                )
            )  # fmt: skip
        found = chart(runs)
        assert found is not None
        for lane in found.lanes:
            assert lane.total == sum(bar.number for bar in lane.bars)
            assert all(0 <= bar.at < found.stretches and 0 < bar.height <= 1 for bar in lane.bars)
            assert lane.highest == max((bar.number for bar in lane.bars), default=0)
        assert sum(one.uploaded for one in runs) == found.lanes[0].total
        assert all(0 <= at <= until < found.stretches for at, until in found.idle)
