"""How far a run is, and how many files it moves at a time: by its plan."""

from __future__ import annotations

import pytest

from bisync.core.change import Action, Change
from bisync.core.plan import Mode, Plan
from bisync.events import Progress
from bisync.sync.transfers import width
from bisync.sync.way import Way

pytestmark = pytest.mark.pure

MIB = 1 << 20


def planning(*changes: tuple[Action, int]) -> Plan:
    made = tuple(Change(action, f"{n}.md", size, "") for n, (action, size) in enumerate(changes))
    return Plan(mode=Mode.SYNC, changes=made, deletions=0, edited=0)


def said(files: int, bytes: int, speed: float = 10.0) -> Progress:
    """What rclone says of one command: it knows only what it has found."""
    return Progress(bytes, bytes, files, files, speed, None)


def test_the_whole_way_is_known_at_the_start() -> None:
    way = Way.of(
        planning((Action.UPLOAD, 100), (Action.DOWNLOAD, 50), (Action.DELETE_CLOUD, 7), (Action.RENAME, 9))
    )

    assert way.begun == Progress(0, 150, 0, 2, 0.0, None)


def test_a_conflict_travels_both_ways() -> None:
    assert Way.of(planning((Action.CONFLICT, 10))).begun == Progress(0, 20, 0, 2, 0.0, None)


def test_each_command_goes_on_where_the_one_before_it_ended() -> None:
    way = Way.of(planning((Action.UPLOAD, 100), (Action.DOWNLOAD, 50)))

    assert way.seen(said(0, 20)) == Progress(20, 150, 0, 2, 10.0, 13.0)
    assert way.seen(said(1, 50)) == Progress(50, 150, 1, 2, 10.0, 10.0)
    way.next_command()
    assert way.seen(said(0, 40)) == Progress(90, 150, 1, 2, 10.0, 6.0)
    way.next_command()
    way.next_command()
    assert way.seen(said(9, 900)) == Progress(150, 150, 2, 2, 10.0, 0.0), "never over the whole"


def test_nobody_knows_the_time_left_without_a_speed() -> None:
    assert Way.of(planning((Action.UPLOAD, 100))).seen(said(0, 0, speed=0.0)).eta is None


@pytest.mark.parametrize(
    ("sizes", "at_once"),
    [
        ([], 4),
        ([100], 4),
        ([100] * 10, 10),
        ([100] * 100, 32),
        ([MIB] * 100, 32),
        ([MIB + 1] * 100, 16),
        ([2 * MIB], 16),
        ([16 * MIB] * 3, 16),
        ([17 * MIB] * 3, 4),
    ],
)
def test_small_files_go_many_at_a_time(sizes: list[int], at_once: int) -> None:
    assert width(sizes) == at_once
