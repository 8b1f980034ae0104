"""Say what the next sync will do, changing nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bisync.app import App, Session
from bisync.config import Sync
from bisync.core import guard
from bisync.errors import BisyncError, Interrupted
from bisync.files import named_path, write_plain
from bisync.sync import plan_file, script
from bisync.sync.differences import FileDifference, chosen, differences
from bisync.sync.plan_file import blocked_document, sync_document
from bisync.sync.prepare import Prepared, prepare

TEXTS = 100
"""The texts of so many files are compared for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What a plan changes in texts. `others`: so many more files would have some. `trouble`: why there is nothing."""

    files: tuple[FileDifference, ...] = ()
    others: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One sync's plan, and its steps for a script; `prepared` None and `error` set when it cannot be made.

    `texts`: what it changes in texts, where that was asked for.
    """

    name: str
    document: dict[str, Any]
    prepared: Prepared | None
    steps: dict[str, Any] | None = None
    error: BisyncError | None = None
    texts: Texts | None = None

    @property
    def exit_code(self) -> int:
        """0, or 4 when a guard would refuse it, or that of the error."""
        if self.error is not None:
            return self.error.exit_code
        assert self.prepared is not None
        return 4 if guard.refusals(self.prepared.verdicts) else 0


CHANGES = 3
"""The exit code of `plan --exit-code` where something is to be done."""


def changes(results: Iterable[PlanResult]) -> bool:
    """Whether any of the plans holds a change."""
    return any(one.prepared is not None and bool(one.prepared.changes) for one in results)


def run(
    app: App, sync: Sync, *, profile: str | None = None, scripted: bool = False, with_texts: bool = False
) -> PlanResult:
    """The plan of one sync, from both sides as they are now.

    `scripted`: with the steps of a script; `with_texts`: with what changes in texts.
    """
    chosen = app.profile(sync, profile)
    try:
        with app.session(sync, profile=profile) as session:
            prepared = prepare(session, projects=session.projects(dry_run=True))
            steps = script.rendered(session, prepared) if scripted else None
            document = sync_document(session, prepared)
            texts = _texts(session, prepared) if with_texts else None
    except BisyncError as error:
        document = blocked_document(sync.name, sync.tenant.name, str(sync.dir), chosen.name, error.message)
        return PlanResult(name=sync.name, document=document, prepared=None, error=error)
    return PlanResult(name=sync.name, document=document, prepared=prepared, steps=steps, texts=texts)


def _texts(session: Session, prepared: Prepared) -> Texts:
    """What a plan changes in texts. That they do not come is no failure of the plan's."""
    changes, others = chosen(prepared.plan.changes, TEXTS)
    try:
        return Texts(files=tuple(differences(session, prepared, changes)), others=others)
    except Interrupted:
        raise
    except BisyncError as error:
        return Texts(others=len(changes) + others, trouble=error.message)


def document(app: App, results: Sequence[PlanResult]) -> dict[str, Any]:
    """The plans as one document. Raises RcloneError when there is no rclone."""
    version = app.rclone.version if app.standing.holds else "unknown"
    return plan_file.document(app.manifest.digest, version, [one.document for one in results])


def write_plan(path: str, document: dict[str, Any]) -> None:
    """Save the document to `path`, for `sync --plan`. Raises as `write_plain`."""
    write_plain(named_path(path), json.dumps(document, indent=2) + "\n")


def write_script(path: str, app: App, results: Sequence[PlanResult], document: dict[str, Any]) -> None:
    """Save the plans to `path` as a script of their own, executable. Raises as `write_plain`."""
    from bisync.render import render

    steps = {one.name: one.steps for one in results}
    config = str(app.manifest.rclone_config)
    text = render("plan.sh.j2", document=document, config=config, steps=steps)
    write_plain(named_path(path), text, mode=0o700)
