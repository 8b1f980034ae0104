"""What a process that stays knows of one sync from run to run. It is never trusted over the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.core.snapshot import Baseline, CloudFile
from bisync.ignore import RuleSet
from bisync.rclone import listings
from bisync.sync import quiet
from bisync.sync.cloud_listing import Remembered, in_cloud
from bisync.sync.quiet import Quiet

if TYPE_CHECKING:
    from bisync.core.change import Change
    from bisync.core.result import SyncResult, Tally
    from bisync.rclone.resident import Residents
    from bisync.sync.observe import Observation
    from bisync.sync.prepare import Prepared


KEPT_FILES = 20_000
"""Of a sync with more files the baseline is read anew: a process that stays is to be small."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """Of the last run: the ignore rules that it saw, when it began (ns since the epoch), and what it did to files here.

    `touched`: by their keys. `cloud`: None where nobody may go by it. `glanced`: the last run went by it. `earnest`: it
    has looked at both sides, and not only for whether anything is new. `baseline`: what lies on the disk, and how that
    is told. `quiet`: how both sides were when there was nothing to do. `residents`: rclones that others use, too.
    """

    residents: Residents | None = None
    rules: RuleSet | None = None
    began_ns: int = 0
    touched: frozenset[str] = frozenset()
    cloud: Remembered | None = None
    glanced: bool = False
    earnest: bool = False
    quiet: Quiet | None = None
    baseline: tuple[object, Baseline] | None = None

    def lend(self, *, glance: bool) -> Remembered | None:
        """The cloud as it is known, for a run that begins and may go by that. Once it has ended well it is known again.

        What somebody has changed there since is met as what changes while a run is under way.
        """
        lent, self.cloud = (self.cloud if glance else None), None
        self.glanced = lent is not None
        return lent

    def lend_baseline(self, session: Session) -> Baseline | None:
        """The baseline as it was read or written last, if that is still what lies on the disk."""
        known, self.baseline = self.baseline, None
        return known[1] if known is not None and known[0] == written(session) else None

    def saw(self, seen: Observation) -> None:
        """A run has looked at both sides."""
        self.rules, self.began_ns, self.earnest = seen.rules, seen.started_ns, True
        self.touched = frozenset()

    def idle(self, session: Session, prepared: Prepared, known: Baseline, result: SyncResult) -> None:
        """There was nothing to do: both sides hold what `known` says, which lies on the disk."""
        if known.compare is Compare.CHECKSUM:
            self.cloud = _remembered(known, prepared.seen, prepared.seen.cloud.files)
        self._keep(session, known)
        self.quiet = quiet.noted(session, prepared, known, written(session), result)

    def did(self, tally: Tally) -> None:
        """It has ended, well or not."""
        conflicts = {path for one in tally.conflicts for path in (one.path, *one.copies)}
        self.touched = frozenset(
            tally.downloaded | tally.deleted_local | tally.renamed | tally.merged | conflicts
        )

    def brought_about(
        self, session: Session, seen: Observation, changes: Sequence[Change], made: Baseline
    ) -> None:
        """A run has done all that was planned, and nothing came between: both sides hold what `made` says."""
        files = dict(seen.cloud.files)
        for path in {path for change in changes for path in change.paths}:
            base = made.files.get(path)
            if base is None:
                files.pop(path, None)
            elif (there := in_cloud(path, base)) is None:
                return
            else:
                files[path] = there
        self.cloud = _remembered(made, seen, files)
        self._keep(session, made)

    def _keep(self, session: Session, known: Baseline) -> None:
        if len(known.files) <= KEPT_FILES:
            self.baseline = (written(session), known)

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


def written(session: Session) -> object:
    """What changes whenever somebody writes the baseline, its listings, or what else a look goes by."""
    state = session.state
    listed = listings.find(state.work, session.sync.dir, session.remote.fs)
    both = (listed.path1, listed.path2) if listed is not None else ()
    return tuple(map(_stamp, (state.baseline, state.held, state.filters, state.journal, *both)))


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        there = path.stat()
    except FileNotFoundError:
        return None
    return there.st_size, there.st_mtime_ns, there.st_ctime_ns, there.st_ino


def _remembered(known: Baseline, seen: Observation, files: Mapping[str, CloudFile]) -> Remembered:
    differs: dict[str, CloudFile | None] = {
        path: there
        for path, there in files.items()
        if (base := known.files.get(path)) is None or there != in_cloud(path, base)
    }
    differs |= {path: None for path in known.files if path not in files}
    return Remembered(
        listings=known.listings,
        differs=differs,
        left_out=seen.cloud.left_out,
        marker=seen.marker.there,
        filters=seen.filters,
        compare=Compare.CHECKSUM,
        leases=seen.leases.entries,
    )
