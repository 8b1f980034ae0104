"""What is said of a file that is wrong: each fault where it is, with its line and a caret below it. Pure.

`file:line:column: …` at the beginning of a line is what editors and CI jump to. Its document: for scripts.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bisync.core.printable import printable
from bisync.errors import Fault

LEAST = 30
"""Narrower than this many columns no line is shown: there is nothing left of it to recognise."""


class Said(NamedTuple):
    """One line; `plain`: it begins with a place, and needs no word before it."""

    text: str
    plain: bool


def fault_lines(faults: Iterable[Fault], cwd: Path, columns: int) -> Iterator[Said]:
    """Each fault on a line, then the line it is in and a caret, where that may be shown; `columns` wide at most."""
    for one in faults:
        if not one.line:
            yield Said(str(one), plain=False)
            continue
        rest = ": ".join(part for part in (one.key, one.text) if part)
        yield Said(f"{_file(one, cwd)}:{one.line}:{one.column}: {rest}", plain=True)
        if one.source is not None and columns >= LEAST:
            for line in _excerpt(one.source, one.line, one.column, columns):
                yield Said(line, plain=True)


def faults_document(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """The same for a script: the file's whole path, line and column from 1 (null: no line), the key, the text."""
    return [
        {
            "file": (str(one.folder / one.file) if one.folder else one.file) or None,
            "line": one.line or None,
            "column": one.column or None,
            "key": one.key or None,
            "text": one.text,
        }
        for one in faults
    ]


def _file(one: Fault, cwd: Path) -> str:
    """The file as an editor opened in `cwd` finds it: relative to it where that leads up or down alone."""
    if one.folder is None:
        return one.file
    if one.folder == cwd or one.folder in cwd.parents or cwd in one.folder.parents:
        return os.path.relpath(one.folder / one.file, cwd)
    return str(one.folder / one.file)


def _excerpt(source: str, number: int, column: int, columns: int) -> Iterator[str]:
    """The line with its number, and the caret below; of a long one what is around the caret."""
    before, behind = printable(source[: column - 1]), printable(source[column - 1 :])
    gutter = f"  {number} | "
    room = columns - len(gutter) - 1
    if _width(before) > room * 2 // 3:
        before = "…" + _last(before, room // 2)
    behind = _first(behind, room - _width(before))
    yield f"{gutter}{before}{behind}".rstrip()
    yield f"{' ' * (len(gutter) - 2)}| {' ' * _width(before)}^"


def _first(text: str, room: int) -> str:
    if _width(text) <= room:
        return text
    kept = ""
    for char in text:
        if _width(kept + char) > room - 1:
            break
        kept += char
    return kept + "…"


def _last(text: str, room: int) -> str:
    kept = ""
    for char in reversed(text):
        if _width(char + kept) > room - 1:
            break
        kept = char + kept
    return kept


def _width(text: str) -> int:
    """How many cells of a terminal a text takes (Unicode: East Asian Width; marks stand on what is before them)."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
