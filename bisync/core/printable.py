"""Foreign text, made fit to be looked at. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line, its control characters made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
