"""Half-written downloads: what a killed run left is swept, and nothing else that is called so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from bisync.core.result import Outcome
from bisync.state import runs
from tests.support.proxy import Proxy, Slow
from tests.support.torture import rclones_of
from tests.support.world import S3, Device


@pytest.fixture
def device(far_device: Device) -> Device:
    """A device behind the proxy, with two notes on both sides."""
    for number in range(2):
        far_device.write(f"n{number}.md", f"note {number}")
    assert far_device.sync().uploaded == 2
    return far_device


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("whom", ["us", "rclone"])
def test_only_what_a_killed_run_left_is_swept(device: Device, proxy: Proxy, s3: S3, whom: str) -> None:
    """A conflict that comes after the plan makes bisync fetch a copy into the tree; it is killed over that."""
    mine = {"mine.bisync-partial": "never synced", "d/n.md.1a2b3c4d.bisync-partial": "mine, too"}
    for name, text in mine.items():
        device.write(name, text)
    device.sync()
    wait = "touch ../planned; while [ ! -e ../go ]; do sleep 0.05; done"
    device.write_manifest(device.s3_manifest() + f'    hooks: {{before_sync: [[sh, -c, "{wait}"]]}}\n')
    device.write("n0.md", "edited here")
    process = device.popen("sync")
    until((device.home / "planned").exists)
    s3.put("n0.md", "foreign " * 40_000)
    proxy.on("GET", Slow(20_000), path="conflict")
    (device.home / "go").touch()
    until(lambda: set(device.notes.rglob("*.bisync-partial")) != {device.notes / name for name in mine})
    children = rclones_of(process.pid)
    if whom == "us":
        process.kill()
    for child in children:
        os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    proxy.clear()
    device.write("later.bisync-partial", "after the run that was killed")
    device.write_manifest(device.s3_manifest())
    assert len(list(device.notes.rglob("n0.md.conflict1.*.bisync-partial"))) == 1

    result = device.sync()

    assert result.error is None and result.exit_code == 1
    mine["later.bisync-partial"] = "after the run that was killed"
    assert {one.path for one in result.left_out} == set(mine)
    assert all("rename it" in one.why for one in result.left_out)
    tree = device.tree()
    assert {name: tree[name] for name in tree if "partial" in name} == mine
    assert not any("partial" in name for name in s3.tree())
    assert tree["n0.md"] == "edited here" and tree["n0.md.conflict1"] == "foreign " * 40_000
    kept = [path.name for path in (device.state / "trash").rglob("*.bisync-partial")]
    assert len(kept) == 1 and kept[0].startswith("n0.md.conflict1.")
    device.write("n1.md", "another run")
    device.sync()
    assert {name: text for name, text in device.tree().items() if "partial" in name} == mine


def test_a_users_own_file_called_like_a_half_written_one_stays_and_is_named(device: Device, s3: S3) -> None:
    """Whatever runs come and go, in order or not."""
    names = {"x.bisync-partial", "d/n.md.1a2b3c4d.bisync-partial"}
    for name in names:
        device.write(name, "the only copy")
    device.write("d/whole.md", "whole")

    said = device.run("sync", expect=1)

    assert all(f"Left out: {name}: its name ends like" in said.out + said.err for name in names)
    assert names <= set(device.tree()) and not names & set(s3.tree())
    assert s3.tree()["d/whole.md"] == "whole"
    s3.delete("d/whole.md")
    assert device.sync().deleted_local == 1
    assert names <= set(device.tree())


def test_once_a_run_was_idle_nothing_counts_as_left_by_the_one_that_was_killed_before(device: Device) -> None:
    app = device.app()
    with app.locked_session(app.manifest.syncs[0]) as session:
        runs.note_partials(session.state, ())  # as a run leaves it that was killed before it wrote anything
    assert device.sync().outcome is Outcome.IDLE
    device.write("d/n.md.1a2b3c4d.bisync-partial", "the only copy")
    device.write("n1.md", "another run")

    device.sync()

    assert device.tree()["d/n.md.1a2b3c4d.bisync-partial"] == "the only copy"
