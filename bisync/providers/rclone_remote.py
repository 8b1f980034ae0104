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
    name, _, below = tenant.remote.partition(":")
    known = read_remotes(rclone.check(listremotes_argv()).stdout)
    if name not in known:
        have = ", ".join(sorted(known)) or "none"
        raise RcloneError(
            f"tenants.{tenant.name}: rclone.conf has no remote {name!r} (it has: {have})",
            hint=f"make it with: rclone config --config {rclone.config}",
        )
    folder = "/".join(part.strip("/") if i else part.rstrip("/") for i, part in enumerate((below, path)) if part)
    fs = f"{name}:{folder}/" if folder else f"{name}:"
    features = rclone.check(rclone_cli.features_argv(f"{name}:")).stdout
    return Remote(
        fs=fs,
        hashes=known[name] in HASHES_IN_LISTINGS,
        label=fs.rstrip("/"),
        keeps_versions=rclone_cli.keeps_versions(features),
    )
