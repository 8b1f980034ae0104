"""rclone's own bisync on the listings that a sync keeps: what somebody who knows nothing of us would see."""

from __future__ import annotations

import subprocess

from bisync.config import Compare
from bisync.rclone.argv import BisyncCall, bisync_argv
from bisync.rclone.program import environment
from tests.support.world import Device, rclone_path


def bare_bisync(device: Device, compare: Compare = Compare.CHECKSUM) -> str:
    """What rclone's own bisync says of the pair of listings that a sync keeps; it must end well."""
    app = device.app()
    sync = app.manifest.syncs[0]
    with app.session(sync) as session:
        call = BisyncCall(
            local=sync.dir, remote=session.remote, profile=session.profile, compare=compare,
            filters=session.state.filters, workdir=session.state.work,
            backup_local=device.home / "bare" / "local", fast_list=True, max_delete_percent=100,
            backup_cloud=session.remote.below(".basic-memory/trash/bare"),
        )  # fmt: skip
        ran = subprocess.run(
            [str(rclone_path()), *bisync_argv(call)[1:], "--config", str(session.rclone.config)],
            env=environment(device.environment, session.remote.env), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


def accepts(device: Device, compare: Compare = Compare.CHECKSUM) -> bool:
    """Whether bisync finds nothing to do with our listings."""
    before = device.tree()
    said = bare_bisync(device, compare)
    assert device.tree() == before
    return "No changes found" in said
