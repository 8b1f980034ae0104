"""`bisync sync --watch`: edits travel in seconds, an idle watch asks next to nothing, and it ends when it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import duet
from tests.support.documents import held_to_its_schema
from tests.support.duet import said, until, watching
from tests.support.proxy import Gate, Proxy, Status, proxied
from tests.support.race import WRITES, Devices, is_lease
from tests.support.terminal import on_a_terminal
from tests.support.torture import rclones_of, wait_gone
from tests.support.world import S3, Device

LONG = ("--interval", "3600")


@pytest.fixture
def pair(moto: S3, tmp_path: Path) -> Iterator[Devices]:
    with proxied(moto) as one, proxied(moto) as other:
        yield Devices(tmp_path, (one, other))


def started(device: Device, proxy: Proxy) -> None:
    """Until its watch has looked at both sides, and rests."""
    until("it watches", lambda: "watching notes" in said(device), device)
    until("it has looked", lambda: any(one.kind == "LIST" for one in proxy.seen), device)
    resting(proxy)


def resting(proxy: Proxy, seconds: float = 1.5) -> None:
    """Until for so long nothing was asked for but the beacon."""
    count, since = -1, time.monotonic()
    deadline = since + 60
    while time.monotonic() < since + seconds:
        assert time.monotonic() < deadline, "it never rests"
        now = len([one for one in list(proxy.seen) if not is_lease(one) or one.kind != "HEAD"])
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.05)


def text_of(device: Device, name: str = "note.md") -> str | None:
    try:
        return (device.notes / name).read_text()
    except FileNotFoundError:
        return None


class TestEdits:
    def test_an_edit_reaches_the_bucket_and_the_other_device(self, pair: Devices) -> None:
        with watching(pair.a, *LONG), watching(pair.b, *LONG):
            for one, proxy in zip(pair.all, pair.proxies, strict=True):
                started(one, proxy)
            for proxy in pair.proxies:
                proxy.reset()
            pair.a.write("note.md", "edited\n")
            until("on the other device", lambda: text_of(pair.b) == "edited\n", *pair.all)
            resting(pair.proxies[1])
            lists = [one for one in pair.proxies[1].seen if one.kind == "LIST"]
            assert len(lists) <= 6, "one look, and a listing of the leases"

    def test_a_burst_of_saves_is_one_run(self, pair: Devices) -> None:
        with watching(pair.a, *LONG):
            started(pair.a, pair.proxies[0])
            for number in range(20):
                pair.a.write("note.md", f"save {number}\n")
                time.sleep(0.03)
            until("synced", lambda: "1 file uploaded" in said(pair.a), pair.a)
            time.sleep(2)
            assert said(pair.a).count("uploaded") == 1
        assert pair.b.sync().downloaded == 1
        assert text_of(pair.b) == "save 19\n"

    def test_a_file_that_is_being_written_is_left_alone(self, pair: Devices) -> None:
        with watching(pair.a, *LONG):
            started(pair.a, pair.proxies[0])
            pair.proxies[0].reset()
            (pair.a.notes / "other.md").write_text("quiet\n")
            with (pair.a.notes / "growing.log").open("w") as growing:
                for _ in range(50):
                    growing.write("a line\n")
                    growing.flush()
                    time.sleep(0.1)
            sent = [
                one.path.rpartition("/")[2]
                for one in pair.proxies[0].seen
                if one.kind == "PUT" and not is_lease(one)
            ]
            assert "other.md" in sent and "growing.log" not in sent
            until(
                "it goes when it is quiet",
                lambda: any(r.path.endswith("growing.log") and r.kind == "PUT" for r in pair.proxies[0].seen),
                pair.a,
            )

    def test_ignored_files_make_no_run(self, pair: Devices) -> None:
        (pair.a.notes / ".bmignore").write_text("*.log\nbuild/\n")
        pair.a.sync()
        with watching(pair.a, *LONG):
            started(pair.a, pair.proxies[0])
            pair.proxies[0].reset()
            (pair.a.notes / "build").mkdir()
            for number in range(10):
                (pair.a.notes / "x.log").write_text(str(number))
                (pair.a.notes / "build" / "out").write_text(str(number))
                time.sleep(0.1)
            time.sleep(2)
            assert [one for one in pair.proxies[0].seen if one.kind == "LIST"] == []

    def test_an_edit_whose_event_was_lost_is_found_at_the_next_look(self, pair: Devices) -> None:
        with watching(pair.a, "--interval", "3"):
            started(pair.a, pair.proxies[0])
            # A file of an old time in the very name of one that the last run brought: it passes for the run's own.
            pair.b.write("note.md", "from the other\n")
            assert pair.b.sync().error is None
            until("it came", lambda: text_of(pair.a) == "from the other\n", pair.a)
            pair.a.write("note.md", "an old file put back\n", mtime=time.time() - 86_400)
            until("found", lambda: "uploaded" in said(pair.a), pair.a)
        assert pair.b.sync().error is None
        assert text_of(pair.b) == "an old file put back\n"


class TestIdle:
    def test_it_asks_for_listings_and_the_beacon_alone(self, pair: Devices) -> None:
        with watching(pair.a, "--interval", "4"):
            started(pair.a, pair.proxies[0])
            pair.proxies[0].reset()
            time.sleep(9)
            seen = list(pair.proxies[0].seen)
        assert [one for one in seen if one.kind in WRITES] == []
        beacon = [one for one in seen if is_lease(one)]
        assert 1 <= len(beacon) <= 5 and {one.kind for one in beacon} == {"HEAD"}
        others = [one for one in seen if not is_lease(one)]
        assert {one.kind for one in others} == {"LIST"}
        assert len(others) <= 3 * 2, "a listing an interval"
        assert "uploaded" not in said(pair.a)

    def test_what_its_own_run_brought_is_no_edit(self, pair: Devices) -> None:
        with watching(pair.a, *LONG):
            started(pair.a, pair.proxies[0])
            pair.b.write("note.md", "from the other\n", mtime=time.time() - 60)
            assert pair.b.sync().error is None
            until("it came", lambda: "1 file downloaded" in said(pair.a), pair.a)
            pair.proxies[0].reset()
            time.sleep(3)
            # (Who looks for leases lists their folder. A run lists all there is.)
            asked = [one.query for one in pair.proxies[0].seen if one.kind == "LIST"]
            assert [query for query in asked if "prefix=.basic-memory" not in query] == []


class TestTrouble:
    def test_an_error_is_said_once_and_it_comes_back_with_the_cloud(self, pair: Devices) -> None:
        with watching(pair.a, "--interval", "1"):
            until("it watches", lambda: "watching notes" in said(pair.a), pair.a)
            pair.proxies[0].on("*", Status(500))
            until("it fails", lambda: "Error: " in said(pair.a), pair.a, seconds=40)
            time.sleep(4)
            assert said(pair.a).count("Error: ") == 1
            assert "tried again in" in said(pair.a)
            pair.proxies[0].clear()
            until("it works again", lambda: "works again" in said(pair.a), pair.a, seconds=40)
            pair.a.write("note.md", "after the storm\n")
            until("synced", lambda: "1 file uploaded" in said(pair.a), pair.a)

    def test_one_that_fails_does_not_hold_up_the_others(self, s3: S3, tmp_path: Path) -> None:
        device = Device(tmp_path / "home", s3)
        text = (device.home / "bisync.yaml").read_text()
        second = "  other:\n    tenant: team\n    path: other\n    dir: ~/other\n"
        device.write_manifest(
            text.replace("  notes:\n    tenant: team\n", "  notes:\n    tenant: team\n    path: notes\n")
            + second
        )
        device.run("setup")
        shutil.rmtree(device.notes)
        with watching(device, *LONG):
            until("one fails", lambda: "notes: Error: " in said(device), device)
            (device.home / "other" / "a.md").write_text("a\n")
            until(
                "the other goes on",
                lambda: "other: ✓ Sync completed - 1 file uploaded" in said(device),
                device,
            )

    def test_a_folder_that_comes_back_is_synced_at_once(self, pair: Devices) -> None:
        with watching(pair.a, *LONG):
            started(pair.a, pair.proxies[0])
            away = pair.a.notes.rename(pair.a.home / "away")
            until("it fails", lambda: "does not exist" in said(pair.a), pair.a)
            (away / "note.md").write_text("edited meanwhile\n")
            away.rename(pair.a.notes)
            until("it works again", lambda: "works again" in said(pair.a), pair.a)
        assert pair.b.sync().error is None
        assert text_of(pair.b) == "edited meanwhile\n"

    def test_a_broken_manifest_keeps_the_last_good_one(self, pair: Devices) -> None:
        device, good = pair.a, (pair.a.home / "bisync.yaml").read_text()
        with watching(device, *LONG):
            started(device, pair.proxies[0])
            device.write_manifest(good + "nonsense: {")
            until("it is broken", lambda: "the last good manifest goes on" in said(device), device)
            time.sleep(3)
            assert said(device).count("the last good manifest goes on") == 1
            device.write("note.md", "meanwhile\n")
            until("it goes on", lambda: "1 file uploaded" in said(device), device)
            device.write_manifest(good + "ignore: ['*.secret']\n")
            until("it is mended", lambda: "was read again" in said(device), device)
            time.sleep(1.5)
            pair.proxies[0].reset()
            device.write("my.secret", "hidden\n")
            device.write("note.md", "seen\n")
            until("it goes on", lambda: said(device).count("1 file uploaded") == 2, device)
            assert not [one for one in pair.proxies[0].seen if "my.secret" in one.path]


class TestLife:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_ends_when_it_is_told(self, pair: Devices, number: int, code: int) -> None:
        with watching(pair.a, *LONG) as process:
            started(pair.a, pair.proxies[0])
            process.send_signal(number)
            assert process.wait(20) == code
        assert "everything is in order" in said(pair.a)
        assert "Traceback" not in said(pair.a)

    def test_it_ends_in_order_in_the_middle_of_a_run(self, pair: Devices) -> None:
        with watching(pair.a, *LONG) as process:
            started(pair.a, pair.proxies[0])
            gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
            pair.a.write("note.md", "second\n")
            gate.wait()
            process.send_signal(signal.SIGTERM)
            pair.proxies[0].clear()
            assert process.wait(40) == 143
        pair.b.write("other.md", "x\n")
        assert pair.b.sync(wait=False).exit_code == 0, "its lease was given back"
        assert pair.settle() == {"note.md": "second\n", "other.md": "x\n"}

    def test_killed_it_leaves_no_rclone_behind(self, pair: Devices) -> None:
        with watching(pair.a, *LONG) as process:
            started(pair.a, pair.proxies[0])
            until("the beacon is lit", lambda: any(map(is_lease, pair.proxies[0].seen)), pair.a)
            children = rclones_of(process.pid)
            assert children
            process.kill()
            process.wait(20)
            for child in children:
                wait_gone(child)

    def test_a_hangup_reads_the_manifest_again(self, pair: Devices) -> None:
        with watching(pair.a, *LONG) as process:
            started(pair.a, pair.proxies[0])
            process.send_signal(signal.SIGHUP)
            until("read", lambda: "was read again" in said(pair.a), pair.a)
            assert process.poll() is None

    def test_it_ends_with_its_terminal(self, pair: Devices) -> None:
        with on_a_terminal(pair.a, "sync", "--watch", *LONG) as (process, leader):
            shown = b""
            while b"watching notes" not in shown:
                shown += os.read(leader, 1024)
            os.close(leader)
            assert process.wait(30) in (1, 129)

    def test_a_second_watch_is_refused_and_says_who_holds_it(self, pair: Devices) -> None:
        with watching(pair.a, *LONG) as process:
            started(pair.a, pair.proxies[0])
            refused = pair.a.run("sync", "--watch", expect=6)
            assert (
                f"another bisync sync --watch is at work on this sync (process {process.pid})" in refused.err
            )

    def test_a_sync_typed_beside_it_works(self, pair: Devices) -> None:
        with watching(pair.a, "--interval", "1"):
            until("it watches", lambda: "watching notes" in said(pair.a), pair.a)
            for number in range(3):
                pair.a.write("note.md", f"{number}\n")
                time.sleep(0.5)
                pair.a.run("sync")
            assert "Error" not in said(pair.a)

    def test_a_dry_run_only_ever_plans(self, pair: Devices) -> None:
        with watching(pair.a, "--dry-run", "--interval", "1"):
            until("it watches", lambda: "watching notes" in said(pair.a), pair.a)
            pair.proxies[0].reset()
            pair.a.write("note.md", "second\n")
            until("planned", lambda: "1 to upload" in said(pair.a), pair.a)
            time.sleep(3)
            assert said(pair.a).count("1 to upload") == 1, "the same plan is not said again"
            assert [one for one in pair.proxies[0].seen if one.kind in WRITES] == []

    def test_json_is_a_line_an_event(self, pair: Devices) -> None:
        with watching(pair.a, "--json", *LONG):
            until("it watches", lambda: '"watching"' in said(pair.a), pair.a)
            pair.a.write("note.md", "second\n")
            until("synced", lambda: '"uploaded": 1' in said(pair.a), pair.a)
        typed = ("sync", "--watch")
        events = [held_to_its_schema(typed, json.loads(line)) for line in said(pair.a).splitlines()]
        assert [one["event"] for one in events][:2] == ["watching", "began"]
        assert events[-1]["event"] == "stopped"
        (done,) = [one for one in events if one["event"] == "ended" and one["uploaded"]]
        assert (done["sync"], done["outcome"], done["error"]) == ("notes", "done", None)

    @pytest.mark.parametrize(
        "flag",
        [["--resync"], ["--force"], ["--reveal"], ["--max-delete", "3"], ["--plan", "p"], ["--project", "p"]],
    )
    def test_what_is_about_one_run_is_refused(self, laptop: Device, flag: list[str]) -> None:
        assert "about one run" in laptop.run("sync", "--watch", *flag, expect=2).err

    def test_an_interval_alone_is_refused(self, laptop: Device) -> None:
        assert "--interval is about --watch" in laptop.run("sync", "--interval", "5", expect=2).err


def test_two_devices_that_watch_lose_nothing_in_all_kinds_of_trouble() -> None:
    game = duet.play(108, seed=3, interval=5, troubled=True)
    assert len(game.versions) > 20
