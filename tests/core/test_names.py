"""Names as rclone spells them inside, there and back, and which cannot travel."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import assume, given

from bisync.core.names import from_rclone, key, obstacle, shown, to_rclone
from tests.support.odd_names import names

pytestmark = pytest.mark.pure

SURROGATES = range(0xD800, 0xE000)
# Bytes that are no UTF-8, as Python spells them in names.
BAD_BYTES = range(0xDC80, 0xDD00)
ESCAPES = {0x201B, *range(0x2401, 0x2420), 0x2421}
# In a path: everything but NUL.
OCCURRING = [code for code in range(1, sys.maxunicode + 1) if code not in SURROGATES]


def test_every_character_that_can_travel_comes_back() -> None:
    travels = [chr(code) for code in OCCURRING if code not in ESCAPES]
    for start in range(0, len(travels), 5000):
        name = "".join(travels[start : start + 5000])
        assert from_rclone(to_rclone(name)) == name


def test_every_character_has_rclones_spelling() -> None:
    """rclone docs, "Overview of cloud storage systems", section Encoding.

    The symbols for NUL and for the space stand for nothing, and stay. (Asked of rclone 1.75: `rclone lsf`.)
    """
    spelled = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
    spelled |= {code: "\u201b" + chr(code) for code in ESCAPES} | dict.fromkeys(BAD_BYTES, "\ufffd")
    codes = [*OCCURRING, *BAD_BYTES]
    for start in range(0, len(codes), 5000):
        name = "".join(map(chr, codes[start : start + 5000]))
        assert to_rclone(name) == name.translate(spelled)


@given(names)
def test_names_without_an_obstacle_come_back(name: str) -> None:
    assume(obstacle(name) is None)

    assert from_rclone(to_rclone(name)) == name


@given(names)
def test_any_name_of_utf8_is_shown_as_it_is(name: str) -> None:
    assert shown(to_rclone(name)) == name


@given(names)
def test_rclones_spelling_has_no_control_characters(name: str) -> None:
    assert not re.search(r"[\x00-\x1f\x7f]", to_rclone(name))


@given(names, names)
def test_two_names_have_two_spellings(one: str, two: str) -> None:
    assert (to_rclone(one) == to_rclone(two)) is (one == two)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("a b/c.md", "a b/c.md"),
        ("tab\there", "tab␉here"),
        ("a\r\nb", "a␍␊b"),
        ("del\x7f", "del␡"),
        ("\x1f", "␟"),
        ("real ␊", "real \u201b␊"),
        ("e\u0301", "e\u0301"),
        ("bad\udcff", "bad\ufffd"),
        ("／．＊", "／．＊"),
    ],
)
def test_names_as_rclone_lists_them(name: str, spelled: str) -> None:
    """Asked of rclone 1.75: `rclone lsf` of a folder with these names."""
    assert to_rclone(name) == spelled


A_LINE_BREAK = "its name has a line break, which lists of names cannot hold"
NO_UTF_8 = "its name is not valid UTF-8"
AN_ESCAPE = "its name has a character that rclone uses for escapes (U+201B, U+2401 to U+241F or U+2421)"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("plain.md", None),
        ("tab\there\x7f", None),
        ("a\nb", A_LINE_BREAK),
        ("a\r", A_LINE_BREAK),
        ("\x01", "its name has the character U+0001, which a cloud's listing cannot hold"),
        ("a\x1b[1m", "its name has the character U+001B, which a cloud's listing cannot hold"),
        ("\uffff", "its name has the character U+FFFF, which a cloud's listing cannot hold"),
        ("é e\u0301 🦀", None),
        ("\u23ff\u2422\u201a\u201c", None),
        ("\ufffd", None),
        ("bad\udc80", NO_UTF_8),
        ("bad\udcff.md", NO_UTF_8),
        ("\u201b", AN_ESCAPE),
        ("a\u2401", AN_ESCAPE),
        ("a\u2400", None),
        ("a\u2420", None),
        ("\u2421b/c", AN_ESCAPE),
        ("\u2409 and \udcff", NO_UTF_8),
    ],
)
def test_what_keeps_a_name_from_travelling(name: str, why: str | None) -> None:
    assert obstacle(name) == why


def test_each_of_rclones_escapes_is_an_obstacle() -> None:
    assert all(obstacle(f"a{chr(code)}b") for code in ESCAPES)
    assert not any(obstacle(chr(code)) for code in range(0x2000, 0x2500) if code not in ESCAPES)


@pytest.mark.parametrize(
    ("name", "same", "as_"),
    [
        ("caf\u00e9", True, "cafe\u0301"),
        ("\u1e69", True, "s\u0307\u0323"),  # two marks, in the other order
        ("\u212b", True, "\u00c5"),  # the sign for the unit and the letter
        ("\ud55c", True, "\u1112\u1161\u11ab"),
        ("A", False, "a"),
        ("\ufb01", False, "fi"),  # a ligature is not its letters
        ("a", False, "\uff41"),
        ("a ", False, "a"),
    ],
)
def test_spellings_of_one_name_have_one_key(name: str, same: bool, as_: str) -> None:
    assert (key(name) == key(as_)) is same
    assert (key(f"d/{name}.md") == key(f"d/{as_}.md")) is same


@given(names)
def test_a_key_is_the_name_in_nfc(name: str) -> None:
    assert key(name) == key(key(name)) == key(unicodedata.normalize("NFD", name))
    assert unicodedata.is_normalized("NFC", key(name))
