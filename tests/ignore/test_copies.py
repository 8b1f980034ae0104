"""A conflict copy is judged as its original, by `decide`, by the walk and by rclone alike."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bisync import ignore
from bisync.core.conflict_names import judged_as
from bisync.ignore.cache import compile_rules
from tests.ignore.trees import make, rclone_lists, rules_of

NAMES = ("a.md", "b.txt", "key", "1", "x.conflict")
FILES = sorted(
    f"{folder}{name}{ending}"
    for folder in ("", "d/", "d/e/", "d.conflict1/")
    for name in NAMES
    for ending in ("", ".conflict1", ".conflict12", ".conflict2.conflict3", ".conflict0", ".conflict1x")
)
PATTERNS = (
    *("*", "!*/", "!*.md", "*.txt", "*1", "!*1", "*.conflict*", "key", "d/", "d/*", "d/**", "!d/a.md"),
    *(
        "?.md*",
        "a.*",
        "*.md.conflict1",
        "!a.md.conflict12",
        "*[0-9]",
        "e/",
        "/d/e/*",
        "**/x*",
        "d.conflict1/",
    ),
)
WHITELIST = ("*", "!*/", "!*.md")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copies")
    make(root, *FILES)
    return root


def ignored(rules: ignore.RuleSet, path: str) -> bool:
    """What the rules say of a file by the name it is judged by."""
    folder, slash, name = path.rpartition("/")
    return rules.decide(folder + slash + judged_as(name), False).ignored


@pytest.mark.parametrize(
    "lines",
    [
        WHITELIST,
        ("*.conflict*",),
        ("*1", "!*.md"),
        ("*.txt", "!b.txt"),
        ("d/", "!d/a.md"),
        ("*", "!*/", "!*.md", "*1"),
        *[tuple(Random(seed).choices(PATTERNS, k=4)) for seed in range(40)],
    ],
    ids=" ".join,
)
def test_all_three_agree(tree: Path, lines: tuple[str, ...]) -> None:
    rules = rules_of(*lines)
    expected = {path for path in FILES if not ignored(rules, path)}

    assert {path for path in FILES if not rules.decide(path, False).ignored} == expected
    assert {one.path for one in ignore.walk(tree, [ignore.Layer("x", lines)]).entries} == expected
    assert rclone_lists(tree, compile_rules(rules)) == expected


def test_rules_too_many_for_one_difference(tree: Path) -> None:
    """Then files are judged by rclone's own order of rules."""
    lines = ["*[ab]*[0-9]*", "!*/"] + [f"!{'?' * n}*{n}*.md" for n in range(1, 14)] + ["*.txt", "!a*"]
    rules = rules_of(*lines)
    text = compile_rules(rules)
    assert any(line.startswith("+ /{{") for line in text.splitlines())

    once = [path for path in FILES if ".conflict2.conflict3" not in path]
    assert {path for path in once if not ignored(rules, path)} == rclone_lists(tree, text) & set(once)


@pytest.mark.pure
def test_a_whitelist_keeps_the_copies_of_what_it_names() -> None:
    rules = rules_of(*WHITELIST)
    assert not rules.decide("n/note.md.conflict1", False).ignored
    assert rules.decide("n/note.txt.conflict1", False).ignored
    assert rules.decide("n/note.txt", False).ignored


@pytest.mark.pure
def test_the_copy_of_a_secret_is_as_secret() -> None:
    rules = rules_of("*.key")
    assert rules.decide("my.key.conflict1", False).ignored
    assert not rules.decide("my.key.conflict1/file", False).ignored


@pytest.mark.pure
@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("a.md.conflict1", "a.md"),
        ("a.md.conflict1.conflict22", "a.md"),
        (".conflict1", ".conflict1"),
        (".conflict1.conflict2", ".conflict1"),
        ("a.conflict0", "a.conflict0"),
        ("a.conflict1x", "a.conflict1x"),
        ("line\n.conflict3", "line\n"),
    ],
)
def test_the_name_a_copy_is_judged_by(name: str, original: str) -> None:
    assert judged_as(name) == original
