"""Names in bisync's listings: quoted as Go quotes them."""

from __future__ import annotations

import pytest
from hypothesis import given

from bisync.core.names import to_rclone
from bisync.rclone.listings import (
    quote_go,
    unquote_go,
)
from tests.support.odd_names import names

pytestmark = pytest.mark.pure


# -- Go's quotes ------------------------------------------------------------------------------------


@given(names)
def test_quoted_names_come_back(name: str) -> None:
    spelled = to_rclone(name)
    quoted = quote_go(spelled)

    assert unquote_go(quoted) == spelled
    assert "\n" not in quoted and quoted[0] == quoted[-1] == '"'


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('""', ""),
        ('"plain.md"', "plain.md"),
        (r'"a\"b\\c"', 'a"b\\c'),
        (r'"\a\b\f\n\r\t\v"', "\a\b\f\n\r\t\v"),
        (r'"\x7f\u00a0\ufeff\U0001f980"', "\x7f\u00a0\ufeff🦀"),
        (r'"\\x41"', r"\x41"),
        (r'"\U0010ffff"', "\U0010ffff"),
        (r'"\\\\n"', r"\\n"),
        ('"it\'s"', "it's"),
        ('"🦀 é"', "🦀 é"),
    ],
)
def test_literals_as_go_writes_them(literal: str, text: str) -> None:
    assert unquote_go(literal) == text


@pytest.mark.parametrize(
    ("name", "literal"),
    [("plain.md", '"plain.md"'), ('a"b\\c', r'"a\"b\\c"'), ("ü\u240a🦀", '"ü\u240a🦀"'), ("", '""')],
)
def test_names_are_quoted_for_go(name: str, literal: str) -> None:
    assert quote_go(name) == literal


@pytest.mark.parametrize("literal", [r'"\q"', r'"\x4"', r'"\u12"', r'"\U00110000"', r'"\Uffffffff"'])
def test_what_go_never_writes_is_refused(literal: str) -> None:
    with pytest.raises(ValueError):
        unquote_go(literal)
