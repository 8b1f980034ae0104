"""Where rules come from, and one walk that finds both the rules and the files they leave.

A folder that is ignored is never entered: its files are not looked at, and neither are ignore
files in it, which git would not read either.
"""

from __future__ import annotations

import enum
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bisync.core import names
from bisync.core.conflict_names import ENDING, judged_as
from bisync.core.metadata import HOLD, MARKER_NAME, MARKER_PATH, METADATA_DIR, PARTIAL_SUFFIX
from bisync.errors import IgnoreError
from bisync.ignore.fingerprint import MANY, Fingerprint, Taking, gives_rules, stamp
from bisync.ignore.kept_here import KeptHere
from bisync.ignore.pattern import MAX_RULES, Layer, Rule, parse_lines
from bisync.ignore.reading import read_ignore_file
from bisync.ignore.ruleset import Folder, RuleSet, Source, combined, joint


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


Texts = Mapping[str, Sequence[str]]
"""The lines of ignore files, by their path, which is in NFC."""


@dataclass(slots=True)
class _Collected:
    """`sources`: what gives rules, weakest first. `coming`: versions of ignore files that lie elsewhere yet.

    `below`: where the rules have the root, "" or "a/b/". `layer`: what lies below all rules. `closed`: folders that
    are ignored. Of the folder looked at last: `others`, the names of its folders (with a slash) and of ignored files;
    `silent`, ignored files that give rules.
    """

    sources: list[Source]
    coming: Texts
    below: str = ""
    layer: KeptHere | None = None
    notices: list[str] = field(default_factory=list)
    contested: list[str] = field(default_factory=list)
    partials: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    occupied: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    silent: list[os.DirEntry[str]] = field(default_factory=list)


def walk(
    root: Path,
    layers: Sequence[Layer] = (),
    ignore_files: Sequence[str] = (".bmignore",),
    *,
    coming: Texts | None = None,
    fingerprinted: bool = False,
    below: str = "",
    secrets: bool = False,
) -> Tree:
    """Read the rules of the tree at `root` and list what they leave, in one pass; with its `fingerprint`, if asked for.

    `layers` apply from the root, weakest first, all of them weaker than any ignore file in the tree. While an ignore
    file has conflict copies beside it, or another version of it is `coming`, it has several versions (`RuleSet`).
    `below`: the folder ("a/b/") that the tree will be in the one that `layers` and the rules of the result speak of.
    `secrets`: what never leaves this machine is ignored, too, unless `layers` take it back (`kept_here`).
    What a killed run holds, and the next one will put back, counts as lying in its place, also an ignore file.
    Symlinks are not followed. A folder that cannot be read is reported, not skipped in silence.
    Raises IgnoreError for an ignore file that cannot be honoured, OSError when the root cannot be read.
    """
    entries: list[Entry] = []
    folders: list[str] = []
    unreadable: list[Unreadable] = []
    collected = _Collected([], coming or {}, below, layer_below(layers) if secrets else None)
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
    rules = RuleSet.of(collected.sources, collected.notices, collected.contested, collected.layer)
    inside = sorted(folder.rstrip("/") for folder in folders if folder)
    return Tree(
        rules,
        entries,
        inside,
        unreadable,
        sorted(collected.partials),
        collected.held,
        collected.occupied,
        _whole(taking, folders, collected, unreadable) if fingerprinted and not coming else None,
        (*collected.ignored, *collected.closed),
    )


def _whole(
    taking: Taking, folders: Sequence[str], collected: _Collected, unreadable: Sequence[Unreadable]
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
) -> RuleSet:
    """As `walk`, for the rules alone: only folders are looked at, no file is stat-ed.

    An ignore file in a folder that cannot be read is not known, but nothing leaves that folder either;
    the notices name it.
    """
    unreadable: list[Unreadable] = []
    collected = _Collected([], {}, layer=layer_below(layers) if secrets else None)
    for _ in _walk(root, layers, ignore_files, collected, unreadable):
        pass
    notices = [f"{one.path}: cannot be read: {one.error.strerror}" for one in unreadable]
    return RuleSet.of(collected.sources, [*collected.notices, *notices], collected.contested, collected.layer)


def layer_rules(layers: Sequence[Layer]) -> list[Rule]:
    rules = []
    for layer in layers:
        rules.extend(parse_lines(layer.lines, layer.name, "", layer.first_line))
    return rules


def layer_below(layers: Sequence[Layer]) -> KeptHere:
    """What never leaves this machine, below these layers: of its own ignore file, and of the manifest."""
    return KeptHere.below(layer_rules(layers))


def outer_rules(layers: Sequence[Layer], top: Sequence[Layer] = ()) -> RuleSet:
    """The rules of the machine and the manifest, with what lies below them; `top`: of ignore files at the root."""
    return RuleSet(layer_rules([*layers, *top]), below=layer_below(layers))


def _walk(
    root: Path,
    layers: Sequence[Layer],
    ignore_files: Sequence[str],
    collected: _Collected,
    unreadable: list[Unreadable],
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Each folder that is not ignored, parents first: its path ("" or "a/b/") and its entries that are
    neither folders nor ignored. Adds to `collected` and `unreadable` on the way."""
    outermost = layer_rules(layers)
    collected.sources.append([outermost])
    _check_count(collected.sources)
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
        sources = _sources(found, collected.below + path, ignore_files, collected)
        collected.sources.extend(sources)
        _check_count(collected.sources)
        if above is None:
            above, name = _from_top(outermost, collected)
        folder = _readings(above, name, outermost, combined(sources), collected.layer)
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
    one: os.DirEntry[str], path: str, ignore_files: Sequence[str], collected: _Collected, *, is_dir: bool
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


def _is_ignored(
    folder: tuple[Folder, ...], name: str, is_dir: bool, path: str, collected: _Collected
) -> bool:
    if len(folder) == 1:
        return folder[0].decide(name, is_dir).ignored
    said = [each.decide(name, is_dir) for each in folder]
    return joint(said, lenient=collected.below + path + name in collected.contested).ignored


def _from_top(outermost: Sequence[Rule], collected: _Collected) -> tuple[tuple[Folder, ...] | None, str]:
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
    layer: KeptHere | None,
) -> tuple[Folder, ...]:
    """A folder as each version of the rules has it. `ways`: its own rules, in each of their versions."""
    if above is None:
        return tuple(Folder.top([*outermost, *own], layer) for own in ways)
    return tuple(each.enter(name, own) for each, own in itertools.product(above, ways))


def _holds(root: Path) -> list[str]:
    """The folders of runs that were killed before they had put back, or away, what they held."""
    try:
        with os.scandir(root / HOLD) as listing:
            return sorted(one.path for one in listing if one.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _held(
    hold: str, path: str, found: Sequence[os.DirEntry[str]], collected: _Collected
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


def _sources(
    found: Sequence[os.DirEntry[str]], folder: str, ignore_files: Sequence[str], collected: _Collected
) -> list[Source]:
    """The ignore files of a folder, weakest first, each in all its versions: itself, its copies, what is coming."""
    by_name = {one.name: one for one in found}
    wanted_names = tuple(ignore_files)
    for name, one in by_name.items():
        if name.startswith(wanted_names):  # `gives_rules`, for as many as there are
            with suppress(OSError):
                one.stat(follow_symlinks=False)  # kept: what is read now is no older than that
    sources: list[Source] = []
    for wanted in ignore_files:
        copy = re.compile(rf"{re.escape(wanted)}{ENDING}+")
        versions = [by_name[wanted]] if wanted in by_name else []
        copies = [one for one in found if one.name.startswith(wanted) and copy.fullmatch(one.name)]
        read = [_tree_rules(one, folder, collected.notices) for one in (*versions, *reversed(copies))]
        for path, lines in _coming(collected.coming, folder):
            if judged_as(path.rpartition("/")[2]) == wanted:
                read = [*(read or [[]]), parse_lines(lines, f"{path} (cloud)", folder.rstrip("/"))]
        if any(read):
            sources.append(read)
        if len(read) > 1:
            collected.contested += [folder + one.name for one in (*versions, *copies)]
            collected.contested += [path for path, _ in _coming(collected.coming, folder)]
    return sources


def _coming(texts: Texts, folder: str) -> list[tuple[str, Sequence[str]]]:
    """Those of `texts` that lie in this folder, however its name is spelled."""
    if not texts:
        return []
    above = names.key(names.to_rclone(folder))
    return [(path, lines) for path, lines in texts.items() if path[: path.rfind("/") + 1] == above]


def _tree_rules(entry: os.DirEntry[str], folder: str, notices: list[str]) -> list[Rule]:
    """The rules of an ignore file inside the tree. What git does not read as one gives none."""
    path = folder + entry.name
    if entry.is_symlink():
        # git: "unable to access '.gitignore': Too many levels of symbolic links", then goes on
        notices.append(f"{path}: a symbolic link, not read as an ignore file (git does not, either)")
        return []
    if entry.is_dir(follow_symlinks=False):
        return []
    try:
        folder.encode()
    except UnicodeEncodeError:
        raise IgnoreError(
            f"{ascii(path)[1:-1]}: an ignore file in a folder whose name is not UTF-8",
            hint="Rename the folder.",
        ) from None
    lines = read_ignore_file(Path(entry.path), name=path, follow=False)
    return parse_lines(lines, path, folder.rstrip("/"))


def _check_count(sources: Sequence[Source]) -> None:
    if sum(len(rules) for versions in sources for rules in versions) > MAX_RULES:
        over = [rule for versions in sources for rules in versions for rule in rules][MAX_RULES]
        raise IgnoreError(
            f"{over.place}: more than {MAX_RULES} ignore patterns in all",
            hint="Ignore whole folders instead of many single files.",
        )
