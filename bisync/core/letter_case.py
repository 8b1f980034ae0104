"""Names that differ in nothing but the case of their letters, for a disk or a cloud where they are one file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from bisync.core import names
from bisync.core.snapshot import BaseFile, CloudFile, LeftOut, LocalFile

File = TypeVar("File", bound=CloudFile | LocalFile)


def goes_first(
    here: Mapping[str, LocalFile], cloud: Mapping[str, CloudFile], base: Mapping[str, BaseFile]
) -> set[str]:
    """The paths (keys) whose spelling stays in a cloud that folds case: what both sides have, and what is new there.

    What is there and was renamed or deleted here makes room.
    """
    return {path for path in cloud if path in here or path not in base} | (here.keys() & base.keys())


def told_apart(
    files: Mapping[str, File], known: Iterable[str], *, where: str
) -> tuple[dict[str, File], list[LeftOut]]:
    """The files that such a disk or cloud, the other side, can hold beside each other, and the others with the reason.

    `known`: paths (keys) that are here, or were synced; their spelling goes before any other, of a folder as of a file.
    Of names that are both new, the first one in their order goes on.
    """
    spelled: dict[str, str] = {}
    kept: dict[str, File] = {}
    left: list[LeftOut] = []
    stays = set(known)
    for each in stays:
        for part in (*names.parents(each), each):
            spelled.setdefault(_folded(part), part)
    for path in sorted(files):
        parts = (*names.parents(path), path)
        taken = [(spelled.get(_folded(part), part), part) for part in parts]
        other = next((has for has, part in taken if has != part), None)
        if path in stays or other is None:
            kept[path] = files[path]
            for part in parts:
                spelled.setdefault(_folded(part), part)
        else:
            why = f"its name differs from {other} only in case, which {where} does not tell apart"
            left.append(LeftOut(_spelled(files[path]), why, twin=True))
    return kept, left


def _spelled(file: CloudFile | LocalFile) -> str:
    return names.to_rclone(file.name) if isinstance(file, LocalFile) else file.name


def _folded(path: str) -> str:
    return names.key(path.casefold())
