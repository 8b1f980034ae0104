"""Foreign text, made fit to be looked at, and to be typed. Pure."""

from __future__ import annotations

import re
from functools import cache


@cache
def _unseen() -> re.Pattern[str]:
    """What counts as printable and shows nothing: fillers, joiners and selectors (Default_Ignorable_Code_Point in
    Unicode's DerivedCoreProperties.txt), and the Braille pattern without a dot.

    The selectors U+FE0E and U+FE0F are in many honest names: they choose between text and emoji.
    """
    return re.compile(
        "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    )


def printable(text: str) -> str:
    """`text` on one line, with a visible escape for each character that moves, hides or turns round what is seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and not _unseen().match(char) else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(char)
    if named is not None:
        return named
    point = ord(char)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
