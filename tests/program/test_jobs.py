"""Several syncs at a time: kept apart, in order, and stopped together."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.proxy import Gate, Proxy, Status
from tests.support.world import S3, Device

NAMES = ("one", "two", "three", "four", "five")


@pytest.fixture
def five(tmp_path: Path, proxy: Proxy) -> Device:
    """Five syncs of one tenant, set up, with a new note each."""
    device = Device(tmp_path / "home", proxy.s3)
    text = device.s3_manifest()
    text = text[: text.index("syncs:\n")] + "syncs:\n"
    for name in NAMES:
        text += f"  {name}:\n    tenant: team\n    dir: ~/{name}\n    path: {name}\n"
    device.write_manifest(text)
    device.run("setup")
    for name in NAMES:
        (device.home / name / f"{name}.md").write_text(name)
    return device


def notes_in(s3: S3) -> set[str]:
    return {name for name in s3.tree() if ".basic-memory" not in name}


def test_syncs_run_at_the_same_time_and_speak_in_turn(five: Device, proxy: Proxy, s3: S3) -> None:
    gates = [proxy.on("PUT", Gate(), path=f"{name}.md", times=1) for name in NAMES[:4]]
    process = five.popen("sync")
    for gate in gates:
        gate.wait()  # all four at once
    for gate in reversed(gates):
        gate.open()
        time.sleep(0.2)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    told = [line.strip().partition("  (")[0] for line in out.splitlines()]
    assert told == [
        line
        for name in NAMES
        for line in (
            f"── {name}",
            f"{name}: 1 to upload",
            f"upload  {name}.md",
            "✓ Sync completed - 1 file uploaded",
        )
    ]
    assert notes_in(s3) == {f"{name}/{name}.md" for name in NAMES}


def test_one_at_a_time(five: Device, proxy: Proxy) -> None:
    gate = proxy.on("PUT", Gate(), path="one.md", times=1)
    process = five.popen("sync", "--jobs", "1")
    gate.wait()
    time.sleep(0.5)
    assert not [request for request in proxy.counts if request == "COPY"]
    assert not any((five.home / name).joinpath(".basic-memory/hold").exists() for name in NAMES)
    gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_one_that_fails_stops_no_other(five: Device, proxy: Proxy, s3: S3) -> None:
    proxy.on("LIST", Status(403, "AccessDenied"), path="/notes-bucket", times=1)
    ran = five.run("sync", "--json", "--jobs", "5", expect=1)
    outcomes = sorted(one["outcome"] for one in ran.json["syncs"])
    assert outcomes == ["done"] * 4 + ["failed"]
    assert [one["name"] for one in ran.json["syncs"]] == list(NAMES)


def test_ctrl_c_stops_all_in_order(five: Device, proxy: Proxy, s3: S3) -> None:
    gates = [proxy.on("PUT", Gate(), path=f"{name}.md", times=1) for name in NAMES[:2]]
    process = five.popen("sync", "--jobs", "2")
    for gate in gates:
        gate.wait()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    for gate in gates:
        gate.open()
    _, err = process.communicate(timeout=90)

    assert process.returncode == 130
    assert "interrupted" in err and "Traceback" not in err
    proxy.clear()
    last = {name: five.run("history", "--only", name, "--json").json["syncs"][0]["runs"] for name in NAMES}
    assert all("interrupted" in str(last[name][0]["error"]) for name in NAMES[:2])
    assert not any("interrupted" in str(last[name]) for name in NAMES[2:]), "these had not begun"
    five.run("sync")
    assert notes_in(s3) == {f"{name}/{name}.md" for name in NAMES}


@pytest.mark.parametrize("task", ["plan", "check", "status"])
def test_looking_at_several_is_in_order(five: Device, task: str) -> None:
    ran = five.run(task, "--json", "--jobs", "3", expect=None)
    assert [one["name"] for one in ran.json["syncs"]] == list(NAMES)


def test_jobs_is_a_number(five: Device) -> None:
    assert "--jobs takes a whole number" in five.run("sync", "--jobs", "0", expect=2).err
    assert "--jobs takes a whole number" in five.run("plan", "--jobs", "-1", expect=2).err
