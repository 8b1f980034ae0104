"""Ignore rules exactly as git reads them, for rclone and for ourselves.

`compile_filters` gives the text of one rclone filter file; `walk` lists what is not ignored;
`RuleSet.decide` says which line of which file decides about a path. All three follow the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bisync.ignore.cache import compile_rules
from bisync.ignore.fingerprint import Fingerprint, is_same
from bisync.ignore.lint import LintWarning, lint
from bisync.ignore.pattern import Layer, Rule
from bisync.ignore.reading import read_ignore_file
from bisync.ignore.ruleset import Decision, RuleSet
from bisync.ignore.sources import Texts, layer_rules, outer_rules
from bisync.ignore.walk import (
    Entry,
    Kind,
    Tree,
    Unreadable,
    load_rules,
    walk,
)

__all__ = [
    "Decision",
    "Entry",
    "Fingerprint",
    "Kind",
    "Layer",
    "LintWarning",
    "Rule",
    "RuleSet",
    "Texts",
    "Tree",
    "Unreadable",
    "compile_filters",
    "compile_rules",
    "is_same",
    "layer_rules",
    "lint",
    "load_rules",
    "outer_rules",
    "read_ignore_file",
    "walk",
]


def compile_filters(
    root: Path, patterns: Sequence[str] = (), ignore_files: Sequence[str] = (".bmignore",)
) -> str:
    """The text of one rclone filter file that excludes exactly what git would ignore in `root`.

    `patterns` are the outermost rules; ignore files in any folder of the tree override them, deeper
    ones the shallower, and in one folder later `ignore_files` the earlier. Byte-stable for the same
    rules. Raises IgnoreError for what cannot be honoured exactly.
    """
    return compile_rules(load_rules(root, [Layer("patterns", patterns)], ignore_files))
