"""What is taken back, and what is not: the work that somebody has done since."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.world import S3, Device


@pytest.fixture
def laptop(tmp_path: Path, s3: S3) -> Device:
    """A device with a manifest and a sync dir, and nothing else."""
    return Device(tmp_path / "laptop", s3)


@pytest.fixture
def moved(laptop: Device) -> Device:
    """A device that has moved its old notes over, into a sync dir that held some."""
    for name, text in {
        "basic-memory/a.md": "old a",
        "basic-memory/b.md": "old b",
        "notes/mine.md": "mine",
    }.items():
        path = laptop.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    laptop.run("migrate", "--from", "~/basic-memory", expect=0)
    return laptop


def here(device: Device) -> dict[str, str]:
    return {
        str(path.relative_to(device.notes)): path.read_text()
        for path in sorted(device.notes.rglob("*"))
        if path.is_file() and ".basic-memory" not in path.parts
    }


def test_notes_that_were_written_and_synced_since_stay(moved: Device, s3: S3) -> None:
    (moved.notes / "since.md").write_text("since")
    (moved.notes / "copied.md").write_text("old a")
    s3.put("from-another-device.md", "theirs")
    moved.run("sync", expect=0)

    undone = moved.run("migrate", "--undo", expect=1)

    assert here(moved) == {
        "copied.md": "old a", "from-another-device.md": "theirs", "mine.md": "mine", "since.md": "since"
    }  # fmt: skip
    assert "2 files taken away" in undone.out
    assert "kept as it is: since.md" in undone.out
    assert set(s3.tree()) >= {"a.md", "b.md", "mine.md"}


def test_an_edit_of_what_was_brought_stays(moved: Device) -> None:
    (moved.notes / "a.md").write_text("edited")

    undone = moved.run("migrate", "--undo", expect=1)

    assert here(moved) == {"a.md": "edited", "mine.md": "mine"}
    assert "kept as it is: a.md: it is not what the migration brought" in undone.out


def test_what_came_from_the_cloud_with_the_baseline_goes_too(laptop: Device, s3: S3) -> None:
    s3.put("theirs.md", "theirs")
    s3.put("mine.md", "a newer version of mine")
    (laptop.home / "basic-memory").mkdir()
    (laptop.home / "basic-memory" / "a.md").write_text("old a")
    laptop.notes.mkdir()
    (laptop.notes / "mine.md").write_text("mine")
    os.utime(laptop.notes / "mine.md", (1_600_000_000, 1_600_000_000))
    before = here(laptop)

    laptop.run("migrate", "--from", "~/basic-memory", expect=0)
    assert here(laptop)["mine.md"] == "a newer version of mine"
    assert here(laptop)["theirs.md"] == "theirs"
    laptop.run("migrate", "--undo", expect=0)

    assert here(laptop) == before
    assert (laptop.notes / "mine.md").stat().st_mtime == 1_600_000_000
    assert not (laptop.notes / ".basic-memory").exists()


def test_two_migrations_are_taken_back_as_one(moved: Device) -> None:
    (moved.notes / "since.md").write_text("since")
    (moved.home / "basic-memory" / "a.md").write_text("newer a")
    moved.run("migrate", expect=0)
    assert here(moved)["a.md"] == "newer a"

    moved.run("migrate", "--undo", expect=1)

    assert here(moved) == {"mine.md": "mine", "since.md": "since"}


def test_nothing_is_put_back_through_a_link(laptop: Device, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name, text, time in (
        ("basic-memory/d/a.md", "newer", 2_000_000_000),
        ("notes/d/a.md", "mine", 1_600_000_000),
    ):
        path = laptop.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time, time))
    laptop.run("migrate", "--from", "~/basic-memory")
    assert here(laptop)["d/a.md"] == "newer"
    (laptop.notes / "d").rename(laptop.notes / "moved")
    (laptop.notes / "d").symlink_to(outside)

    undone = laptop.run("migrate", "--undo", expect=1)

    assert list(outside.iterdir()) == []
    assert "kept as it is: d/a.md: d is a link here" in undone.out
    assert "mine" in here(laptop).values()


def test_a_dry_run_says_so_and_takes_nothing_back(moved: Device) -> None:
    before = here(moved)

    said = moved.run("migrate", "--undo", "--dry-run", expect=0)

    assert here(moved) == before
    assert "2 files taken away" in said.out
    assert "Nothing was changed" in said.out


def test_a_configuration_that_was_changed_since_stays(moved: Device) -> None:
    config = moved.home / ".config" / "rclone" / "rclone.conf"
    config.write_text(config.read_text() + "[mine]\ntype = memory\n")

    undone = moved.run("migrate", "--undo", expect=1)

    assert "[mine]" in config.read_text()
    assert f"kept as it is: {config}: it was changed since" in undone.out


def test_without_a_migration_there_is_nothing_to_take_back(laptop: Device) -> None:
    said = laptop.run("migrate", "--undo", expect=2)

    assert "no migration is known" in said.err


def test_the_next_sync_deletes_nothing_in_the_cloud(moved: Device, s3: S3) -> None:
    there = s3.tree()
    moved.run("migrate", "--undo", expect=0)

    refused = moved.run("sync", expect=5)
    moved.run("setup", expect=0)

    assert "bisync setup" in refused.err
    assert s3.tree() == there
    assert set(here(moved)) == set(there)


def test_an_empty_folder_that_came_along_goes(laptop: Device) -> None:
    (laptop.home / "basic-memory" / "empty" / "deep").mkdir(parents=True)
    Path(laptop.home / "basic-memory" / "a.md").write_text("a")
    laptop.run("migrate", "--from", "~/basic-memory", expect=0)
    assert (laptop.notes / "empty" / "deep").is_dir()

    laptop.run("migrate", "--undo", expect=0)

    assert not laptop.notes.exists()
