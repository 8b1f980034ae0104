"""What a source holds and what the sync dir holds: names first, contents where they have to be known."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from bisync import ignore, process
from bisync.app import App
from bisync.config import Sync
from bisync.core import names
from bisync.core.metadata import MARKER_PATH, METADATA_DIR
from bisync.core.migration import HERE, Version, path_key
from bisync.errors import BisyncError, IgnoreError
from bisync.ignore.walk import NOT_SYNCED
from bisync.migrate.pace import Pace
from bisync.state.migration import Entry
from bisync.sync.hashing import file_md5


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A tree that is to be brought into the sync dir.

    `label`: for people, and what it is remembered by: a folder, or the address of a WebDAV server. `root`: where its
    files are on this disk. `below`: the folder of the sync dir that they go to, "" or "a/b/".
    """

    kind: Literal["folder", "webdav"]
    label: str
    root: Path
    below: str = ""


class Ignored(NamedTuple):
    """What an ignore rule keeps out: its path (a folder's with a slash), and the line that says so."""

    path: str
    rule: str


class Passed(NamedTuple):
    """What is not brought though no rule ignores it, and why. `lost`: it is a file that the old place alone has."""

    path: str
    why: str
    lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a source holds that may be brought: files by their path in it, and its folders; what is not, and why."""

    files: Mapping[str, Entry]
    folders: tuple[str, ...]
    ignored: tuple[Ignored, ...]
    passed: tuple[Passed, ...]

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(one.size for one in self.files.values())


def look(app: App, sync: Sync, source: Source) -> Holding:
    """What a tree on this disk holds, through the ignore rules of the sync and its own. No file is read.

    Raises BisyncError where it cannot be looked at, IgnoreError.
    """
    tree = walked(app, sync, source)
    files, passed = {}, []
    for one in tree.entries:
        if one.path == MARKER_PATH:
            continue
        why = NOT_SYNCED.get(one.kind)
        if why is not None:
            passed.append(Passed(one.path, why, lost=False))
        else:
            mark = mark_of(one.size, one.mtime_ns, one.ctime_ns, one.inode)
            files[one.path] = Entry(one.path, one.size, one.mtime_ns, mark, None)
    passed += [
        Passed(one.path, f"cannot be read: {one.error.strerror}", lost=True) for one in tree.unreadable
    ]
    return Holding(
        files=files,
        folders=tuple(tree.folders),
        ignored=tuple(_ignored(tree.rules, source.below, path) for path in sorted(tree.ignored)),
        passed=tuple(sorted(passed)),
    )


def walked(app: App, sync: Sync, source: Source) -> ignore.Tree:
    """The source's tree as far as it is on this disk, by the rules of the sync and its own. Raises as `look`."""
    layers = app.layers(sync)
    _check_below(layers, source)
    try:
        return ignore.walk(source.root, layers, app.manifest.ignore_files, below=source.below, secrets=True)
    except OSError as error:
        raise BisyncError(
            f"{source.label} cannot be read: {error.strerror}",
            hint="is its disk mounted, and its folder readable?",
        ) from None


def _check_below(layers: Sequence[ignore.Layer], source: Source) -> None:
    """Raise IgnoreError where the folder that a source goes to is ignored itself."""
    rules = ignore.outer_rules(layers)
    if source.below and rules.decide(source.below.rstrip("/"), True).ignored:
        line = _rule_of(rules, source.below.rstrip("/"), is_dir=True)
        raise IgnoreError(
            f"{source.label}: its folder in the sync, {source.below}, is ignored by {line}",
            hint="take that rule back, or give the source another folder (migration.from: {dir: …, to: …})",
        )


def _ignored(rules: ignore.RuleSet, below: str, path: str) -> Ignored:
    return Ignored(path, _rule_of(rules, below + path.rstrip("/"), is_dir=path.endswith("/")))


def _rule_of(rules: ignore.RuleSet, path: str, *, is_dir: bool) -> str:
    """The line that ignores a path, as `explain` names it."""
    for each in (rules, *rules.others):
        decision = each.decide(path, is_dir)
        if decision.ignored and decision.rule is not None:
            return f"{decision.rule.place}: {decision.rule.text}"
    return "a version of a contested ignore file"


def decided(rules: ignore.RuleSet, below: str, path: str) -> Ignored | None:
    """The rule that keeps a file out which is not on this disk yet; None where none does."""
    return _ignored(rules, below, path) if rules.decide(below + path, False).ignored else None


def mark_of(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> str:
    """By what a file of this disk is known again: any write moves one of these."""
    return f"{size}-{mtime_ns}-{ctime_ns}-{inode}"


def read(
    source: Source,
    holding: Holding,
    known: Mapping[str, Entry],
    pace: Pace,
    only: Iterable[str] | None = None,
) -> Holding:
    """The same with the contents of its files (of `only` these), as MD5. Those that are `known` are not read again."""
    wanted = set(holding.files if only is None else only)
    files = dict(holding.files)
    passed = list(holding.passed)
    todo = []
    for path in sorted(wanted & files.keys()):
        before = known.get(path)
        if before is not None and before.md5 is not None and before.mark == files[path].mark:
            files[path] = files[path]._replace(md5=before.md5)
        elif files[path].md5 is None:
            todo.append(path)
    pace.expect(sum(files[path].size for path in todo), len(todo))
    for path in todo:
        try:
            files[path] = files[path]._replace(
                md5=file_md5(source.root / path, pace.add, size=files[path].size)
            )
        except OSError as error:
            del files[path]
            passed.append(Passed(path, f"cannot be read: {error.strerror}", lost=True))
        pace.done()
    return replace(holding, files=files, passed=tuple(sorted(passed)))


@dataclass(slots=True)
class Here:
    """What lies in the sync dir, ignored or not: files, folders, and what is neither, by their paths."""

    root: Path
    files: dict[str, Entry] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def here(root: Path) -> Here:
    """Look at the sync dir; our own folder in it does not count. Nothing where there is none. Raises OSError."""
    found = Here(root)
    todo = [""] if root.is_dir() else []
    while todo:
        path = todo.pop()
        process.check_interrupt()
        with os.scandir(root / path if path else root) as listing:
            for one in listing:
                name = f"{path}/{one.name}" if path else one.name
                if name == METADATA_DIR:
                    continue
                status = one.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    found.folders.append(name)
                    todo.append(name)
                elif stat.S_ISREG(status.st_mode):
                    mark = mark_of(status.st_size, status.st_mtime_ns, 0, status.st_ino)
                    found.files[name] = Entry(name, status.st_size, status.st_mtime_ns, mark, None)
                else:
                    found.others.append(name)
    return found


def versions_here(found: Here, contents: Mapping[str, str]) -> dict[str, Version]:
    """The sync dir's files as versions. `contents`: the MD5s that are known, by path."""
    return {
        path_key(path): Version(HERE, path, one.size, one.mtime_ns, contents.get(path))
        for path, one in found.files.items()
    }


def versions_of(number: int, source: Source, files: Iterable[Entry]) -> list[dict[str, Version]]:
    """A source's files as versions, under the paths they will have in the sync dir.

    Two that differ in the spelling alone (NFC, NFD) are one path in the sync: the second is in a tree of its own.
    """
    layers: list[dict[str, Version]] = [{}]
    for one in files:
        path = source.below + one.path
        key = path_key(path)
        layer = next((each for each in layers if key not in each), None)
        if layer is None:
            layers.append(layer := {})
        layer[key] = Version(number, path, one.size, one.mtime_ns, one.md5)
    return layers


def empty_folders(source: Source, holding: Holding) -> dict[str, str]:
    """The source's folders in which there is no file, at any depth."""
    filled = {folder for path in holding.files for folder in names.parents(path)}
    return {
        path_key(source.below + path): source.below + path for path in holding.folders if path not in filled
    }


Reader = Callable[[Version], str | None]
"""Gives the MD5 of a version; None where it cannot be read."""
