""" "1 file", never "1 files" or "1 file(s)": a number that was found out is said by `bisync.core.counting`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.core.counting import counted

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
# What our words count. A word that ends like them is found, too: "2 conflicting files".
THINGS = (
    "attempts|buckets|bytes|changes|conflicts|copies|days|deletions|devices|edits|files|folders|hits|hours|hunks|keys|"
    "lines|links|minutes|names|notes|paths|places|problems|profiles|projects|renames|requests|rules|runs|seconds|syncs|"
    "tenants|texts|tries|versions|warnings|words"
)
PLURAL = re.compile(rf" (?:(?!and |of |in |or |gives )[a-z]+ )?(?:{THINGS})\b")
# A choice between two words beside the number says both.
CHOICE = re.compile(r"== 1")
# A number that is no 1: a constant of ours, or a size that only those who have many bytes are told.
NEVER_ONE = re.compile(r"[A-Z_]{3,}|size(:,)?|len\(line\.encode\(\)\)")


def wrong(tree: ast.AST) -> Iterator[str]:
    """The texts below `tree` that say a number right before a plural, or leave the choice to their reader."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"[a-z]\(s\)", node.value)
        ):
            yield f"{node.lineno}: {node.value}"
        if not isinstance(node, ast.JoinedStr):
            continue
        for number, text in zip(node.values, node.values[1:], strict=False):
            if not isinstance(number, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            said = ast.unparse(number.value)
            if PLURAL.match(str(text.value)) and not NEVER_ONE.fullmatch(said) and "counted(" not in said:
                yield f"{node.lineno}: {{{said}}}{text.value}"


def modules() -> list[Path]:
    return [path for top in ("bisync", "tasks") for path in sorted((ROOT / top).rglob("*.py"))]


def test_no_text_of_ours_says_one_files() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{one}" for path in modules() for one in wrong(ast.parse(path.read_text()))
    ]

    assert found == []


def test_no_choice_between_two_words_is_made_elsewhere() -> None:
    """Where there is one way to say it, there is one place to get it wrong."""
    by_hand = re.compile(r"""['"]{2} if [^\n]*== 1 else ['"]s""")

    assert [str(path) for path in modules() if by_hand.search(path.read_text())] == []


@pytest.mark.parametrize(
    "text", ['f"{count} files left"', 'f"{len(x)} other runs"', '"2 file(s)"', 'f"kept {days} days"']
)
def test_a_text_that_does_is_found(text: str) -> None:
    assert list(wrong(ast.parse(text)))


@pytest.mark.parametrize(
    "text", ['f"{LIMIT} files"', 'f"{count} to upload"', "f\"{counted(1, 'file')} files\"", '"some files"']
)
def test_a_text_that_does_not_is_none(text: str) -> None:
    assert not list(wrong(ast.parse(text)))


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (2, ("file",), "2 files"),
        (1, ("copy", "copies"), "1 copy"),
        (2, ("copy", "copies"), "2 copies"),
    ],
)
def test_how_many(count: int, words: tuple[str, ...], said: str) -> None:
    assert counted(count, *words) == said
