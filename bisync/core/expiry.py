"""How old what lies in the trash is, when no clock is to be trusted alone. Pure; times in seconds since the epoch.

A run's id is our clock's word, the file system's or the store's times are theirs, and any of them may be wrong for a
while. So the time that passes is counted from look to look as well: a clock that jumps counts for next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DAY = 86_400.0
LONGEST_STEP = 7 * DAY
"""The longest time between two looks that is believed as it stands."""


def passed(last: float | None, now: float, keep: float) -> float:
    """How many seconds count as passed since the `last` look (None: there was none).

    None passed where the clock went backwards. A step that is longer than what is kept for (`keep`, in seconds), or
    than a week, may be a clock that jumped: it counts as a day, or less. So a device that is seldom used keeps its
    trash for longer.
    """
    step = 0.0 if last is None else max(0.0, now - last)
    return step if step <= min(LONGEST_STEP, keep) else min(DAY, keep / 4)


def aged(ages: Mapping[str, float], found: Iterable[str], step: float) -> dict[str, float]:
    """For how long each of the runs `found` has been known: `step` seconds longer than before; a new one not yet."""
    return {run: ages[run] + step if run in ages else 0.0 for run in found}


def is_due(*, began: float | None, kept: float | None, age: float, now: float, keep: float) -> bool:
    """Whether what a run kept may go: by its id (`began`), by the time it was stored (`kept`), and by our own count.

    What has no time on any of these stays.
    """
    due = now - keep
    return began is not None and kept is not None and began < due and kept < due and age > keep
