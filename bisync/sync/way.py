"""How far a run is on its way: of what its plan moves, not of what one rclone command has found so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bisync.core.change import Action
from bisync.core.plan import Plan
from bisync.events import Progress


@dataclass(slots=True)
class Way:
    """All that a plan moves, and what the commands that have ended moved of it. Sizes in bytes."""

    files: int
    bytes: int
    moved_files: int = 0
    moved_bytes: int = 0
    _now: Progress | None = None

    @classmethod
    def of(cls, plan: Plan) -> Way:
        """The way of a plan. Versions of a conflict or a merge travel both ways, each about as large as the other."""
        times = {Action.UPLOAD: 1, Action.DOWNLOAD: 1, Action.CONFLICT: 2, Action.MERGE: 2}
        moved = [(times.get(change.action, 0), change.size) for change in plan.changes]
        return cls(sum(count for count, _ in moved), sum(count * size for count, size in moved))

    @property
    def begun(self) -> Progress:
        """Before anything has moved."""
        return Progress(0, self.bytes, 0, self.files, 0.0, None)

    def seen(self, event: Progress) -> Progress:
        """What a command says of itself, as a part of the whole."""
        self._now = event
        done = min(self.bytes, self.moved_bytes + event.bytes)
        files = min(self.files, self.moved_files + event.files)
        eta = (self.bytes - done) / event.speed if event.speed > 0 else event.eta
        return replace(
            event, bytes=done, total_bytes=self.bytes, files=files, total_files=self.files, eta=eta
        )

    def next_command(self) -> None:
        """A command has ended; what it moved is behind us."""
        if self._now is not None:
            self.moved_files = min(self.files, self.moved_files + self._now.files)
            self.moved_bytes = min(self.bytes, self.moved_bytes + self._now.bytes)
            self._now = None
