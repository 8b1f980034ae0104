"""Objects that other programs put there in parts: their ETag is no MD5, so no listing tells their content."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from tests.support.world import S3, Device, rclone_path

# S3's least size of a part but the last.
PART = "x" * (5 << 20)


@pytest.fixture
def both(moto: S3, tmp_path: Path) -> tuple[Device, Device]:
    """Two devices that know a file in two parts, and a small note."""
    moto.put_in_parts("big.bin", PART, "one!")
    moto.put("note.md", "a note")
    devices = (Device(tmp_path / "laptop", moto), Device(tmp_path / "desktop", moto))
    for device in devices:
        device.run("setup")
        assert device.sync().outcome is Outcome.IDLE
    return devices


def end_of(device: Device, name: str = "big.bin") -> str:
    return (device.notes / name).read_text()[-4:]


def rewrite(device: Device, end: str, name: str = "big.bin") -> None:
    """An edit that leaves the size as it is."""
    (device.notes / name).write_text(PART + end)


def test_edits_of_one_size_travel_from_either_side(both: tuple[Device, Device], moto: S3) -> None:
    laptop, desktop = both
    for round_, edited in enumerate(("from", "othr", "agin")):
        moto.put_in_parts("big.bin", PART, edited)
        assert laptop.sync().downloaded == 1
        assert end_of(laptop) == edited
        rewrite(laptop, f"LAP{round_}")
        assert laptop.sync().uploaded == 1
        assert moto.tree()["big.bin"][-4:] == f"LAP{round_}"
        assert desktop.sync().downloaded == 1
        assert end_of(desktop) == f"LAP{round_}"
        assert laptop.sync().outcome is desktop.sync().outcome is Outcome.IDLE


def test_new_and_deleted_ones(both: tuple[Device, Device], moto: S3) -> None:
    laptop, desktop = both
    moto.put_in_parts("new.bin", PART, "new!")
    for device in both:
        assert device.sync().downloaded == 1
        assert device.sync().outcome is Outcome.IDLE
    (laptop.notes / "new.bin").unlink()
    assert laptop.sync().deleted_cloud == 1
    assert "new.bin" not in moto.tree()
    assert desktop.sync().deleted_local == 1
    moto.delete("big.bin")
    assert laptop.sync().deleted_local == 1
    assert laptop.sync().outcome is Outcome.IDLE


def test_a_conflict_of_one_size(both: tuple[Device, Device], moto: S3) -> None:
    laptop, _ = both
    rewrite(laptop, "here")
    moto.put_in_parts("big.bin", PART, "ther")
    assert len(laptop.sync().conflicts) == 1
    assert {end_of(laptop), end_of(laptop, "big.bin.conflict1")} == {"here", "ther"}
    assert laptop.sync().outcome is Outcome.IDLE
    assert {name: text[-4:] for name, text in moto.tree().items() if name != "note.md"} == {
        name: end_of(laptop, name) for name in ("big.bin", "big.bin.conflict1")
    }


def test_the_same_and_another_one_on_both_sides(both: tuple[Device, Device], moto: S3) -> None:
    laptop, _ = both
    for name, end in (("same.bin", "same"), ("othr.bin", "here")):
        rewrite(laptop, end, name)
        moto.put_in_parts(name, PART, "same")
    result = laptop.sync()
    assert [one.path for one in result.conflicts] == ["othr.bin"]
    assert laptop.sync().outcome is Outcome.IDLE
    (laptop.notes / "same.bin").unlink()
    assert laptop.sync().deleted_cloud == 1


def test_a_touched_file_is_not_sent_again(both: tuple[Device, Device]) -> None:
    laptop, _ = both
    rewrite(laptop, "one!")
    assert laptop.sync().outcome is Outcome.IDLE


def test_check_says_what_it_could_not_compare(both: tuple[Device, Device]) -> None:
    laptop, _ = both
    assert laptop.run("check", "--json").json["syncs"][0]["by_size_only"] == 1
    assert "2 files match" in laptop.run("check", "--download").out
    rewrite(laptop, "diff")

    by_size = laptop.run("check")
    by_content = laptop.run("check", "--download", expect=3)

    assert "1 file compared by size alone" in by_size.out and "bisync check --download" in by_size.out
    assert "differs: big.bin" in by_content.out
    assert "by size alone" not in by_content.out


def test_a_script_copies_them_itself(both: tuple[Device, Device], moto: S3) -> None:
    laptop, _ = both
    moto.put_in_parts("othr.bin", PART, "othr")
    laptop.sync()
    rewrite(laptop, "here")
    moto.put_in_parts("othr.bin", PART, "ther")
    laptop.run("plan", "--script", "plan.sh")

    env = {"PATH": os.environ["PATH"], "HOME": str(laptop.home), "RCLONE": str(rclone_path())}
    subprocess.run(["sh", "plan.sh"], cwd=laptop.home, env=env, capture_output=True, timeout=60, check=True)

    assert moto.tree()["big.bin"][-4:] == end_of(laptop) == "here"
    assert moto.tree()["othr.bin"][-4:] == end_of(laptop, "othr.bin") == "ther"
    kept = [path.read_text()[-4:] for path in (laptop.state / "trash").rglob("othr.bin")]
    assert kept == ["othr"]
