"""Who holds the lease of the cloud: what `unlock`, `status` and `doctor` say of another device, alive or dead."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bisync.actions import status as status_action
from bisync.actions import unlock as action
from bisync.actions.unlock import Unlocked
from bisync.core.lease_folder import Kind
from bisync.errors import Locked
from bisync.locks import lease as leases
from bisync.locks.lease_objects import FREE_BYTES, Told, text
from tests.support.proxy import Delay, Proxy
from tests.support.world import BUCKET, S3, Device, serve_moto, serve_s3

RUN = "20261122T101500Z-3f2a7c"
FOLDER = f"s3:{BUCKET}/.basic-memory"
DEAD_AFTER = 1.0


@pytest.fixture(params=["numbered", "listed"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3]:
    """A store that creates an object only once, and one that does not."""
    with serve_moto() if request.param == "numbered" else serve_s3(tmp_path / "cloud") as server:
        yield server


@pytest.fixture
def device(tmp_path: Path, store: S3) -> Device:
    """A device that has written to it."""
    made = Device(tmp_path / "laptop", store)
    made.setup()
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process a lease is dead after a second."""
    monkeypatch.setattr(leases, "TERMS", leases.TERMS._replace(lease=DEAD_AFTER))


def is_listed(device: Device) -> bool:
    return bool(json.loads((device.state / "lease.json").read_text())["protocol"] == "listed")


def hold(device: Device, who: str = "desktop", *, folder: str = FOLDER) -> str:
    """Another device takes the lease and writes; the name of its object."""
    assert device.server is not None
    name = "lease.000000007" + (".0abc-0" if is_listed(device) else "")
    held = text(Told("0abc-0", who, RUN, 12), Kind.HELD)
    device.server.rclone("rcat", f"{folder}/{name}", stdin=held)
    return name


def sizes(store: S3, folder: str = FOLDER) -> dict[str, int]:
    """The lease's objects by name."""
    listed = json.loads(store.rclone("lsjson", folder, "--files-only"))
    return {one["Name"]: one["Size"] for one in listed if one["Name"].startswith("lease.")}


def unlock(device: Device, *, yes: bool = False) -> Unlocked:
    app = device.app()
    return action.run(app, app.manifest.syncs[0], yes=yes)


def test_nobody_holds_it(device: Device, store: S3) -> None:
    before = sizes(store)

    assert device.run("unlock").out == "notes: no device holds the lease, nothing to unlock\n"
    document = device.run("unlock", "--json", "--yes").json
    assert document == {"version": 1, "syncs": [{"name": "notes", "holders": [], "waiting": []}]}
    assert sizes(store) == before


def test_a_lease_in_force_is_shown_and_stays(device: Device, store: S3) -> None:
    hold(device)
    before = sizes(store)

    said = device.run("unlock", expect=6)
    assert "notes: desktop is syncing (1" in said.err and RUN in said.err
    [one] = device.run("unlock", "--yes", "--json", expect=6).json["syncs"]
    [holder] = one["holders"]
    assert (holder["device"], holder["run"], holder["dead"], holder["removed"]) == (
        "desktop",
        RUN,
        False,
        False,
    )
    assert holder["seconds"] >= 12 and 60 < holder["dead_in"] <= 90
    assert sizes(store) == before, "nor does anything of ours stay"


@pytest.mark.usefixtures("impatient")
def test_a_dead_lease_goes_only_when_that_is_wanted(device: Device, store: S3) -> None:
    name = hold(device)
    before = sizes(store)
    time.sleep(DEAD_AFTER + 1.1)

    shown = unlock(device)
    [holder] = shown.holders
    assert (holder.device, holder.run, holder.seconds, holder.left) == ("desktop", RUN, 12, 0)
    assert (shown.removed, shown.exit_code) == (frozenset(), 0)
    assert sizes(store) == before

    done = unlock(device, yes=True)
    assert (done.removed, done.exit_code) == (frozenset({""}), 0)
    after = sizes(store)
    newest = max(after)
    assert newest.startswith("lease.000000008"), "who knows an older number sees that there was another one"
    assert after[newest] == FREE_BYTES
    assert (name in after) is not is_listed(device), "of numbered ones only the newest counts"
    assert unlock(device).holders == ()
    device.write("a.md", "a")
    assert device.sync(wait=False).uploaded == 1


@pytest.mark.usefixtures("impatient")
def test_who_waits_is_shown(device: Device, store: S3) -> None:
    hold(device)
    store.rclone(
        "rcat",
        f"{FOLDER}/lease.wait.000000007.000",
        stdin=text(Told("000-0", "tablet", RUN), Kind.WAITING),
    )

    found = unlock(device)

    assert [one.device for one in found.waiting] == ["tablet"]
    time.sleep(DEAD_AFTER + 1.1)
    with pytest.raises(Locked, match="tablet"):
        unlock(device, yes=True)  # it came first, and goes past the dead one itself


@pytest.mark.usefixtures("impatient")
def test_a_dead_lease_of_the_folder_above(tmp_path: Path, store: S3) -> None:
    below = Device(tmp_path / "laptop", store, sync_extra="    path: team/notes\n")
    below.setup()
    hold(below)
    time.sleep(DEAD_AFTER + 1.1)

    done = unlock(below, yes=True)

    assert [one.entry.path for one in done.holders] == [""]
    assert done.removed == {""}
    assert unlock(below).holders == ()


def test_a_run_at_work_here_keeps_unlock_waiting(device: Device) -> None:
    app = device.app()
    with app.locked_session(app.manifest.syncs[0]):
        assert "another run is at work on this sync" in device.run("unlock", expect=6).err


# -- status and doctor ----------------------------------------------------------------------------------


def lease_of(device: Device) -> Any:
    [one] = device.run("status", "--json").json["syncs"]
    return one["lease"]


def test_status_says_who_is_syncing(device: Device, store: S3) -> None:
    assert lease_of(device) is None
    hold(device)
    before = sizes(store)

    assert lease_of(device) == {"device": "desktop", "run": RUN, "seconds": 12, "dead": False}
    assert "desktop is syncing (12 s)" in device.run("status").out
    assert sizes(store) == before


def test_status_says_nothing_of_this_device_itself(device: Device) -> None:
    hold(device, device.app().device)

    assert lease_of(device) is None


@pytest.mark.usefixtures("impatient")
def test_status_knows_of_a_dead_one_what_the_listing_shows(device: Device) -> None:
    hold(device)
    time.sleep(DEAD_AFTER + 1.1)
    assert device.server is not None
    waits = text(Told("000-0", "tablet", RUN), Kind.WAITING)
    device.server.rclone("rcat", f"{FOLDER}/lease.wait.000000007.000", stdin=waits)
    app = device.app()

    found = status_action.ask(app, app.manifest.syncs).leases["notes"]()

    assert found is not None and found.dead


def test_status_does_not_ask_where_nobody_can_have_a_lease(device: Device) -> None:
    app = device.app()
    (device.state / "baseline.json").rename(device.state / "gone")
    assert status_action.ask(app, app.manifest.syncs).leases == {}
    (device.state / "gone").rename(device.state / "baseline.json")
    app.manifest.rclone_config.rename(device.home / "gone")
    assert status_action.ask(app, app.manifest.syncs).leases == {}
    (device.home / "gone").rename(app.manifest.rclone_config)
    (device.state / "lease.json").unlink()
    assert status_action.ask(app, app.manifest.syncs).leases == {}


def test_status_does_not_wait_for_a_slow_store(far_device: Device, proxy: Proxy) -> None:
    far_device.write("a.md", "a")
    far_device.sync()
    proxy.on("*", Delay(20))
    began = time.monotonic()

    assert lease_of(far_device) is None
    assert time.monotonic() - began < 10


def test_status_without_a_cloud(device: Device, store: S3) -> None:
    store.process.terminate()
    store.process.wait(10)

    assert lease_of(device) is None


def doctor(device: Device) -> dict[str, Any]:
    found = device.run("doctor", "--json", expect=None).json["findings"]
    return {one["text"]: one for one in found if one["about"] == "notes"}


def test_doctor_says_how_devices_take_turns_and_whose_turn_it_is(device: Device, store: S3) -> None:
    hold(device)
    before = sizes(store)

    said = doctor(device)

    how = "by listing" if is_listed(device) else "by number"
    assert any(f"devices take turns: {how}" in text for text in said)
    assert any("desktop is syncing (for " in text for text in said)
    assert sizes(store) == before


@pytest.mark.usefixtures("impatient")
def test_doctor_warns_of_a_dead_lease(device: Device) -> None:
    from bisync.actions import doctor as doctor_action

    hold(device)
    time.sleep(DEAD_AFTER + 1.1)
    app = device.app()

    [one] = [each for each in doctor_action.run(app, app.manifest.syncs[0]) if "desktop" in each.text]

    assert (one.level, one.cure) == ("warning", "type: bisync unlock --only notes")
