"""A program of the user's own that merges two versions of a file: copies of them go in, one file comes out."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bisync import programs
from bisync.core.printable import typed
from bisync.errors import BisyncError, UsageError

FILES = ("base", "local", "cloud", "output")
KNOWN: Mapping[str, tuple[str, ...]] = {
    "code": ("--wait", "--merge", "{local}", "{cloud}", "{base}", "{output}"),
    "codium": ("--wait", "--merge", "{local}", "{cloud}", "{base}", "{output}"),
    "kdiff3": ("{base}", "{local}", "{cloud}", "-o", "{output}"),
    "meld": ("--output", "{output}", "{local}", "{base}", "{cloud}"),
    "nvim": ("-d", "{output}", "{local}", "{base}", "{cloud}"),
    "opendiff": ("{local}", "{cloud}", "-ancestor", "{base}", "-merge", "{output}"),
    "vim": ("-d", "{output}", "{local}", "{base}", "{cloud}"),
    "vimdiff": ("{output}", "{local}", "{base}", "{cloud}"),
}
"""What these are told, as their own manuals have it; any other program gets the four files in the order of `FILES`."""


class Versions(NamedTuple):
    """The versions to be merged, and what the output is before the program has written it."""

    base: bytes
    local: bytes
    cloud: bytes
    output: bytes


def words(tool: str) -> tuple[str, ...]:
    """A tool as it was typed, as the words of its command, with `{output}` and so on for the files. Pure.

    Raises UsageError for an open quote.
    """
    try:
        typed_words = shlex.split(tool)
    except ValueError as error:
        raise UsageError(f"--tool {tool}: {error}", hint="as in: --tool meld") from None
    if not typed_words:
        raise UsageError("--tool takes a program that merges", hint="as in: --tool meld")
    if any(f"{{{name}}}" in word for word in typed_words for name in FILES):
        return tuple(typed_words)
    known = KNOWN.get(Path(typed_words[0]).name) if len(typed_words) == 1 else None
    return (*typed_words, *(known or (f"{{{name}}}" for name in FILES)))


@contextmanager
def merged(
    tool: str, name: str, versions: Versions, env: Mapping[str, str], synced: Iterable[Path]
) -> Iterator[bytes]:
    """What the program made of copies of the versions of the file `name`, which lie in a private folder meanwhile.

    It has the terminal. Raises UsageError and BisyncError where it cannot be started, did not end well, or left its
    output as it was; then nobody has merged anything.
    """
    argv = list(words(tool))
    folders = list(synced)
    with TemporaryDirectory(prefix="bisync-merge-") as folder:
        paths = {}
        for kind, content in versions._asdict().items():
            paths[kind] = Path(folder, kind, Path(name).name)
            paths[kind].parent.mkdir(mode=0o700)
            paths[kind].write_bytes(content)
        before = paths["output"].stat()
        try:
            command = programs.command(argv, env, folders)
            ended = subprocess.run(_filled(command, paths), env=programs.searched(env, folders), check=False)
        except (BisyncError, OSError) as error:
            why = error.message if isinstance(error, BisyncError) else error.strerror
            raise BisyncError(
                f"{argv[0]}: cannot be started: {why}",
                hint=f"as in: bisync resolve {typed(name)} --tool meld",
            ) from None
        if ended.returncode != 0:
            raise BisyncError(f"{argv[0]} ended with {ended.returncode}: nothing was settled")
        try:
            after, made = paths["output"].stat(), paths["output"].read_bytes()
        except OSError:
            raise BisyncError(f"{argv[0]} left no merged file: nothing was settled") from None
        if (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino):
            raise BisyncError(
                f"{argv[0]} did not save the merged file: nothing was settled",
                hint="where it does not wait for its window, add what makes it wait, as in: --tool 'code --wait …'",
            )
        yield made


def _filled(argv: Sequence[str], paths: Mapping[str, Path]) -> list[str]:
    def filled(word: str) -> str:
        return re.sub(r"\{(base|local|cloud|output)\}", lambda found: str(paths[found[1]]), word)

    return [filled(word) for word in argv]
