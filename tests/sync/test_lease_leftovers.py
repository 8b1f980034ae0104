"""Objects of old leases: they go when there are many, and a store that keeps them stops no run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bisync.core.lease_folder import Kind
from bisync.locks.lease import SWEEP_AT
from bisync.locks.lease_objects import Told, text
from tests.support.proxy import Proxy, Status
from tests.support.world import BUCKET, S3, Device

FOLDER = f"s3:{BUCKET}/.basic-memory"


def leave_many(s3: S3, folder: Path) -> None:
    """As many leases as are swept, given back long ago."""
    folder.mkdir()
    for number in range(101, 102 + SWEEP_AT):
        path = folder / f"lease.{number:09}.0abc-0"
        path.write_bytes(text(Told("0abc-0", "desktop", "r"), Kind.FREE))
        os.utime(path, (time.time() - 3600,) * 2)
    s3.rclone("copy", str(folder), FOLDER)


@pytest.mark.parametrize("refused", [False, True])
def test_what_cannot_be_swept_stops_no_run(
    far_device: Device, s3: S3, proxy: Proxy, tmp_path: Path, refused: bool
) -> None:
    leave_many(s3, tmp_path / "old")
    if refused:
        for kind in ("DELETE", "POST"):
            proxy.on(kind, Status(403, "AccessDenied"))
    far_device.write("a.md", "a")

    result = far_device.sync()

    assert (result.error, result.uploaded) == (None, 1)
    assert ("lease.000000101.0abc-0" in s3.rclone("lsf", FOLDER).split()) is refused
