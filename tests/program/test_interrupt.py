"""Ctrl-C, SIGTERM and a closed terminal in the middle of a transfer; and two runs at once."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import processes
from tests.support.proxy import Gate, Proxy, Slow, proxied
from tests.support.terminal import on_a_terminal
from tests.support.world import BUCKET, S3, Device

BIG = "0123456789abcdef" * 65536  # 1 MiB


@pytest.fixture
def proxy(cloud: S3) -> Iterator[Proxy]:
    with proxied(cloud) as running:
        yield running


@pytest.fixture
def laptop(tmp_path: Path, proxy: Proxy, below: str) -> Iterator[Device]:
    device = Device(tmp_path / "home", proxy.s3, sync_extra=f"    path: {below}\n")
    device.setup()
    yield device
    proxy.clear()


def nobody_left(device: Device) -> bool:
    """Whether every process of this device's home has ended; they get a moment to."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not processes(str(device.home)):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_a_run_stopped_in_an_upload(
    laptop: Device, proxy: Proxy, cloud: S3, below: str, number: signal.Signals
) -> None:
    laptop.write("a.md", "a")
    laptop.write("big.md", BIG)
    gate = proxy.on("PUT", Gate(), path="big.md")
    run = laptop.popen_whole("sync")
    gate.wait()

    run.send_signal(number)
    time.sleep(0.3)  # rclone has the signal by now; it waits for the transfer under way
    proxy.clear()
    _, err = run.communicate(timeout=60)

    assert run.returncode == 130
    assert err == "Error: interrupted\n  → everything is in order; carry on with: bisync sync\n"
    assert nobody_left(laptop)
    assert laptop.tree() == {"a.md": "a", "big.md": BIG}
    assert laptop.history()[-1]["outcome"] == "failed"
    laptop.run("sync")
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a", "big.md": BIG}
    assert "✓ Both sides are equal: 2 files match" in laptop.run("check").out


def test_a_run_stopped_in_a_download(laptop: Device, proxy: Proxy, cloud: S3, below: str) -> None:
    laptop.write("a.md", "old")
    laptop.sync()
    cloud.put(f"{below}/a.md", "new")
    cloud.put(f"{below}/big.md", BIG)
    gate = proxy.on("GET", Gate(), path="big.md")
    run = laptop.popen_whole("sync")
    gate.wait()

    run.send_signal(signal.SIGINT)
    time.sleep(0.3)
    proxy.clear()
    run.communicate(timeout=60)

    assert run.returncode == 130
    assert laptop.tree().get("a.md") in ("old", "new")
    assert nobody_left(laptop)
    laptop.run("sync")
    assert laptop.tree() == {"a.md": "new", "big.md": BIG}


def test_a_second_ctrl_c_stops_at_once(laptop: Device, proxy: Proxy, cloud: S3, below: str) -> None:
    laptop.write("big.md", BIG)
    gate = proxy.on("PUT", Gate(), path="big.md")
    run = laptop.popen_whole("sync")
    gate.wait()

    run.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert run.poll() is None, "the first one waits for the transfer under way"
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    run.communicate(timeout=60)

    assert run.returncode == 130
    assert time.monotonic() - began < 10
    assert nobody_left(laptop)
    proxy.clear()
    laptop.run("sync")
    assert cloud.tree(f"{BUCKET}/{below}") == {"big.md": BIG}


@pytest.mark.parametrize("command", ["sync", "plan", "check"])
def test_stopped_while_the_cloud_is_listed(laptop: Device, proxy: Proxy, command: str) -> None:
    laptop.write("a.md", "a")
    laptop.sync()
    laptop.write("b.md", "b")
    gate = proxy.on("LIST", Gate())
    run = laptop.popen_whole(command)
    gate.wait()

    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=5)

    assert run.returncode == 130
    assert err == f"Error: interrupted\n  → everything is in order; carry on with: bisync {command}\n"
    proxy.clear()
    assert nobody_left(laptop)


def test_stopped_while_a_huge_file_is_read(laptop: Device) -> None:
    laptop.sync()
    huge = laptop.notes / "huge.bin"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole: it takes no room and 20 minutes to read
    run = laptop.popen_whole("sync")
    deadline = time.monotonic() + 20
    while not reads(run.pid, huge):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=5)

    assert run.returncode == 130
    assert "Error: interrupted" in err
    assert nobody_left(laptop)


def reads(pid: int, path: Path) -> bool:
    """Whether a process has this file open."""
    return any(link.resolve() == path.resolve() for link in Path(f"/proc/{pid}/fd").iterdir())


def test_an_interrupted_setup(tmp_path: Path, proxy: Proxy, cloud: S3, below: str) -> None:
    device = Device(tmp_path / "home", proxy.s3, sync_extra=f"    path: {below}\n")
    device.write("big.md", BIG)
    gate = proxy.on("PUT", Gate(), path="big.md")
    run = device.popen_whole("setup")
    gate.wait()

    run.send_signal(signal.SIGINT)
    time.sleep(0.3)
    proxy.clear()
    run.communicate(timeout=60)

    assert run.returncode == 130
    assert nobody_left(device)
    device.run("setup")
    assert device.tree() == cloud.tree(f"{BUCKET}/{below}") == {"big.md": BIG}


def test_json_says_so_too(laptop: Device, proxy: Proxy) -> None:
    laptop.write("a.md", "a")
    gate = proxy.on("PUT", Gate(), path="a.md")
    run = laptop.popen_whole("sync", "--json")
    gate.wait()
    run.send_signal(signal.SIGINT)
    time.sleep(0.3)
    proxy.clear()
    out, _ = run.communicate(timeout=60)

    import json

    assert json.loads(out)["exit_code"] == 130


def test_ctrl_c_from_a_terminal_reaches_rclone_once(
    laptop: Device, proxy: Proxy, cloud: S3, below: str
) -> None:
    """A terminal signals its whole foreground group; rclone must get one SIGINT, not two."""
    laptop.write("big.md", BIG)
    gate = proxy.on("PUT", Gate(), path="big.md")
    with on_a_terminal(laptop, "sync") as (run, leader):
        gate.wait()
        os.write(leader, b"\x03")
        time.sleep(0.5)
        assert run.poll() is None, "rclone ends its transfer first"
        proxy.clear()
        said = _read_all(leader)
        assert run.wait(60) == 130

    assert "interrupted" in said
    assert cloud.tree(f"{BUCKET}/{below}") == {"big.md": BIG}, "the transfer under way was finished"
    assert not list((laptop.state / "work").glob("*.lck"))


def _read_all(leader: int) -> str:
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # EIO: nobody has the other end open
            chunk = b""
        if not chunk:
            os.close(leader)
            return seen.decode(errors="replace")
        seen += chunk


def test_a_second_run_while_one_is_at_work(laptop: Device, proxy: Proxy, cloud: S3, below: str) -> None:
    laptop.write("a.md", "a")
    gate = proxy.on("PUT", Gate(), path="a.md")
    first = laptop.popen_whole("sync")
    gate.wait()

    second = laptop.run("sync", expect=6)
    status = laptop.run("status")
    as_json = laptop.run("sync", "--json", expect=6)
    looking = laptop.run("plan")
    proxy.clear()
    first.communicate(timeout=60)

    assert (
        second.err.splitlines()[0]
        == f"Error: notes: another run is at work on this sync (process {first.pid})"
    )
    assert "bisync status" in second.err
    assert "(one is running)" in status.out
    assert as_json.json["syncs"][0]["outcome"] == "refused"
    assert "a.md" in looking.out
    assert first.returncode == 0
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}
    assert [entry["outcome"] for entry in laptop.history()] == ["done", "done"]


def test_progress_in_a_pipe_is_plain_lines(laptop: Device, proxy: Proxy) -> None:
    laptop.write("big.md", BIG * 2)
    proxy.on("PUT", Slow(200_000), path="big.md")

    said = laptop.run("sync")

    lines = [line for line in said.err.splitlines() if line.startswith("notes: ")]
    assert lines, said.err
    assert all("of 1 file, " in line and "MiB, " in line and "/s" in line for line in lines)
    assert "\x1b" not in said.err + said.out
    assert "\r" not in said.err + said.out


def test_a_terminal_shows_what_takes_long(laptop: Device, proxy: Proxy) -> None:
    laptop.sync()
    with (laptop.notes / "huge.bin").open("wb") as stream:
        stream.truncate(1 << 40)
    gate = proxy.on("LIST", Gate())
    with on_a_terminal(laptop, "plan") as (run, leader):
        gate.wait()
        wait_for(leader, r"notes: looking at both sides")
        proxy.clear()
        wait_for(leader, r"notes: reading 0 of 1 file, .* of 1\.0 TiB, .*B/s")
        os.write(leader, b"\x03")
        said = _read_all(leader)
        assert run.wait(60) == 130

    assert "interrupted" in said


def wait_for(leader: int, pattern: str) -> None:
    seen = ""
    deadline = time.monotonic() + 20
    while not re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)):
        assert time.monotonic() < deadline, seen
        seen += os.read(leader, 4096).decode(errors="replace")


def test_who_interrupts_setup_is_told_to_carry_on_with_it(tmp_path: Path, proxy: Proxy, below: str) -> None:
    device = Device(tmp_path / "home", proxy.s3, sync_extra=f"    path: {below}\n")
    gate = proxy.on("LIST", Gate())
    run = device.popen_whole("setup")
    gate.wait()
    run.send_signal(signal.SIGINT)
    time.sleep(0.3)
    proxy.clear()

    _, err = run.communicate(timeout=60)

    assert run.returncode == 130
    assert err == "Error: interrupted\n  → everything is in order; carry on with: bisync setup\n"


def test_an_interruption_in_order_blocks_nothing(laptop: Device, proxy: Proxy) -> None:
    def blocked() -> str | None:
        return laptop.run("status", "--json").json["syncs"][0]["blocked"]  # type: ignore[no-any-return]

    def interrupted() -> None:
        gate = proxy.on("LIST", Gate())
        run = laptop.popen_whole("sync")
        gate.wait()
        run.send_signal(signal.SIGINT)
        time.sleep(0.3)
        proxy.clear()
        run.communicate(timeout=60)
        assert run.returncode == 130
        assert laptop.history()[-1]["error"].startswith("interrupted")

    interrupted()
    assert blocked() is None

    laptop.write("a.md", "a")
    laptop.sync()
    (laptop.notes / "a.md").unlink()
    laptop.run("sync", "--max-delete", "0", expect=4)
    assert "Deletion exceeds safety limit" in str(blocked())
    interrupted()
    assert "Deletion exceeds safety limit" in str(blocked()), "what blocked before still does"
