"""One walk that finds both the rules and the files they leave.

A folder that is ignored is never entered: its files are not looked at, and neither are ignore
files in it, which git would not read either.
"""

from __future__ import annotations

import enum
import itertools
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bisync.core.metadata import HOLD, MARKER_NAME, MARKER_PATH, METADATA_DIR, PARTIAL_SUFFIX
from bisync.ignore.fingerprint import MANY, Fingerprint, Taking, gives_rules, stamp
from bisync.ignore.pattern import Layer, Rule
from bisync.ignore.ruleset import (
    MAX_READINGS,
    Folder,
    RuleSet,
    TooManyReadings,
    combined,
    joint,
)
from bisync.ignore.sources import Collected, Texts, check_count, layer_below, layer_rules, sources


class Kind(enum.Enum):
    FILE = "file"
    SYMLINK = "symlink"
    SPECIAL = "special"
    """A fifo, a socket or a device."""


_FILE = Kind.FILE  # to look a member up takes longer than to look at a file's mode
NOT_SYNCED = {Kind.SYMLINK: "links are not followed", Kind.SPECIAL: "a pipe, socket or device is no file"}
"""Why what is no file stays where it is."""


class Entry(NamedTuple):
    """What a walk found, by `lstat`. `path` is relative to the root, with forward slashes."""

    path: str
    kind: Kind
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    mode: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder or file that could not be looked at, and why."""

    path: str
    error: OSError


@dataclass(frozen=True, slots=True)
class Tree:
    """What one walk saw. `entries` and `folders` are what is not ignored; sorted by path.

    `occupied`: folders in which something is ignored, and those that are.
    `partials`: rclone's half-written downloads in those folders. `held`: the entries that a killed run has moved
    away, and where they lie until the next one puts them back. `fingerprint`: by which the same tree is known again.
    `ignored`: what is, folders with a slash at their ends; nobody has looked into them.
    """

    rules: RuleSet
    entries: list[Entry]
    folders: list[str]
    unreadable: list[Unreadable]
    partials: list[str]
    held: dict[str, str]
    occupied: set[str]
    fingerprint: Fingerprint | None = None
    ignored: tuple[str, ...] = ()


def kind_of(mode: int) -> Kind:
    """What an `lstat` mode says of an entry that is no folder."""
    return _FILE if stat.S_ISREG(mode) else Kind.SYMLINK if stat.S_ISLNK(mode) else Kind.SPECIAL


def _entry(path: str, status: os.stat_result) -> Entry:
    mode = status.st_mode
    return Entry(
        path,
        kind_of(mode),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
        mode,
    )


def _marker(root: Path) -> list[Entry]:
    """The one file below an ignored folder that is synced all the same, as rclone lists it."""
    folder, marker = root / METADATA_DIR, root / METADATA_DIR / MARKER_NAME
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        return [_entry(MARKER_PATH, marker.lstat())]
    except FileNotFoundError:
        return []


def walk(
    root: Path,
    layers: Sequence[Layer] = (),
    ignore_files: Sequence[str] = (".bmignore",),
    *,
    coming: Texts | None = None,
    fingerprinted: bool = False,
    below: str = "",
    secrets: bool = False,
    aside: Collection[str] = (),
) -> Tree:
    """Read the rules of the tree at `root` and list what they leave, in one pass; with its `fingerprint`, if asked for.

    `layers` apply from the root, weakest first, all of them weaker than any ignore file in the tree. While an ignore
    file has conflict copies beside it, or another version of it is `coming`, it has several versions (`RuleSet`).
    `below`: the folder ("a/b/") that the tree will be in the one that `layers` and the rules of the result speak of.
    `secrets`: what never leaves this machine is ignored, too, unless `layers` take it back (`kept_here`). `aside`: the
    MD5s of ignore files that say nothing. Where so many files are contested that not every way to take one version of
    each can be gone through, whatever any line of them ignores is ignored.
    What a killed run holds, and the next one will put back, counts as lying in its place, also an ignore file.
    Symlinks are not followed. A folder that cannot be read is reported, not skipped in silence.
    Raises IgnoreError for an ignore file that cannot be honoured, OSError when the root cannot be read.
    """
    layer = layer_below(layers) if secrets else None
    collected = Collected([], coming or {}, below, layer, frozenset(aside))
    try:
        return _taken(root, layers, ignore_files, collected, fingerprinted=fingerprinted)
    except TooManyReadings:
        collected = Collected([], coming or {}, below, layer, frozenset(aside), wide=True)
        return _taken(root, layers, ignore_files, collected, fingerprinted=fingerprinted)


def _taken(
    root: Path,
    layers: Sequence[Layer],
    ignore_files: Sequence[str],
    collected: Collected,
    *,
    fingerprinted: bool,
) -> Tree:
    entries: list[Entry] = []
    folders: list[str] = []
    unreadable: list[Unreadable] = []
    taking = Taking(root)
    for path, found in _walk(root, layers, ignore_files, collected, unreadable):
        folders.append(path)
        looked = _looked_at(path, found, unreadable)
        entries += [_entry(path + name, status) for name, status in looked]
        if fingerprinted:
            rules_too = _looked_at(path, collected.silent, unreadable)
            rows = sorted((name, stamp(status)) for name, status in (*looked, *rules_too))
            taking.add(path, [name for name, _ in rows], [one for _, one in rows], collected.others)
    entries.extend(_marker(root))
    entries.sort()
    rules = collected.rules()
    inside = sorted(folder.rstrip("/") for folder in folders if folder)
    return Tree(
        rules,
        entries,
        inside,
        unreadable,
        sorted(collected.partials),
        collected.held,
        collected.occupied,
        _whole(taking, folders, collected, unreadable) if fingerprinted and not collected.coming else None,
        (*collected.ignored, *collected.closed),
    )


def _whole(
    taking: Taking, folders: Sequence[str], collected: Collected, unreadable: Sequence[Unreadable]
) -> Fingerprint | None:
    digest = taking.digest()
    if digest is None or unreadable or len(collected.ignored) > MANY:
        return None
    return Fingerprint(tuple(folders), frozenset(collected.ignored), digest)


def _looked_at(
    path: str, found: Sequence[os.DirEntry[str]], unreadable: list[Unreadable]
) -> list[tuple[str, os.stat_result]]:
    """The entries of a folder with what `lstat` says of each; adds to `unreadable`."""
    looked = []
    for one in found:
        try:
            looked.append((one.name, one.stat(follow_symlinks=False)))
        except FileNotFoundError:
            continue  # gone since the folder was read
        except OSError as error:
            unreadable.append(Unreadable(path + one.name, error))
    return looked


def load_rules(
    root: Path,
    layers: Sequence[Layer] = (),
    ignore_files: Sequence[str] = (".bmignore",),
    *,
    secrets: bool = False,
    aside: Collection[str] = (),
) -> RuleSet:
    """As `walk`, for the rules alone: only folders are looked at, no file is stat-ed.

    An ignore file in a folder that cannot be read is not known, but nothing leaves that folder either;
    the notices name it.
    """
    layer = layer_below(layers) if secrets else None

    def read(*, wide: bool) -> RuleSet:
        unreadable: list[Unreadable] = []
        collected = Collected([], {}, "", layer, frozenset(aside), wide)
        for _ in _walk(root, layers, ignore_files, collected, unreadable):
            pass
        return collected.rules([f"{one.path}: cannot be read: {one.error.strerror}" for one in unreadable])

    try:
        return read(wide=False)
    except TooManyReadings:
        return read(wide=True)


def _walk(
    root: Path,
    layers: Sequence[Layer],
    ignore_files: Sequence[str],
    collected: Collected,
    unreadable: list[Unreadable],
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Each folder that is not ignored, parents first: its path ("" or "a/b/") and its entries that are
    neither folders nor ignored. Adds to `collected` and `unreadable` on the way."""
    outermost = layer_rules(layers)
    collected.sources.append([outermost])
    check_count(collected.sources)
    holds = _holds(root)
    # path, name, the folder above as each version of the rules has it
    todo: list[tuple[str, str, tuple[Folder, ...] | None]] = [("", "", None)]
    while todo:
        path, name, above = todo.pop()
        found: list[os.DirEntry[str]] = []
        try:
            with os.scandir(f"{root}/{path}" if path else root) as listing:
                found = list(listing)
        except OSError as error:
            if above is None:
                raise
            if not isinstance(error, FileNotFoundError):
                unreadable.append(Unreadable(path.rstrip("/"), error))
                continue
            if not holds:
                continue
        for hold in holds:
            found += _held(hold, path, found, collected)
        found.sort(key=_by_name, reverse=True)
        own = sources(found, collected.below + path, ignore_files, collected)
        collected.sources.extend(own)
        check_count(collected.sources)
        if above is None:
            above, name = _from_top(outermost, collected)
        ways = combined(own, wide=collected.wide)
        folder = _readings(above, name, outermost, ways, collected)
        kept = []
        collected.others, collected.silent = [], []
        for one in found:
            is_dir = one.is_dir(follow_symlinks=False)
            if _is_ignored(folder, one.name, is_dir, path, collected):
                _pass_over(one, path, ignore_files, collected, is_dir=is_dir)
                continue
            if is_dir:
                collected.others.append(f"{one.name}/")
                todo.append((f"{path}{one.name}/", one.name, folder))
            else:
                kept.append(one)
        yield path, kept


def _pass_over(
    one: os.DirEntry[str], path: str, ignore_files: Sequence[str], collected: Collected, *, is_dir: bool
) -> None:
    """Note what is ignored."""
    if is_dir:
        collected.occupied.add(path + one.name)
        collected.closed.append(f"{path}{one.name}/")
        collected.others.append(f"{one.name}/")
        return
    if one.name.endswith(PARTIAL_SUFFIX) and one.is_file(follow_symlinks=False):
        collected.partials.append(path + one.name)
    collected.occupied.add(path.rstrip("/"))
    collected.others.append(one.name)
    collected.ignored.append(path + one.name)
    if gives_rules(one.name, ignore_files):
        collected.silent.append(one)


def _is_ignored(folder: tuple[Folder, ...], name: str, is_dir: bool, path: str, collected: Collected) -> bool:
    if len(folder) == 1:
        return folder[0].decide(name, is_dir).ignored
    said = [each.decide(name, is_dir) for each in folder]
    return joint(said, lenient=collected.below + path + name in collected.contested).ignored


def _from_top(outermost: Sequence[Rule], collected: Collected) -> tuple[tuple[Folder, ...] | None, str]:
    """The folder that holds the root where the rules have it, and the root's name in it; None where it is the top."""
    if not collected.below:
        return None, ""
    *above, name = collected.below.rstrip("/").split("/")
    folder = Folder.top(outermost, collected.layer)
    for one in above:
        folder = folder.enter(one, ())
    return (folder,), name


def _readings(
    above: tuple[Folder, ...] | None,
    name: str,
    outermost: Sequence[Rule],
    ways: Sequence[list[Rule]],
    collected: Collected,
) -> tuple[Folder, ...]:
    """A folder as each version of the rules has it. `ways`: its own rules, in each of their versions."""
    if above is None:
        return tuple(Folder.top([*outermost, *own], collected.layer) for own in ways)
    if collected.wide:
        # Two ways at most, here and above: the first with the first.
        most = max(len(above), len(ways))
        return tuple(
            above[min(n, len(above) - 1)].enter(name, ways[min(n, len(ways) - 1)]) for n in range(most)
        )
    if len(above) * len(ways) > MAX_READINGS:
        raise TooManyReadings
    return tuple(each.enter(name, own) for each, own in itertools.product(above, ways))


def _holds(root: Path) -> list[str]:
    """The folders of runs that were killed before they had put back, or away, what they held."""
    try:
        with os.scandir(root / HOLD) as listing:
            return sorted(one.path for one in listing if one.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _held(
    hold: str, path: str, found: Sequence[os.DirEntry[str]], collected: Collected
) -> list[os.DirEntry[str]]:
    """What is held of a folder and can be put back: nothing in the tree has its name."""
    taken = {one.name for one in found}
    try:
        with os.scandir(f"{hold}/{path}") as listing:
            held = [one for one in listing if one.name not in taken]
    except (FileNotFoundError, NotADirectoryError):
        return []
    collected.held |= {path + one.name: one.path for one in held if not one.is_dir(follow_symlinks=False)}
    return held


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name
