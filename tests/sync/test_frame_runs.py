"""A run does what its plan says and nothing else, whatever happens while it is under way."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bisync.config import Compare
from bisync.core.change import Change
from bisync.core.result import Outcome
from tests.support.bare import accepts, bare_bisync
from tests.support.blackbox.history import History
from tests.support.blackbox.places import Bucket
from tests.support.proxy import Gate, Status, proxied
from tests.support.world import S3, Device


def meanwhile(device: Device, deed: Callable[[], object], **options: Any) -> Any:
    """Sync, and do something when both sides have been looked at and nothing has been written yet."""

    def on_plan(_sync: str, _changes: tuple[Change, ...]) -> None:
        deed()

    return device.sync(app=device.app(on_plan=on_plan), **options)


def test_a_rule_and_what_it_hides_that_come_during_a_run_stay_here(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")

    def hide() -> None:
        laptop.write(".bmignore", "*.key\n")
        laptop.write("team.key", "secret")
        laptop.write("new.md", "new")

    assert meanwhile(laptop, hide).uploaded == 1

    assert s3.tree() == {"a.md": "a"}
    laptop.sync()
    assert s3.tree() == {"a.md": "a", ".bmignore": "*.key\n", "new.md": "new"}


def test_the_twin_of_a_name_is_left_out_and_stays_here(laptop: Device, s3: S3) -> None:
    laptop.write("caf\u00e9.md", "one")
    laptop.sync()
    laptop.write("cafe\u0301.md", "the other spelling")
    laptop.write("b.md", "b")

    result = laptop.sync()

    assert (result.uploaded, result.exit_code) == (1, 1)
    assert s3.tree() == {"caf\u00e9.md": "one", "b.md": "b"}


def test_a_foreign_change_after_the_look_waits(tmp_path: Path, s3: S3) -> None:
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.setup()
        for name in ("a.md", "n.md"):
            device.write(name, "old")
        device.sync()
        device.write("a.md", "edited here")
        result = meanwhile(device, lambda: s3.put("n.md", "foreign, and longer"))
        assert (result.uploaded, result.downloaded) == (1, 0)
        assert device.tree()["n.md"] == "old"
        device.write("n.md", "saved here in that moment")
        device.sync()
        assert sorted(device.tree().values()) == sorted(
            ["edited here", "saved here in that moment", "foreign, and longer"]
        )


def test_a_file_deleted_here_during_the_run_is_a_change_for_the_next(laptop: Device, s3: S3) -> None:
    for name in ("a.md", "b.md"):
        laptop.write(name, "old")
    laptop.sync()
    for name in ("a.md", "b.md"):
        laptop.write(name, "edited")

    result = meanwhile(laptop, (laptop.notes / "a.md").unlink)

    assert (result.error, result.uploaded, result.deleted_cloud) == (None, 1, 0)
    assert s3.tree() == {"a.md": "old", "b.md": "edited"}
    assert laptop.sync().deleted_cloud == 1


@pytest.mark.parametrize("first", [True, False], ids=["the first baseline", "another way to compare"])
def test_bisync_runs_once_and_nothing_is_resynced(ready: Device, cloud: S3, below: str, first: bool) -> None:
    """Two runs into one backup dir would overwrite what the first kept there."""
    ready.write_manifest(ready.s3_manifest() + "profiles: {by-time: {compare: modtime}}\n")
    if first:
        shutil.rmtree(ready.state / "work")
    ready.write("a.md", "one")
    profile = () if first else ("--profile", "by-time")
    commands = ready.run("plan", "--json", *profile).json["syncs"][0]["commands"]
    assert [argv[1] for argv in commands].count("bisync") == 1
    assert not any("--resync" in argv for argv in commands)
    ready.run(*(("setup",) if first else ("sync", *profile)))
    assert cloud.tree()[f"{below}/a.md"] == "one"


def test_rules_that_cannot_be_fetched_bring_nothing_back(tmp_path: Path, s3: S3) -> None:
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.setup()
        device.write("a.md", "a")
        device.sync()
        device.write("b.md", "b")
        device.sync()
        (device.notes / "b.md").unlink()
        s3.delete("a.md")
        s3.put(".bmignore", "*.x\n")
        proxy.on("GET", Status(500), path=".bmignore")
        assert device.sync().error is not None
        proxy.clear()
        result = device.sync()
    assert (result.error, result.deleted_cloud, result.deleted_local) == (None, 1, 1)
    assert device.tree() == s3.tree() == {".bmignore": "*.x\n"}


def test_a_touched_file_and_another_way_to_compare(laptop: Device, s3: S3) -> None:
    laptop.write_manifest(laptop.s3_manifest() + "profiles: {by-time: {compare: modtime}}\n")
    for name in ("touched.md", "gone.md", "kept.md"):
        laptop.write(name, name)
    laptop.sync()
    os.utime(laptop.notes / "touched.md", (1, 1))
    (laptop.notes / "gone.md").unlink()
    for profile in ("by-time", None, "by-time"):
        for _ in range(2):
            result = laptop.sync(profile=profile)
            assert (result.error, result.conflicts) == (None, ())
        assert result.outcome is Outcome.IDLE or laptop.sync(profile=profile).outcome is Outcome.IDLE
        assert laptop.tree() == s3.tree() == {"touched.md": "touched.md", "kept.md": "kept.md"}


def test_what_the_guards_admit_bisync_admits(laptop: Device, s3: S3) -> None:
    """Most of a small tree goes, on both sides, in one run with conflicts and edits."""
    for name in "abcdefgh":
        laptop.write(f"{name}.md", name)
    laptop.sync()
    for name in "ab":
        (laptop.notes / f"{name}.md").unlink()
        s3.delete(f"{name}.md")
    for name in "cd":
        (laptop.notes / f"{name}.md").unlink()
    for name in "ef":
        s3.delete(f"{name}.md")
    laptop.write("g.md", "here")
    s3.put("g.md", "there, longer")

    result = laptop.sync(profile="safe")

    assert result.error is None
    assert (result.deleted_cloud, result.deleted_local, len(result.conflicts)) == (2, 2, 1)
    assert set(laptop.tree()) == set(s3.tree()) == {"g.md.conflict1", "g.md.conflict2", "h.md"}


def test_what_a_reviewed_plan_does_not_say_is_refused(laptop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "*.draft\n")
    laptop.write("a.draft", "not yet")
    laptop.write("n.md", "one")
    laptop.sync()

    laptop.write("n.md", "two")
    laptop.run("plan", "--out", "plan.json")
    laptop.write("n.md", "six")
    refused = laptop.run("sync", "--plan", "plan.json", expect=4)
    assert "n.md moved since" in refused.err and s3.tree()["n.md"] == "one"

    s3.put("b.draft", "of another device")
    s3.put(".bmignore", "# nothing\n")
    laptop.run("plan", "--out", "plan.json")
    refused = laptop.run("sync", "--plan", "plan.json", expect=4)
    assert ".bmignore" in refused.err and "b.draft" in refused.err and "bisync plan" in refused.err
    assert "b.draft" not in laptop.tree() and s3.tree()["n.md"] == "one"

    laptop.run("plan", "--out", "plan.json")
    said = laptop.run("sync", "--plan", "plan.json", expect=1)
    assert (laptop.tree()["b.draft"], s3.tree()["n.md"]) == ("of another device", "six")
    assert "Left out: a.draft" in said.out and "a.draft" not in s3.tree()


def test_rules_that_change_nothing_else_let_a_reviewed_plan_go_on(laptop: Device, s3: S3) -> None:
    laptop.write("n.md", "one")
    laptop.sync()
    s3.put(".bmignore", "*.draft\n")
    laptop.write("n.md", "two")
    laptop.run("plan", "--out", "plan.json")
    laptop.run("sync", "--plan", "plan.json")
    assert s3.tree() == laptop.tree() == {".bmignore": "*.draft\n", "n.md": "two"}


def test_a_copy_of_a_conflict_that_came_late_covers_no_other(laptop: Device, s3: S3) -> None:
    for name, text in (("n.md", "old"), ("n.md.conflict1", "of an earlier conflict")):
        laptop.write(name, text)
    laptop.sync()
    laptop.write("n.md", "edited here")

    result = meanwhile(laptop, lambda: s3.put("n.md", "foreign, and longer"))

    assert [one.copies for one in result.conflicts] == [("n.md.conflict2",)]
    assert laptop.tree() == s3.tree() == {
        "n.md": "edited here", "n.md.conflict1": "of an earlier conflict", "n.md.conflict2": "foreign, and longer",
    }  # fmt: skip


def test_bare_bisync_accepts_our_listings_at_any_time(tmp_path: Path, s3: S3) -> None:
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.write_manifest(device.s3_manifest() + "profiles: {by-time: {compare: modtime}}\n")
        for name in ("a.md", "d/b.md", "d/c [x].md", "caf\u00e9.md", 'q"\\.md'):
            device.write(name, name)
        s3.put("there.md", "there")
        s3.put("a.md", "other, and newer")
        device.setup()
        assert accepts(device), "after setup"

        device.write("a.md", "edited")
        (device.notes / "d/b.md").unlink()
        s3.put("there.md", "edited there")
        s3.put("cafe\u0301/new.md", "new there")
        device.sync()
        assert accepts(device), "after a run"

        device.write("a.md", "again")
        gate = proxy.on("PUT", Gate(), path="a.md", times=1)
        process = device.popen("sync")
        gate.wait()
        process.kill()
        process.communicate(timeout=60)
        proxy.clear()
        gate.open()
        device.sync()
        assert accepts(device), "after a recovered crash"

        device.sync(profile="by-time")
        assert accepts(device, Compare.MODTIME), "after another way to compare"
        device.sync()
        assert accepts(device), "and back"


def test_what_bisync_does_by_hand_is_known_to_the_next_run(laptop: Device, s3: S3) -> None:
    for name in "abc":
        laptop.write(f"{name}.md", name)
    laptop.sync()
    (laptop.notes / "a.md").unlink()
    laptop.write("b.md", "edited")
    bare_bisync(laptop)
    assert laptop.sync().outcome is Outcome.IDLE
    laptop.write("c.md", "edited")
    assert laptop.sync().uploaded == 1
    assert laptop.tree() == s3.tree() == {"b.md": "edited", "c.md": "edited"}
    assert accepts(laptop)


@contextmanager
def opened(folder: Path) -> Iterator[list[str]]:
    """The names of files in `folder` that anybody opens meanwhile (inotify(7), IN_OPEN)."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    found: list[str] = []
    try:
        assert libc.inotify_add_watch(handle, os.fsencode(folder), 0x20) >= 0, ctypes.get_errno()
        yield found
        with suppress(BlockingIOError):
            while events := os.read(handle, 1 << 16):
                while events:
                    length = struct.unpack_from("iIII", events)[3]
                    found.append(events[16 : 16 + length].rstrip(b"\0").decode())
                    events = events[16 + length :]
    finally:
        os.close(handle)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify tells which files are opened")
def test_no_unchanged_file_is_opened(laptop: Device, s3: S3) -> None:
    for number in range(20):
        laptop.write(f"d/{number}.md", str(number))
    laptop.sync()
    time.sleep(0.1)
    laptop.sync()
    laptop.write("d/new.md", "new")
    (laptop.notes / "d/0.md").unlink()
    s3.put("d/1.md", "edited there")

    with opened(laptop.notes / "d") as names:
        laptop.run("sync")

    assert s3.tree() == laptop.tree()
    assert {name for name in names if name} <= {"new.md", "1.md"}
    assert "new.md" in names


def test_by_time_what_another_program_put_beside_an_edit_is_no_failure(tmp_path: Path, s3: S3) -> None:
    """It has no time of its own there: the store's is finer than what a download keeps."""
    device = Device(
        tmp_path / "laptop", s3, profile="by-time", extra="profiles: {by-time: {compare: modtime}}\n"
    )
    device.write("a.md", "one")
    device.setup()
    foreigner = Bucket(s3, History(), lambda deed: None)
    foreigner.put("a.md", "theirs", "one")
    foreigner.put("a.md.conflict1", "theirs", None)
    assert device.sync().downloaded == 2
    device.write("a.md", "two, later")

    result = device.sync()

    assert (result.error, result.uploaded) == (None, 1)
    for _ in range(2):
        assert device.sync().error is None
    assert device.tree() == s3.tree() == {"a.md": "two, later", "a.md.conflict1": "theirs"}
