"""Files that somebody names to be written: whole or not at all, private, and through no link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisync.errors import UsageError
from bisync.files import plain_target, write_plain

pytestmark = pytest.mark.pure


def test_a_file_is_private_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    path.chmod(0o644)

    write_plain(path, "new é")

    assert path.read_text("utf-8") == "new é" and path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    for name, target in (("link", other), ("loose", tmp_path / "none"), ("folder", tmp_path)):
        link = tmp_path / name
        link.symlink_to(target)
        with pytest.raises(UsageError, match="is a link: nothing is written through it"):
            write_plain(link, "new")
        assert link.is_symlink()
    assert other.read_text() == "mine" and not (tmp_path / "none").exists()


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for name, words in (
        ("folder", "is a folder, not a file"),
        ("pipe", "is no plain file"),
        ("none/page.html", "the folder .*none is not there"),
        ("file/page.html", "file is no folder"),
    ):
        with pytest.raises(UsageError, match=words) as refused:
            write_plain(tmp_path / name, "new")
        assert refused.value.hint
    assert (tmp_path / "folder").is_dir() and (tmp_path / "pipe").is_fifo()


def test_a_link_on_the_way_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")

    write_plain(tmp_path / "way" / "page.html", "new")

    assert (tmp_path / "real" / "page.html").read_text() == "new"
    assert plain_target(tmp_path / "way" / "page.html") == (tmp_path / "real").resolve() / "page.html"


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as refused:
        write_plain(path, "new")

    assert refused.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "old"
