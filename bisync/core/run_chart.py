"""Past runs as a drawing: what was moved when, and which runs did not end well. Pure.

Times are seconds since the epoch. The time from the first run to the last is cut into equal stretches, each of a length
that people count in; what a sync moved ranges from one file to a hundred thousand, so bars are drawn by magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86_400
LENGTHS = (
    MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
)  # fmt: skip
LEAST, MOST = 12, 60
"""So many stretches at the least, and at the most (but for histories of more than sixty years)."""
LANES = ("uploaded", "downloaded", "deleted", "conflicts", "failed", "refused")


class Ran(NamedTuple):
    """One line of the history: a run that ended at `end`, or idle ones (`runs`) from `begin` to `end`."""

    begin: int
    end: int
    outcome: str
    uploaded: int = 0
    downloaded: int = 0
    deleted: int = 0
    conflicts: int = 0
    runs: int = 1


class Bar(NamedTuple):
    """How much there was in the stretch `at` (counted from 0), and how high that is drawn: above 0, at most 1."""

    at: int
    number: int
    height: float


class Lane(NamedTuple):
    """One kind of thing over time: its bars, the highest count of a stretch, and all of them together."""

    kind: str
    bars: tuple[Bar, ...]
    highest: int
    total: int


class Chart(NamedTuple):
    """What is drawn: `stretches` of `length` seconds each from `start`, and those in which runs were idle.

    `first`, `last`: when the first of the `runs` began, and the last one ended.
    """

    first: int
    last: int
    start: int
    length: int
    stretches: int
    lanes: tuple[Lane, ...]
    idle: tuple[tuple[int, int], ...]
    runs: int


def chart(ran: Iterable[Ran]) -> Chart | None:
    """The drawing of these runs; None where there are none."""
    every = sorted(ran)
    if not every:
        return None
    first, last = min(one.begin for one in every), max(one.end for one in every)
    length = next((one for one in LENGTHS if _stretches(first, last, one) <= MOST), 4 * LENGTHS[-1])
    start = first // length * length
    return Chart(
        first=first,
        last=last,
        start=start,
        length=length,
        stretches=max(LEAST, _stretches(first, last, length)),
        lanes=tuple(_lane(kind, every, start, length) for kind in LANES),
        idle=_idle(every, start, length),
        runs=sum(one.runs for one in every),
    )


def _stretches(first: int, last: int, length: int) -> int:
    return last // length - first // length + 1


def _lane(kind: str, every: Sequence[Ran], start: int, length: int) -> Lane:
    counts: dict[int, int] = {}
    for one in every:
        count = _count(one, kind)
        if count:
            at = (one.end - start) // length
            counts[at] = counts.get(at, 0) + count
    highest = max(counts.values(), default=0)
    bars = tuple(Bar(at, count, _height(count, highest)) for at, count in sorted(counts.items()))
    return Lane(kind, bars, highest, sum(counts.values()))


def _count(one: Ran, kind: str) -> int:
    match kind:
        case "uploaded":
            return one.uploaded
        case "downloaded":
            return one.downloaded
        case "deleted":
            return one.deleted
        case "conflicts":
            return one.conflicts
        case _:
            return int(one.outcome == kind)


def _height(count: int, highest: int) -> float:
    return round(math.log1p(count) / math.log1p(highest), 3)


def _idle(every: Sequence[Ran], start: int, length: int) -> tuple[tuple[int, int], ...]:
    """The stretches in which runs found nothing to do, first and last of each row of them."""
    found: list[tuple[int, int]] = []
    for one in every:
        if one.outcome != "idle":
            continue
        at, until = (one.begin - start) // length, (one.end - start) // length
        if found and at <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((at, until))
    return tuple(found)
