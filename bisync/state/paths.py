"""The state directory of one sync: where things lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bisync.files import private_dir


@dataclass(frozen=True, slots=True)
class SyncState:
    """The files of one sync, all below `root`."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def watch(self) -> Path:
        """The lock of whoever watches the sync."""
        return self.root / "watch.lock"

    @property
    def wish(self) -> Path:
        """The lock of whoever wants the sync's lock while somebody watches it."""
        return self.root / "wish.lock"

    @property
    def filters(self) -> Path:
        return self.root / "filters.rclone"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def frame(self) -> Path:
        """bisync's workdir and filters while a run lasts: only what its plan touches."""
        return self.root / "frame"

    @property
    def ancestor(self) -> Path:
        return self.root / "ancestor"

    @property
    def baseline(self) -> Path:
        return self.root / "baseline.json"

    @property
    def journal(self) -> Path:
        return self.root / "run.json"

    @property
    def partials(self) -> Path:
        """What looked like a half-written download when the run began that is under way, or did not end well."""
        return self.root / "partials.json"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    @property
    def changes(self) -> Path:
        """What each run changed, as long as its trash is kept."""
        return self.root / "changes"

    @property
    def aside(self) -> Path:
        """Which ignore files of the cloud are set aside."""
        return self.root / "aside.txt"

    @property
    def hook_log(self) -> Path:
        """What hooks said lately."""
        return self.root / "hooks.log"

    @property
    def conflict_paths(self) -> Path:
        """The contested paths of a run, while the hooks that hear of them run."""
        return self.root / "conflict-paths.txt"

    @property
    def held(self) -> Path:
        """What waits because ignore rules changed in the cloud."""
        return self.root / "held.json"

    @property
    def lease(self) -> Path:
        """How leases are taken in the cloud, and the last one this device gave back."""
        return self.root / "lease.json"

    @property
    def contents(self) -> Path:
        """What texts held when both sides last agreed, where edits of them are merged."""
        return self.root / "contents"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    @property
    def other_runs(self) -> Path:
        """What this device moved to the cloud's trash beside its runs: their ids, one a line."""
        return self.root / "other-runs.txt"

    @property
    def lists(self) -> Path:
        """Short-lived lists of names for rclone."""
        return self.root / "lists"

    def prepare(self) -> None:
        """Make the folders, private."""
        for folder in (self.work, self.trash, self.lists):
            private_dir(folder)


def sync_state(state_dir: Path, tenant_id: str, sync: str) -> SyncState:
    """Where the state of a sync lies (design: bisync-state/{tenant_id}/{sync})."""
    return SyncState(state_dir / "bisync-state" / tenant_id / sync)
