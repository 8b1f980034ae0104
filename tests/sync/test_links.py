"""Nothing is written, moved or deleted through a link of the user's, and no link gives way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisync.core.snapshot import LocalFile
from bisync.sync import inside, swap
from tests.support.machine import everything
from tests.support.world import S3, Device
from tests.sync.test_in_the_way import left_out


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is no part of the sync, with a file of the name of one in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "a.md").write_text("outside")
    return folder


@pytest.mark.parametrize("kind", ["folder", "dangling", "file"])
@pytest.mark.parametrize("change", ["new", "edited", "renamed", "deep"])
def test_a_link_where_the_cloud_has_a_folder(
    laptop: Device, s3: S3, outside: Path, change: str, kind: str
) -> None:
    for path in ("d/a.md", "b.md", "gone-here.md", "gone-there.md"):
        laptop.write(path, path)
    laptop.sync()
    (laptop.notes / "d/a.md").unlink()
    (laptop.notes / "d").rmdir()
    laptop.sync()
    target = {"folder": outside, "dangling": outside / "nowhere", "file": outside / "a.md"}[kind]
    (laptop.notes / "d").symlink_to(target)
    match change:
        case "new":
            s3.put("d/x.md", "new in vain")
        case "edited":
            s3.put("d/a.md", "edited in vain")
        case "renamed":
            s3.rclone("moveto", "s3:notes-bucket/b.md", "s3:notes-bucket/d/b.md")
        case "deep":
            s3.put("d/in/deep/a.md", "new in vain")
    (laptop.notes / "gone-here.md").unlink()
    s3.delete("gone-there.md")
    s3.put("fresh.md", "fresh")
    laptop.write("new.md", "new")
    before = everything(outside)

    for _ in range(2):
        *old, path = left_out(result := laptop.sync())

        assert path.startswith("d/") and "d is a link here" in result.left_out[-1].why
        assert old == (["b.md"] if change == "renamed" else []), "what stays under its old name is named, too"
        assert everything(outside) == before
        assert (laptop.notes / "d").readlink() == target
        for tree in (laptop.tree(), s3.tree()):
            assert {"new.md", "fresh.md"} <= tree.keys() and not {
                "gone-here.md",
                "gone-there.md",
            } & tree.keys()
    (laptop.notes / "d").unlink()
    assert laptop.sync().exit_code == 0
    assert laptop.tree() == s3.tree()


@pytest.mark.parametrize("kind", ["folder", "dangling", "file", "pipe"])
@pytest.mark.parametrize("change", ["new", "edited", "renamed"])
def test_a_link_in_the_place_of_a_file(laptop: Device, s3: S3, outside: Path, change: str, kind: str) -> None:
    for path in ("a.md", "b.md", "gone-here.md"):
        laptop.write(path, path)
    laptop.sync()
    own = laptop.notes / ("a.md" if change == "edited" else "x.md")
    own.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(own)
    else:
        own.symlink_to({"folder": outside, "dangling": outside / "nowhere", "file": outside / "a.md"}[kind])
    if change == "renamed":
        s3.rclone("moveto", "s3:notes-bucket/b.md", "s3:notes-bucket/x.md")
    else:
        s3.put(own.name, "in vain")
    (laptop.notes / "gone-here.md").unlink()
    laptop.write("new.md", "new")
    before, link = everything(outside), own.lstat()

    for _ in range(2):
        assert left_out(laptop.sync()) == [*(["b.md"] if change == "renamed" else []), own.name]

        assert everything(outside) == before
        assert (own.lstat().st_ino, own.lstat().st_mode) == (link.st_ino, link.st_mode)
        assert own.name in s3.tree() and "new.md" in s3.tree() and "gone-here.md" not in s3.tree()
    own.unlink()
    laptop.sync()
    laptop.sync()
    assert laptop.tree() == s3.tree()


@pytest.mark.parametrize(
    ("place", "kind"),
    [("d", "folder"), ("d", "dangling"), ("d/in", "folder"), ("d/a.md", "file"), ("d/a.md", "pipe")],
)
def test_what_a_link_stands_for_counts_as_no_deletion(
    laptop: Device, desktop: Device, s3: S3, outside: Path, place: str, kind: str
) -> None:
    """A folder that is moved to a larger disk with a link in its place: nothing is deleted in the cloud for that."""
    texts = {path: path for path in ("d/a.md", "d/in/b.md", "e.md", "gone.md")}
    for path, text in texts.items():
        laptop.write(path, text)
    laptop.sync()
    desktop.sync()
    away, own = laptop.home / "elsewhere", laptop.notes / place
    own.rename(away)
    if kind == "pipe":
        os.mkfifo(own)
    else:
        own.symlink_to({"folder": away, "dangling": outside / "nowhere", "file": outside / "a.md"}[kind])
    (laptop.notes / "gone.md").unlink()
    del texts["gone.md"]
    behind = [path for path in texts if path == place or path.startswith(f"{place}/")]

    for _ in range(2):
        result = laptop.sync()

        assert result.error is None and result.exit_code == 1
        assert left_out(result) == behind
        assert s3.tree() == texts, "the deletion of a file goes up all the same"
    desktop.sync()
    assert desktop.tree() == texts
    desktop.write(behind[0], "edited there")
    desktop.sync()
    before = everything(away) if away.is_dir() else away.read_text()
    assert left_out(laptop.sync()) == behind
    assert (everything(away) if away.is_dir() else away.read_text()) == before
    own.unlink()
    away.rename(own)
    assert laptop.sync().exit_code == 0
    assert laptop.tree() == s3.tree() == {**texts, behind[0]: "edited there"}


def seen(root: Path, name: str) -> LocalFile:
    size, stamp = swap.stamp_of(root / name)
    return LocalFile(name, size, stamp, None)


@pytest.fixture
def area(tmp_path: Path) -> swap.Area:
    made = swap.Area(tmp_path / "notes", "run", tmp_path / "trash")
    made.staging.mkdir(parents=True)
    return made


def test_a_folder_that_has_moved_behind_a_link_meanwhile(area: swap.Area, tmp_path: Path) -> None:
    (area.root / "d").mkdir()
    (area.root / "d/a.md").write_text("old")
    (area.staging / "d").mkdir()
    (area.staging / "d/a.md").write_text("new")
    expected = seen(area.root, "d/a.md")
    (area.root / "d").rename(tmp_path / "moved")
    (area.root / "d").symlink_to(tmp_path / "moved")
    before = everything(tmp_path / "moved")

    for deed in (
        lambda: swap.take_away(area, "d/a.md", expected),
        lambda: swap.take_away(area, "d/a.md", None),
        lambda: swap.put_in(area, "d/a.md", expected),
        lambda: swap.put_in(area, "d/a.md", None),
        lambda: swap.rename(area, "d/a.md", "b.md", expected),
    ):
        with pytest.raises(inside.InTheWay, match="d is a link here"):
            deed()
    assert everything(tmp_path / "moved") == before


@pytest.mark.skipif(not inside._HAS_NAMES, reason="an open folder has no name here: a look has to do")
@pytest.mark.parametrize(
    "deed", ["take away", "take whatever is there", "replace", "put in", "rename", "make"]
)
def test_a_folder_that_becomes_a_link_right_after_the_look(
    area: swap.Area, outside: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    """Whoever can write here at the same time cannot lead a run out of the sync dir."""
    for folder in (area.root / "d", area.staging / "d", area.staging / "d/in"):
        folder.mkdir()
    (area.root / "d/a.md").write_text("old")
    for name in ("d/a.md", "d/in/b.md"):
        (area.staging / name).write_text("new")
    expected, before, look = seen(area.root, "d/a.md"), everything(outside), inside.check_way

    def look_and_be_deceived(root: Path, name: str) -> None:
        look(root, name)
        if name.startswith("d/") and not (root / "d").is_symlink():
            (root / "d").rename(root / "moved")
            (root / "d").symlink_to(outside)

    monkeypatch.setattr(inside, "check_way", look_and_be_deceived)
    deeds = {
        "take away": lambda: swap.take_away(area, "d/a.md", expected),
        "take whatever is there": lambda: swap.take_away(area, "d/a.md", None),
        "replace": lambda: swap.put_in(area, "d/a.md", expected),
        "put in": lambda: swap.put_in(area, "d/b.md", None),
        "rename": lambda: swap.rename(area, "d/a.md", "c.md", expected),
        "make": lambda: swap.put_in(area, "d/in/b.md", None),
    }
    with pytest.raises(inside.InTheWay, match="d is a link here"):
        deeds[deed]()
    assert everything(outside) == before
    assert (area.root / "moved/a.md").read_text() == "old"


def test_an_error_names_the_path_that_people_know(area: swap.Area) -> None:
    (area.root / "d/in").mkdir(parents=True)
    with pytest.raises(OSError) as caught, inside.at(area.root, "d/in/a.md") as path:
        path.rename(path.with_name("b.md"))
    assert (caught.value.filename, caught.value.filename2) == (
        str(area.root / "d/in/a.md"), str(area.root / "d/in/b.md"),
    )  # fmt: skip


def test_what_is_held_is_not_put_back_through_a_link(area: swap.Area, outside: Path) -> None:
    for name in ("d/a.md", "d/b.md", "e.md"):
        (area.root / name).parent.mkdir(exist_ok=True)
        (area.root / name).write_text("old")
        assert swap.take_away(area, name, seen(area.root, name))
    (area.root / "d").rmdir()
    (area.root / "d").symlink_to(outside)
    (area.root / "e.md").symlink_to(outside / "nowhere")
    before = everything(outside)

    assert swap.put_back(area.root, area.trash) == []

    assert everything(outside) == before
    assert {path.name for path in (area.trash / "run").rglob("*.md")} == {"a.md", "b.md", "e.md"}
    assert (area.root / "e.md").is_symlink()


@pytest.mark.parametrize("place", ["folder", "file", "link in a folder", "a file for a folder"])
def test_nothing_is_restored_through_a_link_or_over_one(ready: Device, outside: Path, place: str) -> None:
    for path in ("d/a.md", "d/b.md", "keep.md"):
        ready.write(path, "first")
    ready.sync()
    for path in ("d/a.md", "d/b.md"):
        ready.write(path, "second")
        ready.sync()  # one by one: rclone's S3 server may remove a folder that is empty for a moment
    for path in ("d/a.md", "d/b.md"):
        (ready.notes / path).unlink()
    ready.sync()
    asked = "d/a.md"
    if place == "file":
        (ready.notes / "d/a.md").symlink_to(outside / "a.md")
    elif place == "link in a folder":
        (ready.notes / "d/a.md").symlink_to(outside / "nowhere")
        asked = "d/"
    else:
        (ready.notes / "d").rmdir()
        if place == "folder":
            (ready.notes / "d").symlink_to(outside)
        else:
            ready.write("d", "a file")
    before = everything(outside, ready.notes)
    run = [] if place != "link in a folder" else ["--run", ready.history()[-1]["run"]]

    said = ready.run("restore", asked, *run, expect=1)

    assert "--to FOLDER" in said.err and "d/a.md" in said.err
    after = everything(outside, ready.notes)
    assert {path: value for path, value in after.items() if ".basic-memory" not in path} == {
        path: value for path, value in before.items() if ".basic-memory" not in path
    }
    ready.run("restore", "d/a.md", "--to", str(ready.home / "found"))
    assert (ready.home / "found/d/a.md").read_text() == "second"
