"""Results as a script reads them: what each task prints with `--json`. Pure.

The document of a plan is a file of its own, too: it is made in `bisync.sync.plan_file`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bisync.errors import BisyncError, ManifestError

if TYPE_CHECKING:
    from bisync.actions.check import CheckResult
    from bisync.actions.conflicts import ConflictGroup
    from bisync.actions.explain import Explanation
    from bisync.actions.history import History
    from bisync.actions.prune import Pruned
    from bisync.actions.restore import Restoration
    from bisync.actions.schedule import Scheduled
    from bisync.actions.status import SyncStatus
    from bisync.actions.undo import Undone
    from bisync.actions.unlock import Unlocked
    from bisync.core.result import Finding, SyncResult
    from bisync.locks.holders import Holder
    from bisync.providers.base import Overview
    from bisync.sync.bring_back import Coming
    from bisync.sync.setup import SetupResult


def error_document(error: BisyncError) -> dict[str, Any]:
    """What any task prints instead of its own document when it fails as a whole.

    Of a manifest that is wrong also each problem by itself, with its place.
    """
    document = {"version": 1, "error": error.message, "hint": error.hint, "exit_code": error.exit_code}
    if isinstance(error, ManifestError) and any(one.file for one in error.faults):
        from bisync.report import fault_words

        document["problems"] = fault_words.faults_document(error.faults)
    return document


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
                "abilities": one.abilities,
                "lease": None if one.lease is None else _lease(one.lease),
                "cloud": None if one.cloud is None else _cloud(one.cloud),
            }
            for one in statuses
        ],
    }


def _lease(one: Holder) -> dict[str, Any]:
    """Who has a lease. `dead`: it is certain that it writes no more."""
    return {"device": one.device, "run": one.run, "seconds": one.seconds, "dead": one.dead}


def _cloud(one: Overview) -> dict[str, Any]:
    """What a cloud says of itself. `answers`: it was asked just now."""
    projects = one.projects
    return {
        "host": one.host,
        "answers": one.trouble is None,
        "as_of": one.as_of,
        "trouble": one.trouble,
        "health": one.health,
        "tenant_id": one.tenant_id,
        "workspace": one.workspace,
        "subscribed": one.subscribed,
        "projects": None
        if projects is None
        else {
            "both": list(projects.both),
            "only_cloud": list(projects.only_cloud),
            "only_local": list(projects.only_local),
        },
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
    """What `setup --json` prints, but for what the manifest may do (`grant_words.grants_document`)."""
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
    """What `conflicts --json` prints; `diffs` with --diff alone."""
    from bisync.report.conflict_words import compared_document

    return {
        "version": 1,
        "conflicts": [
            {
                "sync": group.sync,
                "path": group.path,
                "versions": [
                    {
                        "path": each.path,
                        "size": each.size,
                        "modified": each.modified,
                        "origin": each.origin,
                        "device": each.device,
                    }
                    for each in group.versions
                ],
                **({} if group.compared is None else {"diffs": compared_document(group.compared)}),
            }
            for group in groups
        ],
    }


def history_document(results: Iterable[History]) -> dict[str, Any]:
    """What `history --json` prints; the runs as the history has them."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "runs": list(one.runs),
                "versions": [
                    {
                        "run": kept.run,
                        "side": kept.side,
                        "path": kept.path,
                        "size": kept.size,
                        "known": kept.known,
                    }
                    for kept in one.versions
                ],
            }
            for one in results
        ],
    }


def doctor_document(findings: Iterable[Finding]) -> dict[str, Any]:
    """What `doctor --json` prints."""
    return {
        "version": 1,
        "findings": [
            {"about": one.about, "level": one.level, "text": one.text, "cure": one.cure} for one in findings
        ],
    }


def explain_document(found: Iterable[Explanation]) -> dict[str, Any]:
    """What `explain --json` prints."""
    return {
        "version": 1,
        "paths": [
            {
                "sync": one.sync,
                "path": one.path,
                "synced": one.synced,
                "source": one.source,
                "line": one.line,
                "pattern": one.pattern,
                "why": one.why,
            }
            for one in found
        ],
    }


def prune_document(results: Iterable[Pruned]) -> dict[str, Any]:
    """What `prune --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.sync,
                "files": [{"path": path, "size": size} for path, size in one.files],
                "run": one.run,
            }
            for one in results
        ],
    }


def restore_document(found: Iterable[Restoration], *, dry_run: bool = False) -> dict[str, Any]:
    """What `restore --json` prints; of a dry run, what would come back is in `restored`, too."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": each.sync.name,
                "dry_run": dry_run,
                "at": each.at,
                "restored": _would_come(each) if dry_run else [_came(*one) for one in each.restored],
                "unchanged": each.unchanged,
                "not_there_then": list(each.not_there_then),
                "gone": list(each.gone),
                "unsynced": list(each.unsynced),
                "left": list(each.left),
                "foreign": list(each.foreign),
                "blocked": [{"path": one.path, "why": one.why} for one in each.blocked],
            }
            for each in found
        ],
    }


def _would_come(each: Restoration) -> list[dict[str, Any]]:
    root = each.sync.dir if each.to is None else each.to
    return [_came(one, root / one.path, one.replaces) for one in each.coming]


def _came(one: Coming, to: Path, replaced: bool) -> dict[str, Any]:
    """A file that came back. `from`: the run that had kept it, `source`: what else it is called here."""
    kept = one.kept
    return {
        "path": one.path,
        "from": None if kept is None else kept.run,
        "side": "here" if kept is None else kept.side,
        "source": one.source,
        "size": one.size,
        "to": str(to),
        "replaced": replaced,
    }


def unlock_document(results: Iterable[Unlocked]) -> dict[str, Any]:
    """What `unlock --json` prints. `path`: the folder of the cloud that the lease is for."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": result.name,
                "holders": [
                    {
                        "path": one.entry.path,
                        **_lease(one),
                        "dead_in": one.left,
                        "removed": one.entry.path in result.removed,
                    }
                    for one in result.holders
                ],
                "waiting": [{"device": one.device, "run": one.run} for one in result.waiting],
            }
            for result in results
        ],
    }


def schedule_document(one: Scheduled) -> dict[str, Any]:
    """What `schedule --json` prints."""
    from bisync.schedule.form import interval_text

    form = one.form
    return {
        "version": 1,
        "name": one.name,
        "manifest": str(one.manifest),
        "outcome": one.outcome,
        "installed": one.scheduler is not None,
        "scheduler": one.scheduler,
        "form": None if form is None else "watch" if form.interval is None else "interval",
        "interval": None if form is None or form.interval is None else interval_text(form.interval),
        "at_boot": None if form is None else form.at_boot,
        "files": list(one.places),
        "up_to_date": one.up_to_date,
        "active": one.active,
        "log": one.log,
        "missing_variables": list(one.missing),
        "to_type": [todo.command for todo in one.to_type],
        "last_run": None if one.last is None else one.last._asdict(),
    }


def undo_document(results: Iterable[Undone]) -> dict[str, Any]:
    """What `undo --json` prints. `deeds`: what is done here, `actions`: what follows in the cloud."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "undoes": one.run,
                "outcome": one.outcome,
                "run": one.result.run if one.result is not None else None,
                "deeds": [
                    {
                        "deed": deed.kind.value,
                        "path": deed.path,
                        "size": deed.size,
                        "to": deed.to,
                        "replaces": deed.replaces,
                        "from": deed.version.side if deed.version is not None else None,
                    }
                    for deed in one.decision.deeds
                ],
                "actions": [
                    {"action": each.action.value, "path": each.path, "size": each.size, "to": each.to}
                    for each in one.planned
                ],
                "left": [
                    {"path": each.path, "why": each.why, "next": each.next} for each in one.decision.left
                ],
                "already": list(one.decision.already),
                "left_out": [{"path": each.path, "why": each.why} for each in one.left_out],
                "notes": list(one.result.notes if one.result is not None else one.notes),
                "error": one.error,
                "hint": one.hint,
            }
            for one in results
        ],
    }
