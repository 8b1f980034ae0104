"""Any S3-compatible store, through a section of rclone.conf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bisync import rcloneconf
from bisync.config import S3Tenant
from bisync.rclone import Remote
from bisync.secrets import Secret, resolve


def remote(tenant: S3Tenant, section: str, path: str) -> Remote:
    """The sync's folder in the tenant's bucket. Its listings carry ETags, which are MD5s."""
    folder = f"{tenant.bucket}/{path}/" if path else f"{tenant.bucket}/"
    at = f" at {tenant.endpoint}" if tenant.endpoint else ""
    return Remote(fs=f"{section}:{folder}", hashes=True, label=f"s3://{folder.rstrip('/')}{at}")


def probe(tenant: S3Tenant, section: str, path: str, values: Mapping[str, str | Secret]) -> Remote:
    """The same folder by an environment of its own: to try values that are not in rclone.conf yet."""
    prefix = f"RCLONE_CONFIG_{section.upper()}_"
    env = {prefix + key.upper(): v.reveal() if isinstance(v, Secret) else v for key, v in values.items()}
    return replace(remote(tenant, section, path), env=env)


def section_values(tenant: S3Tenant, env: Mapping[str, str]) -> dict[str, str | Secret]:
    """The keys of the tenant's section in rclone.conf. Resolves the secret references: raises SecretError."""
    keys = tenant.credentials
    return rcloneconf.s3_values(
        provider=tenant.s3_provider,
        keys=(resolve(keys.access_key_id, env), resolve(keys.secret_access_key, env)) if keys else None,
        region=tenant.region,
        endpoint=tenant.endpoint,
    )
