"""Lines that are longer than a terminal is wide: broken between words, and a command to type never. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

LEAST_COLUMNS = 20
"""On a narrower terminal lines are left to it."""
HANGING = 2
"""What follows a broken line is indented by so much more than the line."""

# What begins a command to type: one of these programs, after a colon, an arrow or a bracket.
_BEGINS = re.compile(
    r"(?:(?<=: )|(?<=→ )|(?<=\()|(?<=^))"
    r"(?:bisync|invoke|rclone|chmod|export|journalctl|systemctl|loginctl|launchctl|sudo|bm) (?=\S)"
)
# What ends it, outside of quotes.
_ENDS = re.compile(r"[;,)](?: |$)|\.(?: |$)| +\(|;$|, ")
_QUOTED = re.compile(r"\$?'(?:[^'\\]|\\.)*'|\"[^\"]*\"")


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def folded(text: str, columns: int) -> list[str]:
    """`text`, one line as it will be seen, in lines of at most so many columns; as it is where it fits.

    It is broken at blanks, and what follows hangs below. A command to type, and a word or name without a blank, is
    never broken: where it is too long it has a line of its own, which the terminal wraps and still gives as one line
    to whoever copies it.
    """
    if columns < LEAST_COLUMNS or cells(text) <= columns:
        return [text]
    margin = len(text) - len(text.lstrip(" "))
    hanging = min(margin + HANGING + 2 * text.lstrip(" ").startswith("→ "), columns // 3)
    lines: list[str] = []
    line, used, blanks = text[:margin], margin, ""
    for piece, gap in _pieces(text[margin:]):
        width = cells(piece)
        if line.strip() and used + len(blanks) + width > columns:
            lines.append(line)
            line, used, blanks = " " * hanging, hanging, ""
        line += blanks + piece
        used += len(blanks) + width
        blanks = gap
    return [*lines, line]


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """What is not broken, and the blanks after it."""
    at = 0
    while at < len(text):
        end = _command_end(text, at) or _word_end(text, at)
        after = end
        while after < len(text) and text[after] == " ":
            after += 1
        yield text[at:end], text[end:after]
        at = after


def _word_end(text: str, at: int) -> int:
    end = text.find(" ", at)
    # An arrow, and a mark at the head of a line, stay with what they are about.
    if text[at:end] in ("→", "✓", "✗", "!", "+"):
        end = text.find(" ", end + 1) if _command_end(text, end + 1) is None else end
    return len(text) if end < 0 else end


def _command_end(text: str, at: int) -> int | None:
    """Where the command ends that begins there; None where none begins."""
    # A bracket may stand right before it.
    if not _BEGINS.match(text, at) and not (text[at : at + 1] == "(" and _BEGINS.match(text, at + 1)):
        return None
    end = at + 1
    while end < len(text):
        quoted = _QUOTED.match(text, end)
        if quoted:
            end = quoted.end()
        elif ends := _ENDS.match(text, end):
            return end + (0 if ends[0].startswith(" ") else 1)
        else:
            end += 1
    return end
