"""What a shell is given in place of a word: it says just the name, whatever the name holds. By bash itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.core.shell_words import Typed, in_place_of, joined, typed_so_far

pytestmark = pytest.mark.pure

NASTY = [
    "plain.md", "two words.md", "it's.md", 'say "x".md', "$(touch ran).md", "`touch ran`", "$HOME", "a;touch ran",
    "a&b", "a|b", "a>b", "*", "[x]", "{a,b}", "!!", "#x", "~x", "a\\b", "\\", "a=b:c@d", "é ü.md", "(x)",
    "<(touch ran)", "a\u0301b", "…", "日本 語", "a'b\"c$d`e\\f", "--", "-x", "^a^b", "%1",
]  # fmt: skip
NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
LONG = settings(max_examples=200)


def bash_says(*words: str) -> list[str]:
    """The words that bash makes of a command line."""
    said = subprocess.run(
        [shutil.which("bash") or "bash", "--norc", "--noprofile", "-c", "printf '%s\\0' " + " ".join(words)],
        capture_output=True, check=True, timeout=20, env={"PATH": "/nonexistent", "LC_ALL": "C.UTF-8", "HOME": "/h"},
    )  # fmt: skip
    assert said.stderr == b""
    return said.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_shell_takes_it_for_the_name_and_nothing_else(quote: str) -> None:
    offered = {name: text for name in NASTY if (text := in_place_of(quote, name)) is not None}

    assert bash_says(*offered.values()) == list(offered)
    missing = {"": set(), "'": {n for n in NASTY if "'" in n}, '"': {"!!"}}[quote]
    assert set(NASTY) - set(offered) == missing


@LONG
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=20),
    st.sampled_from(["", "'", '"']),
)
def test_whatever_a_name_holds(names: list[str], quote: str) -> None:
    offered = {name: text for name in names if (text := in_place_of(quote, name)) is not None}

    assert bash_says(*offered.values()) == list(offered) or not offered
    assert all(text.isprintable() for text in offered.values())


@pytest.mark.parametrize("hidden", ["a\nb", "a\tb", "\x1b[2Jx", "a\u202eb", "a\x00", "\udcff"])
def test_what_cannot_be_seen_is_not_offered(hidden: str) -> None:
    assert in_place_of("", hidden) is None


@pytest.mark.parametrize(
    ("raw", "value", "placed"),
    [
        ("", "notes", "notes"),
        ("no", "notes", "notes"),
        ("x", "notes", None),
        ("--only=", "--only=notes", "notes"),
        ("--only=no", "--only=notes", "notes"),
        ("col:on@x y", "col:on@x y z", "x\\ y\\ z"),
        ("a:", "a:b c", "b\\ c"),
        ("a\\:", "a:b", "a:b"),
        ("a\\ b", "a b c", "a\\ b\\ c"),
        ("'a b", "a b=c", "'a b=c'"),
        ('"a $', "a $b", '"a \\$b"'),
        ("'a:b'", "a:b", None),
        ("a'b", "ab c", None),
        ("$'a", "a", None),
        ('$"a', "a", None),
    ],
)
def test_the_last_part_is_replaced(raw: str, value: str, placed: str | None) -> None:
    assert in_place_of(raw, value) == placed


@pytest.mark.parametrize(
    ("raw", "typed"),
    [
        ("a\\ b", Typed("a b")),
        ("'a\\ b", Typed("a\\ b", "'")),
        ('"a\\$\\b', Typed("a$\\b", '"')),
        ("'a'\"b", Typed("ab", '"', True)),
        ("a\\", Typed("a")),
        ("$HOME", Typed("$HOME")),
        ("$'a'", None),
    ],
)
def test_what_a_word_says_so_far(raw: str, typed: Typed | None) -> None:
    assert typed_so_far(raw) == typed


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ([], []),
        (["sync", ""], ["sync", ""]),
        (["sync", "--only", "=", "no"], ["sync", "--only=no"]),
        (["sync", "--only", "="], ["sync", "--only="]),
        (["a", "::", "b", "@", "c", "d"], ["a::b@c", "d"]),
        (["=", "a"], ["=a"]),
    ],
)
def test_words_that_bash_cut_are_joined(words: list[str], whole: list[str]) -> None:
    assert joined(words) == whole
