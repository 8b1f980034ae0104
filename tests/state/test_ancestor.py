"""The pair of listings from before a run: kept whole, put back byte for byte, forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.rclone.listings import Pair
from bisync.state.ancestor import forget_ancestor, keep_ancestor, restore_ancestor

pytestmark = pytest.mark.pure


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Two listings in a workdir."""
    (tmp_path / "work").mkdir()
    pair = Pair(tmp_path / "work" / "s.path1.lst", tmp_path / "work" / "s.path2.lst")
    write(pair, b"before \xff\n")
    return pair


def write(pair: Pair, text: bytes) -> None:
    pair.path1.write_bytes(b"here " + text)
    pair.path2.write_bytes(b"there " + text)


def texts(pair: Pair) -> tuple[bytes, bytes]:
    return pair.path1.read_bytes(), pair.path2.read_bytes()


def test_a_kept_pair_is_put_back_byte_for_byte(pair: Pair, tmp_path: Path) -> None:
    before = texts(pair)
    keep_ancestor(pair, tmp_path / "ancestor")
    pair.path1.write_text("spoiled")
    pair.path2.unlink()

    assert restore_ancestor(tmp_path / "ancestor", pair.path1.parent)
    assert texts(pair) == before


def test_the_last_pair_that_was_kept_counts(pair: Pair, tmp_path: Path) -> None:
    ancestor = tmp_path / "ancestor"
    keep_ancestor(pair, ancestor)
    for left_behind in ("ancestor.new", "ancestor.old"):
        (tmp_path / left_behind).mkdir()
        (tmp_path / left_behind / "half.lst").write_text("of a run that was killed")
    write(pair, b"later\n")
    later = texts(pair)
    keep_ancestor(pair, ancestor)
    write(pair, b"latest\n")

    assert restore_ancestor(ancestor, pair.path1.parent)

    assert texts(pair) == later
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ancestor", "work"]
    assert len(list(ancestor.iterdir())) == 2


def test_a_forgotten_pair_is_not_put_back(pair: Pair, tmp_path: Path) -> None:
    keep_ancestor(pair, tmp_path / "ancestor")
    forget_ancestor(tmp_path / "ancestor")
    forget_ancestor(tmp_path / "ancestor")
    write(pair, b"new\n")
    new = texts(pair)

    assert not restore_ancestor(tmp_path / "ancestor", pair.path1.parent)
    assert texts(pair) == new
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
