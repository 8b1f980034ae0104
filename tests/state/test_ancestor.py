"""The pair of listings that an earlier version kept from before a run: put back byte for byte, forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.state.ancestor import forget_ancestor, restore_ancestor

pytestmark = pytest.mark.pure


@pytest.fixture
def ancestor(tmp_path: Path) -> Path:
    """A pair that was kept, and an empty workdir beside it."""
    kept = tmp_path / "ancestor"
    for folder in (kept, tmp_path / "work"):
        folder.mkdir()
    (kept / "s.path1.lst").write_bytes(b"here before \xff\n")
    (kept / "s.path2.lst").write_bytes(b"there before \xff\n")
    return kept


def test_a_kept_pair_is_put_back_byte_for_byte(ancestor: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "s.path1.lst").write_text("spoiled")

    assert restore_ancestor(ancestor, work)

    assert (work / "s.path1.lst").read_bytes() == b"here before \xff\n"
    assert (work / "s.path2.lst").read_bytes() == b"there before \xff\n"


def test_a_forgotten_pair_is_not_put_back(ancestor: Path, tmp_path: Path) -> None:
    forget_ancestor(ancestor)
    forget_ancestor(ancestor)

    assert not restore_ancestor(ancestor, tmp_path / "work")
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
