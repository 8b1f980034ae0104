"""What a valid manifest says that was probably not meant, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bisync.config import Manifest, RcloneTenant
from bisync.errors import BisyncError
from bisync.ignore import Layer, LintWarning, lint
from bisync.providers.rclone import may_keep_told_times
from bisync.rclone import conf


def run(manifest: Manifest) -> Iterator[LintWarning | str]:
    """Warnings, one after the other: about its ignore patterns, and about remotes where devices take turns.

    Raises IgnoreError for what is no pattern.
    """
    shared = manifest.path.name
    yield from lint(Layer(f"{shared}: ignore", manifest.ignore))
    for sync in manifest.syncs:
        yield from lint(Layer(f"{shared}: syncs.{sync.name}.ignore", sync.ignore))
    yield from _turns(manifest)


def _turns(manifest: Manifest) -> Iterator[str]:
    """Remotes of which rclone.conf says that devices may not be kept apart. No rclone is asked."""
    remotes = {one.name: one.remote for one in manifest.tenants if isinstance(one, RcloneTenant)}
    sections: dict[str, dict[str, str]] = {}
    with suppress(BisyncError, OSError):  # `doctor` says what is wrong with it
        sections = conf.read_sections(conf.read(manifest.rclone_config)) if remotes else {}
    for name, remote in remotes.items():
        if may_keep_told_times(remote, sections):
            yield (
                f"tenants.{name}: {remote} may keep the times that devices tell it, so devices have to take turns,"
                " or have the right time: docs/devices.md"
            )
