"""The filter file of a run: the compiled ignore rules, and what this run leaves out besides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from bisync.core.metadata import MARKER_PATH, METADATA_DIR
from bisync.core.snapshot import LeftOut
from bisync.files import write_if_changed

NAMES_A_RULE = 1000
_ESCAPED = r"\\\1"
_GLOB = re.compile(r"([*?\[\]{}\\])")


def exclude_rule(name: str, *, folder: bool = False) -> str:
    """One line of an rclone filter file that leaves out exactly this path (rclone's spelling)."""
    return "- /" + _exactly(name) + ("/**" if folder else "")


def inside(name: str) -> str:
    """A pattern for all that lies in the folder of this name (rclone's spelling), and the folder itself."""
    return f"/{_exactly(name)}/**"


def _exactly(name: str) -> str:
    """A name as a pattern. rclone takes blanks off the end of a line, so a last one stands in a class."""
    if name[-1:].isspace():
        return f"{_GLOB.sub(_ESCAPED, name[:-1])}[{name[-1]}]"
    return _GLOB.sub(_ESCAPED, name)


def leaving_out(text: str, left_out: Iterable[LeftOut]) -> str:
    """The filters of one run: the compiled rules `text`, and one rule for each path that is left out.

    None for those that wait: they may be many, and no frame has them.
    """
    rules = sorted({exclude_rule(one.path, folder=one.folder) for one in left_out if not one.waits})
    return text + "".join(f"{rule}\n" for rule in rules)


def framed(names: Iterable[str]) -> str:
    """The filters of a run that may see just these paths (rclone's spelling), and the marker.

    One rule a path would be slow (5,000: seconds), and one for all would make rclone enter every folder: so
    names are merged into one expression a folder, a thousand at a time. The metadata folder is closed before
    anything else, or its trash would count as a part of what is synced. (Measured with rclone 1.75.)
    """
    folders: dict[str, list[str]] = {}
    for name in sorted(names):
        folder, _, leaf = name.rpartition("/")
        folders.setdefault(folder, []).append(leaf)
    rules = [f"+ /{MARKER_PATH}", f"- /{METADATA_DIR}/**"]
    for folder, leaves in folders.items():
        above = _GLOB.sub(_ESCAPED, folder) + "/" if folder else ""
        # An expression at the root would make rclone enter every folder.
        at_once = NAMES_A_RULE if folder else 1
        for first in range(0, len(leaves), at_once):
            some = leaves[first : first + at_once]
            if len(some) == 1:
                rules.append(f"+ /{above}{_exactly(some[0])}")
            else:
                rules.append(f"+ /{above}{{{{(?:{'|'.join(map(_in_expression, some))})}}}}")
    return "".join(f"{rule}\n" for rule in [*rules, "- *"])


def _in_expression(name: str) -> str:
    """A name as part of a Go regular expression in a filter rule, which ends at the first `}}`."""
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in name)


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
