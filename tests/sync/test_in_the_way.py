"""What stands in the way of one path here: it is left out and named, and the rest of the plan is carried out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bisync.core.result import Outcome, SyncResult
from bisync.sync import inside
from tests.support.busy import World
from tests.support.world import S3, Device, serve_s3
from tests.sync.test_kill_sweep import in_a_child


def left_out(result: SyncResult) -> list[str]:
    """The paths that a run went without; it ended well but for them."""
    assert (result.error, result.exit_code) == (None, 1), result
    return [one.path for one in result.left_out]


def test_a_folder_with_folders_becomes_a_file(laptop: Device, desktop: Device, s3: S3) -> None:
    for path in ("m/a.md", "m/sub/b.md", "m/sub/deep/c.md", "keep.md"):
        laptop.write(path, path)
    laptop.sync()
    desktop.sync()
    (desktop.notes / "m/empty/folders").mkdir(parents=True)
    shutil.rmtree(laptop.notes / "m")
    laptop.write("m", "x")
    sent = laptop.sync()
    assert sent.error is None, sent

    fetched = desktop.sync()

    assert (fetched.error, fetched.left_out, fetched.deleted_local) == (None, (), 3), fetched
    assert desktop.tree() == s3.tree() == {"m": "x", "keep.md": "keep.md"}
    assert desktop.sync().outcome is laptop.sync().outcome is Outcome.IDLE


@pytest.mark.parametrize("own", ["a file", "a link", "a link to a folder"])
def test_what_is_not_synced_in_a_folder_that_becomes_a_file_stays(
    laptop: Device, desktop: Device, s3: S3, tmp_path: Path, own: str
) -> None:
    for path in ("m/a.md", "m/sub/b.md", "keep.md", "gone.md"):
        laptop.write(path, path)
    (desktop.home / ".basic-memory" / ".bmignore").write_text("*.log\n")
    laptop.sync()
    desktop.sync()
    kept = desktop.notes / "m/sub/own.log"
    (tmp_path / "elsewhere").mkdir()
    if own == "a file":
        kept.write_text("ignored")
    else:
        kept.symlink_to(tmp_path / ("elsewhere" if own == "a link to a folder" else "nowhere"))
    (desktop.notes / "m/empty").mkdir()
    shutil.rmtree(laptop.notes / "m")
    laptop.write("m", "x")
    (laptop.notes / "gone.md").unlink()
    laptop.write("new.md", "new")
    assert laptop.sync().error is None
    desktop.write("up.md", "up")
    (desktop.notes / "keep.md").unlink()

    for _ in range(2):
        result = desktop.sync()

        assert left_out(result) == ["m"]
        assert "not empty" in result.left_out[0].why
        assert kept.is_symlink() is (own != "a file") and (desktop.notes / "m/empty").is_dir()
        assert s3.tree() == {"m": "x", "new.md": "new", "up.md": "up"}
    kept.unlink()
    assert desktop.sync().exit_code == 0
    assert desktop.tree() == s3.tree()


def test_kill_9_while_a_folder_becomes_a_file(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    with serve_s3(tmp_path / "cloud") as s3:
        device = Device(tmp_path / "home", s3)
        for path in ("m/a.md", "m/sub/b.md", "m/sub/deep/c.md", "keep.md", "n"):
            device.write(path, path)
        device.setup()
        (device.home / ".basic-memory" / ".bmignore").write_text("*.log\n")
        device.sync()
        device.write("m/sub/own.log", "ignored")
        for path in ("m/a.md", "m/sub/b.md", "m/sub/deep/c.md", "n"):
            s3.delete(path)
        s3.put("m", "x")
        s3.put("n/in/d.md", "d")
        world = World(device, tmp_path / "cloud", tmp_path / "copies", frozenset())
        world.keep()
        port = int(s3.endpoint.rpartition(":")[2])
    world.restore()
    with serve_s3(world.cloud, port=port):
        steps = in_a_child(device, None)
    for number in range(sum(" in " not in step for step in steps)):
        world.restore()
        with serve_s3(world.cloud, port=port):
            step = in_a_child(device, number)[-1]
            result = device.sync()
            assert (result.error, result.exit_code) == (None, 1), (step, result)
            wanted = {"keep.md": "keep.md", "n/in/d.md": "d", "m/sub/own.log": "ignored"}
            assert device.tree() == wanted, step
            assert world.there() == {"keep.md": "keep.md", "n/in/d.md": "d", "m": "x"}, step
            assert {"m/a.md", "m/sub/b.md", "m/sub/deep/c.md"} <= world.versions(), step


@pytest.mark.parametrize(
    ("what", "key", "why"),
    [
        ("ignored", "d", "a folder here has its name, and it is not empty"),
        ("ignored folder", "d", "a folder here has its name, and it is not empty"),
        ("link inside", "d", "a folder here has its name, and it is not empty"),
        ("link", "d", "a link here has its name"),
        ("link", "d/e/f.md", "d is a link here, and nothing is changed through one"),
        ("fifo", "d", "what has its name here is no file"),
        ("fifo", "d/f.md", "d is a folder in the cloud, and none here"),
    ],
)
def test_the_plan_says_what_cannot_come(
    laptop: Device, s3: S3, tmp_path: Path, what: str, key: str, why: str
) -> None:
    laptop.write(".bmignore", "*.log\nhidden/\n")
    laptop.sync()
    place = laptop.notes / "d"
    match what:
        case "ignored":
            laptop.write("d/sub/my.log", "mine")
        case "ignored folder":
            laptop.write("d/hidden/mine.md", "mine")
        case "link inside":
            place.mkdir()
            (place / "link").symlink_to(tmp_path)
        case "link":
            place.symlink_to(tmp_path)
        case "fifo":
            os.mkfifo(place)
    s3.put(key, "from elsewhere")
    s3.put("other.md", "other")

    [planned] = laptop.run("plan", "--json").json["syncs"]
    result = laptop.sync()

    assert [action["path"] for action in planned["actions"]] == ["other.md"]
    assert [(one["path"], one["why"]) for one in planned["left_out"]] == [(key, why)]
    assert [(one.path, one.why) for one in result.left_out] == [(key, why)]
    assert result.downloaded == 1 and laptop.tree()["other.md"] == "other"
    assert not (tmp_path / "e").exists()


def test_a_rename_that_cannot_come_here_is_named_by_both_names(
    laptop: Device, s3: S3, tmp_path: Path
) -> None:
    laptop.write("m/a.md", "moved")
    laptop.sync()
    (tmp_path / "elsewhere").mkdir()
    (laptop.notes / "r").symlink_to(tmp_path / "elsewhere")
    s3.rclone("moveto", "s3:notes-bucket/m/a.md", "s3:notes-bucket/r/a.md")

    for _ in range(2):
        assert left_out(laptop.sync()) == ["m/a.md", "r/a.md"]

    assert laptop.tree() == {"m/a.md": "moved"}
    assert s3.tree() == {"r/a.md": "moved"}
    (laptop.notes / "r").unlink()
    assert laptop.sync().renamed == 1
    assert laptop.tree() == s3.tree() == {"r/a.md": "moved"}


def test_a_file_saved_where_a_folder_is_about_to_come_makes_room_in_the_next_run(
    tmp_path: Path, moto: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(tmp_path / "device", moto)
    device.setup()
    device.write("desk", "a file here")
    moto.put("desk/x.md", "a folder there")
    look = inside.check_way

    def saved_first(root: Path, name: str) -> None:
        look(root, name)
        if name == "desk/x.md" and not (root / "desk").exists():
            device.write("desk", "saved in that moment")

    monkeypatch.setattr(inside, "check_way", saved_first)
    assert left_out(device.sync()) == ["desk/x.md"]
    monkeypatch.setattr(inside, "check_way", look)

    assert "desk" not in moto.tree()
    assert device.sync().outcome is Outcome.DONE
    assert device.sync().exit_code == 0
    wanted = {
        "desk/x.md": "a folder there",
        "desk.conflict1": "a file here",
        "desk.conflict2": "saved in that moment",
    }
    assert device.tree() == moto.tree() == wanted
