"""One module for each kind of cloud; `of` finds the one that a tenant is of."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bisync.config import Tenant

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
