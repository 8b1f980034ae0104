"""What a valid manifest says that was probably not meant."""

from __future__ import annotations

from collections.abc import Iterator

from bisync.config import Manifest
from bisync.ignore import Layer, LintWarning, lint


def run(manifest: Manifest) -> Iterator[LintWarning]:
    """Warnings about its ignore patterns, one after the other. Raises IgnoreError for what is no pattern."""
    shared = manifest.path.name
    yield from lint(Layer(f"{shared}: ignore", manifest.ignore))
    for sync in manifest.syncs:
        yield from lint(Layer(f"{shared}: syncs.{sync.name}.ignore", sync.ignore))
