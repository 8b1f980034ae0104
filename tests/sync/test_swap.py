"""Edits saved while their cloud version arrives survive."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bisync import events
from bisync.core.result import Outcome
from bisync.core.snapshot import LocalFile
from bisync.sync import swap
from tests.support.proxy import Gate, proxied
from tests.support.world import BUCKET, S3, Device, rclone_path


def seen(root: Path, name: str) -> LocalFile:
    size, stamp = swap.stamp_of(root / name)
    return LocalFile(name, size, stamp, None)


@pytest.fixture
def area(tmp_path: Path) -> swap.Area:
    made = swap.Area(tmp_path / "notes", "run", tmp_path / "trash")
    made.staging.mkdir(parents=True)
    return made


def test_a_new_version_takes_the_place_and_the_old_goes_to_the_trash(area: swap.Area) -> None:
    (area.root / "n.md").write_text("old")
    (area.staging / "n.md").write_text("new")
    assert swap.put_in(area, "n.md", seen(area.root, "n.md"))
    swap.empty_hold(area)
    assert (area.root / "n.md").read_text() == "new"
    assert (area.trash / "n.md").read_text() == "old"


def test_an_edit_before_the_swap_stays(area: swap.Area) -> None:
    (area.root / "n.md").write_text("old")
    expected = seen(area.root, "n.md")
    (area.staging / "n.md").write_text("new")
    (area.root / "n.md").write_text("edited meanwhile")
    assert not swap.put_in(area, "n.md", expected)
    assert (area.root / "n.md").read_text() == "edited meanwhile"


def test_nothing_is_put_over_a_file_that_appeared(area: swap.Area) -> None:
    (area.staging / "n.md").write_text("new")
    (area.root / "n.md").write_text("made here meanwhile")
    assert not swap.put_in(area, "n.md", None)
    assert (area.root / "n.md").read_text() == "made here meanwhile"


def test_what_was_merged_is_in_the_trash_in_both_versions_where_the_cloud_keeps_none(area: swap.Area) -> None:
    (area.root / "d").mkdir(parents=True)
    (area.root / "d/n.md").write_text("ours")
    (area.staging / "d").mkdir()
    (area.staging / "d/n.md").write_text("theirs")
    swap.keep_aside(area, "d/n.md", "d/n.md")
    swap.stage(area, "d/n.md", b"both")
    assert swap.put_in(area, "d/n.md", seen(area.root, "d/n.md"))
    (area.staging / "d/n.md").write_text("theirs again")
    swap.keep_aside(area, "d/n.md", "d/n.md")
    swap.empty_hold(area)
    assert (area.root / "d/n.md").read_text() == "both"
    kept = {path.name: path.read_text() for path in (area.trash / "d").iterdir()}
    assert kept == {"n.md": "ours", "n.md~": "theirs", "n.md~~": "theirs again"}


def test_a_program_that_had_the_file_open_is_noticed(area: swap.Area) -> None:
    (area.root / "n.md").write_text("old")
    expected = seen(area.root, "n.md")
    (area.staging / "n.md").write_text("new")
    with (area.root / "n.md").open("a") as editor:
        assert swap.put_in(area, "n.md", expected)
        editor.write(" and more")
    assert list(swap.late_edits(area, {"n.md": expected})) == ["n.md"]


def test_a_late_edit_has_a_name_also_where_its_folder_is_gone(area: swap.Area) -> None:
    (area.root / "d").mkdir()
    (area.root / "d/n.md").write_text("old")
    with (area.root / "d/n.md").open("a") as editor:
        assert swap.take_away(area, "d/n.md", seen(area.root, "d/n.md"))
        (area.root / "d").rmdir()
        editor.write(" and more")
    assert swap.name_late_edit(area, "d/n.md") == "d/n.md"
    assert (area.root / "d/n.md").read_text() == "old and more"


def test_after_a_crash_between_move_and_link_the_note_is_back(area: swap.Area) -> None:
    (area.root / "d").mkdir()
    (area.root / "d" / "n.md").write_text("old")
    assert swap.take_away(area, "d/n.md", seen(area.root, "d/n.md"))
    assert not (area.root / "d" / "n.md").exists()
    assert swap.put_back(area.root, area.trash.parent / "trash") == ["d/n.md"]
    assert (area.root / "d" / "n.md").read_text() == "old"


def test_put_back_covers_nothing_up(area: swap.Area) -> None:
    (area.root / "n.md").write_text("old")
    swap.take_away(area, "n.md", None)
    (area.root / "n.md").write_text("newer")
    assert swap.put_back(area.root, area.trash) == []
    assert (area.root / "n.md").read_text() == "newer"
    assert (area.trash / "run" / "n.md").read_text() == "old"


def edited_in_the_cloud(device: Device, s3: S3) -> None:
    for name in ("n.md", "other.md"):
        device.write(name, "old")
    device.sync()
    s3.put("n.md", "from the cloud, and longer")


@pytest.mark.parametrize("profile", ["balanced", "safe"])
@pytest.mark.parametrize("mode", [0o600, 0o755, 0o440])
def test_a_new_version_has_the_permissions_of_the_old(
    laptop: Device, s3: S3, mode: int, profile: str
) -> None:
    laptop.write("plain.md", "plain")
    for name in ("edited.md", "contested.md"):
        laptop.write(name, "one").chmod(mode)
    laptop.sync()
    s3.put("edited.md", "two")
    contested = laptop.notes / "contested.md"
    contested.chmod(0o700)
    contested.write_text("three")
    contested.chmod(mode)
    s3.put("contested.md", "four, and newer")

    result = laptop.sync(profile=profile)

    assert (result.downloaded, len(result.conflicts)) == (2, 1)
    (conflict,) = result.conflicts
    left = ["contested.md"] if conflict.winner != "both" else []
    for name in ("edited.md", *left, *conflict.copies):
        assert (laptop.notes / name).stat().st_mode & 0o777 == mode, name
    assert laptop.sync().outcome is Outcome.IDLE


def test_an_edit_saved_during_the_download_survives(tmp_path: Path, s3: S3) -> None:
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.setup()
        edited_in_the_cloud(device, s3)
        gate = proxy.on("GET", Gate(), path="n.md", times=1)
        process = device.popen("sync")
        gate.wait()
        assert (device.notes / "n.md").read_text() == "old", "it never vanishes from disk"
        device.write("n.md", "saved in that very moment")
        gate.open()
        out, err = process.communicate(timeout=60)

        assert process.returncode == 0, out + err
        tree = device.tree()
        assert "saved in that very moment" in tree.values()
        assert "from the cloud, and longer" in tree.values()
        assert len([name for name in tree if name.startswith("n.md")]) == 2


def test_rclone_alone_loses_it(tmp_path: Path, s3: S3) -> None:
    """The loss without the swap: the same moment in a bare bisync with backup dirs."""
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.setup()
        edited_in_the_cloud(device, s3)
        work, filters = device.state / "work", device.state / "filters.rclone"
        gate = proxy.on("GET", Gate(), path="n.md", times=1)
        process = subprocess.Popen(
            [str(rclone_path()), "bisync", str(device.notes), f"basic-memory-team:{BUCKET}/",
             "--compare", "size,checksum", "--filters-file", str(filters), "--workdir", str(work),
             "--backup-dir1", str(tmp_path / "backup"), "--conflict-resolve", "path1", "--force",
             "--config", str(device.home / ".config/rclone/rclone.conf"), "--skip-links",
             "--local-no-check-updated"],
            env={**device.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        gate.wait()
        device.write("n.md", "saved in that very moment")
        gate.open()
        assert process.wait(60) == 0
        everywhere = [p.read_text() for p in tmp_path.rglob("*.md*") if p.is_file()]
        assert "saved in that very moment" not in everywhere


def test_a_late_write_into_the_old_file_becomes_a_conflict_copy(tmp_path: Path, s3: S3) -> None:
    device = Device(tmp_path / "late", s3)
    device.setup()
    edited_in_the_cloud(device, s3)
    with (device.notes / "n.md").open("r+") as editor:

        def write_late(sync: str, event: events.Event) -> None:
            if editor.tell() == 0 and (device.notes / "n.md").read_text() != "old":
                editor.write("late words")
                editor.flush()

        result = device.sync(app=device.app(on_event=write_late))
    assert result.outcome is Outcome.DONE
    assert device.tree()["n.md"] == "from the cloud, and longer"
    assert device.tree()["n.md.conflict1"] == "late words"
    assert device.sync().uploaded == 1
