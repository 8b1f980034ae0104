"""What differs between two versions of a file, as hunks of a unified diff; or why that is not shown. Pure.

Either version may come from somebody who wants to keep us busy: the work is counted, and there is a limit to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import Literal, NamedTuple

from bisync.core.merge import LARGEST, is_text
from bisync.core.printable import printable

LIMIT = LARGEST
"""A file of more bytes is not looked into."""
LONG = 32 << 10
"""A file of more bytes that is new, or goes, is not shown in full unless somebody asks for it."""
EFFORT = 2_000_000
"""So often two lines are held against each other, which takes about a second; then the texts are too different."""
TOTAL_EFFORT = 10 * EFFORT
"""The same for all that one command compares: a bucket may be full of hard texts."""
CONTEXT = 3
NOTHING = "/dev/null"
NO_NEWLINE = "\\ No newline at end of file"


class Version(NamedTuple):
    """One version of a file: its size in bytes, None where there is none. `content` None: not read, for `why`."""

    size: int | None
    content: bytes | None = None
    why: str = ""


ABSENT = Version(None)

Reason = Literal["binary", "large", "long", "unread", "different", "equal"]
"""Why there are no hunks: no text; too many bytes; so many of a file that is new or goes; nobody could read it; too
many lines that are too different; no difference."""


class Shown(NamedTuple):
    """The difference between two versions: `hunks`, lines without their ends, or the `reason` why there are none.

    `why`: what kept one from being read. `lines`: how many each version has, where the texts are too different.
    `spent`: how often two lines were held against each other.
    """

    hunks: tuple[str, ...] | None
    reason: Reason | None = None
    why: str = ""
    lines: tuple[int, int] = (0, 0)
    spent: int = 0


def unshown(before: Version, after: Version, *, whole: bool = False) -> Reason | None:
    """Why the difference is not shown, as far as that can be told by what was read so far; else None.

    `whole`: what is new, or goes, is shown however long it is.
    """
    sizes = [one.size for one in (before, after) if one.size is not None]
    if any(one.content is not None and not is_text(one.content) for one in (before, after)):
        return "binary"
    if any(size > LIMIT for size in sizes):
        return "large"
    return "long" if len(sizes) == 1 and sizes[0] > LONG and not whole else None


def shown(before: Version, after: Version, *, effort: int = EFFORT, whole: bool = False) -> Shown:
    """The difference between two versions of a file, of which at least one is there. `effort`, `whole`: see above."""
    reason = unshown(before, after, whole=whole)
    if reason is not None:
        return Shown(None, reason)
    for one in (before, after):
        if one.size is not None and one.content is None:
            return Shown(None, "unread", one.why)
    old, new = (_lines((one.content or b"").decode()) for one in (before, after))
    if old == new and ABSENT not in (before, after):
        return Shown(None, "equal")
    changes, spent = _changes(old, new, effort)
    if changes is None:
        return Shown(None, "different", lines=(len(old), len(new)), spent=spent)
    return Shown(tuple(_hunks(old, new, changes)), spent=spent)


class _Change(NamedTuple):
    """Lines `old` to `old_end` of one text became lines `new` to `new_end` of the other; both count from 0."""

    old: int
    old_end: int
    new: int
    new_end: int


def _lines(text: str) -> list[str]:
    """Lines with their ends, the last one perhaps without: nothing but a line feed ends one, as for `patch`."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


class _TooDifferent(Exception):
    """It would take more effort than there may be."""


class _Matcher(SequenceMatcher[str]):
    """difflib's, which counts how often it holds two lines against each other.

    Each of its searches looks, for every line of a stretch of one text, at all equal ones of the other: how many these
    are is known beforehand. Texts of many equal lines, and those that need many searches, would take it hours.
    """

    b2j: dict[str, list[int]]

    def __init__(self, old: Sequence[str], new: Sequence[str], effort: int, *, autojunk: bool) -> None:
        super().__init__(None, old, new, autojunk=autojunk)
        self._until = list(accumulate((1 + len(self.b2j.get(line, ())) for line in old), initial=0))
        self._effort = effort
        self.spent = 0

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        cost = self._until[-1 if ahi is None else ahi] - self._until[alo]
        if self.spent + cost > self._effort:
            raise _TooDifferent
        self.spent += cost
        return super().find_longest_match(alo, ahi, blo, bhi)


def _changes(old: Sequence[str], new: Sequence[str], effort: int) -> tuple[list[_Change] | None, int]:
    """What turns one text into the other, in order, and the effort that it took; None for too much of it."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    if not left and not right:
        return [], 0
    if not left or not right:
        return [_Change(start, start + len(left), start, start + len(right))], 0
    spent = len(left) + len(right)
    if spent > effort:
        return None, 0
    # The second time it leaves lines out that are everywhere, such as empty ones, but as neighbours of others.
    for autojunk in (False, True):
        matcher = _Matcher(left, right, effort // 2, autojunk=autojunk)
        try:
            found = matcher.get_opcodes()
        except _TooDifferent:
            found = []
        spent += matcher.spent
        # One change of everything: what is alike was left out.
        if found and not (autojunk and len(found) == 1):
            changes = [
                _Change(start + i, start + i_end, start + j, start + j_end)
                for what, i, i_end, j, j_end in found
                if what != "equal"
            ]
            return changes, spent
    return None, spent


def _hunks(old: Sequence[str], new: Sequence[str], changes: Sequence[_Change]) -> Iterator[str]:
    """The lines of all hunks: changes that lie close together share one."""
    group: list[_Change] = []
    for change in changes:
        if group and change.old - group[-1].old_end > 2 * CONTEXT:
            yield from _hunk(old, new, group)
            group = []
        group.append(change)
    if group:
        yield from _hunk(old, new, group)


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[_Change]) -> Iterator[str]:
    before = min(CONTEXT, group[0].old)
    after = min(CONTEXT, len(old) - group[-1].old_end)
    at, end = group[0].old - before, group[-1].old_end + after
    yield f"@@ -{_range(at, end)} +{_range(group[0].new - before, group[-1].new_end + after)} @@"
    for change in group:
        yield from _marked(" ", old[at : change.old])
        yield from _marked("-", old[change.old : change.old_end])
        yield from _marked("+", new[change.new : change.new_end])
        at = change.old_end
    yield from _marked(" ", old[at:end])


def _range(at: int, end: int) -> str:
    """Lines by their numbers, as a unified diff has them: an empty range stands after the line that it names."""
    count = end - at
    return f"{at + 1}" if count == 1 else f"{at + 1 if count else at},{count}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line.removesuffix("\n")
        if not line.endswith("\n"):
            yield NO_NEWLINE


def header(before: str | None, after: str | None, said: tuple[str, str]) -> tuple[str, str]:
    """The two lines above the hunks: the names (None: no file), and what is `said` of each version.

    A tab stands between, as before the time that other programs put there: names may have spaces.
    """

    def named(name: str | None, what: str) -> str:
        return NOTHING if name is None else f"{quoted(name)}\t({what})"

    return f"--- {named(before, said[0])}", f"+++ {named(after, said[1])}"


def quoted(name: str) -> str:
    """A path as `patch` and git read it: what cannot be seen, and what has a meaning, as in a string of C's."""
    if printable(name) == name and not set(name) & {'"', "\\"}:
        return name
    return '"' + "".join(map(_quoted_char, name)) + '"'


def _quoted_char(char: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    if named is not None:
        return named
    if printable(char) == char:
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
