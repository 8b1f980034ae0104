"""Foreign text, made fit to be looked at, and to be typed. Pure."""

from __future__ import annotations

import re
from functools import cache
from shlex import quote


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


def typed(word: object) -> str:
    """One word of a command to type, text or a path, whatever is in it: as it is, or quoted for a shell.

    What cannot be seen stands in it as an escape between $' and ' (bash, zsh, ksh, POSIX.1-2024). No quote and no
    other end of it is inside: a shell that knows no $'…' takes it for a plain string, and runs nothing.
    """
    text = str(word)
    if printable(text) == text:
        return quote(text)
    return "$'" + "".join(map(_typed_char, text)) + "'"


def _typed_char(char: str) -> str:
    if char not in "'\\" and printable(char) == char:
        return char
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:  # a byte that is no UTF-8 (Python's surrogateescape)
        return f"\\{point - 0xDC00:03o}"
    # Three octal digits end by themselves; how many hexadecimal ones a shell takes after \x differs.
    return f"\\{point:03o}" if point < 0x80 else f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def typed_path(path: str) -> str:
    """A path relative to the sync dir as `typed`; one that begins with a dash is no flag."""
    return typed(f"./{path}" if path.startswith("-") else path)
