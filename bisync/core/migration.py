"""How trees come together: which version of a file gets the name, and what the others are called. Pure.

The newest version gets the name and the others are kept beside it, whatever tree they come from; what is alike is there
once. What has been done already needs nothing more: a run that was stopped anywhere and begun again ends as one that
was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from bisync.core import names
from bisync.core.conflict_names import CopyNames, judged_as

HERE = -1
"""The number of the sync dir among the trees; sources count from 0."""

STEPS = ("look", "back up", "set up", "bring together", "baseline", "verify", "remove the old")
"""What a migration does, in this order."""


class Version(NamedTuple):
    """One version of a file: the tree it lies in, its path in the sync dir, size in bytes, time in ns since the epoch.

    `md5` None: nobody has read it.
    """

    tree: int
    name: str
    size: int
    mtime_ns: int
    md5: str | None = None


class Kept(NamedTuple):
    """A version that stands beside the one that has the name, and what it is called."""

    version: Version
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What becomes of one path where trees come together.

    `take`: the version that gets the name; None: none does. `aside`: what the sync dir's own version is called from
    now on, when it has to give way. `beside`: what is kept as conflict copies. `occupied`: a folder has the name.
    `sure`: no content that is not known yet can change that.
    """

    path: str
    take: Version | None = None
    aside: str | None = None
    beside: tuple[Kept, ...] = ()
    occupied: bool = False
    sure: bool = True

    @property
    def brought(self) -> tuple[Kept, ...]:
        """The versions that come from elsewhere, each with its name here."""
        return (*((Kept(self.take, self.path),) if self.take else ()), *self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """What has to be done, by path; and for each source how its files stand to what is here.

    `new`: nothing here has the path. `same`: it is here already, if only as a copy. `differ`: something else is.
    """

    meetings: tuple[Meeting, ...]
    folders: tuple[str, ...]
    new: tuple[int, ...]
    same: tuple[int, ...]
    differ: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The sync dir and the sources: files by the key of their path in the sync dir (`path_key`).

    A source that has one path twice, in two spellings, is there twice; by `Version.tree` it is one all the same.
    `blocked`: what is no file in the sync dir: folders, links, pipes. `folders`: for each source its folders in which
    there is no file, with their paths.
    """

    here: Mapping[str, Version]
    blocked: Set[str]
    sources: Sequence[Mapping[str, Version]]
    folders: Sequence[Mapping[str, str]]


def files(count: int) -> str:
    """So many files, in words."""
    thing = "file" if count == 1 else "files"
    return f"{count:,} {thing}"


def path_key(path: str) -> str:
    """By what two spellings of a path are the same file, as everywhere else."""
    return names.key(names.to_rclone(path))


def contested(forest: Forest) -> tuple[Version, ...]:
    """The versions whose content has to be known before anything can be decided: there are others of their name.

    A file and its conflict copies count as of one name.
    """
    wanted = {judged_as(key) for source in forest.sources for key in source}
    found: dict[str, list[Version]] = {}
    for tree in (forest.here, *forest.sources):
        for key, one in tree.items():
            if (name := judged_as(key)) in wanted:
                found.setdefault(name, []).append(one)
    return tuple(one for name in sorted(found) if len(found[name]) > 1 for one in found[name])


def gather(forest: Forest) -> Gathering:
    """What has to be done. Every version that `contested` names has its md5."""
    files = set(forest.here).union(*forest.sources)
    filled = {folder for key in files for folder in names.parents(key)} | forest.blocked
    empty = _empty_folders(forest, files)
    folders = filled | empty.keys()
    taken = files | {one.name for tree in (forest.here, *forest.sources) for one in tree.values()}
    # A file here can be where a source has a folder; it makes room before anything comes below it.
    keys = sorted({*_keys(forest), *(folders & forest.here.keys())})
    # What is here of each name, and what is planned to come by now: no version of a source is there twice.
    kept = _contents(forest.here)
    here = {name: frozenset(contents) for name, contents in kept.items()}
    count = len(forest.sources)
    new, same, differ = [0] * count, [0] * count, [0] * count
    meetings = []
    for key in keys:
        name = judged_as(key)
        for one in _versions(forest, key):
            if one.tree != HERE:
                known = one.md5 is not None and one.md5 in here.get(name, ())
                counted = same if known else differ if key in forest.here else new
                counted[one.tree] += 1
        there = _versions(forest, key)
        meeting = _meeting(there, kept.setdefault(name, set()), taken, occupied=key in folders)
        if meeting is not None:
            meetings.append(meeting)
    return Gathering(
        meetings=tuple(meetings),
        folders=tuple(path for key, path in sorted(empty.items()) if key not in filled),
        new=tuple(new),
        same=tuple(same),
        differ=tuple(differ),
    )


def _keys(forest: Forest) -> list[str]:
    """Every path that a source has."""
    return sorted(set[str]().union(*forest.sources))


def _versions(forest: Forest, key: str) -> list[Version]:
    """Every version of a path: the sync dir's first, then those of the sources in their order."""
    return [tree[key] for tree in (forest.here, *forest.sources) if key in tree]


def _contents(here: Mapping[str, Version]) -> dict[str, set[str | None]]:
    """What the sync dir holds of each name, its conflict copies among it."""
    found: dict[str, set[str | None]] = {}
    for key, one in here.items():
        found.setdefault(judged_as(key), set()).add(one.md5)
    return found


def _empty_folders(forest: Forest, files: Set[str]) -> dict[str, str]:
    """The folders of the sources that hold no file. One gives way to a file of its name, or of one above it."""
    return {
        key: path
        for folders in forest.folders
        for key, path in folders.items()
        if files.isdisjoint((*names.parents(key), key))
    }


def _newest_first(one: Version) -> tuple[int, int]:
    return -one.mtime_ns, one.tree


def _meeting(
    versions: Sequence[Version], kept: set[str | None], taken: set[str], *, occupied: bool
) -> Meeting | None:
    """What becomes of one path; None where nothing has to be done.

    The newest gets the name; of equal ones the sync dir's own, then the first source's. `kept`: the contents that stand
    under the name or a copy's already, be it since a run that was killed: those have had their turn. Adds to it, and
    names to `taken`.
    """
    ours = versions[0] if versions[0].tree == HERE else None
    coming = [one for one in versions if one is not ours and (one.md5 is None or one.md5 not in kept)]
    order = sorted([*coming, *([ours] if ours is not None else [])], key=_newest_first)
    if not order or (ours is not None and not coming and not occupied):
        return None
    winner = None if occupied else order[0]
    path = (ours or order[0]).name
    aside = _free(path, taken) if ours is not None and ours is not winner else None
    kept.add(None if winner is None else winner.md5)
    beside = []
    for one in order:
        if one is not winner and one is not ours and (one.md5 is None or one.md5 not in kept):
            beside.append(Kept(one, _free(path, taken)))
            kept.add(one.md5)
    take = None if winner is ours else winner
    if take is None and aside is None and not beside:
        return None
    return Meeting(
        path=path,
        take=take,
        aside=aside,
        beside=tuple(beside),
        occupied=occupied,
        sure=not any(_may_be_alike(one, other) for one in versions for other in versions if one is not other),
    )


def _may_be_alike(one: Version, other: Version) -> bool:
    return one.size == other.size and None in (one.md5, other.md5)


def _free(path: str, taken: set[str]) -> str:
    return CopyNames(taken).take(path)
