"""The program with leases that last seconds, not minutes: `python -m tests.support.short_lease sync`.

Nothing else of it is changed. Where a device is killed, others would wait until its lease is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bisync.tasks.program import main

from bisync.core.lease_folder import Terms
from bisync.locks import lease

NAME = "tests.support.short_lease"
TERMS = Terms(lease=6.0, hold=3.5, renew=1.0, waiting=4.0, kept=60.0)


@contextmanager
def shortened() -> Iterator[None]:
    """The same in this process, as long as the block lasts."""
    before, lease.TERMS = lease.TERMS, TERMS
    try:
        yield
    finally:
        lease.TERMS = before


if __name__ == "__main__":
    lease.TERMS = TERMS
    main()
