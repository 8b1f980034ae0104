"""Which words of a line are other ones now, for lines as long as paragraphs. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

ALIKE = 0.3
"""Two lines of which less is the same at both ends are rather two different lines."""

_WORDS = re.compile(r"\s+|\S+")


class Changed(NamedTuple):
    """What differs between two lines: from `start` on, up to `old_end` in the one and `new_end` in the other."""

    start: int
    old_end: int
    new_end: int


def changed_words(old: str, new: str) -> Changed | None:
    """The words between what two lines begin and end with alike; None where that is little, or all."""
    olds, news = _WORDS.findall(old), _WORDS.findall(new)
    shorter = min(len(olds), len(news))
    first = next((at for at in range(shorter) if olds[at] != news[at]), shorter)
    rest = shorter - first
    last = next((at for at in range(rest) if olds[-1 - at] != news[-1 - at]), rest)
    start = sum(map(len, olds[:first]))
    end = sum(map(len, olds[len(olds) - last :]))
    if old == new or start + end < ALIKE * max(len(old), len(new)):
        return None
    return Changed(start, len(old) - end, len(new) - end)
