"""After a crash, a fault or a full disk the next run carries on by itself, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.locks.machine import is_held
from tests.support.proxy import Drop, Gate, Proxy, Status
from tests.support.torture import rclones_of, wait_gone
from tests.support.world import S3, Device, rclone_path

FILES = 12


@pytest.fixture
def device(far_device: Device) -> Device:
    """A device behind the proxy, with a dozen notes on both sides."""
    for number in range(FILES):
        far_device.write(f"n{number}.md", f"note {number}")
    assert far_device.sync().uploaded == FILES
    return far_device


def change_both_sides(device: Device, s3: S3) -> dict[str, str]:
    """Edits here and there, a deletion each way; the tree that must come of it."""
    device.write("n0.md", "edited here")
    device.write("new.md", "new here")
    s3.put("n1.md", "edited in the cloud")
    s3.put("fresh.md", "new in the cloud")
    (device.notes / "n2.md").unlink()
    s3.delete("n3.md")
    wanted = {f"n{number}.md": f"note {number}" for number in range(FILES) if number not in (2, 3)}
    return wanted | {
        "n0.md": "edited here", "new.md": "new here", "n1.md": "edited in the cloud", "fresh.md": "new in the cloud",
    }  # fmt: skip


def assert_healed(device: Device, s3: S3, wanted: dict[str, str]) -> None:
    """One more run, and everything is as if nothing had happened."""
    result = device.sync()
    assert result.error is None, result
    assert device.tree() == s3.tree() == wanted
    assert device.sync().outcome is Outcome.IDLE
    assert not list(device.notes.rglob("*partial*"))
    assert not (device.notes / ".basic-memory" / "hold").exists()
    assert not (device.notes / ".basic-memory" / "staging").exists()


@pytest.mark.parametrize(
    ("whom", "kind", "path"),
    [
        ("us", "PUT", "new.md"),
        ("us", "DELETE", "n2.md"),
        ("rclone", "GET", "n1.md"),
        ("rclone", "PUT", "new.md"),
        ("both", "GET", "n1.md"),
        ("both", "PUT", "new.md"),
        ("both", "DELETE", "n2.md"),
        ("both", "LIST", ""),
    ],
)
def test_kill_9_needs_no_human(device: Device, proxy: Proxy, s3: S3, whom: str, kind: str, path: str) -> None:
    wanted = change_both_sides(device, s3)
    gate = proxy.on(kind, Gate(), path=path, times=1)
    process = device.popen("sync")
    gate.wait()
    children = rclones_of(process.pid)
    assert children
    if whom in ("us", "both"):
        process.kill()
    if whom in ("rclone", "both"):
        for child in children:
            os.kill(child, signal.SIGKILL)
    gate.open()
    process.communicate(timeout=60)
    for child in children:
        wait_gone(child)
    proxy.clear()

    assert_healed(device, s3, wanted)


def test_an_orphaned_rclone_still_holds_the_lock(device: Device, proxy: Proxy, s3: S3) -> None:
    change_both_sides(device, s3)
    gate = proxy.on("PUT", Gate(), path="new.md", times=1)
    process = device.popen("sync")
    gate.wait()
    children = rclones_of(process.pid)
    for child in children:  # the guard, which would end the others, among them
        os.kill(child, signal.SIGSTOP)
    process.kill()
    process.wait(60)
    assert is_held(device.state / "lock")
    refused = device.run("sync", expect=6)
    assert "another run is at work" in refused.err
    for child in children:
        os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    for child in children:
        wait_gone(child)
    gate.open()
    assert device.sync().error is None


def test_a_bare_bisync_stays_locked(device: Device, proxy: Proxy, s3: S3) -> None:
    """What the recovery saves the user from: rclone does not look whether its lock's owner lives."""
    change_both_sides(device, s3)
    gate = proxy.on("PUT", Gate(), path="new.md", times=1)
    process = device.popen("sync")
    gate.wait()
    children = rclones_of(process.pid)
    process.kill()  # first: who lives on when rclone is gone cleans up
    for child in children:
        os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    gate.open()
    proxy.clear()
    (stale,) = (device.state / "frame").glob("*.lck")
    command = device.run("plan", "--json").json["syncs"][0]["commands"][-1]
    argv = [word.replace("{run}", "x") for word in command]
    bare = subprocess.run(
        [str(rclone_path()), *argv[1:], "--config", str(device.home / ".config/rclone/rclone.conf")],
        env={**device.environment, "RCLONE_SKIP_LINKS": "true", "RCLONE_LOCAL_NO_CHECK_UPDATED": "true"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert bare.returncode == 1 and "prior lock file found" in bare.stderr
    assert device.sync().error is None
    assert not stale.exists()


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param("LIST", Status(403, "AccessDenied"), id="LIST-403"),
        pytest.param("PUT", Status(403, "AccessDenied"), id="PUT-403"),
        pytest.param("PUT", Status(500), id="PUT-500"),
        pytest.param("PUT", Drop(), id="PUT-drop"),
        pytest.param("GET", Status(500), id="GET-500"),
        pytest.param("DELETE", Drop(), id="DELETE-drop"),
        pytest.param("COPY", Status(403, "AccessDenied"), id="COPY-403"),
    ],
)
def test_a_faulty_server_loses_nothing(
    device: Device, proxy: Proxy, s3: S3, kind: str, fault: Status | Drop
) -> None:
    wanted = change_both_sides(device, s3)
    proxy.on(kind, fault)

    failed = device.sync()

    assert failed.exit_code == 1 and failed.error, failed
    assert failed.hint
    status = device.run("status", "--json").json["syncs"][0]
    assert status["blocked"] and status["last_outcome"] == "failed"
    proxy.clear()
    assert_healed(device, s3, wanted)
    assert device.run("status", "--json").json["syncs"][0]["blocked"] is None


def test_a_dead_server_fails_soon_and_heals(device: Device, proxy: Proxy, s3: S3) -> None:
    wanted = change_both_sides(device, s3)
    proxy.on("*", Drop())
    failed = device.sync()
    assert failed.outcome is Outcome.FAILED
    assert failed.seconds < 60
    proxy.clear()
    assert_healed(device, s3, wanted)


def test_ctrl_c_ends_in_order(device: Device, proxy: Proxy, s3: S3) -> None:
    wanted = change_both_sides(device, s3)
    gate = proxy.on("PUT", Gate(), path="new.md", times=1)
    process = device.popen("sync")
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in err
    proxy.clear()
    assert device.history()[-1]["exit_code"] == 130
    assert_healed(device, s3, wanted)


def test_a_crash_between_bisync_and_our_record(device: Device, s3: S3) -> None:
    """The listings are newer than the baseline we saved: it is made anew from them."""
    old = (device.state / "baseline.json").read_bytes()
    device.write("n0.md", "edited here")
    s3.put("n1.md", "edited in the cloud")
    device.sync()
    (device.state / "baseline.json").write_bytes(old)
    assert device.sync().outcome is Outcome.IDLE
    (device.state / "baseline.json").write_text('{"version": 1, "files": {"n0')
    assert device.sync().outcome is Outcome.IDLE
    (device.state / "baseline.json").unlink()
    (device.notes / "n2.md").unlink()
    assert device.sync().deleted_cloud == 1


@pytest.mark.parametrize(
    "damage",
    [lambda good: b"", lambda good: good[:-20], lambda good: bytes(len(good)), lambda good: b"hello\n"],
    ids=["empty", "cut short", "zeros", "something else"],
)
def test_a_damaged_listing_is_named_with_its_cure(
    device: Device, s3: S3, damage: Callable[[bytes], bytes]
) -> None:
    (listing,) = (device.state / "work").glob("*.path1.lst")
    listing.write_bytes(damage(listing.read_bytes()))
    before = device.tree()

    plan = device.run("plan", expect=5)
    sync = device.run("sync", expect=5)

    assert f"the baseline is damaged: {listing}" in plan.err
    assert f"the baseline is damaged: {listing}" in sync.err
    assert "--resync" in sync.err
    assert device.tree() == s3.tree() == before
    device.run("sync", "--only", "notes", "--resync")
    assert device.tree() == s3.tree() == before
    device.write("after.md", "the damage")
    assert device.sync().uploaded == 1


def test_a_broken_history_line_does_no_harm(device: Device) -> None:
    with (device.state / "history.jsonl").open("a") as history:
        history.write('{"version": 1, "run": "cut sho')
    assert device.sync().outcome is Outcome.IDLE
    assert device.run("history").out.count("idle") == 1


def test_killed_in_the_first_baseline(tmp_path: Path, proxy: Proxy, s3: S3) -> None:
    device = Device(tmp_path / "first", proxy.s3)
    device.write("a.md", "a")
    s3.put("b.md", "b")
    gate = proxy.on("PUT", Gate(), path="a.md", times=1)
    process = device.popen("setup")
    gate.wait()
    children = rclones_of(process.pid)
    process.kill()
    for child in children:
        os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    gate.open()
    proxy.clear()
    status = device.run("status", "--json").json["syncs"][0]
    assert "bisync setup" in status["blocked"]
    device.run("setup")
    assert device.tree() == s3.tree() == {"a.md": "a", "b.md": "b"}


def test_a_file_that_cannot_be_read_stops_nothing_else(device: Device, s3: S3) -> None:
    """Deletions travel, the rest is synced, the file is named; its memory is kept for when it can be read."""
    with as_ordinary_user(device):
        (device.notes / "n5.md").write_text("edited, then locked")
        (device.notes / "n5.md").chmod(0)
        (device.notes / "n4.md").unlink()
        result = device.sync()
        assert result.outcome is Outcome.DONE and result.exit_code == 1
        assert result.deleted_cloud == 1
        assert [one.path for one in result.left_out] == ["n5.md"]
        (device.notes / "n5.md").chmod(0o644)
        (device.notes / "n6.md").unlink()
        done = device.sync()
    assert done.exit_code == 0 and done.uploaded == 1 and not done.conflicts
    assert s3.tree()["n5.md"] == "edited, then locked"


def test_a_folder_that_cannot_be_read_loses_nothing(device: Device, s3: S3) -> None:
    with as_ordinary_user(device):
        device.write("locked/a.md", "a")
        device.write("open/b.md", "b")
        device.sync()
        (device.notes / "locked").chmod(0)
        (device.notes / "open" / "b.md").unlink()
        result = device.sync()
        (device.notes / "locked").chmod(0o755)
        assert result.deleted_cloud == 1 and result.exit_code == 1
        assert "locked" in [one.path for one in result.left_out]
        assert s3.tree()["locked/a.md"] == "a"
        (device.notes / "locked" / "a.md").unlink()
        assert device.sync().deleted_cloud == 1


@contextmanager
def as_ordinary_user(device: Device) -> Iterator[None]:
    """Root may read everything: go on as nobody, who owns the device's home."""
    if os.geteuid() != 0:
        yield
        return
    subprocess.run(["chown", "-R", "65534:65534", str(device.home)], check=True)
    for folder in device.home.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
