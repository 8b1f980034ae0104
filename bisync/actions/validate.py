"""What a valid manifest says that was probably not meant, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bisync import providers
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
    """Remotes where devices may not be kept apart, by what was found out there, else by what rclone.conf says.

    No rclone is asked.
    """
    tenants = [one for one in manifest.tenants if isinstance(one, RcloneTenant)]
    sections: dict[str, dict[str, str]] = {}
    with suppress(BisyncError, OSError):  # `doctor` says what is wrong with it
        sections = conf.read_sections(conf.read(manifest.rclone_config)) if tenants else {}
    for one in tenants:
        can = providers.of(one).known_abilities(one, manifest.rclone_config, manifest.state_dir)
        if may_keep_told_times(one.remote, sections) if can is None else not can.own_times:
            yield (
                f"tenants.{one.name}: {one.remote} may keep the times that devices tell it, so devices have to take"
                " turns, or have the right time: docs/devices.md"
            )
