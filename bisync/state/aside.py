"""Ignore files that came from the cloud and cannot be honoured: known by their content, whatever they are called here.

They are files like any other here, and say nothing. One that its user writes here has another content, and stops the
run as before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from bisync.files import write_if_changed
from bisync.stored import open_plain

MOST = 200
"""So many are remembered, the newest ones."""
_MD5 = re.compile("[0-9a-f]{32}", re.ASCII)
_SOME = MOST * 33


def load(path: Path) -> frozenset[str]:
    """The MD5s of their contents; none where there is no such file."""
    return frozenset(_lines(path))


def add(path: Path, found: Iterable[str]) -> None:
    """Remember more of them."""
    known = _lines(path)
    more = [one for one in dict.fromkeys(found) if one not in known]
    if more:
        write_if_changed(path, "".join(f"{one}\n" for one in [*known, *more][-MOST:]))


def _lines(path: Path) -> list[str]:
    # What is no line of ours sets nothing aside: then such a file stops the run, which is safe.
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as stream:
            text = stream.read(_SOME).decode("ascii", "replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if _MD5.fullmatch(line)]
