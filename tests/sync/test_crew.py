"""What a run needs for writing starts once a file here has changed, and never for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bisync.rclone.argv import Argv
from bisync.rclone.program import Rclone
from bisync.sync.crew import Early
from bisync.sync.prepare import prepare
from tests.support.world import Device, serve_s3


def test_a_change_here_is_told_while_both_sides_are_looked_at(tmp_path: Path) -> None:
    with serve_s3(tmp_path / "cloud") as server:
        device = Device(tmp_path / "home", server)
        device.write("a.md", "one")
        device.write("b.md", "two")
        device.setup()
        device.sync()
        app = device.app()
        told: list[str] = []

        def look(what: str) -> None:
            with app.session(app.manifest.syncs[0]) as session:
                prepare(session, on_change=lambda: told.append(what))

        look("idle")
        device.write("a.md", "another")
        look("edited")
        device.write("a.md", "one")
        (device.notes / "b.md").unlink()
        look("deleted")
    assert told == ["edited", "deleted"]


def test_it_starts_once_is_used_once_and_is_let_go(tmp_path: Path) -> None:
    with serve_s3(tmp_path / "cloud") as server:
        device = Device(tmp_path / "home", server)
        device.setup()
        app = device.app()
        with app.session(app.manifest.syncs[0]) as session, Early(session, "run") as early:
            early.begin()
            early.begin()
            begun = early._there
            assert begun is not None and begun.helper is None, "bisync copies here"
            with early.crew() as first:
                assert first is begun
                assert first.there.is_alive
            assert not first.there.is_alive
            with early.crew() as second:
                assert second.there.pid != first.there.pid
            early.begin()
            last = early._there
            assert last is not None
            early.dismiss()
            assert not last.there.is_alive


def test_what_another_device_has_changed_is_looked_at_by_the_rclone_of_the_lease(
    laptop: Device, desktop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.write("a.md", "a")
    laptop.sync()
    desktop.write("b.md", "b")
    desktop.sync()
    laptop.write("c.md", "c")
    started, listed = Rclone.started, list[str]()

    def counted(self: Rclone, argv: Argv, **options: Any) -> Any:
        if "--fast-list" in argv and argv[1] == "lsjson":
            listed.append(argv[2])
        return started(self, argv, **options)

    monkeypatch.setattr(Rclone, "started", counted)
    assert laptop.sync().error is None
    assert laptop.tree() == {"a.md": "a", "b.md": "b", "c.md": "c"}
    assert len(listed) == 1, "the first look; the second is under the lease"
