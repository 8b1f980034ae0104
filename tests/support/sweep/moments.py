"""The moments of a run: every file operation below the device's home, and every line of rclone's log.

What Python reports to audit hooks (PEP 578) comes from there, and a hook that raises makes the operation fail. What
it does not report is wrapped: the exclusive rename, fsync, and the looks that decide whether a file is untouched.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bisync import process
from bisync.core.metadata import METADATA_DIR
from bisync.rclone import log
from bisync.sync import naming, swap

Series = Literal["file", "line"]

# What an audit event is about: its words, which of its arguments are paths, and where the descriptor of the folder is
# that a relative one is below. (Python docs, "Audit events table".)
_EVENTS: Mapping[str, tuple[str, tuple[int, ...], int | None]] = {
    "open": ("open", (0,), None),
    "os.rename": ("rename", (0, 1), 2),
    "os.link": ("link", (0, 1), 2),
    "os.symlink": ("link to", (1,), 2),
    "os.remove": ("remove", (0,), 1),
    "os.mkdir": ("make folder", (0,), 2),
    "os.rmdir": ("remove folder", (0,), 1),
    "os.chmod": ("set mode of", (0,), 2),
    "os.utime": ("set times of", (0,), 3),
    "os.truncate": ("cut", (0,), None),
    "os.scandir": ("list", (0,), None),
    "os.listdir": ("list", (0,), None),
}
_READS = ("list", "open", "look at")
# The looks at a file after which something is done to it.
_LOOKS = ("identity", "stamp_of", "_is_untouched", "_is_unmarked")
# What is called otherwise in every run: its id, and the names of temporary files.
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_BY_CHANCE = re.compile(r"(bisync-|\.[\w.]+\.|\.placing\.)[a-z0-9_]{8}(?=[./]|$)")


class Moment(NamedTuple):
    """A moment in words; the `paths` (below the home) it is about, whether it writes, whether an rclone is running."""

    number: int
    series: Series
    words: str
    paths: tuple[str, ...]
    writes: bool
    rclone: bool

    @property
    def notes(self) -> list[str]:
        """The user's files it is about. One that is staged, held or in the trash is about that of its name."""
        found = []
        for path in self.paths:
            parts = Path(path).parts
            if parts[:2] == ("notes", METADATA_DIR) and parts[2:3] in (("staging",), ("hold",)):
                parts = ("notes", *parts[4:])
            elif "trash" in parts[:-2]:
                parts = ("notes", *parts[parts.index("trash") + 2 :])
            if parts[0] == "notes" and len(parts) > 1 and METADATA_DIR not in parts:
                found.append("/".join(parts[1:]))
        return found


class Watch:
    """Tells `meet` of every moment before it happens. What `meet` raises at a file operation makes it fail.

    The moments of each series are counted by themselves: how many lines rclone writes by when is its own affair.
    Never ends: it is for a process of its own.
    """

    def __init__(self, home: Path, meet: Callable[[Moment], None]) -> None:
        self._home, self._meet = str(home) + "/", meet
        self._passed: dict[Series, int] = {"file": 0, "line": 0}
        self._busy = threading.local()

    def begin(self) -> None:
        sys.addaudithook(self._hear)
        self._wrap(os, "fsync", "flush", lambda given: [given[0]], writes=True)
        self._wrap(naming, "_renamed", "rename exclusively", lambda given: list(given[:2]), writes=True)
        for name in _LOOKS:
            self._wrap(swap, name, "look at", lambda given: [given[0]], writes=False)
        parse = log.parse

        def parsed(line: str) -> Any:
            self._at("line", f"rclone says: {_said(line)}", (), writes=False)
            return parse(line)

        log.parse = parsed

    def _wrap(
        self, owner: Any, name: str, words: str, paths: Callable[[Any], list[Any]], *, writes: bool
    ) -> None:
        real = getattr(owner, name)

        def watched(*given: Any, **named: Any) -> Any:
            self._operation(words, paths(given), writes=writes)
            return real(*given, **named)

        setattr(owner, name, watched)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in _EVENTS:
            return
        words, places, folder = _EVENTS[event]
        writes = words not in _READS
        if event == "open":
            _, mode, flags = given
            writes = bool(set(mode or "") & set("wax+")) or bool(
                flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            words = "open for writing" if writes else words
            if isinstance(given[0], int):
                return  # a descriptor that was opened before
        below = given[folder] if folder is not None and folder < len(given) else -1
        self._operation(words, [given[place] for place in places], writes=writes, below=below)

    def _operation(self, words: str, given: list[Any], *, writes: bool, below: int = -1) -> None:
        if getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            found = [_absolute(one, below) for one in given]
        finally:
            self._busy.now = False
        paths = tuple(path.removeprefix(self._home) for path in found if path.startswith(self._home))
        if paths:
            self._at("file", f"{words} {' to '.join(map(_same, paths))}", paths, writes=writes)

    def _at(self, series: Series, words: str, paths: tuple[str, ...], *, writes: bool) -> None:
        if getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            number = self._passed[series]
            self._passed[series] += 1
            self._meet(Moment(number, series, words, paths, writes, bool(process.living())))
        finally:
            self._busy.now = False


def _absolute(given: Any, below: int) -> str:
    """A path as an operation was given it: an open file, or below an open folder."""
    if isinstance(given, int):
        return _opened(given)
    path = os.fsdecode(given) if given is not None else "."
    if not path.startswith("/") and below >= 0:
        return f"{_opened(below)}/{path}"
    by_descriptor = re.match(r"/proc/self/fd/(\d+)/", path)
    if by_descriptor:
        return f"{_opened(int(by_descriptor[1]))}/{path[by_descriptor.end() :]}"
    return path


def _opened(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink()).removesuffix(" (deleted)")


def _same(path: str) -> str:
    """A path as it is called in every run."""
    return _BY_CHANCE.sub(r"\1~", _RUN.sub("RUN", path))


def _said(line: str) -> str:
    """What a line of the log says, without when."""
    found = re.search(r'"msg":"((?:[^"\\]|\\.)*)"', line)
    about = re.search(r'"object":"((?:[^"\\]|\\.)*)"', line)
    said = _same(found[1] if found else line.strip())[:100]
    return f"{about[1]}: {said}" if about else said
