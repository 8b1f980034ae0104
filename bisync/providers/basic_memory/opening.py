"""A connection to a tenant's API, from what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.config import BasicMemoryTenant
from bisync.providers.base import Around
from bisync.providers.basic_memory import known
from bisync.providers.basic_memory.access import Access, Own
from bisync.providers.basic_memory.http import PATIENCE_SECONDS, Host
from bisync.providers.basic_memory.known import Generation
from bisync.providers.basic_memory.wire import Cloud


@contextmanager
def opened(
    tenant: BasicMemoryTenant, around: Around, *, patience: float = PATIENCE_SECONDS
) -> Iterator[Cloud]:
    """The tenant's API until the block ends. Nothing is asked yet."""
    remembered = known.load(tenant, around.state_dir)
    user = Own(env=around.env, home=Path(around.env.get("HOME") or Path.home()))
    host = Host(url=tenant.api_url, say=around.say, patience=patience)
    cloud = Cloud(host=host, access=Access.of(tenant, user))
    if remembered is not None:
        cloud.workspace = remembered.workspace_id
        cloud.generation = Generation(remembered.generation) if remembered.generation else None
    try:
        yield cloud
    finally:
        host.close()
