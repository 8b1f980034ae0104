"""How trees come together: which version of a file gets the name, and what the others are called. Pure.

The newest version gets the name and the others are kept beside it, whatever tree they come from; what is alike is there
once. What has been done already needs nothing more: a run that was stopped anywhere and begun again ends as one that
was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from bisync.core import names
from bisync.core.conflict_names import free_copy_name, judged_as, original_of

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
    """

    path: str
    take: Version | None = None
    aside: str | None = None
    beside: tuple[Kept, ...] = ()
    occupied: bool = False

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


def path_key(path: str) -> str:
    """By what two spellings of a path are the same file, as everywhere else."""
    return names.key(names.to_rclone(path))


def contested(forest: Forest) -> tuple[Version, ...]:
    """The versions whose content has to be known before anything can be decided: there are others of their name."""
    copies = _copies(forest.here)
    found: list[Version] = []
    for key in _keys(forest):
        there = [*_versions(forest, key), *copies.get(judged_as(key), ())]
        if len(there) > 1:
            found += there
    return tuple(dict.fromkeys(found))


def gather(forest: Forest) -> Gathering:
    """What has to be done. Every version that `contested` names has its md5."""
    copies = _copies(forest.here)
    files = set(forest.here).union(*forest.sources)
    folders = _folders(forest, files)
    taken = files | {one.name for tree in (forest.here, *forest.sources) for one in tree.values()}
    count = len(forest.sources)
    new, same, differ = [0] * count, [0] * count, [0] * count
    meetings = []
    # A file here can be where a source has a folder: it gives way before anything comes into that.
    for key in sorted({*_keys(forest), *(folders & forest.here.keys())}):
        there = _versions(forest, key)
        beside = copies.get(judged_as(key), ())
        known = {one.md5 for one in (*_here(there), *beside) if one.md5 is not None}
        for one in there:
            if one.tree != HERE:
                counted = same if one.md5 in known else differ if _here(there) else new
                counted[one.tree] += 1
        meeting = _meeting(there, beside, taken, occupied=key in folders)
        if meeting is not None:
            meetings.append(meeting)
    made = folders - {key for empty in forest.folders for key in empty} | forest.blocked
    missing = {key: path for empty in forest.folders for key, path in empty.items() if key in folders - made}
    return Gathering(
        meetings=tuple(meetings),
        folders=tuple(path for _, path in sorted(missing.items())),
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


def _here(versions: Iterable[Version]) -> list[Version]:
    return [one for one in versions if one.tree == HERE]


def _copies(here: Mapping[str, Version]) -> dict[str, tuple[Version, ...]]:
    """The conflict copies in the sync dir, by the path they are of."""
    found: dict[str, tuple[Version, ...]] = {}
    for key, one in here.items():
        if original_of(key) is not None:
            path = judged_as(key)
            found[path] = (*found.get(path, ()), one)
    return found


def _folders(forest: Forest, files: Set[str]) -> set[str]:
    """Every path that no file can have: it is a folder in one of the trees, or something else here.

    An empty folder gives way to a file.
    """
    found = set(forest.blocked)
    for tree in (forest.here, *forest.sources):
        for key in tree:
            found.update(names.parents(key))
    for empty in forest.folders:
        for key in empty:
            above = (*names.parents(key), key)
            if files.isdisjoint(above):
                found.update(above)
    return found


def _meeting(
    versions: Sequence[Version], copies: Sequence[Version], taken: set[str], *, occupied: bool
) -> Meeting | None:
    """What becomes of one path; None where nothing has to be done. Adds the names it gives to `taken`."""
    ours = next(iter(_here(versions)), None)
    beside_already = {one.md5 for one in copies} - {None, ours.md5 if ours is not None else None}
    # The newest first; of equal ones the sync dir's own, then the first source's. What stands beside the sync dir's own
    # as a conflict copy has lost to it already, be it in a run that was killed.
    held = [one for one in versions if ours is None or one is ours or one.md5 not in beside_already]
    order = sorted(held, key=lambda one: (-one.mtime_ns, one.tree))
    winner = None if occupied else order[0]
    if ours is not None and winner is not None and _alike(ours, winner):
        winner = ours
    path = (ours or winner or order[0]).name
    kept = {one.md5 for one in copies} | {winner.md5 if winner is not None else None}
    aside = None
    if ours is not None and ours is not winner:
        aside = _free(path, taken)
        kept.add(ours.md5)
    beside = []
    for one in order:
        if one is not winner and one.tree != HERE and (one.md5 is None or one.md5 not in kept):
            beside.append(Kept(one, _free(path, taken)))
            kept.add(one.md5)
    take = None if winner is ours else winner
    if take is None and aside is None and not beside:
        return None
    return Meeting(path=path, take=take, aside=aside, beside=tuple(beside), occupied=occupied)


def _alike(one: Version, other: Version) -> bool:
    return one is other or (one.md5 is not None and one.md5 == other.md5)


def _free(path: str, taken: set[str]) -> str:
    name = free_copy_name(path, taken)
    taken.add(name)
    return name
