"""The program with leases that last seconds, not minutes: `python -m tests.support.short_lease sync`.

Nothing else of it is changed: a test that waits until a lease is dead would take as long as the lease lasts.
"""

from __future__ import annotations

from bisync.tasks.program import main

from bisync.core.lease_folder import Terms
from bisync.locks import lease

TERMS = Terms(lease=6.0, hold=3.5, renew=1.0, waiting=4.0, kept=60.0)

if __name__ == "__main__":
    lease.TERMS = TERMS
    main()
