"""Foreign text that is looked at, and typed."""

from __future__ import annotations

import pytest

from bisync.core.printable import printable

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("größe ☂ 日本 \\ ' \"", "größe ☂ 日本 \\ ' \"", id="printable"),
        pytest.param("", "", id="empty"),
        pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="colour"),
        pytest.param("\x1b]0;title\x07", r"\x1b]0;title\x07", id="title"),
        pytest.param("\x9b2J", r"\x9b2J", id="C1"),
        pytest.param("a\nb\rc\td\x08e\x00", r"a\nb\rc\td\x08e\x00", id="C0"),
        pytest.param("\x7f", r"\x7f", id="DEL"),
        pytest.param("md.\u202egnp", r"md.\u202egnp", id="right to left"),
        pytest.param("\u2066x\u2069\u200f", r"\u2066x\u2069\u200f", id="isolates"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="no width"),
        pytest.param("a\u2028b\u2029", r"a\u2028b\u2029", id="line separators"),
        pytest.param("a\u061cb\u2060\u00ad\U000e0041", r"a\u061cb\u2060\xad\U000e0041", id="other formats"),
        pytest.param("a\u3164\u115fb\u2800", r"a\u3164\u115fb\u2800", id="fillers that are letters"),
        pytest.param("a\ufe01\U000e0101b", r"a\ufe01\U000e0101b", id="selectors"),
        pytest.param("❤\ufe0f", "❤\ufe0f", id="an emoji"),
        pytest.param("\u0085", r"\x85", id="next line"),
        pytest.param("\udcff", r"\udcff", id="a byte that is no UTF-8"),
    ],
)
def test_what_a_name_looks_like(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    assert shown.isprintable()
