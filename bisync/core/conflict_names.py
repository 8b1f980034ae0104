"""Names of conflict copies: `note.md.conflict1` lies beside `note.md`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

_COPY = re.compile(r"(?P<original>(?:.*/)?[^/]+)\.conflict(?P<number>[1-9][0-9]*)\Z", re.DOTALL)

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


def free_copy_name(path: str, taken: Collection[str]) -> str:
    """The first free `PATH.conflictN` (rclone's own scheme: bisync's --conflict-suffix).

    A conflict about a copy is one about its original: names do not grow with every conflict.
    """
    path = judged_as(path)
    number = 1
    while f"{path}.conflict{number}" in taken:
        number += 1
    return f"{path}.conflict{number}"


def beside(name: str, path: str, copy: str) -> str:
    """What the conflict copy `copy` of `path` is called beside `name`, which spells the path as its own side does."""
    return judged_as(name) + copy.removeprefix(judged_as(path))


def taken_copy_names(path: str, taken: Collection[str]) -> Iterator[str]:
    """The names that rclone passes over when it names a copy of `path`, in the order of their numbers."""
    number = 1
    while (copy := f"{path}.conflict{number}") in taken:
        yield copy
        number += 1


def original_of(path: str) -> str | None:
    """The name a conflict copy stands beside; None for any other file."""
    match = _COPY.match(path)
    return match.group("original") if match else None


@dataclass(frozen=True, slots=True)
class Group:
    """One unsettled conflict: the contested name and its copies in the order of their numbers."""

    path: str
    copies: tuple[str, ...]


def groups(paths: Iterable[str]) -> tuple[Group, ...]:
    """The conflict copies among `paths`, grouped by the name they contest."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        match = _COPY.match(path)
        if match:
            found.setdefault(match.group("original"), []).append((int(match.group("number")), path))
    return tuple(
        Group(original, tuple(path for _, path in sorted(copies)))
        for original, copies in sorted(found.items())
    )
