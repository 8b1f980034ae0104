"""Rules that leave out one path and no other, and the file that bisync gets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import example, given

from bisync.core.names import to_rclone
from bisync.core.snapshot import LeftOut
from bisync.rclone.filters import exclude_rule, leaving_out, write
from tests.support.odd_names import names

pytestmark = pytest.mark.pure

# Paths in rclone's spelling. A filter file loses blanks at the end of a line, so that names end with none here.
paths = names.map(to_rclone).filter(
    lambda path: path == path.rstrip() and path.strip("/") == path and path != "" and "//" not in path
)


def hides(rule: str, path: str) -> bool:
    """Whether a line of a filter file hides a path: rclone's rules, read anew (rclone docs, Filtering).

    `*` and `?` stop at a slash, `**` does not; `[...]` is a class, `{a,b}` a choice, a backslash quotes.
    """
    sign, slash, glob = rule[:2], rule[2:3], rule[3:]
    assert (sign, slash) == ("- ", "/"), "rooted exclusions only"
    wanted, braces = "", 0
    tokens = re.findall(r"\\.|\*\*|\[[^\]]*\]|.", glob, re.DOTALL)
    for token in tokens:
        if token[0] == "\\" and len(token) == 2:
            wanted += re.escape(token[1])
        elif token in ("**", "*", "?"):
            wanted += {"**": ".*", "*": "[^/]*", "?": "[^/]"}[token]
        elif token == "{":
            wanted, braces = wanted + "(?:", braces + 1
        elif token == "}":
            wanted, braces = wanted + ")", braces - 1
        elif token == "," and braces:
            wanted += "|"
        else:
            wanted += token if token[0] == "[" else re.escape(token)
    return re.fullmatch(wanted, path, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("rule", "path", "hidden"),
    [
        ("- /a*c", "abc", True),
        ("- /a*c", "a/c", False),
        ("- /a**c", "a/b/c", True),
        ("- /a?c", "abc", True),
        ("- /[ab]c", "bc", True),
        ("- /{a,b}c", "bc", True),
        ("- /a,b", "a,b", True),
        (r"- /a\*c", "abc", False),
        (r"- /a\*c", "a*c", True),
    ],
)
def test_globs_are_read_as_rclone_reads_them(rule: str, path: str, hidden: bool) -> None:
    assert hides(rule, path) is hidden


@given(paths, paths)
@example("a*b", "axb")
@example("a?b", "axb")
@example("[ab]", "a")
@example("{a,b}", "a")
@example("a\\*", "a*")
@example("**", "a/b")
def test_a_rule_hides_its_path_and_no_other(path: str, other: str) -> None:
    rule = exclude_rule(path)

    assert hides(rule, path)
    assert hides(rule, other) is (path == other)


@pytest.mark.parametrize(
    ("name", "other"), [("note ", "note"), ("nb\u00a0", "nb"), ("ideographic\u3000", "ideographic")]
)
def test_a_rule_hides_a_name_that_ends_in_a_blank(name: str, other: str) -> None:
    """rclone takes the blanks off both ends of a line in a filter file, as Python's strip does."""
    rule = exclude_rule(name).strip()

    assert hides(rule, name)
    assert not hides(rule, other)


@given(paths, paths)
@example("d*", "d1/x")
def test_a_folders_rule_hides_what_is_below_it(path: str, other: str) -> None:
    rule = exclude_rule(path, folder=True)

    assert hides(rule, f"{path}/a") and hides(rule, f"{path}/a/b/c.md")
    assert not hides(rule, path)
    assert hides(rule, other) is other.startswith(f"{path}/")


@pytest.mark.parametrize(
    ("name", "folder", "rule"),
    [
        ("a b/c,d.md", False, "- /a b/c,d.md"),
        ("d", True, "- /d/**"),
        ("*?[]{}\\", False, r"- /\*\?\[\]\{\}\\"),
        ("{{x}}", False, r"- /\{\{x\}\}"),
        ("# no comment", False, "- /# no comment"),
        (" lead", False, "- / lead"),
        ("trail ", False, "- /trail[ ]"),
        ("a*\u3000", False, "- /a\\*[\u3000]"),
        ("trail ", True, "- /trail[ ]/**"),
    ],
)
def test_rules_as_they_are_written(name: str, folder: bool, rule: str) -> None:
    assert exclude_rule(name, folder=folder) == rule


def test_what_a_run_leaves_out_comes_after_the_rules_once_and_in_order() -> None:
    left_out = [
        LeftOut("b", "cannot be read", folder=True),
        LeftOut("a*", "cannot be read"),
        LeftOut("a*", "its name is another spelling"),
        *(LeftOut(path, "cannot be read") for path in "gfedc"),
    ]

    rules = ["- /a\\*", "- /b/**", *(f"- /{path}" for path in "cdefg")]
    assert leaving_out("+ /keep\n", left_out) == "\n".join(["+ /keep", *rules, ""])
    assert leaving_out("+ /keep\n", []) == "+ /keep\n"


def test_bisync_finds_the_digest_beside_its_filters(tmp_path: Path) -> None:
    """rclone docs, bisync, "--filters-file": the `.md5` file holds the MD5 of the bytes."""
    path = tmp_path / "filters.rclone"

    assert write(path, "- /é\n")
    assert not write(path, "- /é\n")
    assert path.read_text("utf-8") == "- /é\n"
    digest = hashlib.md5("- /é\n".encode()).hexdigest()
    assert (tmp_path / "filters.rclone.md5").read_text() == digest

    assert write(path, "- /e\n")
    assert (tmp_path / "filters.rclone.md5").read_text() != digest


def test_a_digest_that_was_lost_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "filters.rclone"
    write(path, "- /a\n")
    (tmp_path / "filters.rclone.md5").unlink()

    assert not write(path, "- /a\n")
    assert (tmp_path / "filters.rclone.md5").exists()
