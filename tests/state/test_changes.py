"""What a run changed, as it is written down and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.core.did import Did
from bisync.core.snapshot import BaseFile, Stamp
from bisync.state import changes
from bisync.state.paths import SyncState

pytestmark = pytest.mark.pure

RUN = "20261122T101500Z-3f2a7c-laptop"
FILE = BaseFile(3, "0" * 32, Stamp(1, 2, 3), None, 7, ("a", "ä"))
DID = [Did("upload", "a.md", None, FILE), Did("rename", "ö/b.md", FILE, FILE, "c.md")]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    state = SyncState(tmp_path)

    changes.save(state, RUN, DID)

    assert changes.load(state, RUN) == DID
    assert changes.kept(state) == {RUN: tmp_path / "changes" / f"{RUN}.json"}
    assert (tmp_path / "changes").stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    changes.save(SyncState(tmp_path), RUN, [])

    assert list(tmp_path.iterdir()) == []
    assert changes.kept(SyncState(tmp_path)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"version": 2, "run": "R", "paths": {}}',
        '{"version": 1, "run": "another", "paths": {}}',
        '{"version": 1, "run": "R", "paths": {"a": ["upload", null, ["x"], null]}}',
    ],
)
def test_what_nobody_can_read_says_nothing(tmp_path: Path, text: str) -> None:
    state = SyncState(tmp_path)
    changes.save(state, RUN, DID)
    changes.kept(state)[RUN].write_text(text.replace('"R"', f'"{RUN}"'))

    assert changes.load(state, RUN) is None


def test_a_run_is_no_path(tmp_path: Path) -> None:
    state = SyncState(tmp_path / "state")
    changes.save(state, RUN, DID)

    assert changes.load(state, f"../changes/{RUN}") is None
