"""The program without leases, for what they cost: `python -m tests.support.no_lease sync`. Nothing else is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bisync.tasks.program import main

from bisync.app import Session
from bisync.sync import leased
from bisync.sync.crew import Early
from bisync.sync.leased import Under
from bisync.sync.prepare import Prepared

NAME = "tests.support.no_lease"


@contextmanager
def unleased(
    session: Session,
    prepared: Prepared,
    run: str,
    *,
    wait: bool,
    look: Callable[[Session], Prepared],
    early: Early,
) -> Iterator[Under]:
    """In place of `leased.writing`."""
    yield Under(session, prepared, lambda: None)


if __name__ == "__main__":
    leased.writing = unleased
    Early.begin = lambda self: None  # type: ignore[method-assign]
    main()
