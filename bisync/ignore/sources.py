"""Where rules come from: the layers outside a tree, the ignore files in it, and what is coming to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bisync.core import names
from bisync.core.conflict_names import ENDING, judged_as
from bisync.errors import IgnoreError
from bisync.ignore.kept_here import KeptHere
from bisync.ignore.pattern import MAX_RULES, Layer, Rule, parse_lines
from bisync.ignore.reading import is_among, read_ignore_file
from bisync.ignore.ruleset import RuleSet, Source

SET_ASIDE = (
    "came from the cloud and cannot be honoured: set aside; mend it, or delete it, here or on any device"
)
"""What is said of an ignore file that gives no rules."""
Texts = Mapping[str, Sequence[str]]
"""The lines of ignore files, by their path, which is in NFC."""


@dataclass(slots=True)
class Collected:
    """`sources`: what gives rules, weakest first. `coming`: versions of ignore files that lie elsewhere yet.

    `below`: where the rules have the root, "" or "a/b/". `layer`: what lies below all rules. `closed`: folders that
    are ignored. Of the folder looked at last: `others`, the names of its folders (with a slash) and of ignored files;
    `silent`, ignored files that give rules.
    """

    sources: list[Source]
    coming: Texts
    below: str = ""
    layer: KeptHere | None = None
    aside: frozenset[str] = frozenset()
    wide: bool = False
    notices: list[str] = field(default_factory=list)
    contested: list[str] = field(default_factory=list)
    partials: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    occupied: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    silent: list[os.DirEntry[str]] = field(default_factory=list)

    def rules(self, notices: Sequence[str] = ()) -> RuleSet:
        """The rules of all sources."""
        said = [*self.notices, *notices]
        return RuleSet.of(self.sources, said, self.contested, self.layer, wide=self.wide)


def layer_rules(layers: Sequence[Layer]) -> list[Rule]:
    rules = []
    for layer in layers:
        rules.extend(parse_lines(layer.lines, layer.name, "", layer.first_line))
    return rules


def layer_below(layers: Sequence[Layer]) -> KeptHere:
    """What never leaves this machine, below these layers: of its own ignore file, and of the manifest."""
    return KeptHere.below(layer_rules(layers))


def outer_rules(layers: Sequence[Layer], top: Sequence[Layer] = ()) -> RuleSet:
    """The rules of the machine and the manifest, with what lies below them; `top`: of ignore files at the root.

    Raises IgnoreError.
    """
    rules = layer_rules([*layers, *top])
    check_count([[rules]])
    return RuleSet(rules, below=layer_below(layers))


def sources(
    found: Sequence[os.DirEntry[str]], folder: str, ignore_files: Sequence[str], collected: Collected
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
        read = [_tree_rules(one, folder, collected) for one in (*versions, *reversed(copies))]
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


def _tree_rules(entry: os.DirEntry[str], folder: str, collected: Collected) -> list[Rule]:
    """The rules of an ignore file inside the tree. What git does not read as one gives none."""
    path = folder + entry.name
    if entry.is_symlink():
        # git: "unable to access '.gitignore': Too many levels of symbolic links", then goes on
        collected.notices.append(
            f"{path}: a symbolic link, not read as an ignore file (git does not, either)"
        )
        return []
    if entry.is_dir(follow_symlinks=False):
        return []
    if is_among(Path(entry.path), collected.aside):
        collected.notices.append(f"{path}: {SET_ASIDE}")
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


def check_count(sources: Sequence[Source]) -> None:
    if sum(len(rules) for versions in sources for rules in versions) > MAX_RULES:
        over = [rule for versions in sources for rules in versions for rule in rules][MAX_RULES]
        raise IgnoreError(
            f"{over.place}: more than {MAX_RULES} ignore patterns in all",
            hint="Ignore whole folders instead of many single files.",
        )
