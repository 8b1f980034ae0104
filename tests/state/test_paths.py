"""Where the state of a sync lies."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bisync.state.paths import sync_state

pytestmark = pytest.mark.pure


def test_each_sync_has_a_place_of_its_own(tmp_path: Path) -> None:
    one = sync_state(tmp_path, "acme-7f3a", "notes")

    assert one.root == tmp_path / "bisync-state" / "acme-7f3a" / "notes"
    places = [one.lock, one.filters, one.work, one.ancestor, one.baseline, one.journal, one.history, one.trash,
              one.lists]  # fmt: skip
    assert [place.name for place in places] == [
        "lock", "filters.rclone", "work", "ancestor", "baseline.json", "run.json", "history.jsonl", "trash", "lists",
    ]  # fmt: skip
    assert {place.parent for place in places} == {one.root}


def test_the_folders_are_private(tmp_path: Path) -> None:
    here = sync_state(tmp_path, "acme-7f3a", "notes")
    here.prepare()
    here.prepare()

    for folder in (here.root, here.work, here.trash, here.lists):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
