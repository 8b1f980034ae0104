"""Sets of characters as sorted, disjoint, inclusive code point ranges.

Patterns name characters, the automata split them into classes, the filter file prints them: one
representation serves all three.
"""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]
Charset = tuple[Range, ...]

LAST = 0x10FFFF
EVERYTHING: Charset = ((0, LAST),)
NOTHING: Charset = ()


def of(ranges: Iterable[Range]) -> Charset:
    """The set that holds exactly these ranges; they may overlap, and empty ones (5, 3) are dropped."""
    merged: list[Range] = []
    for low, high in sorted(one for one in ranges if one[0] <= one[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def single(char: str) -> Charset:
    return ((ord(char), ord(char)),)


def union(one: Charset, other: Charset) -> Charset:
    return of((*one, *other))


def invert(chars: Charset) -> Charset:
    gaps: list[Range] = []
    start = 0
    for low, high in chars:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        gaps.append((start, LAST))
    return tuple(gaps)


def intersect(one: Charset, other: Charset) -> Charset:
    found: list[Range] = []
    for low, high in one:
        for start, end in other:
            if start <= high and low <= end:
                found.append((max(low, start), min(high, end)))
    return tuple(sorted(found))


def without(one: Charset, other: Charset) -> Charset:
    return intersect(one, invert(other))


def contains(chars: Charset, point: int) -> bool:
    return any(low <= point <= high for low, high in chars)


NOT_SLASH = invert(single("/"))
