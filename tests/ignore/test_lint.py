"""Lines of an ignore file that are worth a warning."""

from __future__ import annotations

import pytest

from bisync.ignore import (
    Layer,
    lint,
)

# --- lint ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("/**", "ignores everything"),
        ("*", "ignores everything"),
        ("*/", "every folder"),
        ("a ", "spaces"),
        ("a\t", "blank"),
        (" a", "blank"),
        ("dir\\file", "write 'dir/file'"),
        ("dir\\", "backslash"),
        ("./a", "write '/a'"),
        ("a//b", "write 'a/b'"),
        ("[a", "`[`"),
        ("[[:nope:]]", "`[`"),
        ("!.env", "secret"),
        ("!**/id_rsa", "secret"),
        ("~/a", "home"),
        ("*.log # logs", "comment"),
        ("*.{jpg,png}", "braces"),
        ("!/", "nothing"),
    ],
)
def test_lint_warns(line: str, word: str) -> None:
    (warning,) = lint(Layer("file", ["# x", line]))
    assert word in str(warning)
    assert str(warning).startswith("file:2: ")


@pytest.mark.parametrize(
    "line",
    [
        "*.md",
        "/a/",
        "a/**",
        "**/a",
        "\\#a",
        "\\!a",
        "a\\ ",
        "\\*",
        "a\\[b]",
        "[ab]",
        "",
        "# x ",
        ".env",
        "{}",
        "!a",
        "a\r",
    ],
)
def test_lint_is_silent_about_ordinary_lines(line: str) -> None:
    assert lint(Layer("file", [line])) == []


def test_lint_lets_a_whitelist_be() -> None:
    assert lint(Layer("file", ["*", "!*/", "!*.md"])) == []
