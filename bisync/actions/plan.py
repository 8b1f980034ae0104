"""Say what the next sync will do, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bisync.app import App
from bisync.config import Sync
from bisync.core import guard
from bisync.errors import BisyncError
from bisync.sync import script
from bisync.sync.plan_file import blocked_document, sync_document
from bisync.sync.prepare import Prepared, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One sync's plan, and its steps for a script; `prepared` None and `error` set when it cannot be made."""

    name: str
    document: dict[str, Any]
    prepared: Prepared | None
    steps: dict[str, Any] | None = None
    error: BisyncError | None = None

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        assert self.prepared is not None
        return 4 if guard.refusals(self.prepared.verdicts) else 0


def run(app: App, sync: Sync, *, profile: str | None = None, scripted: bool = False) -> PlanResult:
    """The plan of one sync, from both sides as they are now; with the steps of a script when `scripted`."""
    chosen = app.profile(sync, profile)
    try:
        with app.session(sync, profile=profile) as session:
            prepared = prepare(session)
            steps = script.steps(session, prepared) if scripted else None
            document = sync_document(session, prepared)
    except BisyncError as error:
        document = blocked_document(sync.name, sync.tenant.name, str(sync.dir), chosen.name, error.message)
        return PlanResult(name=sync.name, document=document, prepared=None, error=error)
    return PlanResult(name=sync.name, document=document, prepared=prepared, steps=steps)
