"""The text of a manifest, beside what was read in it: for showing the line that something is wrong in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisync.manifest.hidden import suggests_secret


@dataclass(frozen=True, slots=True)
class Source:
    """One file's lines, the folder it lies in (None: it was no file), and the numbers (from 1) of what to keep back."""

    lines: tuple[str, ...]
    folder: Path | None = None
    hidden: frozenset[int] = frozenset()

    def shown(self, number: int, path: Sequence[str | int]) -> str | None:
        """Line `number` (from 1) for something that is wrong at `path`; None where it could hold a secret."""
        if number in self.hidden or not 0 < number <= len(self.lines):
            return None
        line = self.lines[number - 1]
        return None if not line.strip() or suggests_secret(path, line) else line


Sources = Mapping[str, Source]


def split(text: str) -> tuple[str, ...]:
    """The lines of a text as YAML counts them, without their ends."""
    return tuple(re.split("\r\n|[\n\r\x85\u2028\u2029]", text))
