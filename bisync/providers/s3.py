"""Any S3-compatible store, through a section of rclone.conf."""

from __future__ import annotations

from collections.abc import Mapping

from bisync.config import S3Tenant
from bisync.rclone import Remote
from bisync.secrets import Secret, resolve


def remote(tenant: S3Tenant, section: str, path: str) -> Remote:
    """The sync's folder in the tenant's bucket. Its listings carry ETags, which are MD5s."""
    folder = f"{tenant.bucket}/{path}/" if path else f"{tenant.bucket}/"
    return Remote(fs=f"{section}:{folder}", hashes=True, label=f"s3://{folder.rstrip('/')}")


def section_values(tenant: S3Tenant, env: Mapping[str, str]) -> dict[str, str | Secret]:
    """The keys of the tenant's section in rclone.conf, in the order they are written.

    Resolves the secret references: raises SecretError. Without references rclone uses the AWS SDK's chain.
    """
    values: dict[str, str | Secret] = {"type": "s3", "provider": tenant.s3_provider}
    if tenant.credentials is None:
        values["env_auth"] = "true"
    else:
        values["env_auth"] = "false"
        values["access_key_id"] = resolve(tenant.credentials.access_key_id, env)
        values["secret_access_key"] = resolve(tenant.credentials.secret_access_key, env)
    if tenant.region is not None:
        values["region"] = tenant.region
    if tenant.endpoint is not None:
        values["endpoint"] = tenant.endpoint
    # Without it every upload to a backup prefix tries to create the bucket first.
    values["no_check_bucket"] = "true"
    return values
