"""What somebody types for files: a path, a folder, or a pattern as git writes them. Pure.

The patterns are pathspec's, which is not exact in every corner of git's: they choose among paths that are listed, and
here a wrong answer can neither leak nor lose anything. (What is ignored is decided in `bisync.ignore`, exactly.)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from bisync.core import names
from bisync.errors import UsageError

_MAGIC = "*?["


def is_pattern(word: str) -> bool:
    """Whether a word can stand for other names than its own."""
    return any(sign in word for sign in _MAGIC)


def parted(word: str) -> tuple[str, str]:
    """A pattern as the folder it begins in, as typed ("" where it names none), and what is to match below that.

    As in an ignore file, one without a slash fits at any depth, any other from its folder alone (`/` at its front).
    """
    parts = word.split("/")
    first = next(number for number, part in enumerate(parts) if is_pattern(part))
    folder, rest = "/".join(parts[:first]), "/".join(parts[first:])
    if first or "/" in rest.rstrip("/"):
        return folder or ("/" if first else ""), f"/{rest}"
    return "", rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a word means in one sync.

    `paths`: which files or folders it may name, below the sync dir, the likeliest first; "" is all of it. `pattern`:
    what else it stands for below `folder`; None for a word that is no pattern. `from_dir`: what it names taken from a
    sync's dir; None where it leads out of it.
    """

    word: str
    paths: tuple[str, ...]
    from_dir: str | None = None
    folder: str = ""
    pattern: str | None = None

    def among(self, listed: Iterable[str]) -> tuple[str, ...]:
        """Those of `listed` that are meant, in their order: the path, all below the folder, or what fits the pattern.

        A word that is a listed path, or a folder of one, means that and is no pattern; so a note can be called
        `[x].md`. Two spellings of a name (NFC, NFD) are one. Raises UsageError for a pattern that is none.
        """
        keys = {path: names.key(path) for path in listed}
        for path in map(names.key, self.paths):
            found = tuple(one for one, key in keys.items() if is_at_or_below(key, path))
            if found:
                return found
        if self.pattern is None:
            return ()
        fits = _matcher(self.pattern, self.word)
        start = f"{names.key(self.folder)}/" if self.folder else ""
        return tuple(one for one, key in keys.items() if key.startswith(start) and fits(key[len(start) :]))

    def is_path(self, path: str) -> bool:
        """Whether the word names just this path, and no folder or pattern that it is one of."""
        return names.key(path) in map(names.key, self.paths)


EVERYTHING = Wanted(word="", paths=("",))
"""Where no word was given: all that is listed."""


def is_at_or_below(path: str, folder: str) -> bool:
    """Whether a path is `folder` or lies below it; "" has everything below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")


class _Matcher:
    """One pattern of an ignore file."""

    def __init__(self, line: str, word: str) -> None:
        # Few commands need it, and the program is to start fast.
        from pathspec import GitIgnoreSpec

        try:
            with warnings.catch_warnings(action="ignore"):  # of an expression that it makes of it
                self._spec = GitIgnoreSpec.from_lines([line])
        except ValueError:
            raise UsageError(f"{word} is no pattern", hint="as in: 'work/**/*.md'") from None

    def __call__(self, path: str) -> bool:
        return self._spec.match_file(path)


def _matcher(pattern: str, word: str) -> _Matcher:
    """As a line of an ignore file, which begins with no sign and ends with no blank that would mean something there."""
    line = f"\\{pattern}" if pattern[:1] in "!#" else pattern
    bare = line.rstrip(" ")
    return _Matcher(names.key(bare + "\\ " * (len(line) - len(bare))), word)
