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
# Ideographs and their punctuation stay, letters of full width go. (The public server's generate_permalink.)
_KEPT = "\u4e00-\u9fff\u3000-\u303f\u3400-\u4dbf"
_WIDE = "\uff00-\uffef"


class Project(NamedTuple):
    """A project of the cloud. `path`: as the cloud says it; `external_id`: only where it has ids."""

    name: str
    path: str
    external_id: str | None = None

    @property
    def folder(self) -> str:
        """Its directory below the bucket's root, without slashes at its ends."""
        return self.path.removeprefix(ROOT).strip("/")


def permalink(name: str, ascii_of: Callable[[str], str], *, dots: bool) -> str:
    """A name as the vendor's cloud spells it in addresses; may be empty.

    `ascii_of` writes other letters in ASCII. `dots`: they are kept, and nothing is a suffix (since 0.18.1).
    """
    if not dots:
        # As os.path.splitext does it: dots at the beginning are no suffix's.
        stem, _, _ = name.rpartition(".")
        name = stem if stem.strip(".") else name
    if re.search(f"[{_KEPT}{_WIDE}]", name):
        name = re.sub(f"[{_WIDE}]", "", name)
    # The mark of a long vowel, which tables of other letters leave out.
    name = name.replace("ー", "-")
    text = "".join(char if re.match(f"[{_KEPT}]", char) else ascii_of(char) for char in name)
    text = re.sub(f"([{_KEPT}])([a-zA-Z0-9])", r"\1-\2", text)
    text = re.sub(f"([a-zA-Z0-9])([{_KEPT}])", r"\1-\2", text)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text).lower().replace("_", "-").replace("'", "")
    kept = f"a-z0-9{_KEPT}/." if dots else f"a-z0-9{_KEPT}/"
    text = re.sub(f"[^{kept}]+", "-", text)
    return re.sub("-+", "-", text).strip("-")


def known(folder: str, projects: Iterable[Project], spelled: str) -> Project | None:
    """The project that a folder is: by name, then by path, then by `spelled`, its permalink where that is not empty.

    The permalink of the other generation would find another folder's project: 0.15 calls `notes.v2` `notes`.
    """
    listed = list(projects)
    for one in listed:
        if one.name == folder:
            return one
    for one in listed:
        if one.folder == folder:
            return one
    return next((one for one in listed if spelled and one.folder == spelled), None)


class Compared(NamedTuple):
    """Projects of the cloud beside folders of the disk, by name and sorted. `both` and `only_local` name folders."""

    both: tuple[str, ...] = ()
    only_cloud: tuple[str, ...] = ()
    only_local: tuple[str, ...] = ()


def compared(folders: Iterable[str], listed: Iterable[Project], spelled: Callable[[str], str]) -> Compared:
    """Which folders are projects, and which are missing where. `spelled`: a name's permalink."""
    projects = list(listed)
    found = {folder: known(folder, projects, spelled(folder)) for folder in folders}
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
