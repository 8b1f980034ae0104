"""What is odd about a run in the cloud's trash that nobody here knows."""

from __future__ import annotations

import pytest

from bisync.core.foreign import DAY, oddity, whose

pytestmark = pytest.mark.pure

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("began", "stored", "odd"),
    [
        (NOW - 3600, NOW - 3500, None),
        (NOW - 3600, None, None),
        (NOW + DAY, NOW, None),
        (NOW + DAY + 1, NOW, "its name says a time that has not come"),
        (NOW + 900 * 365 * DAY, None, "its name says a time that has not come"),
        (None, NOW, "its name is no run's"),
        (NOW - 3 * DAY, NOW, "stored at another time than its name says"),
        (NOW - 3 * DAY, NOW - 9 * DAY, "stored at another time than its name says"),
    ],
)
def test_what_is_odd_is_named(began: float | None, stored: float | None, odd: str | None) -> None:
    assert oddity(began=began, stored=stored, now=NOW) == odd
    assert whose(odd).startswith("not known here: another device's, or planted")
    assert whose(odd).endswith(odd or "planted")
