"""How the service makes the folder and the address of a project from its name. The generations differ.

After `generate_permalink` of the public server, v0.15.0 and v0.22.1. It transliterates with a large library; the
small own tables here are right for Latin letters with marks and for kana, and drop what else they do not know.
"""

from __future__ import annotations

import mimetypes
import posixpath
import re
import unicodedata
from typing import Literal

IDEOGRAPHS = "\u4e00-\u9fff\u3000-\u303f\u3400-\u4dbf"
FULL_WIDTH = "\uff00-\uffef"

# What has no decomposition into a plain letter and marks.
LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "đ": "d", "Đ": "D", "ł": "l",
    "Ł": "L", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "ı": "i", "–": "-", "—": "--", "‘": "'", "’": "'",
    "“": '"', "”": '"', "…": "...", "€": "EUR", "ー": "-",
}  # fmt: skip


def permalink(name: str, generation: Literal["old", "new"]) -> str:
    """A name as the service writes it in addresses and folders; it can be empty."""
    base, dot = name, ""
    if generation == "old" or mimetypes.guess_type(name)[0] is not None:
        base = posixpath.splitext(name)[0]
    if generation == "new":
        dot = "."
    if re.search(f"[{IDEOGRAPHS}{FULL_WIDTH}]", base):
        text = re.sub(f"[{FULL_WIDTH}]", "", base)
        text = "".join(c if re.match(f"[{IDEOGRAPHS}]", c) else _ascii(c) for c in text)
        text = re.sub(f"([{IDEOGRAPHS}])([a-zA-Z0-9])", r"\1-\2", text)
        text = re.sub(f"([a-zA-Z0-9])([{IDEOGRAPHS}])", r"\1-\2", text)
        kept = IDEOGRAPHS
    else:
        text, kept = "".join(map(_ascii, base)), ""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text).lower().replace("_", "-").replace("'", "")
    text = re.sub(f"[^a-z0-9{kept}{dot}/-]", "-", text)
    return "/".join(part.strip("-") for part in re.sub("-+", "-", text).split("/"))


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    if character in LETTERS:
        return LETTERS[character]
    kana = re.fullmatch(r"(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?(\w+)", unicodedata.name(character, ""))
    if kana is not None:
        return kana[1].lower()
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
