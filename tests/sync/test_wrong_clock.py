"""A clock that is wrong for a run or two: nothing leaves the trash early, and the latest version is the latest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.world import BUCKET, S3, Device

DAY_ONE = datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)
TRASH = f"s3:{BUCKET}/.basic-memory/trash"


def kept(device: Device, s3: S3) -> tuple[list[str], list[str]]:
    """The texts that the two trashes keep."""
    here = [path.read_text() for path in (device.state / "trash").rglob("*") if path.is_file()]
    there = s3.rclone("lsf", "-R", "--files-only", TRASH).splitlines()
    return sorted(here), sorted(s3.rclone("cat", f"{TRASH}/{path}") for path in there)


def overwrite(device: Device, s3: S3, text: str, now: datetime) -> None:
    """A run under the clock `now` that keeps a version here and one in the cloud."""
    s3.put("theirs.md", text)
    device.write("ours.md", text)
    result = device.sync(app=device.app(now=lambda: now))
    assert result.error is None, result
    assert (result.uploaded, result.downloaded) == (1, 1)


@pytest.fixture
def device(laptop: Device, s3: S3) -> Device:
    """A device with two notes that both sides hold."""
    laptop.write("ours.md", "one")
    laptop.write("theirs.md", "one")
    laptop.sync()
    return laptop


@pytest.mark.parametrize("wrong", [DAY_ONE, datetime(2099, 5, 1, tzinfo=UTC)])
def test_what_a_run_under_a_wrong_clock_kept_stays(device: Device, s3: S3, wrong: datetime) -> None:
    now = datetime.now(UTC)
    overwrite(device, s3, "two", now)
    overwrite(device, s3, "three", wrong)
    assert kept(device, s3) == (["one", "two"], ["one", "two"])

    overwrite(device, s3, "four", now + timedelta(minutes=1))
    overwrite(device, s3, "five", now + timedelta(days=1))

    everything = ["four", "one", "three", "two"]
    assert kept(device, s3) == (everything, everything)


def test_runs_under_a_clock_that_is_ahead_take_nothing(device: Device, s3: S3) -> None:
    now = datetime.now(UTC)
    overwrite(device, s3, "two", now)
    for minutes in range(3):
        overwrite(device, s3, f"{minutes}", now + timedelta(days=400, minutes=minutes))

    assert kept(device, s3)[0] == kept(device, s3)[1] == ["0", "1", "one", "two"]


def test_what_other_devices_kept_counts_from_when_it_was_seen(device: Device, s3: S3) -> None:
    """Their clock said 1970, or their run is from a time when this device was off."""
    s3.put(".basic-memory/trash/19700101T000007Z-3f2a7c/note.md", "kept in 1970")
    now = datetime.now(UTC)
    overwrite(device, s3, "two", now)
    overwrite(device, s3, "three", now + timedelta(days=1, minutes=1))

    assert "kept in 1970" in kept(device, s3)[1]


def test_the_latest_version_comes_back_whatever_the_clock_said(device: Device, s3: S3) -> None:
    overwrite(device, s3, "two", datetime.now(UTC))
    overwrite(device, s3, "three", DAY_ONE)

    device.run("restore", "theirs.md")
    device.run("restore", "ours.md")

    assert device.tree() == {"theirs.md": "two", "ours.md": "two"}


def test_a_clock_that_stands_still_gives_no_name_twice(device: Device, s3: S3) -> None:
    """Two runs of one name would keep their versions in one folder, one over the other."""
    still = datetime.now(UTC)
    for number in range(20):
        device.sync(app=device.app(now=lambda: still))
        if number % 5 == 0:
            overwrite(device, s3, f"{number}", still)

    names = [entry["run"] for entry in device.history() if entry["outcome"] in ("done", "idle")]
    assert len(names) == len(set(names))
    assert kept(device, s3)[0] == ["0", "10", "5", "one"]
