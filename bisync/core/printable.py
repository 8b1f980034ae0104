"""Foreign text, made fit to be looked at. Pure."""

from __future__ import annotations


def clean(text: str) -> str:
    """A file name or message for a terminal: control characters made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
