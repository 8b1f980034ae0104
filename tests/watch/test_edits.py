"""Edits as they happen, by the system's events or by looking through the folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bisync.watch import edits
from bisync.watch.edits import Edits


class Heard:
    """What was heard and said so far."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.notes: list[str] = []

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, (self.paths, self.notes)
            time.sleep(0.02)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["events", "looks"])
def told(
    request: pytest.FixtureRequest, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder whose edits are told, by events or, where the system has none, by looks."""
    root = tmp_path / "notes"
    (root / "d").mkdir(parents=True)
    (root / "there.md").write_text("there")
    if request.param == "looks":
        monkeypatch.setattr(edits, "SCAN_SECONDS", 0.1)

        def none(*_paths: object, **_options: object) -> Iterator[object]:
            raise OSError(28, "OS file watch limit reached.")

        monkeypatch.setattr("watchfiles.watch", none)
    one = Edits(
        root, heard=heard.paths.update, said=heard.notes.append, is_ignored=lambda path: path.endswith(".log")
    )
    if request.param == "looks":
        heard.until(lambda: bool(heard.notes))
        assert "looked through instead" in heard.notes[0]
    (root / "first").write_text("is it listening?")
    number = 0
    while "first" not in heard.paths:
        number += 1
        (root / "first").write_text(f"is it listening? {number}")
        time.sleep(0.1)
    time.sleep(0.5)  # of the last of these it may be told a moment later
    heard.paths.clear()
    yield root
    one.stop()


def test_every_kind_of_edit_is_told(told: Path, heard: Heard) -> None:
    (told / "new.md").write_text("new")
    (told / "there.md").write_text("edited")
    (told / "d" / "below.md").write_text("below")
    heard.until(lambda: {"new.md", "there.md", "d/below.md"} <= heard.paths)
    heard.paths.clear()
    (told / "there.md").unlink()
    (told / "new.md").rename(told / "d" / "moved.md")
    heard.until(lambda: {"there.md", "new.md", "d/moved.md"} <= heard.paths)


def test_a_folder_that_is_new_is_listened_to_as_well(told: Path, heard: Heard) -> None:
    (told / "x" / "y").mkdir(parents=True)
    time.sleep(0.3)
    (told / "x" / "y" / "a.md").write_text("a")
    heard.until(lambda: any(path.startswith("x") for path in heard.paths))
    time.sleep(0.3)
    (told / "x" / "y" / "a.md").write_text("again, and longer")
    heard.until(lambda: "x/y/a.md" in heard.paths)


def test_what_is_ignored_or_our_own_is_not_told(told: Path, heard: Heard) -> None:
    (told / ".basic-memory").mkdir()
    (told / ".basic-memory" / "staged").write_text("ours")
    (told / "busy.log").write_text("x")
    (told / "last.md").write_text("last")
    heard.until(lambda: "last.md" in heard.paths)
    assert heard.paths == {"last.md"}


def test_a_folder_that_comes_back_is_told_as_a_whole(
    told: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "AGAIN_SECONDS", 0.1)
    away = told.rename(told.with_name("away"))
    time.sleep(2)
    away.rename(told)
    heard.until(lambda: bool(heard.paths))
    heard.paths.clear()
    time.sleep(1.5)
    (told / "after.md").write_text("after")
    heard.until(lambda: "after.md" in heard.paths)
