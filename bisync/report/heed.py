"""Lines with a colour, and those that a person should see even where all else is quiet. Pure."""

from __future__ import annotations

from typing import Self

RED, GREEN, YELLOW, CYAN, BOLD = "31", "32", "33", "36", "1"
"""SGR colours."""


class Coloured(str):
    """A line of result in an SGR colour, "" for none, for those who look at a terminal."""

    colour: str

    def __new__(cls, text: str, colour: str = "") -> Self:
        """`text` in a colour."""
        made = super().__new__(cls, text)
        made.colour = colour
        return made


class Heed(Coloured):
    """A line of result that needs a person: with --quiet it is said all the same, on stderr."""
