"""Results to make words and documents of, each with as little in it as its test needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bisync.actions.check import CheckResult
from bisync.actions.conflicts import Beside, ConflictGroup, Settled, Version
from bisync.actions.explain import Explanation
from bisync.actions.history import History
from bisync.actions.plan import PlanResult
from bisync.actions.prune import Pruned
from bisync.actions.restore import Restoration
from bisync.actions.schedule import LastRun, Scheduled
from bisync.actions.status import SyncStatus
from bisync.actions.undo import Undone
from bisync.actions.unlock import Unlocked
from bisync.config import Compare, EmbeddedTenant, Sync
from bisync.core import text_diff
from bisync.core.change import Action, Change
from bisync.core.deeds import Decision, Deed, Left
from bisync.core.deeds import Kind as Deeds
from bisync.core.deeds import Version as KeptVersion
from bisync.core.guard import Verdict
from bisync.core.lease_folder import Entry, Kind
from bisync.core.plan import Mode, Plan
from bisync.core.projects import Compared
from bisync.core.result import Conflict, Outcome, SetupStep, SyncResult
from bisync.core.snapshot import CloudSnapshot, LeftOut, LocalSnapshot
from bisync.errors import RcloneError
from bisync.ignore import RuleSet
from bisync.locks.holders import Holder
from bisync.providers.base import Overview
from bisync.schedule.form import Form
from bisync.sync.bring_back import Coming, Restored
from bisync.sync.frame import PLACED, Marker
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared
from bisync.sync.setup import SetupResult
from bisync.sync.trash import Kept

RUN = "20261122T101500Z-3f2a7c"


def change(action: Action = Action.UPLOAD, path: str = "a.md", why: str = "new here") -> Change:
    """One action on a file of one byte."""
    return Change(action, path, 1, why)


def sync_result(**facts: Any) -> SyncResult:
    """A run that ended well and moved nothing, but for what `facts` say."""
    return SyncResult(**{"name": "notes", "mode": "sync", "outcome": Outcome.DONE, "run": RUN, **facts})


def conflict(winner: str = "both") -> Conflict:
    """A conflict over ideas.md. Only where nobody won the name are there two copies."""
    copies = ("ideas.md.conflict1", "ideas.md.conflict2") if winner == "both" else ("ideas.md.conflict1",)
    return Conflict(path="ideas.md", copies=copies, winner=winner)


def plan_result(
    *changes: Change, notes: tuple[str, ...] = (), left_out: tuple[LeftOut, ...] = (), refused: bool = False
) -> PlanResult:
    """The plan of these changes; `refused`: one of its two guards says no."""
    plan = Plan(
        mode=Mode.SYNC, changes=changes, deletions=0, edited=0, left_out=left_out
    )  # fmt: skip
    seen = Observation(
        local=LocalSnapshot({}, (), 1, True), cloud=CloudSnapshot({}, (), True), filters="",
        rules=RuleSet(()), marker=Marker(PLACED, PLACED), partials=(), started_ns=0,
    )  # fmt: skip
    verdicts = (
        Verdict(guard="device", limit=None, planned=0, passed=True),
        Verdict(
            guard="max_delete", limit=25, planned=26, passed=not refused,
            message="Deletion exceeds safety limit (26 > 25)", hint="look at them: bisync plan",
        ),
    )  # fmt: skip
    prepared = Prepared(
        baseline=None, seen=seen, plan=plan, compare=Compare.CHECKSUM, verdicts=verdicts, steps=(), notes=notes
    )  # fmt: skip
    return PlanResult(name="notes", document={}, prepared=prepared)


DEEDS = (
    Deed(Deeds.TAKE_AWAY, "new.md", "new.md", 3),
    Deed(
        Deeds.BRING_BACK, "old.md", "old.md", 2, replaces=True,
        version=KeptVersion("cloud", "old.md", 2, None, None),
    ),
    Deed(Deeds.RENAME_BACK, "renamed.md", "renamed.md", 4, to="name.md", to_name="name.md"),
    Deed(Deeds.FOLLOW, "carried.md", "carried.md", 5),
    Deed(Deeds.BRING_BACK, "gone.md", "gone.md", 1, version=KeptVersion("local", "gone.md", 1, None, None)),
)  # fmt: skip


def undone(*deeds: Deed, left: tuple[Left, ...] = (), already: tuple[str, ...] = (), **facts: Any) -> Undone:
    """A run that is taken back by these deeds."""
    decision = Decision(deeds=deeds, left=left, already=already)
    return Undone(**{"name": "notes", "run": RUN, "at": None, "decision": decision, **facts})


def no_plan() -> PlanResult:
    """A sync that cannot be planned."""
    error = RcloneError("nobody answers", hint="check your network")
    return PlanResult(name="notes", document={}, prepared=None, error=error)


def setup_result(*states: str) -> SetupResult:
    """One step for each state."""
    names = ("rclone", "sync dir", "baseline")
    steps = tuple(
        SetupStep(
            step=name, state=state, detail=f"about {name}", hint="do it" if state == "failed" else None,
            exit_code=1 if state == "failed" else 0,
        )
        for name, state in zip(names, states, strict=False)
    )  # fmt: skip
    return SetupResult(name="notes", steps=steps)


def status(**facts: Any) -> SyncStatus:
    """A sync that is set up and was run, but for what `facts` say."""
    usual: dict[str, Any] = {
        "name": "notes", "tenant": "team", "initialised": True, "local": Path("/data/notes"),
        "remote": "s3://notes-bucket", "profile": "balanced", "last_sync": "2026-11-22T10:00:00+00:00",
        "last_outcome": "done", "projects": 2, "storage_bytes": 2048, "conflicts": 0, "blocked": None,
        "running": False,
    }  # fmt: skip
    return SyncStatus(**{**usual, **facts})


def overview(**facts: Any) -> Overview:
    """What a cloud says that was asked just now, but for what `facts` say."""
    usual: dict[str, Any] = {
        "host": "cloud.example", "tenant_id": "t-1", "workspace": "personal", "subscribed": True, "health": "1.2",
        "as_of": "2026-11-22T09:00:00+00:00", "projects": Compared(("a",), ("b",), ("c",)),
    }  # fmt: skip
    return Overview(**{**usual, **facts})


def holder(device: str = "desktop", *, left: int | None = 78, path: str = "") -> Holder:
    """A device that has the lease of a folder for 12 s; `left` until it is dead."""
    return Holder(Entry(path, 7, "", Kind.HELD, 0.0), device, RUN, 12, left)


def unlocked(*holders: Holder, **facts: Any) -> Unlocked:
    """What was found in the cloud of notes."""
    return Unlocked(name="notes", holders=holders, **facts)


def never_asked() -> Overview:
    """A cloud that nobody could ask so far."""
    return Overview(host="cloud.example", trouble="nobody is logged in to the cloud; type: bisync login")


def check_result(**facts: Any) -> CheckResult:
    """A comparison that found nothing, but for what `facts` say."""
    return CheckResult(**{"name": "notes", **facts})


def kept(path: str = "a.md", *, size: int = 5) -> Kept:
    """A version in the cloud's trash."""
    return Kept(run=RUN, side="cloud", path=path, size=size)


def history(*entries: dict[str, Any], versions: tuple[Kept, ...] = ()) -> History:
    """What a history file says."""
    return History(name="notes", runs=entries, versions=versions)


def explanation(*, synced: bool = False, ruled: bool = True) -> Explanation:
    """A word on a.log; `ruled`: some rule speaks about it."""
    source, line, pattern = (".bmignore", 4, "*.log") if ruled else (None, None, None)
    return Explanation(sync="notes", path="a.log", synced=synced, source=source, line=line, pattern=pattern)


def conflict_group() -> ConflictGroup:
    """ideas.md with two versions, one of which nobody knows the origin of."""
    times = {"modified": "2026-11-22T10:00:00+00:00", "mtime_ns": 0}
    one = Version(path="ideas.md", size=4, origin="this device", device="laptop", **times)  # type: ignore[arg-type]
    two = Version(path="ideas.md.conflict1", size=2048, origin=None, **times)  # type: ignore[arg-type]
    return ConflictGroup(sync="notes", path="ideas.md", versions=(one, two))


def compared_group(*texts: str | None) -> ConflictGroup:
    """The same with these texts beside each other; of one that is None it is said that it is gone."""
    group = conflict_group()
    read = [
        text_diff.Version(0, why="it is gone")
        if text is None
        else text_diff.Version(len(text), text.encode())
        for text in texts
    ]
    pairs = [
        Beside(
            old=group.versions[0], new=group.versions[1], sizes=(read[0].size, other.size),
            shown=text_diff.shown(read[0], other),
        )
        for other in read[1:]
    ]  # fmt: skip
    return replace(group, compared=tuple(pairs))


def settled(*trashed: str) -> Settled:
    """ideas.md as it was settled."""
    return Settled(sync="notes", path="ideas.md", kept=("ideas.md",), trashed=trashed, run=RUN)


def restoration(*paths: str, replaced: bool = False, **facts: Any) -> Restoration:
    """Files that came back into /data/notes."""
    coming = tuple(Coming(path=path, size=5, kept=kept(path), replaces=replaced) for path in paths)
    back = tuple(Restored(one, Path("/data/notes") / one.path, replaced) for one in coming)
    notes = Sync(
        name="notes",
        tenant=EmbeddedTenant(name="t", tenant_id="t", storage=Path("/x")),
        dir=Path("/data/notes"),
    )
    return Restoration(sync=notes, word="a.md", coming=coming, **{"restored": back, **facts})


def pruned(*files: tuple[str, int], run: str | None = None) -> Pruned:
    """Ignored files in the cloud."""
    return Pruned(sync="notes", files=files, run=run)


def scheduled(**facts: Any) -> Scheduled:
    """A watch by systemd, all well with it, as `show` finds it."""
    usual = {
        "name": "bisync-notes-0123456789", "manifest": Path("/data/bisync.yaml"), "outcome": "shown",
        "scheduler": "systemd", "form": Form(), "places": ("/data/x.service",), "up_to_date": True, "active": True,
        "log": "journalctl --user -u x", "environment_file": Path("/data/environment"),
        "last": LastRun("notes", RUN, "2026-11-22T09:00:00+00:00", "done"),
    }  # fmt: skip
    return Scheduled(**{**usual, **facts})


def not_scheduled(outcome: str, *places: str) -> Scheduled:
    """Nothing is installed."""
    return Scheduled(
        name="bisync-notes-0123456789", manifest=Path("/data/bisync.yaml"), outcome=outcome, places=places
    )
