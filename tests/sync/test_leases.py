"""Several devices at once: who writes to the bucket has its lease, and everybody else waits."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bisync.core.lease_folder import Kind, Protocol, Terms
from bisync.core.result import Outcome
from bisync.locks import lease as leases
from bisync.locks import lease_objects
from bisync.locks.lease_objects import FREE_BYTES, HELD_BYTES, Told
from bisync.state import lease as lease_state
from tests.support import short_lease
from tests.support.proxy import Drop, Gate, Proxy, Slow, Status, Together, proxied
from tests.support.race import WRITES, Devices, ended, is_lease, race, store, wrote
from tests.support.ready import Begun
from tests.support.world import BUCKET, S3, Device

SHORT = short_lease.NAME


@pytest.fixture(params=["moto", "rclone"])
def any_s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3]:
    with store(request.param, tmp_path) as server:
        yield server


@pytest.fixture
def pair(any_s3: S3, tmp_path: Path) -> Iterator[Devices]:
    with proxied(any_s3) as one, proxied(any_s3) as other:
        yield Devices(tmp_path, (one, other))


@pytest.fixture
def moto_pair(moto: S3, tmp_path: Path) -> Iterator[Devices]:
    with proxied(moto) as one, proxied(moto) as other:
        yield Devices(tmp_path, (one, other))


def begun(process: Begun, words: str) -> str:
    """What it printed until it said `words`."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r}: {said}")


class TestRun:
    def test_what_writes_has_the_lease_and_gives_it_back(self, pair: Devices) -> None:
        pair.a.write("note.md", "second\n")
        assert pair.a.sync().outcome is Outcome.DONE
        seen = [one for one in pair.proxies[0].seen if one.kind in WRITES]
        assert is_lease(seen[0])
        assert is_lease(seen[-1])
        assert seen[0].path == seen[-1].path
        assert len([one for one in pair.proxies[0].seen if is_lease(one)]) == 2

    def test_an_idle_run_and_a_plan_ask_for_none(self, pair: Devices) -> None:
        assert pair.a.sync().outcome is Outcome.IDLE
        pair.a.write("note.md", "second\n")
        pair.a.run("plan")
        pair.a.run("sync", "--dry-run")
        assert [one.kind for one in pair.proxies[0].seen if one.kind != "LIST"] == []
        assert [one for one in pair.proxies[0].seen if is_lease(one)] == []

    def test_a_run_that_a_guard_refuses_asks_for_none(self, pair: Devices) -> None:
        (pair.a.notes / "note.md").unlink()
        assert pair.a.sync(max_delete=0).outcome is Outcome.REFUSED
        assert [one for one in pair.proxies[0].seen if is_lease(one)] == []

    def test_the_newest_object_says_which_run_ended_and_when(self, pair: Devices, any_s3: S3) -> None:
        pair.a.write("note.md", "second\n")
        result = pair.a.sync()
        listed = any_s3.rclone(
            "lsf", "--files-only", "--format", "ps", f"s3:{BUCKET}/.basic-memory", "--include", "lease.*"
        )
        newest = max(listed.split())
        name, _, size = newest.partition(";")
        assert int(size) == FREE_BYTES
        told = lease_objects.read(any_s3.rclone("cat", f"s3:{BUCKET}/.basic-memory/{name}").encode())
        assert told is not None
        assert (told.device, told.run, told.outcome) == ("laptop", result.run, "done")
        assert told.ended is not None
        datetime.fromisoformat(told.ended)

    def test_a_conflict_names_the_device_of_the_other_version(self, pair: Devices) -> None:
        pair.b.write("note.md", "the desktop's\n")
        assert pair.b.sync().outcome is Outcome.DONE
        pair.a.write("note.md", "the laptop's, longer\n")

        (conflict,) = pair.a.sync(profile="safe").conflicts

        assert conflict.device == "desktop"
        (group,) = pair.a.run("conflicts", "--json", expect=3).json["conflicts"]
        assert {one["device"]: one["origin"] for one in group["versions"]} == {
            "laptop": "this device",
            "desktop": "another device",
        }
        said = pair.a.run("conflicts", expect=3).out
        assert "note.md.conflict1  laptop (this device)" in said
        assert "note.md.conflict2  another device (desktop has synced since)" in said
        assert pair.a.run("history", "--json").json["syncs"][0]["runs"][0]["device"] == "laptop"

    def test_a_conflict_with_somebody_who_asks_for_no_lease_names_no_device(
        self, pair: Devices, any_s3: S3
    ) -> None:
        pair.a.write("other.md", "x\n")
        assert pair.a.sync().outcome is Outcome.DONE
        any_s3.put("note.md", "the web app's\n")
        pair.a.write("note.md", "the laptop's, longer\n")
        (conflict,) = pair.a.sync().conflicts
        assert conflict.device is None

    def test_ctrl_c_gives_it_back(self, moto_pair: Devices) -> None:
        pair = moto_pair
        gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
        pair.a.write("note.md", "second\n")
        process = pair.a.popen("sync")
        gate.wait()
        process.send_signal(signal.SIGINT)
        pair.proxies[0].clear()
        assert ended(process)[0] == 130
        pair.b.write("other.md", "x\n")
        assert pair.b.sync(wait=False).outcome is Outcome.DONE
        assert pair.settle() == {"note.md": "second\n", "other.md": "x\n"}

    def test_old_objects_are_swept(
        self, moto_pair: Devices, moto: S3, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "TERMS", Terms(lease=1, hold=60, renew=30, waiting=1, kept=1))
        monkeypatch.setattr(leases, "SWEEP_AT", 3)
        for number in range(5):
            moto_pair.a.write("note.md", f"{number}\n")
            assert moto_pair.a.sync().error is None
            time.sleep(1.1)
        left = moto.rclone("lsf", f"s3:{BUCKET}/.basic-memory", "--include", "lease.*").split()
        assert 1 <= len(left) <= 4

    def test_it_is_renewed_while_a_run_lasts(self, moto_pair: Devices) -> None:
        pair = moto_pair
        gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
        pair.a.write("note.md", "second\n")
        pair.a.program = SHORT
        process = pair.a.popen("sync")
        gate.wait()
        time.sleep(5)  # its first lease is over by now
        pair.b.write("other.md", "x\n")
        assert pair.b.sync(wait=False).exit_code == 6
        gate.open()
        assert ended(process)[0] == 0
        assert pair.settle() == {"note.md": "second\n", "other.md": "x\n"}


class TestWaiting:
    def test_the_other_device_is_named_and_waited_for(self, pair: Devices) -> None:
        gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
        pair.a.write("note.md", "laptop\n")
        pair.b.write("other.md", "desktop\n")
        first = pair.a.popen("sync")
        gate.wait()
        code, said = ended(pair.b.popen("sync", "--no-wait"))
        assert code == 6
        assert "laptop (syncing for" in said
        assert wrote(pair.proxies[1]) == []
        second = pair.b.popen("sync")
        said = begun(second, "waiting for laptop (syncing for")
        gate.open()
        assert ended(first)[0] == 0
        code, rest = ended(second)
        assert code == 0, said + rest
        assert pair.settle() == {"note.md": "laptop\n", "other.md": "desktop\n"}

    def test_who_waits_leaves_nothing_behind(self, moto_pair: Devices, moto: S3) -> None:
        pair = moto_pair
        gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
        pair.a.write("note.md", "laptop\n")
        pair.b.write("other.md", "desktop\n")
        first = pair.a.popen("sync")
        gate.wait()
        second = pair.b.popen("sync")
        begun(second, "waiting for laptop")
        second.send_signal(signal.SIGINT)
        assert ended(second)[0] == 130
        gate.open()
        assert ended(first)[0] == 0
        assert "wait" not in moto.rclone("lsf", f"s3:{BUCKET}/.basic-memory")

    def test_what_another_wrote_after_the_look_is_looked_at(self, pair: Devices) -> None:
        """The plan is made, then another device has the lease first: the old plan would write over its note."""
        gate = pair.proxies[0].on("PUT", Gate(), path="/lease.")
        pair.a.write("note.md", "laptop\n")
        pair.b.write("note.md", "desktop, and longer\n")
        first = pair.a.popen("sync")
        gate.wait()
        assert pair.b.sync().outcome is Outcome.DONE
        pair.proxies[0].clear()
        assert ended(first)[0] == 0
        tree = pair.settle()
        assert set(tree.values()) == {"laptop\n", "desktop, and longer\n"}


@pytest.mark.parametrize("kind", ["moto", "rclone"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_devices_that_start_together_lose_nothing(kind: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    with store(kind, tmp_path) as server, proxied(server) as one, proxied(server) as other:
        pair = Devices(tmp_path, (one, other), races=5)
        for number in range(1, 6):
            race(pair, number, chance)


class TestHolderGone:
    """Leases last seconds here. (`short_lease`)"""

    def started(self, pair: Devices) -> Begun:
        """The laptop, in the middle of sending a large file."""
        pair.proxies[0].on("PUT", Slow(100_000), path="large.bin")
        pair.a.write("large.bin", "x" * 1_500_000)
        pair.a.program = SHORT
        process = pair.a.popen("sync")
        until = time.monotonic() + 30
        while not any("large.bin" in one.path and one.kind == "PUT" for one in pair.proxies[0].seen):
            assert time.monotonic() < until
            time.sleep(0.05)
        return process

    def passed(self, pair: Devices) -> float:
        """The desktop syncs; when it began to write."""
        pair.b.write("other.md", "desktop\n")
        pair.b.program = SHORT
        process = pair.b.popen("sync")
        code, said = ended(process)
        assert code == 0, said
        return wrote(pair.proxies[1])[0].at

    def test_killed(self, pair: Devices) -> None:
        process = self.started(pair)
        process.kill()
        process.communicate()
        killed = time.monotonic()
        assert self.passed(pair) - killed < 25
        assert not any(one.at > killed + 1 for one in wrote(pair.proxies[0]))
        pair.proxies[0].clear()
        assert sorted(pair.settle()) == ["large.bin", "note.md", "other.md"]

    def test_its_own_next_run_does_not_wait(self, pair: Devices) -> None:
        """Whoever holds the lock of the sync here knows that the run before is over."""
        for number in range(2):
            gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
            pair.a.write("note.md", f"{number}\n")
            process = pair.a.popen("sync")
            gate.wait()
            process.kill()
            process.communicate()
            pair.proxies[0].clear()
        began = time.monotonic()
        result = pair.a.sync(wait=False)
        assert result.error is None
        assert time.monotonic() - began < 40
        pair.a.write("note.md", "again\n")
        assert pair.a.sync(wait=False).error is None
        pair.b.write("other.md", "x\n")
        assert pair.b.sync(wait=False).error is None, "nor does anybody else, from then on"
        assert pair.settle() == {"note.md": "again\n", "other.md": "x\n"}

    def test_frozen_for_longer_than_the_lease(self, pair: Devices) -> None:
        process = self.started(pair)
        os.kill(process.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        passed = self.passed(pair)
        assert passed - frozen < 25
        os.kill(process.pid, signal.SIGCONT)
        code, said = ended(process)
        assert code == 1
        assert "the lease in the cloud was lost" in said
        assert not any(one.at > passed for one in wrote(pair.proxies[0]))
        pair.proxies[0].clear()
        assert sorted(pair.settle()) == ["large.bin", "note.md", "other.md"]

    def test_cut_off(self, pair: Devices) -> None:
        process = self.started(pair)
        pair.proxies[0].on("PUT", Drop(), path="/lease.")
        pair.proxies[0].on("GET", Drop(), path="/lease.")
        pair.proxies[0].on("HEAD", Drop(), path="/lease.")
        passed = self.passed(pair)
        code, said = ended(process)
        assert code == 1
        assert "the lease in the cloud was lost" in said
        assert not any(one.at > passed for one in wrote(pair.proxies[0]))
        pair.proxies[0].clear()
        assert sorted(pair.settle()) == ["large.bin", "note.md", "other.md"]


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_by_a_day_changes_nothing(days: int, moto_pair: Devices) -> None:
    pair = moto_pair
    wrong = pair.a.app(now=lambda: datetime.now(UTC) + timedelta(days=days))
    gate = pair.proxies[0].on("PUT", Gate(), path="note.md")
    pair.a.write("note.md", "laptop\n")
    thread = threading.Thread(target=lambda: pair.a.sync(app=wrong))
    thread.start()
    gate.wait()
    pair.b.write("other.md", "desktop\n")
    assert pair.b.sync(wait=False).exit_code == 6
    gate.open()
    thread.join()
    assert pair.settle() == {"note.md": "laptop\n", "other.md": "desktop\n"}


def put_lease(
    server: S3, number: int, told: Told, kind: Kind = Kind.HELD, claim: str = "", path: str = ""
) -> None:
    name = f"lease.{number:09}" + (f".{claim}" if claim else "")
    where = f"s3:{BUCKET}/{path}.basic-memory/{name}"
    server.rclone("rcat", where, stdin=lease_objects.text(told, kind))


def protocol(device: Device) -> Protocol | None:
    """By what this device takes its leases."""
    app = device.app()
    sync = app.manifest.syncs[0]
    return lease_state.load(app.state(sync).lease, app.place(sync).store).protocol


def claims(proxy: Proxy) -> list[str]:
    """The leases that were asked for with a claim in their names."""
    return [one.path for one in proxy.seen if one.kind == "PUT" and re.search(r"/lease\.\d+\.", one.path)]


class TestOverlap:
    """A sync of the whole bucket, and one of a folder in it."""

    @pytest.fixture
    def nested(self, any_s3: S3, tmp_path: Path) -> Iterator[Devices]:
        with proxied(any_s3) as one, proxied(any_s3) as other:
            pair = Devices(tmp_path, (one, other))
            inner = tmp_path / "inner"
            pair.b = Device(inner, other.s3, extra="device: desktop\n", sync_extra="    path: research\n")
            pair.b.setup()
            pair.b.write("deep.md", "deep\n")
            assert pair.b.sync().error is None
            assert pair.a.sync().error is None
            for proxy in pair.proxies:
                proxy.reset()
            yield pair

    def test_the_folder_waits_for_the_bucket(self, nested: Devices) -> None:
        gate = nested.proxies[0].on("PUT", Gate(), path="note.md")
        nested.a.write("note.md", "laptop\n")
        process = nested.a.popen("sync")
        gate.wait()
        nested.b.write("deep.md", "desktop\n")
        result = nested.b.sync(wait=False)
        assert result.exit_code == 6
        assert "laptop" in (result.error or "")
        gate.open()
        assert ended(process)[0] == 0
        assert nested.b.sync().error is None

    def test_the_bucket_waits_for_the_folder(self, nested: Devices) -> None:
        gate = nested.proxies[1].on("PUT", Gate(), path="deep.md")
        nested.b.write("deep.md", "desktop\n")
        process = nested.b.popen("sync")
        gate.wait()
        nested.a.write("note.md", "laptop\n")
        result = nested.a.sync(wait=False)
        assert result.exit_code == 6
        assert "desktop" in (result.error or "")
        gate.open()
        assert ended(process)[0] == 0
        assert nested.a.sync().error is None

    @pytest.mark.parametrize("late", [0, 1], ids=["bucket", "folder"])
    def test_what_the_other_wrote_after_the_look_is_looked_at(self, nested: Devices, late: int) -> None:
        """Each has only ever seen its own leases; the other's is over before this one asks."""
        names = ["research/deep.md", "deep.md"]
        gate = nested.proxies[late].on("PUT", Gate(), path="/lease.")
        one, other = (nested.a, nested.b) if late == 0 else (nested.b, nested.a)
        one.write(names[late], "late\n")
        other.write(names[1 - late].replace("deep", "new"), "in between\n")
        process = one.popen("sync")
        gate.wait()
        assert other.sync().error is None
        nested.proxies[late].clear()
        assert ended(process)[0] == 0
        assert {"late\n", "in between\n"} <= set(one.tree().values()), "it went by its old look"

    def test_a_first_lease_of_a_folder_looks_again_where_the_bucket_was_written_to(
        self, any_s3: S3, tmp_path: Path
    ) -> None:
        with proxied(any_s3) as one, proxied(any_s3) as other:
            pair = Devices(tmp_path, (one, other))
            inner = Device(tmp_path / "inner", other.s3, sync_extra="    path: research\n")
            gate = other.on("PUT", Gate(), path="/lease.")
            process = inner.popen("setup")
            gate.wait()
            pair.a.write("research/new.md", "in between\n")
            assert pair.a.sync().error is None
            other.clear()
            assert ended(process)[0] == 0
            assert inner.tree() == {"new.md": "in between\n"}

    def test_the_first_lease_of_a_folder_is_seen_above(self, any_s3: S3, tmp_path: Path) -> None:
        with proxied(any_s3) as one, proxied(any_s3) as other:
            pair = Devices(tmp_path, (one, other))
            inner = Device(tmp_path / "inner", other.s3, sync_extra="    path: research\n")
            gate = other.on("PUT", Gate(), path="research/.basic-memory/.bisync-marker")
            process = inner.popen("setup")
            gate.wait()
            pair.a.write("note.md", "laptop\n")
            assert pair.a.sync(wait=False).exit_code == 6
            gate.open()
            assert ended(process)[0] == 0
            assert pair.a.sync().error is None


class TestStore:
    def test_one_that_stops_honouring_the_condition_is_found_out(self, moto_pair: Devices, moto: S3) -> None:
        pair = moto_pair
        assert pair.a.sync().error is None
        listed = moto.rclone("lsf", f"s3:{BUCKET}/.basic-memory", "--include", "lease.0*").split()
        number = int(max(listed).partition(".")[2])
        pair.a.write("note.md", "1\n")
        assert pair.a.sync().error is None
        put_lease(moto, number + 1, Told("somebody-0", "server", "run"), Kind.FREE)
        pair.a.write("note.md", "2\n")
        assert pair.a.sync().error is None
        assert protocol(pair.a) is Protocol.LISTED
        assert claims(pair.proxies[0])

    def test_one_that_lets_creations_of_the_same_moment_through_is_found_out(
        self, moto: S3, tmp_path: Path
    ) -> None:
        with proxied(moto) as proxy:
            proxy.on("PUT", Together(), path="/lease.")
            device = Device(tmp_path / "laptop", proxy.s3)
            device.setup()
            assert protocol(device) is Protocol.LISTED

    def test_what_answers_in_the_place_of_a_store_is_taken_for_no_empty_one(
        self, moto: S3, tmp_path: Path
    ) -> None:
        """A login page that happens to be XML: it has no files, and takes whatever it is sent."""
        with proxied(moto) as proxy:
            known = Device(tmp_path / "laptop", proxy.s3)
            known.write("note.md", "text\n")
            known.setup()
            proxy.on("*", Status(200, "Welcome"))
            new = Device(tmp_path / "phone", proxy.s3)
            new.write("other.md", "text\n")
            said = new.run("setup", expect=1).err
            assert "does not list what was written just now" in said and "login page" in said
            known.run("sync", expect=4)
            assert known.tree() == {"note.md": "text\n"}
            proxy.clear()
            assert known.sync().outcome is Outcome.IDLE
            new.setup()
            assert new.tree() == {"note.md": "text\n", "other.md": "text\n"}

    def test_where_one_device_goes_by_listings_all_do(self, moto_pair: Devices, moto: S3) -> None:
        """Two that decide in two ways would not see each other."""
        pair = moto_pair
        listed = moto.rclone("lsf", f"s3:{BUCKET}/.basic-memory", "--include", "lease.0*").split()
        number = int(max(listed).partition(".")[2])
        put_lease(moto, number + 1, Told("phone-0", "phone", "run"), Kind.FREE, claim="phone-0")
        for device, proxy in zip(pair.all, pair.proxies, strict=True):
            device.write(f"{device.home.name}.md", "text\n")
            proxy.reset()
            assert device.sync().error is None
            assert protocol(device) is Protocol.LISTED
            assert claims(proxy)
        tree = pair.settle()
        assert len(tree) == 3

    def test_a_lease_whose_text_is_nonsense_is_held_all_the_same(self, pair: Devices, any_s3: S3) -> None:
        pair.a.write("note.md", "laptop\n")
        any_s3.rclone("rcat", f"s3:{BUCKET}/.basic-memory/lease.000000099", stdin=b"\x1b[31mboo")
        result = pair.a.sync(wait=False)
        assert result.exit_code == 6
        assert "another device" in (result.error or "")

    def test_what_a_foreign_text_says_is_fit_for_a_terminal(self, pair: Devices, any_s3: S3) -> None:
        pair.a.write("note.md", "laptop\n")
        put_lease(any_s3, 99, Told("x-0", "evil\x1b[31m\nname", "run"))
        error = pair.a.sync(wait=False).error or ""
        assert "evil" in error
        assert error.isprintable()

    def test_without_write_access_it_says_so(self, moto_pair: Devices) -> None:
        moto_pair.proxies[0].on("PUT", Status(403, "AccessDenied"), path="/lease.")
        moto_pair.a.write("note.md", "laptop\n")
        result = moto_pair.a.sync()
        assert result.exit_code == 1
        assert "denied access" in (result.error or "")

    def test_sizes_tell_held_from_given_back(self) -> None:
        told = Told("0123456789ab-0", "ü" * 64, "20261128T163148Z-ca5cb3", 4711, "x" * 40, "done")
        assert len(lease_objects.text(told, Kind.HELD)) == HELD_BYTES
        assert len(lease_objects.text(told, Kind.FREE)) == FREE_BYTES
        assert lease_objects.read(lease_objects.text(told, Kind.FREE)) == told
