"""How rclone spells file names inside, and which names cannot travel. Pure.

rclone replaces control characters by their Unicode symbols (tab is ␉ inside) and quotes real symbols
with U+201B; names with either, or that are no UTF-8, do not survive the round trip
(rclone docs, "Overview of cloud storage systems", section Encoding).
"""

from __future__ import annotations

import re
import unicodedata

_SYMBOLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_CONTROLS = {symbol: code for code, symbol in _SYMBOLS.items()}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AMBIGUOUS = re.compile("[\u2400-\u2421\u201b]")
_SURROGATE = re.compile("[\udc80-\udcff]")


def to_rclone(name: str) -> str:
    """The path `name`, as the operating system has it, in rclone's spelling."""
    if name.isascii() and name.isprintable():
        return name
    quoted = _AMBIGUOUS.sub(lambda match: "\u201b" + match.group(), name)
    return _SURROGATE.sub("\ufffd", quoted).translate(_SYMBOLS)


def from_rclone(name: str) -> str:
    """The path as the operating system has it. Only for names without an obstacle."""
    if name.isascii():
        return name
    return name.translate(_CONTROLS)


def obstacle(name: str) -> str | None:
    """Why a local name cannot be synced, or None when it can."""
    if name.isascii():
        return None
    if _SURROGATE.search(name):
        return "its name is not valid UTF-8"
    if _AMBIGUOUS.search(name):
        return "its name has a character that rclone uses for escapes (U+201B or U+2400 to U+2421)"
    return None


def key(name: str) -> str:
    """What two spellings of one name (NFC and NFD) have in common; rclone pairs files by it."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
