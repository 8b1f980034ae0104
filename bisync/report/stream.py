"""stdout and stderr as they come: a terminal or a pipe, in some encoding, or closed.

All that a person reads goes through here, and is cleaned here: names and messages come from buckets, servers and
programs, and may hold what a terminal obeys. No other module prints, or makes a console.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LONG_LINE = 2_000
"""So many characters of a line of somebody's text are shown on a terminal."""


def clean(text: str) -> str:
    """A name or message for a terminal, on one line: what a terminal would obey, hide or turn round made visible."""
    if text.isascii() and text.isprintable():
        return text
    from bisync.core.printable import printable  # every task loads this module, also one that prints its help

    return printable(text)


def put(text: str, stream: TextIO | None, *, lead: str = "") -> None:
    """Print one line as the stream's encoding can (a C locale has no check mark); a closed one takes nothing.

    In one piece: what several threads print stays in its lines. `lead` comes before it as it is: our own colours.
    """
    put_as_it_is(lead + clean(text) + "\n", stream)


def put_as_it_is(text: str, stream: TextIO | None) -> None:
    """As `put`, what is clean already, or what another program may read."""
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()


def cell(text: str, style: str = "") -> Text:
    """One line in a table or beside a bar: cleaned, and no markup of rich's in it."""
    from rich.text import Text

    return Text(clean(text), style=style, overflow="fold")


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """What rich draws on. It takes no word for its markup (`[red]`, `[link=…]`, `:boom:`)."""
    from rich.console import Console

    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, safe_box=True)


def on_terminal(stream: TextIO | None) -> bool:
    """Whether somebody is looking at what goes to `stream`."""
    return stream is not None and stream.isatty()


def style(text: str, code: str, stream: TextIO | None = None) -> str:
    """`text` in an SGR colour where the stream (stderr) is a terminal; plain in a pipe and under NO_COLOR.

    (no-color.org.) No code is no colour.
    """
    if code and on_terminal(stream or sys.stderr) and not os.environ.get("NO_COLOR"):
        return f"\x1b[{code}m{text}\x1b[0m"
    return text


def fitting(text: str, stream: TextIO | None) -> list[str]:
    """One line as it will be seen: on a terminal that is narrower in several, broken between words."""
    if not on_terminal(stream):
        return [text]
    import shutil

    from bisync.report.folding import folded

    return folded(clean(text), shutil.get_terminal_size().columns)


def put_painted(text: str, code: str, stream: TextIO | None, *, as_it_is: bool = False) -> None:
    """Print one line in a colour, as `put` does. `as_it_is`: text of a file, for the program that reads a pipe.

    On a terminal a tab in it is the blanks that it would be, and no line of it goes on for pages.
    """
    if as_it_is and not on_terminal(stream):
        put_as_it_is(text + "\n", stream)
        return
    if as_it_is:
        text = text.expandtabs()
        more = len(text) - LONG_LINE
        text = text[:LONG_LINE] + f"… ({more} more characters)" if more > 0 else text
    put_as_it_is(style(clean(text), code, stream) + "\n", stream)
