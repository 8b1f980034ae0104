"""The fingerprint of a tree: whenever a walk would find something else, the tree is not the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync import ignore
from bisync.core.metadata import HOLD, MARKER_PATH
from bisync.ignore.fingerprint import TOGETHER

pytestmark = pytest.mark.pure


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.md", "deep/b.md", "deep/deeper/c.md", "out/d.log", "hidden/e.md", MARKER_PATH):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".bmignore").write_text("*.log\nhidden/\n.basic-memory/\n")
    (tmp_path / "link").symlink_to("a.md")
    (tmp_path / os.fsdecode(b"not utf-8 \xff")).write_text("odd")
    return tmp_path


FILES = (".bmignore",)


def taken(root: Path) -> ignore.Fingerprint:
    found = ignore.walk(root, fingerprinted=True).fingerprint
    assert found is not None
    return found


def _touch(path: Path) -> None:
    there = path.stat()
    path.write_text("x" * there.st_size)
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))


def _relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("deep")


def _replaced(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file, which the rule is not about")


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


SEEN: dict[str, Callable[[Path], object]] = {
    "edit": lambda root: (root / "a.md").write_text("other"),
    "edit that keeps size and time": lambda root: _touch(root / "deep/b.md"),
    "mode": lambda root: (root / "deep/deeper/c.md").chmod(0o600),
    "new": lambda root: (root / "deep/new.md").write_text(""),
    "gone": lambda root: (root / "deep/deeper/c.md").unlink(),
    "renamed": lambda root: (root / "deep/b.md").rename(root / "deep/bb.md"),
    "moved": lambda root: (root / "deep/b.md").rename(root / "b.md"),
    "a folder renamed": lambda root: (root / "deep").rename(root / "deeply"),
    "an empty folder": lambda root: (root / "empty").mkdir(),
    "another link": _relink,
    "rules": lambda root: (root / ".bmignore").write_text("*.log\n.basic-memory/\n"),
    "an ignored folder": lambda root: (root / "deep/hidden").mkdir(),
    "what fills a folder": lambda root: (root / "deep/x.log").write_text("ignored"),
    "a file in place of an ignored folder": lambda root: _replaced(root / "hidden"),
    "a folder in place of a file": lambda root: _folder_instead(root / "a.md"),
    "a folder in place of an ignored file": lambda root: _folder_instead(root / "out/d.log"),
    "a file in place of a folder": lambda root: _replaced(root / "deep/deeper"),
    "names that are other only in where one ends": lambda root: (root / "a.md").rename(root / "a.mdb"),
    "an ignored file gone": lambda root: (root / "out/d.log").unlink(),
    "a half-written download": lambda root: (root / "z.md.12345678.bisync-partial").write_text(""),
    "the marker": lambda root: (root / MARKER_PATH).unlink(),
}


@pytest.mark.parametrize("change", SEEN)
def test_another_tree_is_not_the_same(change: str, tree: Path) -> None:
    before = taken(tree)
    assert ignore.is_same(tree, before, FILES)
    assert taken(tree) == before
    SEEN[change](tree)
    assert not ignore.is_same(tree, before, FILES)
    assert ignore.is_same(tree, taken(tree), FILES)


def test_what_is_written_to_ignored_files_is_nobodys_matter(tree: Path) -> None:
    before = taken(tree)
    (tree / "hidden/f.md").write_text("new in an ignored folder")
    (tree / "out/d.log").write_text("longer, and ignored")
    assert ignore.is_same(tree, before, FILES)


def test_what_is_written_below_an_ignored_folder_is_not_asked_for(tree: Path) -> None:
    """Its own stamp says that something in it is other, and counts for nothing."""
    before = taken(tree)
    os.utime(tree / "hidden", ns=(1, 1))
    os.utime(tree / "deep", ns=(1, 1))
    assert ignore.is_same(tree, before, FILES)


def test_an_ignore_file_that_ignores_itself_counts(tree: Path) -> None:
    (tree / ".bmignore").write_text("*\n!*/\n!*.md\n")
    before = taken(tree)
    assert ".bmignore" in before.ignored
    (tree / ".bmignore").write_text("*\n!*/\n!*.txt\n")
    assert not ignore.is_same(tree, before, FILES)


def test_there_is_none_while_files_are_put_away(tree: Path) -> None:
    before = taken(tree)
    (tree / HOLD / "run").mkdir(parents=True)
    (tree / HOLD / "run" / "gone.md").write_text("held")
    assert ignore.walk(tree, fingerprinted=True).fingerprint is None
    assert not ignore.is_same(tree, before, FILES)


def test_there_is_none_while_other_rules_are_on_their_way(tree: Path) -> None:
    coming = {".bmignore": ["*.md"]}
    assert ignore.walk(tree, coming=coming, fingerprinted=True).fingerprint is None


def test_a_tree_that_is_gone_is_not_the_same(tree: Path) -> None:
    before = taken(tree)
    assert not ignore.is_same(tree / "elsewhere", before, FILES)


def test_many_folders_are_looked_at_and_none_stays_open(tree: Path) -> None:
    for number in range(2 * TOGETHER + 1):
        (tree / f"f{number}").mkdir()
        (tree / f"f{number}" / "note.md").write_text("note")
    before, opened = taken(tree), len(list(Path("/dev/fd").iterdir()))
    assert ignore.is_same(tree, before, FILES)
    for number in (0, TOGETHER, 2 * TOGETHER):
        (tree / f"f{number}" / "note.md").write_text(f"other {number}")
        assert not ignore.is_same(tree, before, FILES)
        before = taken(tree)
    shutil.rmtree(tree / f"f{TOGETHER}")
    assert not ignore.is_same(tree, before, FILES)
    assert len(list(Path("/dev/fd").iterdir())) == opened


def test_nobody_pays_who_does_not_want_one(tree: Path) -> None:
    assert ignore.walk(tree).fingerprint is None
