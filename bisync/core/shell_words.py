"""Words of a command line as a shell holds them while they are typed, and what may take their place. Pure.

What is put into a command line may come from a bucket. So nothing in it may be anything to the shell but a name; what
cannot be said so is not offered (None).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# bash cuts words at these, too, while it completes them (COMP_WORDBREAKS).
BREAKS = "=:@"
# What may stand in a word as it is, beside letters and digits.
PLAIN = "_-./,+%" + BREAKS


class Typed(NamedTuple):
    """A word as far as it is typed: what it says, and the quote that is still open, or "".

    `within`: that quote is not its beginning.
    """

    text: str
    quote: str = ""
    within: bool = False


def typed_so_far(raw: str) -> Typed | None:
    """What a word says by the rules of bash; variables are left as they stand. None for a $'…' or a $"…"."""
    text, quote, within, at = "", "", False, 0
    while at < len(raw):
        char = raw[at]
        following = raw[at + 1 : at + 2]
        if quote == "'":
            if char == "'":
                quote = ""
            else:
                text += char
        elif char == "\\" and (not quote or following in ('"', "\\", "$", "`")):
            text += following
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char == "$" and following in ("'", '"'):
            return None
        elif not quote and char in ("'", '"'):
            quote, within = char, at > 0
        else:
            text += char
        at += 1
    return Typed(text, quote, within if quote else False)


def joined(words: Iterable[str]) -> list[str]:
    """Words of bash as they were typed: `--only`, `=`, `no` was one."""
    found: list[str] = []
    open_end = False
    for word in words:
        cut = bool(word) and not word.strip(BREAKS)
        if found and (cut or open_end):
            found[-1] += word
        else:
            found.append(word)
        open_end = cut
    return found


def in_place_of(raw: str, value: str) -> str | None:
    """What bash is to put in place of the last part of `raw` (of all of it, where nothing cuts it), to say `value`.

    None where that cannot be, or `value` is not how `raw` may go on.
    """
    typed = typed_so_far(raw)
    if typed is None or typed.within or not value.startswith(typed.text) or not value.isprintable():
        return None
    if typed.quote == "'":
        return None if "'" in value else f"'{value}'"
    if typed.quote:
        if "!" in value:  # means something between these quotes, and cannot be told not to
            return None
        return '"' + "".join(f"\\{char}" if char in '"\\$`' else char for char in value) + '"'
    cut = max(raw.rfind(char) for char in BREAKS) + 1
    before = typed_so_far(raw[:cut]) if cut and raw[cut - 2 : cut - 1] != "\\" else Typed("")
    return None if before is None or before.quote else escaped(value[len(before.text) :])


def escaped(text: str) -> str:
    """Text with a backslash before whatever could mean something to a shell."""
    return "".join(
        char if char.isalnum() or char in PLAIN or not char.isascii() else f"\\{char}" for char in text
    )
