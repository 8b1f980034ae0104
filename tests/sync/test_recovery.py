"""After a crash, a fault or a full disk the next run carries on by itself, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bisync import events
from bisync.core.result import Outcome
from bisync.locks.machine import is_held
from bisync.sync import swap
from tests.support.proxy import Drop, Gate, Proxy, Slow, Status, proxied
from tests.support.torture import rclones_of, wait_gone
from tests.support.world import S3, Device, rclone_path

FILES = 12


@pytest.fixture
def proxy(s3: S3) -> Iterator[Proxy]:
    with proxied(s3) as made:
        yield made


@pytest.fixture
def device(tmp_path: Path, proxy: Proxy) -> Device:
    """A device behind the proxy, with a dozen notes on both sides."""
    made = Device(tmp_path / "device", proxy.s3)
    made.setup()
    for number in range(FILES):
        made.write(f"n{number}.md", f"note {number}")
    assert made.sync().uploaded == FILES
    return made


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
    (child,) = rclones_of(process.pid)
    os.kill(child, signal.SIGSTOP)
    process.kill()
    process.wait(60)
    assert is_held(device.state / "lock")
    refused = device.run("sync", expect=6)
    assert "another run is at work" in refused.err
    os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_gone(child)
    gate.open()
    assert device.sync().error is None


def test_a_bare_bisync_stays_locked(device: Device, proxy: Proxy, s3: S3) -> None:
    """What the recovery saves the user from: rclone does not look whether its lock's owner lives."""
    change_both_sides(device, s3)
    gate = proxy.on("PUT", Gate(), path="new.md", times=1)
    process = device.popen("sync")
    gate.wait()
    for child in rclones_of(process.pid):
        os.kill(child, signal.SIGKILL)
    process.kill()
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


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


def stopped_at_the_end(device: Device) -> None:
    """A run that has done everything and is stopped before it could write that down."""

    def stop(_sync: str, event: events.Event) -> None:
        if event == events.Step("recording"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        device.sync(app=device.app(on_event=stop))


def test_what_a_stopped_run_brought_is_known_to_the_next(device: Device, s3: S3) -> None:
    """Its files are no user's own: deleted on the other side meanwhile, they are deleted here, too."""
    device.write("known.md", "known")
    device.sync()
    device.write("mine.md", "mine")
    device.write("edited.md", "mine, too")
    s3.put("theirs.md", "theirs")
    stopped_at_the_end(device)
    assert {"known.md", "mine.md", "edited.md", "theirs.md"} <= set(device.tree()) == set(s3.tree())
    (device.notes / "mine.md").unlink()
    device.write("edited.md", "edited since")
    s3.delete("theirs.md")

    result = device.sync()

    assert (result.error, result.deleted_cloud, result.deleted_local) == (None, 1, 1)
    assert (result.uploaded, result.conflicts) == (1, ())
    assert device.tree() == s3.tree()
    assert not {"mine.md", "theirs.md"} & set(s3.tree()) and s3.tree()["edited.md"] == "edited since"
    assert device.sync().outcome is Outcome.IDLE


def test_what_a_stopped_run_did_not_bring_is_no_news(device: Device, proxy: Proxy, s3: S3) -> None:
    device.write("known.md", "known")
    device.sync()
    device.write("mine.md", "mine")
    s3.put("theirs.md", "theirs")
    proxy.on("PUT", Status(500), path="mine.md")
    proxy.on("GET", Status(500), path="theirs.md")
    device.sync()
    proxy.clear()
    assert device.sync().error is None
    assert {"known.md", "mine.md", "theirs.md"} <= set(device.tree()) == set(s3.tree())


def test_plan_sees_what_a_killed_restore_holds(laptop: Device, s3: S3) -> None:
    """Killed between the move and the link: nothing has the name, and the next run puts the old file back."""
    for name in ("kept.md", "d/deep.md", "other.md"):
        laptop.write(name, name)
    laptop.write(".bmignore", "*.draft\n")
    laptop.sync()
    laptop.write("kept.md", "edited since")
    laptop.write("a.draft", "a secret draft")
    area = swap.Area(laptop.notes, "20261122T101500Z-000000", laptop.state / "trash/killed")
    for name in ("kept.md", "d/deep.md", ".bmignore"):
        assert swap.take_away(area, name, None)
    (laptop.notes / "d").rmdir()

    for said in (laptop.run("plan").out, laptop.run("sync", "--dry-run").out):
        assert "1 to upload\n" in said and "kept.md" in said and "draft" not in said
    laptop.run("plan", "--out", "it.json")
    assert laptop.run("explain", "notes/a.draft", expect=3).out.count("ignored")
    assert laptop.run("sync", "--plan", "it.json").out.count("1 file uploaded")
    wanted = {
        "kept.md": "edited since",
        "d/deep.md": "d/deep.md",
        "other.md": "other.md",
        ".bmignore": "*.draft\n",
    }
    assert s3.tree() == wanted
    assert laptop.tree() == {**wanted, "a.draft": "a secret draft"}


def test_a_conflict_that_a_killed_run_holds_can_be_settled(laptop: Device, s3: S3) -> None:
    laptop.write("ideas.md", "mine")
    laptop.write("ideas.md.conflict1", "theirs", mtime=1_700_000_000)
    area = swap.Area(laptop.notes, "20261122T101500Z-000000", laptop.state / "trash/killed")
    assert swap.take_away(area, "ideas.md", None)

    assert "ideas.md\n" in laptop.run("conflicts", expect=3).out
    laptop.run("resolve", "ideas.md", "--keep", "newer")

    assert laptop.tree() == {"ideas.md": "mine"}
