"""A file gets its name whole and over nothing, whatever its disk can do."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bisync.core.result import Outcome
from bisync.sync import naming, swap
from tests.support.machine import small_disk
from tests.support.world import S3, Device

WAYS = ("rename", "link", "neither")


def refused(*_: Any, **__: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def limit(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """From now on the disk can do no more than that."""
    if way != "rename":
        monkeypatch.setattr(naming, "_exclusive", lambda: None)
    if way == "neither":
        monkeypatch.setattr(os, "link", refused)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    limit(monkeypatch, request.param)
    return str(request.param)


def test_a_free_name_is_taken(tmp_path: Path, way: str) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("text")
    assert swap.place(source, target)
    assert (target.read_text(), names_in(tmp_path)) == ("text", ["b"])


@pytest.mark.parametrize("taken", ["file", "empty file", "folder", "link", "dangling link"])
def test_nothing_is_replaced(tmp_path: Path, way: str, taken: str) -> None:
    source, target, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    source.write_text("text")
    make: dict[str, Callable[[], object]] = {
        "file": lambda: target.write_text("mine"),
        "empty file": target.touch,
        "folder": target.mkdir,
        "link": lambda: target.symlink_to(tmp_path),
        "dangling link": lambda: target.symlink_to(other),
    }
    make[taken]()
    before = target.lstat()
    assert not swap.place(source, target)
    assert (target.lstat(), source.read_text(), other.exists()) == (before, "text", False)


def test_a_file_that_is_gone_takes_no_name(tmp_path: Path, way: str) -> None:
    assert not swap.place(tmp_path / "a", tmp_path / "b")
    assert not names_in(tmp_path)


def test_what_is_written_into_the_name_in_that_moment_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, "neither")
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("text")
    real = Path.lstat

    def saved_first(path: Path) -> os.stat_result:
        if path == target:
            path.write_text("saved in that moment")
        return real(path)

    monkeypatch.setattr(Path, "lstat", saved_first)
    assert not swap.place(source, target)
    assert (source.read_text(), target.read_text()) == ("text", "saved in that moment")


def test_a_refused_second_step_leaves_no_second_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, "link")
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("text")
    real = Path.unlink

    def closed(path: Path, missing_ok: bool = False) -> None:
        if path == source:
            raise PermissionError(errno.EACCES, "no")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", closed)
    with pytest.raises(PermissionError):
        swap.place(source, target)
    assert names_in(tmp_path) == ["a"]


def test_a_name_on_another_disk_is_taken_whole_or_not(tmp_path: Path, way: str) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        source = tmp_path / "a"
        source.write_text("text")
        assert swap.place(source, disk / "a")
        assert ((disk / "a").read_text(), names_in(disk), source.exists()) == ("text", ["a"], False)
        source.write_text("other")
        assert not swap.place(source, disk / "a")
        assert ((disk / "a").read_text(), names_in(disk), source.read_text()) == ("text", ["a"], "other")
        source.write_bytes(bytes(2 << 20))
        with pytest.raises(OSError, match="No space left"):
            swap.place(source, disk / "b")
        assert names_in(disk) == ["a"]


def test_a_disk_that_can_do_neither_is_synced(
    laptop: Device, desktop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("edited.md", "contested.md", "moved.md", "gone.md", "m/in.md"):
        laptop.write(path, path)
    laptop.sync()
    desktop.sync()
    laptop.write("edited.md", "edited")
    laptop.write("contested.md", "from the laptop")
    (laptop.notes / "moved.md").rename(laptop.notes / "called.md")
    (laptop.notes / "gone.md").unlink()
    shutil.rmtree(laptop.notes / "m")
    laptop.write("m", "a file")
    laptop.sync()
    desktop.write("contested.md", "from the desktop, and newer")
    limit(monkeypatch, "neither")

    result = desktop.sync()

    assert (result.exit_code, len(result.conflicts), result.renamed) == (0, 1, 1), result
    assert set(desktop.tree().values()) == {
        "edited", "from the laptop", "from the desktop, and newer", "moved.md", "a file",
    }  # fmt: skip
    assert desktop.sync().outcome is Outcome.IDLE


def test_kill_9_in_the_middle_of_a_copy_leaves_no_half_a_file(ready: Device, cloud: S3, below: str) -> None:
    with small_disk(ready.notes / "disk", "1m"):
        ready.write("disk/a.md", "a")
        ready.sync()
        cloud.put(f"{below}/disk/b.md", "the whole text")
        child = os.fork()
        if child == 0:

            def half(source: Any, target: Any) -> None:
                target.write(source.read(5))
                target.flush()
                os.kill(os.getpid(), signal.SIGKILL)

            swap.shutil.copyfileobj = half
            ready.sync()
            os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        assert ready.tree().get("disk/b.md") is None
        assert [path.read_text() for path in ready.notes.rglob("*.bisync-partial")] == ["the w"]

        assert ready.sync().exit_code == 0

        assert ready.tree() == {"disk/a.md": "a", "disk/b.md": "the whole text"}
        assert not list(ready.notes.rglob("*.bisync-partial"))
