"""Projects of the vendor's cloud: which top-level folder is which, and which are new. Pure.

A project is a top-level folder. In the cloud its directory is called by its permalink, so that of a folder whose name
is not its permalink (`My Notes`, `my-notes`) the project stays empty until the folder is renamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bisync.core.waiting import names_rules

# The cloud's paths begin so; what follows is the key's beginning in the bucket.
ROOT = "/app/data/"
_KEPT = "\u4e00-\u9fff"


class Project(NamedTuple):
    """A project of the cloud. `path`: as the cloud says it; `external_id`: only where it has ids."""

    name: str
    path: str
    external_id: str | None = None

    @property
    def folder(self) -> str:
        """Its directory below the bucket's root, without slashes at its ends."""
        return self.path.removeprefix(ROOT).strip("/")

    @property
    def permalink(self) -> str:
        """What the old routes call it by: its path's last part."""
        return self.folder.rpartition("/")[2]


def permalink(name: str, ascii_of: Callable[[str], str], *, dots: bool) -> str:
    """A name as the vendor's cloud spells it in addresses; may be empty.

    `ascii_of` writes other letters in ASCII. `dots`: they are kept, and nothing is a suffix (since 0.18.1).
    """
    if not dots:
        stem, dot, _ = name.rpartition(".")
        name = stem if dot and stem else name.lstrip(".")
    text = "".join(char if re.match(f"[{_KEPT}]", char) else ascii_of(char) for char in name)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text).lower().replace("_", "-").replace("'", "")
    kept = f"a-z0-9{_KEPT}/." if dots else f"a-z0-9{_KEPT}/"
    text = re.sub(f"[^{kept}]+", "-", text)
    return re.sub("-+", "-", text).strip("-")


def known(folder: str, projects: Iterable[Project], spellings: Iterable[str]) -> Project | None:
    """The project that a folder is: by name, then by path, then by permalink (`spellings`, in both generations)."""
    listed = list(projects)
    for one in listed:
        if one.name == folder:
            return one
    for one in listed:
        if one.folder == folder:
            return one
    names = {spelled for spelled in spellings if spelled}
    for one in listed:
        if one.folder in names:
            return one
    return None


class Compared(NamedTuple):
    """Projects of the cloud beside folders of the disk, by name and sorted. `both` and `only_local` name folders."""

    both: tuple[str, ...] = ()
    only_cloud: tuple[str, ...] = ()
    only_local: tuple[str, ...] = ()


def compared(
    folders: Iterable[str], listed: Iterable[Project], spellings: Callable[[str], Iterable[str]]
) -> Compared:
    """Which folders are projects, and which are missing where. `spellings`: a name's permalinks."""
    projects = list(listed)
    found = {folder: known(folder, projects, spellings(folder)) for folder in folders}
    taken = {one for one in found.values() if one is not None}
    return Compared(
        both=tuple(sorted(folder for folder, one in found.items() if one is not None)),
        only_cloud=tuple(sorted(one.name for one in projects if one not in taken)),
        only_local=tuple(sorted(folder for folder, one in found.items() if one is None)),
    )


def within(folder: str, ignore_files: Iterable[str]) -> Callable[[str], bool]:
    """Says which paths a run over one top-level folder (a key) is about: what lies in it, and ignore rules anywhere.

    Rules decide what may go to the cloud, so they are never left for later.
    """
    wanted = frozenset(ignore_files)
    below = f"{folder}/"

    def is_meant(path: str) -> bool:
        return path.startswith(below) or path == folder or names_rules(path, wanted)

    return is_meant
