"""Names of conflict copies: `note.md.conflict1` lies beside `note.md`, or `note.conflict1.md` does. Pure.

The second form is for those who ask for it (`conflict_name`). Ignore rules judge the first by its original's name, the
second by its own, which is why a copy has the first where its own name is ignored. Where nobody asked for it, a file
that is called so is no conflict copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bisync.config import ConflictName

_COPY = re.compile(r"(?P<original>(?:.*/)?[^/]+)\.conflict(?P<number>[1-9][0-9]*)\Z", re.DOTALL)

_BEFORE_EXTENSION = re.compile(
    r"(?P<stem>(?:.*/)?[^/]+)\.conflict(?P<number>[1-9][0-9]*)(?P<extension>\.[^./]+)\Z", re.DOTALL
)
_EXTENSION = re.compile(r"(?<=[^/])\.[^./]+\Z")

# A number of up to three digits: a pattern has no way to say "any number of digits".
ENDING = r"(?:\.conflict[1-9][0-9]{0,2})"
"""What the name of a conflict copy has after its original's, as an expression (RE2)."""

_ENDINGS = re.compile(rf"(?<=[^/]){ENDING}+\Z")


def judged_as(name: str) -> str:
    """The name by which ignore rules judge a file: that of a conflict copy is its original's.

    By its own name a rule could ignore the copies of a note (`*` and `!*.md`), which would then be on one device
    alone, or let those of an ignored file go up.
    """
    return _ENDINGS.sub("", name) if ".conflict" in name else name


def contested_name(path: str, *, extensions: bool) -> str:
    """What a file contests: the name that it, or the copy that it is a copy of, stands beside; else its own.

    `extensions`: it may say so before its extension, too.
    """
    while True:
        original = judged_as(path)
        if extensions and original == path:
            original = original_of(path, extensions=True) or path
        if original == path:
            return path
        path = original


class Naming(NamedTuple):
    """How conflict copies are called: in which `form`, where such a name may be given (`admits`).

    `extensions`: there are copies here whose names say so before their extension.
    """

    form: ConflictName = ConflictName.LAST
    extensions: bool = False
    admits: Callable[[str], bool] = lambda _: True


AT_THE_END = Naming()


@dataclass(frozen=True, slots=True)
class CopyNames:
    """Gives conflict copies their names, each once. `taken`: what is taken by now."""

    taken: set[str]
    naming: Naming = AT_THE_END

    def take(self, path: str) -> str:
        """The name of the next copy of `path`: the first free number (rclone's own scheme: bisync's --conflict-suffix).

        A conflict about a copy is one about its original: names do not grow with every conflict.
        """
        original = contested_name(path, extensions=self.naming.extensions)
        number = 1
        while not self.taken.isdisjoint(self._forms(original, number)):
            number += 1
        name, *others = self._forms(original, number)
        if self.naming.form is ConflictName.BEFORE_EXTENSION and others and self.naming.admits(others[0]):
            name = others[0]
        self.taken.add(name)
        return name

    def _forms(self, original: str, number: int) -> tuple[str, ...]:
        last = f"{original}.conflict{number}"
        return (last, before_extension(original, number)) if self.naming.extensions else (last,)


def before_extension(path: str, number: int) -> str:
    """The name of a copy that says so before its extension; after all of it where it has none (`.env`, `Makefile`)."""
    found = _EXTENSION.search(path)
    start = found.start() if found else len(path)
    return f"{path[:start]}.conflict{number}{path[start:]}"


def beside(name: str, path: str, copy: str) -> str:
    """What the conflict copy `copy` of `path` is called beside `name`, which spells the path as its own side does."""
    last = _COPY.match(copy)
    found = last or _BEFORE_EXTENSION.match(copy)
    if found is None:
        raise ValueError(f"{copy!r} is the name of no conflict copy")
    original = original_of(copy, extensions=True)
    name = contested_name(name, extensions=original != judged_as(path))
    number = found.group("number")
    return f"{name}.conflict{number}" if last else before_extension(name, int(number))


def taken_copy_names(path: str, taken: Collection[str]) -> Iterator[str]:
    """The names that rclone passes over when it names a copy of `path`, in the order of their numbers."""
    number = 1
    while (copy := f"{path}.conflict{number}") in taken:
        yield copy
        number += 1


def original_of(path: str, *, extensions: bool = False) -> str | None:
    """The name a conflict copy stands beside; None for any other file.

    `extensions`: it may say that it is a copy before its extension, too.
    """
    match = _COPY.match(path)
    if match is not None:
        return match.group("original")
    match = _BEFORE_EXTENSION.match(path) if extensions else None
    return match.group("stem") + match.group("extension") if match is not None else None


@dataclass(frozen=True, slots=True)
class Group:
    """One unsettled conflict: the contested name and its copies in the order of their numbers."""

    path: str
    copies: tuple[str, ...]


def groups(paths: Iterable[str], *, extensions: bool = False) -> tuple[Group, ...]:
    """The conflict copies among `paths`, grouped by the name they contest. `extensions` as in `original_of`."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        original = original_of(path, extensions=extensions) if ".conflict" in path else None
        if original is not None:
            match = _COPY.match(path) or _BEFORE_EXTENSION.match(path)
            number = int(match.group("number")) if match else 0
            found.setdefault(original, []).append((number, path))
    return tuple(
        Group(original, tuple(path for _, path in sorted(copies)))
        for original, copies in sorted(found.items())
    )
