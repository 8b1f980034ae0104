"""Names that differ in nothing but the case of their letters, for a disk on which they are one file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bisync.core import names
from bisync.core.snapshot import CloudFile, LeftOut


def told_apart(
    cloud: Mapping[str, CloudFile], known: Iterable[str]
) -> tuple[dict[str, CloudFile], list[LeftOut]]:
    """The cloud's files that such a disk can hold beside each other, and the others with the reason.

    `known`: paths (keys) that are here, or were synced; their spelling goes before any other, of a folder as of a file.
    Of names that are both new, the first one in their order goes on.
    """
    spelled: dict[str, str] = {}
    kept: dict[str, CloudFile] = {}
    left = []
    known = set(known)
    for path in known:
        for part in (*names.parents(path), path):
            spelled.setdefault(_folded(part), part)
    for path in sorted(cloud):
        parts = (*names.parents(path), path)
        other = next((has for one in parts if (has := spelled.get(_folded(one), one)) != one), None)
        if path in known or other is None:
            kept[path] = cloud[path]
            for one in parts:
                spelled.setdefault(_folded(one), one)
        else:
            why = f"its name differs from {other} only in case, which this disk does not tell apart"
            left.append(LeftOut(cloud[path].name, why, twin=True))
    return kept, left


def _folded(path: str) -> str:
    return names.key(path.casefold())
