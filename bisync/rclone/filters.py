"""The filter file of a run: the compiled ignore rules, and what this run leaves out besides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from bisync.core.snapshot import LeftOut
from bisync.files import write_if_changed

_ESCAPED = r"\\\1"
_GLOB = re.compile(r"([*?\[\]{}\\])")


def exclude_rule(name: str, *, folder: bool = False) -> str:
    """One line of an rclone filter file that leaves out exactly this path (rclone's spelling)."""
    return "- /" + _exactly(name) + ("/**" if folder else "")


def _exactly(name: str) -> str:
    """A name as a pattern. rclone takes blanks off the end of a line, so a last one stands in a class."""
    if name[-1:].isspace():
        return f"{_GLOB.sub(_ESCAPED, name[:-1])}[{name[-1]}]"
    return _GLOB.sub(_ESCAPED, name)


def leaving_out(text: str, left_out: Iterable[LeftOut]) -> str:
    """The filters of one run: the compiled rules `text`, and one rule for each path that is left out."""
    rules = sorted({exclude_rule(one.path, folder=one.folder) for one in left_out})
    return text + "".join(f"{rule}\n" for rule in rules)


def write(path: Path, text: str) -> bool:
    """Give bisync its filter file, and the MD5 beside it that it asks for; True when they changed.

    bisync refuses to run when the file is not the one of the last run. The plan has looked at both sides
    through the new rules, so nothing it does not know of can follow from them.
    (rclone docs, bisync, "--filters-file": the `.md5` file.)
    """
    changed = write_if_changed(path, text)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    write_if_changed(path.with_name(path.name + ".md5"), digest)
    return changed
