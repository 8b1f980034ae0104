"""One module for each kind of cloud; `of` finds the one that a tenant is of."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bisync.config import Manifest, Tenant

if TYPE_CHECKING:
    from bisync.providers.base import Provider

# Loaded when a tenant asks for it: a task that talks to one cloud needs no other.
_MODULES = {
    "s3": "bisync.providers.s3",
    "rclone": "bisync.providers.rclone",
    "embedded": "bisync.providers.embedded",
    "basic-memory": "bisync.providers.basic_memory",
}


def of(tenant: Tenant) -> Provider[Any]:
    """The provider of a tenant's kind."""
    found: Provider[Any] = import_module(_MODULES[tenant.provider]).PROVIDER
    return found


def recognised(manifest: Manifest) -> Manifest:
    """The manifest with what is remembered of its tenants. Nobody is asked."""
    known = {tenant.name: of(tenant).recognise(tenant, manifest.state_dir) for tenant in manifest.tenants}
    syncs = tuple(replace(sync, tenant=known[sync.tenant.name]) for sync in manifest.syncs)
    return replace(manifest, tenants=tuple(known.values()), syncs=syncs)
