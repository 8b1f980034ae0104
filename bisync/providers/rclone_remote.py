"""A remote that the user's own rclone.conf has."""

from __future__ import annotations

from bisync import rclone as rclone_cli
from bisync.config import RcloneTenant
from bisync.errors import RcloneError
from bisync.rclone import Rclone, Remote, listremotes_argv, read_remotes

# Backends whose listings carry MD5s without reading or asking for each file
# (rclone docs, "Overview of cloud storage systems", column Hash).
HASHES_IN_LISTINGS = frozenset({"s3", "google cloud storage", "azureblob", "drive"})


def remote(tenant: RcloneTenant, path: str, rclone: Rclone) -> Remote:
    """The sync's folder below the tenant's remote. Raises RcloneError when rclone.conf has no such remote."""
    name = tenant.remote.partition(":")[0]
    known = read_remotes(rclone.check(listremotes_argv()).stdout)
    if name not in known:
        have = ", ".join(sorted(known)) or "none"
        raise RcloneError(
            f"tenants.{tenant.name}: rclone.conf has no remote {name!r} (it has: {have})",
            hint=f"make it with: rclone config --config {rclone.config}",
        )
    features = rclone.check(rclone_cli.features_argv(f"{name}:")).stdout
    return Remote(
        fs=fs(tenant, path),
        hashes=known[name] in HASHES_IN_LISTINGS,
        label=fs(tenant, path).rstrip("/"),
        keeps_versions=rclone_cli.keeps_versions(features),
    )


def fs(tenant: RcloneTenant, path: str) -> str:
    """The sync's folder as rclone spells it: the tenant's remote, and the path below it."""
    name, _, below = tenant.remote.partition(":")
    folder = "/".join(part for part in (below.rstrip("/"), path.strip("/")) if part)
    return f"{name}:{folder}/" if folder else f"{name}:"
