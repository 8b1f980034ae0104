"""Three texts into one: what two sides made of the text that both had. Pure.

By lines, as diff3 does it (Khanna, Kunal, Pierce: A Formal Investigation of Diff3, 2007), and more careful than it:
edits of the two sides need a line between them that neither touched, whichever way repeated lines are counted. What
does not pass is for a person: there is no half-merged text, and there are no markers.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from bisync.core.change import Merging

LARGEST = 1 << 20
"""Bytes of the largest text that is merged, and kept for it."""
DEAREST = 100_000
"""How many pairs of equal lines between two unique ones are looked at: a comparison may take their square."""
FARTHEST = 400
"""How many lines may come and go, of those that both texts have: finding the fewest takes its square."""

OVERLAP = "the edits overlap"
NO_TEXT = "it is no text of UTF-8"
TOO_LARGE = "it is too large to be merged"
TOO_REPETITIVE = "it says the same line too often to tell which is which"


class Merged(NamedTuple):
    """What came of three texts: the `text`, or why there is none (`why`). `hunks`: the edits of both sides."""

    text: bytes | None
    hunks: int = 0
    why: str = ""

    @property
    def merging(self) -> Merging | None:
        """What a plan says of it; None where nothing was merged."""
        if self.text is None:
            return None
        return Merging(self.hunks, len(self.text), md5(self.text))


class _Edit(NamedTuple):
    """The lines `start` to `end` of the base become `lines`.

    It could as well be said of any place from `first` to `last` where lines are repeated.
    """

    start: int
    end: int
    lines: tuple[bytes, ...]
    first: int
    last: int


def digest(text: bytes) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text).hexdigest()


def md5(text: bytes) -> str:
    """MD5 of a text, in hex: what the cloud says of its objects."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def is_text(content: bytes) -> bool:
    """Whether a file's content is text that can be merged: UTF-8, no NUL, not too large."""
    if len(content) > LARGEST or b"\0" in content:
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def merge(base: bytes, local: bytes, cloud: bytes) -> Merged:
    """What `local` and `cloud` made of `base`, as one text, or why not.

    Symmetric in its two sides. Line ends stay as each side has them: a line is what a line feed ends.
    """
    for text in (base, local, cloud):
        if len(text) > LARGEST:
            return Merged(None, why=TOO_LARGE)
        if not is_text(text):
            return Merged(None, why=NO_TEXT)
    if local in (base, cloud):
        return Merged(cloud, 1)
    if cloud == base:
        return Merged(local, 1)
    lines, here, there = _lines(base), _lines(local), _lines(cloud)
    found = _merged(lines, here, there)
    if found.why:
        return Merged(None, why=found.why)
    # Where lines are repeated, which of them is an old one is a guess. Only a text that every guess leads to will do.
    turned = lines[::-1], here[::-1], there[::-1]
    others = (
        _merged(*turned).lines[::-1],
        _merged(lines, here, there, find=_around_unique).lines,
        _merged(lines, here, there, find=_fewest).lines,
        _merged(*turned, find=_fewest).lines[::-1],
    )
    if any(other != found.lines for other in others):
        return Merged(None, why=TOO_REPETITIVE)
    return Merged(b"".join(found.lines), found.hunks)


class _Found(NamedTuple):
    lines: list[bytes]
    hunks: int = 0
    why: str = ""


def _lines(text: bytes) -> list[bytes]:
    """The lines of a text with their ends; the last may have none. (`splitlines` ends them at more than line feeds.)"""
    lines = [line + b"\n" for line in text.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


_Span = tuple[int, int, tuple[bytes, ...]]
"""Where an edit begins and ends in the base, and what it puts there."""
_Find = Callable[[Sequence[bytes], Sequence[bytes]], list[_Span] | None]


def _merged(
    base: Sequence[bytes], local: Sequence[bytes], cloud: Sequence[bytes], *, find: _Find | None = None
) -> _Found:
    find = find or _by_blocks
    here, there = find(base, local), find(base, cloud)
    if here is None or there is None:
        return _Found([], why=TOO_REPETITIVE)
    edits = _together(*([_slid(base, *edit) for edit in found] for found in (here, there)))
    if edits is None:
        return _Found([], why=OVERLAP)
    return _Found(list(_applied(base, edits)), len(edits))


# -- which lines are old ones: three ways to say it. None where that would take too long -----------------


def _around_unique(base: Sequence[bytes], text: Sequence[bytes]) -> list[_Span]:
    """Lines that are said once, as by patience diff; others only where they are next to one."""
    return [
        (low, low + len(mine), tuple(other)) for low, mine, other in _between(base, text) if mine or other
    ]


def _by_blocks(base: Sequence[bytes], text: Sequence[bytes]) -> list[_Span] | None:
    """Lines that are said once, and between them the longest blocks that are in both."""
    edits, cost = [], 0
    for at, mine, other in _between(base, text):
        count = Counter(mine)
        cost += sum(count[line] for line in other)
        if cost > DEAREST:
            return None
        codes = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes()
        edits += [(at + i, at + j, tuple(other[m:n])) for tag, i, j, m, n in codes if tag != "equal"]
    return edits


def _fewest(base: Sequence[bytes], text: Sequence[bytes]) -> list[_Span] | None:
    """As many lines as can be, of those that both have (Myers: An O(ND) Difference Algorithm, 1986); so does git."""
    begin = _alike(base, text)
    end = _alike(base[begin:][::-1], text[begin:][::-1])
    mine, other = set(base[begin : len(base) - end]), set(text[begin : len(text) - end])
    ours = [at for at in range(begin, len(base) - end) if base[at] in other]
    theirs = [at for at in range(begin, len(text) - end) if text[at] in mine]
    pairs = _longest([base[at] for at in ours], [text[at] for at in theirs])
    if pairs is None:
        return None
    edits, at, there = [], begin, begin
    for i, j in (*((ours[m], theirs[n]) for m, n in pairs), (len(base) - end, len(text) - end)):
        if (at, there) != (i, j):
            edits.append((at, i, tuple(text[there:j])))
        at, there = i + 1, j + 1
    return edits


def _longest(one: Sequence[bytes], other: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """The places of a longest common subsequence; None where more than FARTHEST elements are in it of neither."""
    reach, steps = {1: 0}, []
    for count in range(min(len(one) + len(other), FARTHEST) + 1):
        steps.append(dict(reach))
        for diagonal in range(-count, count + 1, 2):
            i = _step(reach, diagonal, count)[0]
            while i < len(one) and i - diagonal < len(other) and one[i] == other[i - diagonal]:
                i += 1
            reach[diagonal] = i
            if i >= len(one) and i - diagonal >= len(other):
                return _traced(steps, i, i - diagonal)
    return None


def _step(reach: Mapping[int, int], diagonal: int, count: int) -> tuple[int, int]:
    """Where a path goes on in a diagonal after so many steps aside, and from which one it comes."""
    if diagonal == -count or (diagonal != count and reach[diagonal - 1] < reach[diagonal + 1]):
        return reach[diagonal + 1], diagonal + 1
    return reach[diagonal - 1] + 1, diagonal - 1


def _traced(steps: Sequence[Mapping[int, int]], i: int, j: int) -> list[tuple[int, int]]:
    """The pairs on the way that ended at `i` and `j`."""
    pairs = []
    for count in range(len(steps) - 1, -1, -1):
        start, before = _step(steps[count], i - j, count)
        while i > start:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        if count:
            i = steps[count][before]
            j = i - before
    return pairs[::-1]


def _between(
    base: Sequence[bytes], text: Sequence[bytes]
) -> Iterator[tuple[int, Sequence[bytes], Sequence[bytes]]]:
    """What lies between lines that both say once, but for what is alike at its ends; where in the base it begins."""
    for (low, high), (left, right) in _gaps(_anchors(base, text), len(base), len(text)):
        mine, other = base[low:high], text[left:right]
        begin = _alike(mine, other)
        end = _alike(mine[begin:][::-1], other[begin:][::-1])
        yield low + begin, mine[begin : len(mine) - end], other[begin : len(other) - end]


def _anchors(base: Sequence[bytes], text: Sequence[bytes]) -> list[tuple[int, int]]:
    """The lines that both say once, where they are in both, as many of them as are in the same order."""
    count, counted = Counter(base), Counter(text)
    at = {line: place for place, line in enumerate(base) if count[line] == counted[line] == 1}
    pairs = [(at[line], place) for place, line in enumerate(text) if line in at]
    # The longest rising sequence: `tops` has the last of the best one of each length, `before` what it came from.
    tops: list[int] = []
    last: list[tuple[int, int]] = []
    before: dict[tuple[int, int], tuple[int, int] | None] = {}
    for pair in pairs:
        length = bisect_left(tops, pair[0])
        before[pair] = last[length - 1] if length else None
        tops[length : length + 1], last[length : length + 1] = [pair[0]], [pair]
    found = []
    one = last[-1] if last else None
    while one is not None:
        found.append(one)
        one = before[one]
    return found[::-1]


def _gaps(
    anchors: Sequence[tuple[int, int]], base: int, text: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """What lies between anchors in texts of so many lines: its begin and end in both."""
    low = left = 0
    for high, right in (*anchors, (base, text)):
        if (low, left) != (high, right):
            yield (low, high), (left, right)
        low, left = high + 1, right + 1


def _alike(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many lines two texts have in common at their begin."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _slid(base: Sequence[bytes], start: int, end: int, lines: tuple[bytes, ...]) -> _Edit:
    """An edit, with how far it can be pushed up and down without its outcome being another one."""
    first, last = start, end
    if start == end:
        ring = list(lines)
        while last < len(base) and base[last] == ring[(last - end) % len(ring)]:
            last += 1
        while first > 0 and base[first - 1] == ring[(first - 1 - start) % len(ring)]:
            first -= 1
    elif not lines:
        while last < len(base) and base[last] == base[last - (end - start)]:
            last += 1
        while first > 0 and base[first - 1] == base[first - 1 + (end - start)]:
            first -= 1
    return _Edit(start, end, lines, first, last)


def _together(here: Sequence[_Edit], there: Sequence[_Edit]) -> list[_Edit] | None:
    """The edits of both sides in their order; None where two of them are not clearly apart.

    The same edit on both sides is one. Apart means that a line of the base lies between that is in neither.
    """
    both = set(here) & set(there)
    sided = [
        (edit.first, edit.last, side)
        for side, edits in enumerate((here, there))
        for edit in edits
        if edit not in both
    ]
    reach = [-1, -1]
    for first, last, side in sorted(sided):
        if reach[1 - side] >= first:
            return None
        reach[side] = max(reach[side], last)
    return sorted({*here, *there})


def _applied(base: Sequence[bytes], edits: Sequence[_Edit]) -> Iterator[bytes]:
    at = 0
    for edit in edits:
        yield from base[at : edit.start]
        yield from edit.lines
        at = edit.end
    yield from base[at:]
