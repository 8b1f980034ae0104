"""Bring both sides of one sync together. The run itself is in `bisync.sync.run`: setup ends in one, too."""

from __future__ import annotations

from bisync.sync.plan_file import Expected, read_plan
from bisync.sync.run import Options, run

__all__ = ["Expected", "Options", "read_plan", "run"]
