"""Which known word somebody meant who mistyped one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 40
"""Nobody has mistyped a word of ours in more characters; and the time it takes grows with them."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant for; None where none is close enough to be worth saying.

    One slip (a letter too many, missing, wrong, or two that changed places) for every four letters, or three letters
    and more of its beginning, or it with an ending (`synchronize`). The first of equals.
    """
    if not 3 <= len(word) <= LONGEST:
        return None
    listed = list(known)
    slips = {one: _slips(word, one) for one in listed}
    near = min(listed, key=slips.__getitem__, default=None)
    if near is not None and slips[near] <= min(max((len(word) + 1) // 4, 1), 3):
        return near
    begun = (one for one in listed if one.startswith(word) or (len(one) > 3 and word.startswith(one)))
    return next(begun, None)


def _slips(one: str, other: str) -> int:
    """How many slips lie between two words (the distance of Damerau and Levenshtein, restricted)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, char in enumerate(one, 1):
        before, last, row = row, before, [number]
        for at, there in enumerate(other, 1):
            fewest = min(before[at] + 1, row[-1] + 1, before[at - 1] + (char != there))
            if last and at > 1 and char == other[at - 2] and one[number - 2] == there:
                fewest = min(fewest, last[at - 2] + 1)
            row.append(fewest)
    return row[-1]
