"""How many of a thing, in words. Pure."""

from __future__ import annotations


def counted(count: int, thing: str, several: str | None = None) -> str:
    """ "1 file", "2 files". `several`: the plural where it is not the word with an s."""
    return f"{count} {thing if count == 1 else several or f'{thing}s'}"
