"""Watch syncs: run each as soon as there is something to do, until told to stop."""

from __future__ import annotations

from collections.abc import Callable

from bisync.app import App
from bisync.config import Sync
from bisync.sync.run import Options
from bisync.watch.loop import Measured, Watch
from bisync.watch.news import News

__all__ = ["run"]


def run(
    opened: Callable[[], tuple[App, tuple[Sync, ...]]],
    tell: Callable[[News], None],
    *,
    options: Options,
    interval: float | None,
    jobs: int,
    measuring: Callable[[App], Measured],
) -> int:
    """Watch until a signal ends it; the exit code: 128 and its number.

    `opened` reads the manifest, also whenever its files change. `interval`: seconds, in place of the manifest's.
    `measuring`: what each run goes through, for its metrics.

    Raises BisyncError where watching cannot begin, Locked among them where another process watches one of the syncs.
    """
    return Watch(opened, tell, options=options, interval=interval, jobs=jobs, measuring=measuring).run()
