"""What a process that stays knows of one sync from run to run. It is never trusted over the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.config import Compare
from bisync.core import names
from bisync.core.snapshot import Baseline, CloudFile
from bisync.ignore import RuleSet
from bisync.sync.cloud_listing import Remembered

if TYPE_CHECKING:
    from bisync.core.change import Change
    from bisync.core.result import Tally
    from bisync.sync.observe import Observation


def _remembered(run: str, seen: Observation, files: Mapping[str, CloudFile]) -> Remembered:
    return Remembered(
        run=run,
        files=files,
        left_out=seen.cloud.left_out,
        marker=seen.marker.there,
        filters=seen.filters,
        compare=Compare.CHECKSUM,
        leases=seen.leases.entries,
    )


@dataclass(slots=True)
class Memory:
    """Of the last run: the ignore rules that it saw, when it began (ns since the epoch), and what it did to files here.

    `touched`: by their keys. `cloud`: None where nobody may go by it. `glanced`: the last run went by it.
    """

    rules: RuleSet | None = None
    began_ns: int = 0
    touched: frozenset[str] = frozenset()
    cloud: Remembered | None = None
    glanced: bool = False

    def lend(self, *, glance: bool) -> Remembered | None:
        """The cloud as it is known, for a run that begins and may go by that. Once it has ended well it is known again.

        What somebody has changed there since is met as what changes while a run is under way.
        """
        lent, self.cloud = (self.cloud if glance else None), None
        self.glanced = lent is not None
        return lent

    def saw(self, seen: Observation) -> None:
        """A run has looked at both sides."""
        self.rules, self.began_ns = seen.rules, seen.started_ns
        self.touched = frozenset()

    def idle(self, seen: Observation, known: Baseline) -> None:
        """There was nothing to do: both sides hold what `known` says."""
        if known.compare is Compare.CHECKSUM:
            self.cloud = _remembered(known.run, seen, seen.cloud.files)

    def did(self, tally: Tally) -> None:
        """It has ended, well or not."""
        conflicts = {path for one in tally.conflicts for path in (one.path, *one.copies)}
        self.touched = frozenset(tally.downloaded | tally.deleted_local | tally.renamed | conflicts)

    def brought_about(self, seen: Observation, changes: Sequence[Change], made: Baseline) -> None:
        """A run has done all that was planned, and nothing came between: both sides hold what `made` says."""
        files = dict(seen.cloud.files)
        for path in {path for change in changes for path in change.paths}:
            base = made.files.get(path)
            if base is None:
                files.pop(path, None)
            elif base.md5 is None:
                return
            else:
                name = base.names[1] if base.names is not None else path
                files[path] = CloudFile(name, base.size, base.md5, None)
        self.cloud = _remembered(made.run, seen, files)

    def is_ignored(self, root: Path, path: str) -> bool:
        """Whether the rules ignore what is called `path` here (as the disk spells it), as far as they are known."""
        return self.rules is not None and self.rules.decide(path, is_dir=(root / path).is_dir()).ignored

    def is_own(self, root: Path, path: str) -> bool:
        """Whether it was the last run that changed this file, and nobody since: told by its time.

        A mistake costs little: what somebody saved with an old time is found by the next whole look.
        """
        if names.key(names.to_rclone(path)) not in self.touched:
            return False
        try:
            return (root / path).lstat().st_mtime_ns < self.began_ns
        except OSError:
            return True
