"""What a run overwrote or deleted comes back; after keep_days it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.world import S3, Device


def test_deleted_and_overwritten_files_come_back(laptop: Device, desktop: Device, s3: S3) -> None:
    for name in ("keep.md", "gone.md", "p/one.md", "p/two.md"):
        laptop.write(name, f"first {name}")
    laptop.sync()
    desktop.sync()
    (laptop.notes / "gone.md").unlink()
    laptop.write("keep.md", "second")
    laptop.sync()  # the cloud's old versions are in the cloud's trash
    desktop.sync()  # the desktop's are in its own

    assert "✓ Restored" in laptop.run("restore", "gone.md").out
    assert "✓ Restored" in desktop.run("restore", "keep.md").out

    assert laptop.tree()["gone.md"] == "first gone.md"
    assert desktop.tree()["keep.md"] == "first keep.md"
    assert laptop.sync().uploaded == 1
    assert desktop.sync().error is None
    laptop.sync()
    assert laptop.tree() == desktop.tree() == s3.tree()
    # Restoring over a file keeps what lay there.
    laptop.write("keep.md", "precious, never synced")
    laptop.run("restore", "keep.md")
    assert "precious, never synced" in [p.read_text() for p in (laptop.state / "trash").rglob("keep.md")]


def test_a_whole_folder_and_a_given_run(laptop: Device) -> None:
    for text in ("one", "two", "three"):
        laptop.write("p/a.md", text)
        laptop.write("p/b.md", text)
        laptop.sync()
    runs = [entry["run"] for entry in laptop.history() if entry["uploaded"]]
    laptop.run("restore", "p", "--run", runs[1], "--to", "back", "--yes")
    assert (laptop.home / "back/p/a.md").read_text() == "one"
    laptop.run("restore", "p/b.md", "--to", "latest")
    assert (laptop.home / "latest/p/b.md").read_text() == "two"
    nothing = laptop.run("restore", "never.md", expect=2)
    assert "nothing called never.md" in nothing.err and "bisync history" in nothing.err


def test_below_a_folder_only_what_is_missing_comes_back(laptop: Device, s3: S3) -> None:
    names = [f"p/{number}.md" for number in range(12)] + ["p/tab\there.md", "p/ümlaut.md"]
    laptop.write("other.md", "untouched, or the guards would refuse")
    for name in names:
        laptop.write(name, "first")
    laptop.sync()
    for name in names:
        laptop.write(name, "second")
    assert laptop.sync().uploaded == len(names)
    for name in names[1:]:
        (laptop.notes / name).unlink()
    assert laptop.sync().deleted_cloud == len(names) - 1

    said = laptop.run("restore", "p", "--yes").out

    assert said.count("✓ Restored") == len(names) - 1
    assert "1 file still here, left alone" in said
    (laptop.notes / "other.md").unlink()
    assert laptop.tree() == dict.fromkeys(names, "second")
    assert laptop.sync().uploaded == len(names) - 1
    assert not (laptop.notes / ".basic-memory/staging").exists()
    again = laptop.run("restore", "p").out
    assert "Restored" not in again and f"{len(names)} files still here, left alone" in again
    laptop.run("restore", "p/0.md")
    assert laptop.tree()["p/0.md"] == "first"


def test_a_folder_of_that_name_is_not_replaced(laptop: Device) -> None:
    laptop.write("a", "a file")
    laptop.sync()
    (laptop.notes / "a").unlink()
    laptop.sync()
    laptop.write("a/b.md", "in a folder")

    said = laptop.run("restore", "a", expect=1)

    assert "a is a folder now" in said.err and "bisync restore a --to FOLDER" in said.err
    assert laptop.tree() == {"a/b.md": "in a folder"}
    laptop.run("restore", "a", "--to", "aside")
    assert (laptop.home / "aside/a").read_text() == "a file"


@pytest.mark.parametrize("asked", ["d/x.md", "d"])
def test_what_lies_in_a_folders_place_is_named(laptop: Device, asked: str) -> None:
    laptop.write("d/x.md", "in a folder")
    laptop.sync()
    (laptop.notes / "d/x.md").unlink()
    (laptop.notes / "d").rmdir()
    laptop.sync()
    laptop.write("d", "a file")

    said = laptop.run("restore", asked, expect=1).err

    assert "d is a file now, and d/x.md belongs in a folder of that name" in said
    assert f"bisync restore {asked} --to FOLDER" in said
    assert laptop.tree() == {"d": "a file"}
    (laptop.home / "file").write_text("a file, too")
    said = laptop.run("restore", asked, "--to", "file", expect=1).err
    assert "file is a file now" in said and "--to another FOLDER" in said
    laptop.run("restore", asked, "--to", "aside")
    assert (laptop.home / "aside/d/x.md").read_text() == "in a folder"


def test_nothing_comes_back_through_a_link(laptop: Device) -> None:
    laptop.write("d/x.md", "in a folder")
    laptop.sync()
    (laptop.notes / "d/x.md").unlink()
    (laptop.notes / "d").rmdir()
    laptop.sync()
    (laptop.home / "outside").mkdir()
    (laptop.notes / "d").symlink_to(laptop.home / "outside")

    assert "d is a link now" in laptop.run("restore", "d/x.md", expect=1).err
    assert list((laptop.home / "outside").iterdir()) == []


def test_the_trash_is_never_synced_and_expires(make_device: Callable[..., Device], s3: S3) -> None:
    device = make_device("tidy", extra="defaults: {keep_days: 7}\n")
    device.setup()
    device.write("a.md", "old")
    device.sync()
    s3.put("a.md", "from the cloud")
    device.write("b.md", "b")
    device.sync()
    device.write("a.md", "from here")
    device.sync()
    local, cloud = device.state / "trash", "s3:notes-bucket/.basic-memory/trash"
    assert len(list(local.rglob("a.md"))) == 1
    assert s3.rclone("lsf", "-R", "--files-only", cloud).count("a.md") == 1
    assert set(s3.tree()) == {"a.md", "b.md"}

    for days, left, noted in ((6, 1, 4), (8, 0, 2)):
        later = datetime.now(UTC) + timedelta(days=days)
        device.write("b.md", f"later {days}")
        assert device.sync(app=device.app(now=lambda later=later: later)).error is None
        assert len(list(local.rglob("a.md"))) == left
        assert s3.rclone("lsf", "-R", "--files-only", cloud).count("a.md") == left
        assert len(list((device.state / "changes").iterdir())) == noted


def test_what_others_left_in_the_trash_is_counted_from_the_second_day_on(laptop: Device, s3: S3) -> None:
    """Nothing of it is due before it was seen there for so long: the first run has no listing to wait for."""
    theirs = "20200101T000000Z-3f2a7c-theirs"
    s3.put(f".basic-memory/trash/{theirs}/a.md", "a")
    counted = []
    for days in (0, 1, 2):
        later = datetime.now(UTC) + timedelta(days=days)
        laptop.write("b.md", f"later {days}")
        laptop.sync(app=laptop.app(now=lambda later=later: later))
        counted.append(json.loads((laptop.state / "trash-checked.json").read_text())["cloud"].get(theirs))

    assert counted[:2] == [None, 0.0]
    assert counted[2] == pytest.approx(24 * 3600, abs=600)
    assert s3.rclone("lsf", "-R", "--files-only", f"s3:notes-bucket/.basic-memory/trash/{theirs}") == "a.md\n"


def test_nothing_private_is_readable_by_others(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")
    laptop.sync()
    s3.put("a.md", "b")
    laptop.sync()
    for folder in (laptop.state, laptop.state / "trash", laptop.state / "work"):
        assert folder.stat().st_mode & 0o077 == 0, folder
    assert (laptop.home / ".config/rclone/rclone.conf").stat().st_mode & 0o777 == 0o600
    assert (laptop.state / "baseline.json").stat().st_mode & 0o777 == 0o600


def test_a_planted_run_is_never_preferred(laptop: Device, desktop: Device, s3: S3) -> None:
    """Whoever can write to the bucket can put a run of the year 2999 there, also one with this device's name."""
    for text in ("first", "second"):
        laptop.write("a.md", text)
        laptop.sync()
    ours = laptop.history()[-1]["run"]
    planted = f"29990101T000000Z-3f2a7c-{ours.partition('Z-')[2].partition('-')[2]}"
    for name in ("a.md", "only.md"):
        s3.put(f".basic-memory/trash/{planted}/{name}", "planted")

    assert f"(run {ours}," in laptop.run("restore", "a.md").out
    assert laptop.tree() == {"a.md": "first"}

    said = laptop.run("restore", "only.md", expect=2).err
    assert f"run {planted} (not known here: another device's, or planted; its name says a time" in said
    assert f"bisync restore only.md --run {planted}" in said
    assert laptop.tree() == {"a.md": "first"}

    listed = laptop.run("history", "--versions").out
    marked = [line for line in listed.splitlines() if "not known here" in line]
    assert len(marked) == 2 and all(planted in line for line in marked)
    versions = laptop.run("history", "--versions", "--json").json["syncs"][0]["versions"]
    assert {one["run"]: one["known"] for one in versions if one["side"] == "cloud"} == {
        ours: True,
        planted: False,
    }

    # What another device's run has kept comes back by its name.
    desktop.sync()
    desktop.run("restore", "a.md", "--run", ours, "--to", "back")
    assert (desktop.home / "back/a.md").read_text() == "first"
    laptop.run("restore", "only.md", "--run", planted)
    assert laptop.tree()["only.md"] == "planted"
