"""What rclone prints, as values: its times."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.rclone.output import is_partial_name, parse_time

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("", None),
        ("0001-01-01T00:00:00.000000000+0000", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000_000_000),
        ("2023-11-14T22:13:20.1Z", 1_700_000_000_100_000_000),
        ("2023-11-14T22:13:20.12+0000", 1_700_000_000_120_000_000),
        ("2023-11-14T22:13:20.123Z", 1_700_000_000_123_000_000),
        ("2023-11-14T22:13:20.1234Z", 1_700_000_000_123_400_000),
        ("2023-11-14T22:13:20.12345Z", 1_700_000_000_123_450_000),
        ("2023-11-14T22:13:20.123456Z", 1_700_000_000_123_456_000),
        ("2023-11-14T22:13:20.1234567Z", 1_700_000_000_123_456_700),
        ("2023-11-14T22:13:20.12345678Z", 1_700_000_000_123_456_780),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789),
        ("2023-11-14T22:13:20.1234567891Z", 1_700_000_000_123_456_789),
        ("2023-11-14T22:13:20.000000009+0000", 1_700_000_000_000_000_009),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000_000_000_000),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500_000_000),
        ("2023-11-15T03:43:20+0530", 1_700_000_000_000_000_000),
        ("2023-11-14T14:13:20.25-08:00", 1_700_000_000_250_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("1900-01-01T00:00:00Z", -2_208_988_800_000_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ("2300-01-01T00:00:00.999999999Z", 10_413_792_000_999_999_999),
    ],
)
def test_times_are_nanoseconds(text: str, ns: int | None) -> None:
    assert parse_time(text) == ns


def test_a_time_without_a_zone_is_no_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "UTC-5:30")
        time.tzset()
        found = {parse_time(f"2023-11-14T22:13:20{zone}") for zone in ("", "Z", "+0000")}
    time.tzset()

    assert found == {1_700_000_000_000_000_000}


@pytest.mark.parametrize(
    "text", ["yesterday", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20.1234X", "10000-01-01T00:00:00Z"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(st.integers(-(10**18), 10**19))
def test_every_nanosecond_comes_back(ns: int) -> None:
    seconds, fraction = divmod(ns, 1_000_000_000)
    whole = datetime.fromtimestamp(seconds, UTC)

    assert parse_time(f"{whole:%Y-%m-%dT%H:%M:%S}.{fraction:09d}+0000") == ns


@pytest.mark.parametrize(
    ("name", "partial"),
    [("n.md.1a2b3c4d.bisync-partial", True), ("n.md.7f.bisync-partial", True), ("n\n.zofuxeb0.bisync-partial", True),
     ("x.bisync-partial", False), (".1a2b3c4d.bisync-partial", False), ("n.md.1a2b3c4d5.bisync-partial", False),
     ("n.md.1a2b3c4d.bisync-partial.md", False), ("n.md.1a2b3c4d.partial", False)],
)  # fmt: skip
def test_what_rclone_calls_a_half_written_download(name: str, partial: bool) -> None:
    assert is_partial_name(name) is partial
