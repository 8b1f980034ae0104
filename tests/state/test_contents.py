"""What texts held when both sides last agreed: kept while something refers to it, and never trusted."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from bisync.core.merge import LARGEST, digest, md5
from bisync.state.contents import Contents, Known

pytestmark = pytest.mark.pure

TEXT = b"first\nsecond\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    contents = Contents.read(tmp_path / "contents")
    contents.write({"a.md": Known(md5(TEXT), contents.keep(TEXT)), "b.bin": Known("0" * 32, None)})
    return contents.root


def kept(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != "index.json"]


def test_a_text_is_found_by_its_path_and_what_both_sides_hold(root: Path) -> None:
    contents = Contents.read(root)
    assert contents.text("a.md", md5(TEXT)) == TEXT
    assert contents.text("a.md", md5(b"newer")) is None
    assert contents.text("a.md", None) is None
    assert contents.text("b.bin", "0" * 32) is None
    assert contents.text("c.md", md5(TEXT)) is None


def test_texts_are_private_and_one_for_each_content(root: Path) -> None:
    contents = Contents.read(root)
    contents.write({**contents.known, "copy.md": Known(md5(TEXT), contents.keep(TEXT))})
    [one] = kept(root)
    assert (one.parent.name + one.name, one.stat().st_mode & 0o777) == (digest(TEXT), 0o600)
    assert root.stat().st_mode & 0o777 == one.parent.stat().st_mode & 0o777 == 0o700


def test_what_nothing_refers_to_is_let_go_of(root: Path) -> None:
    contents = Contents.read(root)
    contents.write({"b.bin": contents.known["b.bin"]})
    assert kept(root) == []
    contents.drop()
    assert not root.exists()
    contents.drop()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="emptied by a crash"),
        pytest.param(zlib.compress(TEXT)[:-3], id="cut short"),
        pytest.param(b"no zlib", id="damaged"),
        pytest.param(zlib.compress(b"another text"), id="another text"),
        pytest.param(zlib.compress(b"\0" * (LARGEST + 1)), id="one that unpacks to more than a text has"),
        pytest.param(b"x" * (2 * LARGEST + 1), id="endless"),
    ],
)
def test_what_is_not_what_its_name_says_is_no_text(root: Path, content: bytes) -> None:
    [one] = kept(root)
    one.write_bytes(content)
    assert Contents.read(root).text("a.md", md5(TEXT)) is None


def test_an_emptied_text_is_kept_again(root: Path) -> None:
    [one] = kept(root)
    one.write_bytes(b"")
    assert Contents.read(root).keep(TEXT) == digest(TEXT)
    assert Contents.read(root).text("a.md", md5(TEXT)) == TEXT


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param('{"version": 1, "texts": {"a.md": ["0"', id="cut short"),
        pytest.param(
            json.dumps({"version": 1, "texts": {"a.md": [md5(TEXT), "../../../../etc/passwd"]}}),
            id="a way out",
        ),
        pytest.param(json.dumps({"version": 1, "texts": {"a.md": [None, digest(TEXT)]}}), id="no content"),
        pytest.param(json.dumps({"version": 1, "texts": {"a.md": [md5(TEXT)]}}), id="half a row"),
    ],
)
def test_a_damaged_index_knows_nothing(root: Path, texts: str) -> None:
    (root / "index.json").write_text(texts)
    assert Contents.read(root).text("a.md", md5(TEXT)) is None
