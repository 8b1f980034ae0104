"""The vendor's cloud, which this version knows by name only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from bisync.config import BasicMemoryTenant
from bisync.errors import BisyncError
from bisync.providers.base import Provider
from bisync.rclone.program import Rclone


class BasicMemory(Provider[BasicMemoryTenant]):
    """The vendor's cloud. A manifest may name it; every task that would need it says that it cannot."""

    def remote(self, tenant: BasicMemoryTenant, path: str, rclone: Rclone) -> NoReturn:
        raise _not_yet(tenant)

    def label(self, tenant: BasicMemoryTenant) -> str:
        return f"basic-memory:{tenant.id}"

    def describe(self, tenant: BasicMemoryTenant) -> NoReturn:
        raise _not_yet(tenant)

    def credentials(
        self,
        tenant: BasicMemoryTenant,
        path: str,
        rclone: Rclone | None,
        env: Mapping[str, str],
        *,
        rotate: bool,
    ) -> NoReturn:
        raise _not_yet(tenant)


def _not_yet(tenant: BasicMemoryTenant) -> BisyncError:
    return BisyncError(
        f"tenants.{tenant.name}: the provider basic-memory is not part of this version yet",
        hint="use provider s3 with the bucket's own keys",
    )


PROVIDER = BasicMemory()
