"""How rclone spells file names inside, and which names cannot travel. Pure.

rclone replaces control characters by their Unicode symbols (tab is ␉ inside) and quotes real symbols
with U+201B; names with either, or that are no UTF-8, do not survive the round trip
(rclone docs, "Overview of cloud storage systems", section Encoding).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

QUOTE = "\u201b"
"""What stands before a character that is a picture, or this sign, already in the real name."""

PICTURES = {**{chr(code): chr(0x2400 + code) for code in range(1, 0x20)}, "\x7f": "\u2421"}
"""What rclone shows for a control character. (No name has a NUL, and its picture stands for nothing.)"""

_TO_PICTURES = str.maketrans(PICTURES)
_CONTROLS = {picture: control for control, picture in PICTURES.items()}
_FROM_PICTURES = str.maketrans(_CONTROLS)
_SURROGATE = re.compile("[\udc80-\udcff]")
_LINE_BREAK = re.compile("[\n\r]")
# Outside of XML's characters (XML 1.0, "Char"): where one of them is in a bucket, S3's listings of it can fail, on
# every device. (Seen on OpenStack Swift.)
_NOT_IN_XML = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# A part of a path that is empty, and one that is `.` or `..`, as they are and as rclone shows them.
_EMPTY_PART = re.compile(r"(?:^|/)(?:/|\Z)")
_DOTS = re.compile("(?:^|/)(?:[.]{1,2}|\uff0e{1,2})(?:/|\\Z)")

_ESCAPES = "its name has a character that rclone uses for escapes (U+201B, U+2401 to U+241F or U+2421)"


@cache
def _ambiguous() -> re.Pattern[str]:
    return re.compile(f"[{QUOTE}{''.join(_CONTROLS)}]")


@cache
def _quoted() -> re.Pattern[str]:
    return re.compile(f"{QUOTE}(?P<real>{_ambiguous().pattern})|(?P<picture>[{''.join(_CONTROLS)}])")


def to_rclone(name: str) -> str:
    """The path `name`, as the operating system has it, in rclone's spelling."""
    if name.isascii() and name.isprintable():
        return name
    quoted = _ambiguous().sub(lambda match: QUOTE + match.group(), name)
    return _SURROGATE.sub("\ufffd", quoted).translate(_TO_PICTURES)


def from_rclone(name: str) -> str:
    """The path as the operating system has it. Only for names without an obstacle."""
    if name.isascii():
        return name
    return name.translate(_FROM_PICTURES)


def shown(name: str) -> str:
    """A path in rclone's spelling for people: as the operating system has it, also where it has an obstacle."""
    if name.isascii():
        return name
    return _quoted().sub(lambda match: match["real"] or _CONTROLS[match["picture"]], name)


def obstacle(name: str) -> str | None:
    """Why a local name cannot be synced, or None when it can."""
    if name.isascii() and name.isprintable():
        return None
    if _SURROGATE.search(name):
        return "its name is not valid UTF-8"
    if _LINE_BREAK.search(name):
        return "its name has a line break, which lists of names cannot hold"
    if found := _NOT_IN_XML.search(name):
        return f"its name has the character U+{ord(found.group()):04X}, which a cloud's listing cannot hold"
    if _ambiguous().search(name):
        return _ESCAPES
    return None


def misfit(path: str) -> str | None:
    """Why a path in the cloud, in rclone's spelling, cannot be a file here; None when it can."""
    # So is nearly every path, and a look for a few letters is all that it costs.
    odd = path[:1] in "/." or path[-1:] in "/." or "//" in path or "/." in path
    if not odd and path.isascii():
        return None
    if _EMPTY_PART.search(path):
        return "its key has an empty part (/ at an end, or //), which no path here can have"
    if _DOTS.search(path):
        return "its key has a part . or .., which no file here can be called"
    if path.isascii():
        return None
    return _ESCAPES if QUOTE in path else obstacle(from_rclone(path))


def key(name: str) -> str:
    """What two spellings of one name (NFC and NFD) have in common; rclone pairs files by it."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


NAME_BYTES = 255


def is_too_long(path: str) -> bool:
    """Whether a part of a path is longer than the disks of this world let a name be."""
    if path.isascii() and len(path) <= NAME_BYTES:
        return False
    return any(len(part.encode()) > NAME_BYTES for part in path.split("/"))


def parents(path: str) -> list[str]:
    """The folders above a path: "a/b/c" has "a" and "a/b"."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
