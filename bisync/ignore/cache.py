"""Compiled filter texts, kept by what they were made from.

Rules change rarely. A text found here costs neither the compiling nor the import of the compiler, which
is a tenth of a short run's start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bisync import files, stored
from bisync.errors import IgnoreError
from bisync.ignore import builtin
from bisync.ignore.pattern import Rule, literal
from bisync.ignore.ruleset import RuleSet

VERSION = 2
"""Part of the key: raise it when the same rules compile to another text."""


def compile_rules(rules: RuleSet, cache_dir: Path | None = None) -> str:
    """The text of the filter file for `rules`, weakest first. Raises IgnoreError for a pattern
    whose exact translation is too large.

    With `cache_dir`, a text compiled before is taken from there; one that was damaged is not.
    """
    text = _of_all_readings(rules, cache_dir)
    return text if rules.below is None else _with_layer(text, _compiled(rules.below.rules, cache_dir))


def _with_layer(text: str, layer: str) -> str:
    """A filter text with the excluding rules of the layer below put before all others: the first that matches counts.

    Raises IgnoreError where the layer is more than that.
    """
    before, own, rules = text.partition(f"{builtin.FILTERS[-1]}\n")
    kept = layer.partition(own)[2]
    if kept.startswith("+") or "\n+" in kept:
        raise IgnoreError(
            "the negations of this machine's ignore file and the manifest that are about secrets are too complex",
            hint="Use fewer negations, or more specific ones.",
        )
    return f"{before}{own}{kept}{rules}"


def _of_all_readings(rules: RuleSet, cache_dir: Path | None) -> str:
    first, *others = (_compiled(reading, cache_dir) for reading in rules.readings())
    if not others:
        return first
    travel = sorted(path for path in rules.contested if not rules.decide(path, is_dir=False).ignored)
    return _union([text.splitlines(keepends=True) for text in (first, *others)], travel)


def _union(texts: Sequence[Sequence[str]], travel: Sequence[str]) -> str:
    """The filter text that excludes what any of these excludes, but for the paths that `travel`.

    Raises IgnoreError where the order of the rules matters.
    """
    from bisync.ignore import re2

    own = f"{builtin.FILTERS[-1]}\n"
    heads, rules = [], []
    for lines in texts:
        start = lines.index(own) + 1
        heads.append(lines[:start])
        rules.append(lines[start:])
    if any(line.startswith("+") for lines in rules for line in lines):
        raise IgnoreError(
            "an ignore file with very complex negations is contested",
            hint="Settle that first: see `bisync conflicts`.",
        )
    sources = dict.fromkeys(line for lines in heads for line in lines if line.startswith("#"))
    kept = [line for line in heads[0] if not line.startswith("#")]
    shown = [f"+ /{{{{(?s)(?:{''.join(re2.atoms(literal(path)))})}}}}\n" for path in travel]
    return "".join([*sources, *kept, *shown, *dict.fromkeys(line for lines in rules for line in lines)])


def _compiled(rules: Sequence[Rule], cache_dir: Path | None) -> str:
    path = None if cache_dir is None else cache_dir / f"{_fingerprint(rules)}.rclone"
    known = None if path is None else _read(path)
    if known is not None:
        return known
    from bisync.ignore.compiler import filter_text

    text = filter_text(rules)
    if path is not None:
        files.private_dir(path.parent)
        files.atomic_write(path, f"# {_digest(text)}\n{text}")
    return text


def _fingerprint(rules: Sequence[Rule]) -> str:
    facts = [f"{VERSION}", *(repr((rule.folder, rule.source, rule.text)) for rule in rules)]
    return _digest("\n".join(facts))


def _read(path: Path) -> str | None:
    try:
        seal, _, text = stored.read(path).decode("utf-8", "surrogateescape").partition("\n")
    except FileNotFoundError:
        return None
    return text if seal == f"# {_digest(text)}" else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
