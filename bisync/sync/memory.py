"""What a process that stays knows of one sync from run to run. It is never trusted over the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bisync.core import names

if TYPE_CHECKING:
    from pathlib import Path

    from bisync.core.result import Tally
    from bisync.ignore import RuleSet
    from bisync.sync.observe import Observation


@dataclass(slots=True)
class Memory:
    """Of the last run: the ignore rules that it saw, when it began (ns since the epoch), and what it did to files here.

    `touched`: by their keys.
    """

    rules: RuleSet | None = None
    began_ns: int = 0
    touched: frozenset[str] = frozenset()

    def saw(self, seen: Observation) -> None:
        """A run has looked at both sides."""
        self.rules, self.began_ns = seen.rules, seen.started_ns
        self.touched = frozenset()

    def did(self, tally: Tally) -> None:
        """It has ended, well or not."""
        conflicts = {path for one in tally.conflicts for path in (one.path, *one.copies)}
        self.touched = frozenset(tally.downloaded | tally.deleted_local | tally.renamed | conflicts)

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
