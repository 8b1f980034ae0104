"""While an ignore file is contested, a path is ignored when any version of it ignores it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync import ignore
from bisync.ignore.cache import compile_rules
from tests.ignore.trees import make, rclone_lists

FILES = ("a.key", "b.old", "c.md", "d/a.key", "d/b.old", "d/c.md", "d/e/f.md", "d/e/x.key")


def tree(root: Path, files: dict[str, str]) -> Path:
    make(root, *FILES, *files)
    for path, text in files.items():
        (root / path).write_text(text)
    return root


def seen(root: Path, **options: ignore.Texts) -> set[str]:
    """What is not ignored of `FILES`, by the walk, `decide` and rclone alike."""
    found = ignore.walk(root, **options)
    left = {path for path in FILES if not found.rules.decide(path, False).ignored}
    assert {one.path for one in found.entries} & set(FILES) == left
    assert rclone_lists(root, compile_rules(found.rules)) & set(FILES) == left
    return left


@pytest.mark.parametrize(
    ("files", "ignored"),
    [
        ({".bmignore.conflict1": "*.key\n", ".bmignore.conflict2": "*.old\n"}, {".key", ".old"}),
        ({".bmignore": "*.key\n", ".bmignore.conflict1": "*.old\n"}, {".key", ".old"}),
        ({".bmignore": "*\n!*/\n!*.md\n", ".bmignore.conflict1": "*.old\n"}, {".key", ".old"}),
        ({".bmignore": "*.key\n!a.key\n", ".bmignore.conflict1": "*.key\n"}, {".key"}),
        ({".bmignore": "*.key\n", ".bmignore.conflict1": "# nothing\n"}, {".key"}),
        ({".bmignore": "*.key\n*.conflict*\n", ".bmignore.conflict1": "*.old\n"}, {".key", ".old"}),
        ({".bmignore.conflict1x": "*.key\n", ".bmignore.conflict0": "*.old\n"}, set()),
    ],
)
def test_each_version_is_obeyed(tmp_path: Path, files: dict[str, str], ignored: set[str]) -> None:
    root = tree(tmp_path / "tree", files)
    assert seen(root) == {path for path in FILES if not path.endswith(tuple(ignored) or ("-",))}


def test_a_contested_file_speaks_about_its_folder_alone(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", {"d/.bmignore": "*.key\n", "d/.bmignore.conflict1": "e/\n"})
    assert seen(root) == {"a.key", "b.old", "c.md", "d/b.old", "d/c.md"}


def test_a_version_that_is_still_in_the_cloud(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", {".bmignore": "*.old\n"})
    assert seen(root, coming={".bmignore": ["*.key"]}) == {"c.md", "d/c.md", "d/e/f.md"}
    assert seen(root, coming={"d/.bmignore": ["!*.old", "*.md"]}) == {"a.key", "c.md", "d/a.key", "d/e/x.key"}


def test_what_decides_is_cited_from_its_own_version(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", {".bmignore": "*.key\n", ".bmignore.conflict1": "# a\n*.old\n"})
    rule = ignore.load_rules(root).decide("d/b.old", False).rule
    assert rule is not None and rule.place == ".bmignore.conflict1:2"


@pytest.mark.parametrize("nested", [False, True])
def test_of_very_many_contested_files_every_line_ignores(tmp_path: Path, nested: bool) -> None:
    """Whoever writes to the bucket can plant versions of ignore files: a walk ends all the same, and hides no less."""
    folders = ["/".join(map(str, range(n + 1))) if nested else str(n) for n in range(20)]
    files = {f"{folder}/.bmignore": "*.old\n!c.old\n" for folder in folders}
    files |= {f"{folder}/.bmignore.conflict1": f"!b.old\n{n}.md\n" for n, folder in enumerate(folders)}
    files |= {
        f"{folder}/{name}": "" for folder in folders for name in ("a.old", "b.old", "c.old", "0.md", "k.md")
    }
    root = tree(tmp_path / "tree", files)
    found = ignore.walk(root)
    left = {one.path for one in found.entries if ".bmignore" not in one.path}
    expected = {f"{folder}/k.md" for folder in folders}
    expected |= set() if nested else {f"{folder}/0.md" for folder in folders[1:]}
    assert left - {path for path in left if "/" not in path or path[:1] in "de"} == expected
    assert {
        path for path in files if ".bmignore" not in path and not found.rules.decide(path, False).ignored
    } == expected
    assert ignore.load_rules(root).rows() == found.rules.rows()
    assert (
        rclone_lists(root, compile_rules(found.rules)) & {path for path in files if ".bmignore" not in path}
        == expected
    )
