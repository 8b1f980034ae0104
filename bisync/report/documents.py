"""Results as a script reads them: what each task prints with `--json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bisync.actions.check import CheckResult
    from bisync.actions.conflicts import ConflictGroup
    from bisync.actions.setup import SetupResult
    from bisync.actions.status import SyncStatus
    from bisync.core.result import SyncResult


def sync_document(results: Iterable[SyncResult]) -> dict[str, Any]:
    """What `sync --json` prints."""
    from bisync.core.result import facts

    return {"version": 1, "syncs": [{"name": result.name, **facts(result)} for result in results]}


def status_document(statuses: Iterable[SyncStatus]) -> dict[str, Any]:
    """What `status --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "tenant": one.tenant,
                "initialised": one.initialised,
                "local": str(one.local),
                "remote": one.remote,
                "profile": one.profile,
                "last_sync": one.last_sync,
                "last_outcome": one.last_outcome,
                "projects": one.projects,
                "storage_bytes": one.storage_bytes,
                "conflicts": one.conflicts,
                "blocked": one.blocked,
                "left_out": list(one.left_out),
                "running": one.running,
                "keeps_cloud_versions": one.keeps_cloud_versions,
            }
            for one in statuses
        ],
    }


def check_document(results: Iterable[CheckResult]) -> dict[str, Any]:
    """What `check --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "match": one.match,
                "by_size_only": one.by_size_only,
                "differ": list(one.differ),
                "missing_local": list(one.missing_local),
                "missing_cloud": list(one.missing_cloud),
                "errors": list(one.errors),
                "error": one.error.message if one.error else None,
            }
            for one in results
        ],
    }


def setup_document(results: Iterable[SetupResult]) -> dict[str, Any]:
    """What `setup --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": result.name,
                "steps": [
                    {"step": step.step, "state": step.state, "detail": step.detail, "hint": step.hint}
                    for step in result.steps
                ],
            }
            for result in results
        ],
    }


def conflicts_document(groups: Iterable[ConflictGroup]) -> dict[str, Any]:
    """What `conflicts --json` prints."""
    return {
        "version": 1,
        "conflicts": [
            {
                "sync": group.sync,
                "path": group.path,
                "versions": [
                    {"path": each.path, "size": each.size, "modified": each.modified, "origin": each.origin}
                    for each in group.versions
                ],
            }
            for group in groups
        ],
    }
