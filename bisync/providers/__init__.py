"""One module per kind of cloud. Each turns a tenant into a `Remote` that rclone can reach.

`opened` is the only way in. The vendor's own cloud (provider `basic-memory`) will be one more module here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync import rcloneconf
from bisync.config import EmbeddedTenant, RcloneTenant, S3Tenant, Sync, Tenant
from bisync.errors import BisyncError
from bisync.rclone import Rclone, Remote


def tenant_id(tenant: Tenant) -> str:
    """The name a tenant's state and remote go by."""
    return tenant.tenant_id or tenant.name


def section_name(tenant: Tenant) -> str:
    """The tenant's remote in rclone.conf."""
    return rcloneconf.section_name(tenant_id(tenant))


def fs(sync: Sync, rclone: Rclone) -> str:
    """The cloud side as rclone spells it; nothing is started for it."""
    section = section_name(sync.tenant)
    match sync.tenant:
        case S3Tenant() as tenant:
            from bisync.providers import s3

            return s3.remote(tenant, section, sync.path).fs
        case RcloneTenant() as tenant:
            from bisync.providers import rclone_remote

            return rclone_remote.remote(tenant, sync.path, rclone).fs
        case EmbeddedTenant() as tenant:
            from bisync.providers import embedded

            return embedded.remote(tenant, section, sync.path).fs
        case tenant:
            raise not_yet(tenant)


@contextmanager
def opened(sync: Sync, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
    """The cloud side of `sync`, reachable until the block ends. Raises BisyncError when it cannot be."""
    match sync.tenant:
        case S3Tenant() as tenant:
            from bisync.providers import s3

            yield s3.remote(tenant, section_name(tenant), sync.path)
        case RcloneTenant() as tenant:
            from bisync.providers import rclone_remote

            yield rclone_remote.remote(tenant, sync.path, rclone)
        case EmbeddedTenant() as tenant:
            from bisync.providers import embedded

            with embedded.serving(tenant, section_name(tenant), sync.path, rclone, state_dir) as remote:
                yield remote
        case tenant:
            raise not_yet(tenant)


def not_yet(tenant: Tenant) -> BisyncError:
    """The error for a provider this version cannot reach."""
    return BisyncError(
        f"tenants.{tenant.name}: the provider basic-memory is not part of this version yet",
        hint="use provider s3 with the bucket's own keys",
    )
