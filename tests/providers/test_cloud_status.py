"""`status` and `doctor` of the vendor's cloud: what it says, what is remembered of it, and how old that is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.vendor import Answer, Tenant, Vendor, serve_vendor
from tests.support.world import Device

ANY = "*"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    with serve_vendor(tmp_path_factory.mktemp("vendor"), "new") as vendor:
        yield vendor


@pytest.fixture
def vendor(running: Vendor) -> Iterator[Vendor]:
    """The service with a workspace of its own for each test."""
    running.add_tenant(Tenant(slug="mine", is_default=True))
    running.reset()
    yield running
    running.clear_faults()


def log_in(device: Device, vendor: Vendor, **other: Any) -> Path:
    """The file that a login leaves."""
    got = vendor.login()
    path = device.home / ".basic-memory" / "basic-memory-cloud.json"
    path.parent.mkdir(exist_ok=True, mode=0o700)
    document = {
        "access_token": got.access_token, "refresh_token": got.refresh_token,
        "expires_at": int(time.time()) + got.expires_in, "token_type": "Bearer", **other,
    }  # fmt: skip
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def manifest(vendor: Vendor, *tenants: str) -> str:
    """A manifest of these tenants, each with a sync of its name."""
    lines = ["version: 1", "tenants:"]
    store = f"endpoint: {vendor.endpoint}, region: us-east-1, s3_provider: Rclone"
    lines += [f"  {name}: {{provider: basic-memory, {store}}}" for name in tenants]
    lines += ["syncs:", *(f"  {name}: {{tenant: {name}, dir: ~/{name}}}" for name in tenants)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def bare(tmp_path: Path, vendor: Vendor) -> Device:
    """A device with a manifest; nobody is logged in."""
    device = Device(tmp_path / "home", env=dict(vendor.environment))
    device.write_manifest(manifest(vendor, "notes"))
    device.grant()
    return device


@pytest.fixture
def device(bare: Device, vendor: Vendor) -> Device:
    """The same, logged in and set up, with a project on both sides and one on either side alone."""
    log_in(bare, vendor)
    bare.write("work/a.md", "a")
    bare.run("setup")
    bare.write("fresh/b.md", "b")
    bare.write("logs/c.log", "c")
    bare.write(".hidden/d.md", "d")
    (bare.notes / ".bmignore").write_text("logs/\n")
    call(vendor, "Elsewhere", "elsewhere")
    vendor.reset()
    return bare


def call(vendor: Vendor, name: str, path: str) -> None:
    """Another device makes a project."""
    import httpx

    answer = httpx.post(
        f"{vendor.url}/proxy/v2/projects/", json={"name": name, "path": path, "set_default": False},
        headers={"Authorization": f"Bearer {vendor.login().access_token}"}, timeout=10,
    )  # fmt: skip
    assert answer.status_code == 201


def remembered(device: Device) -> tuple[Path, dict[str, Any]]:
    (path,) = (device.home / ".basic-memory" / "bisync-state" / ".clouds").glob("*.json")
    return path, json.loads(path.read_text())


def cloud_of(device: Device, sync: str = "notes") -> dict[str, Any]:
    syncs = {one["name"]: one for one in device.run("status", "--json").json["syncs"]}
    return dict(syncs[sync]["cloud"])


def tree(device: Device) -> dict[str, bytes]:
    """Every file of the device but what is remembered of clouds."""
    return {
        str(path): path.read_bytes()
        for path in sorted(device.home.rglob("*"))
        if path.is_file() and ".clouds" not in path.parts
    }


def test_all_that_the_cloud_says_is_shown_and_remembered(device: Device, vendor: Vendor) -> None:
    before = tree(device)

    said = cloud_of(device)

    assert said["as_of"] is not None
    assert datetime.now(UTC) - datetime.fromisoformat(said["as_of"]) < timedelta(minutes=1)
    assert said | {"as_of": None} == {
        "host": vendor.url.removeprefix("http://"), "answers": True, "as_of": None, "trouble": None,
        "health": "stand-in", "tenant_id": vendor.default.tenant_id, "workspace": "mine", "subscribed": True,
        "projects": {"both": ["work"], "only_cloud": ["Elsewhere"], "only_local": ["fresh"]},
    }  # fmt: skip
    _, known = remembered(device)
    assert (known["health"], known["subscribed"], known["asked_at"]) == ("stand-in", True, said["as_of"])
    assert [one[0] for one in known["projects"]] == ["work", "Elsewhere"]
    assert tree(device) == before, "status changes nothing else"
    table = device.run("status").out
    for words in (
        f"✓ {said['host']} answers (version stand-in)", vendor.default.tenant_id, "Subscription", "active",
        "2 (1 here)", "Only in the Cloud", "Elsewhere", "Only on This Disk", "fresh", "Storage Used",
        "Last Sync",
    ):  # fmt: skip
        assert words in table


def logged_out(device: Device, vendor: Vendor) -> None:
    device.run("logout")


def no_network(device: Device, vendor: Vendor) -> None:
    # What is known goes by the address, so the connection is cut there.
    vendor.fault(ANY, ANY, Answer(200, drop=True), times=None)


def out_of_order(device: Device, vendor: Vendor) -> None:
    vendor.fault("GET", ANY, Answer.detail(500, "sorry"), times=None)


def strange(device: Device, vendor: Vendor) -> None:
    vendor.fault("GET", ANY, Answer(200, "<html>hello</html>"), times=None)


def slow(device: Device, vendor: Vendor) -> None:
    vendor.fault("GET", ANY, Answer(hang=True), times=None)


def somebody_else(device: Device, vendor: Vendor) -> None:
    vendor.add_tenant(Tenant(slug="other", is_default=True))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (logged_out, "nobody is logged in to the cloud; type: bisync login"),
        (no_network, "cannot be reached"),
        (out_of_order, "has trouble of its own (500): sorry"),
        (strange, "something that is no JSON"),
        (slow, "did not answer in 3 s"),
        (somebody_else, "the login is that of another tenant"),
    ],
)
def test_what_is_known_is_shown_with_its_age_when_the_cloud_cannot_be_asked(
    trouble: Callable[[Device, Vendor], None], words: str, device: Device, vendor: Vendor
) -> None:
    fresh = cloud_of(device)
    path, known = remembered(device)
    then = (datetime.now(UTC) - timedelta(hours=3)).isoformat(timespec="seconds")
    path.write_text(json.dumps({**known, "asked_at": then}))
    trouble(device, vendor)

    began = time.monotonic()
    said = cloud_of(device)

    assert time.monotonic() - began < 8
    assert words in said["trouble"]
    assert said == {**fresh, "answers": False, "as_of": then, "trouble": said["trouble"]}
    assert remembered(device)[1]["asked_at"] == then
    if trouble is logged_out:
        assert f"{said['host']}, as of 3 hours ago: {words}" in device.run("status").out


def test_a_subscription_that_has_ended_is_said_and_remembered(device: Device, vendor: Vendor) -> None:
    assert cloud_of(device)["subscribed"] is True
    vendor.default.subscribed = False

    said = cloud_of(device)

    assert said["subscribed"] is False
    cure = "subscribe at https://basicmemory.com/pricing, then run again"
    assert said["trouble"] == f"Active subscription required; {cure}"
    assert remembered(device)[1]["subscribed"] is False


def test_before_setup_nothing_is_remembered(bare: Device, vendor: Vendor) -> None:
    assert cloud_of(bare) | {"trouble": ""} == {
        "host": vendor.url.removeprefix("http://"), "answers": False, "as_of": None, "trouble": "", "health": None,
        "tenant_id": None, "workspace": None, "subscribed": None, "projects": None,
    }  # fmt: skip
    log_in(bare, vendor)

    said = cloud_of(bare)

    assert (said["tenant_id"], said["answers"]) == (vendor.default.tenant_id, True)
    assert not (bare.home / ".basic-memory" / "bisync-state" / ".clouds").exists()


def test_a_login_that_ran_out_is_refreshed_and_one_tenant_is_asked_once(
    device: Device, vendor: Vendor
) -> None:
    device.write_manifest(
        manifest(vendor, "notes").replace("~/notes}", "~/notes, path: work}")
        + "  rest: {tenant: notes, dir: ~/rest, path: elsewhere}\n"
    )
    file = log_in(device, vendor, expires_at=1)

    said = {one: cloud_of(device, one)["projects"] for one in ("notes", "rest")}

    # A folder of its bucket misses no other project.
    assert said["notes"] == {"both": ["work"], "only_cloud": [], "only_local": []}
    assert said["rest"] == {"both": ["elsewhere"], "only_cloud": [], "only_local": []}
    assert json.loads(file.read_text())["expires_at"] > time.time()
    assert vendor.count("POST", "/oauth2/token") == 1
    assert vendor.count("GET", "/tenant/mount/info") == 2, "once for each time that status was typed"


def test_a_refresh_is_waited_for_at_the_end_when_the_answer_is_not(device: Device, vendor: Vendor) -> None:
    """Its refresh token is spent by then: ended half-way, the login would be gone."""
    file = log_in(device, vendor, expires_at=1)
    answer = {"access_token": "fresh", "expires_in": 3600}
    vendor.fault("POST", "/oauth2/token", Answer(200, answer, delay=4))

    said = cloud_of(device)

    assert "did not answer in 3 s" in said["trouble"]
    assert json.loads(file.read_text())["access_token"] == "fresh"


def test_names_of_the_cloud_cannot_act_on_the_terminal(device: Device, vendor: Vendor) -> None:
    odd = "\x9b31m\u202ered"
    call(vendor, odd, "odd")
    vendor.fault("GET", "/proxy/health", Answer(200, {"version": odd}), times=None)

    table = device.run("status").out

    assert table.replace("\n", "").isprintable() and table.count("31m") == 2
    assert odd in cloud_of(device)["projects"]["only_cloud"]


def test_an_older_cloud_says_what_it_can(tmp_path: Path) -> None:
    with serve_vendor(tmp_path / "vendor", "old") as vendor:
        device = Device(tmp_path / "home", env=dict(vendor.environment))
        device.write_manifest(manifest(vendor, "notes"))
        log_in(device, vendor)
        device.run("setup")

        said = cloud_of(device)

        assert (said["workspace"], said["subscribed"], said["answers"]) == (None, True, True)
        assert said["projects"] is not None


# -- doctor ---------------------------------------------------------------------------------------------


def findings(device: Device) -> list[dict[str, Any]]:
    return list(device.run("doctor", "--json", expect=None).json["findings"])


def about(device: Device, what: str) -> list[tuple[str, str]]:
    return [(one["level"], one["text"]) for one in findings(device) if one["about"] == what]


def test_doctor_says_whose_login_is_there_and_how_fresh(device: Device, vendor: Vendor) -> None:
    file = log_in(device, vendor, host=vendor.url)
    [(level, text)] = about(device, "login")
    assert level == "ok" and text.startswith(f"{file} (mode 600), for {vendor.url}, good for 59 minutes")

    log_in(device, vendor, expires_at=1)
    [(level, text)] = about(device, "login")
    assert level == "ok" and "which notes no address; it is refreshed when it is used" in text

    log_in(device, vendor, expires_at=1, refresh_token=None)
    assert about(device, "login") == [("warning", f"the login in {file} has run out")]

    file.chmod(0o644)
    [wide] = [one for one in findings(device) if "can be read by others (mode 0644)" in one["text"]]
    assert (wide["level"], wide["cure"].split(";")[0]) == ("problem", f"type: chmod 600 {file}")

    file.unlink()
    [(level, text)] = about(device, "login")
    assert level == "warning" and text.startswith("nobody is logged in to the cloud")


def test_doctor_names_an_address_that_only_the_manifest_has(bare: Device, vendor: Vendor) -> None:
    log_in(bare, vendor, host="https://cloud.example")
    bare.write_manifest(
        manifest(vendor, "notes").replace("basic-memory,", f"basic-memory, api_url: {vendor.url},")
    )
    del bare.env["BASIC_MEMORY_CLOUD_HOST"]

    levels = {text: level for level, text in about(bare, "login")}

    [text] = [text for text in levels if "an address that only the manifest names for tenants.notes" in text]
    assert levels[text] == "warning" and vendor.url in text


def test_doctor_looks_at_tokens_and_api_keys(bare: Device, vendor: Vendor) -> None:
    config = bare.home / ".basic-memory" / "config.json"
    config.parent.mkdir(mode=0o700)
    config.write_text('{"cloud_api_key": "bmc_123"}')
    config.chmod(0o644)
    assert about(bare, "login") == [
        ("ok", f"the API key in cloud_api_key in {config}, for {vendor.url}"),
        ("problem", f"{config} holds the API key and can be read by others (mode 644)"),
    ]
    bare.write_manifest(
        manifest(vendor, "notes").replace("basic-memory,", "basic-memory, token: {env: MY_TOKEN},")
    )
    [missing] = [one for one in findings(bare) if one["about"] == "notes" and "MY_TOKEN" in one["text"]]
    assert (missing["level"], missing["text"].endswith("is not set")) == ("problem", True)
    bare.env["MY_TOKEN"] = "bmc_456"
    [(level, text)] = about(bare, "login")
    assert level == "ok" and "{env: MY_TOKEN}" in text and "bmc_456" not in text


def test_doctor_finds_a_login_in_both_places(bare: Device, vendor: Vendor) -> None:
    old = log_in(bare, vendor)
    new = bare.home / "config" / "basic-memory" / old.name
    new.parent.mkdir(parents=True)
    new.write_bytes(old.read_bytes())
    new.chmod(0o600)
    bare.env["XDG_CONFIG_HOME"] = str(bare.home / "config")

    [both] = [one for one in findings(bare) if "two logins" in one["text"]]

    assert both["text"] == f"there are two logins: {new}, which is used, and {old}"
    assert both["cure"].endswith(f"rm {old}")


@pytest.mark.parametrize(("mode", "level"), [(0o644, "problem"), (0o600, "warning")])
def test_doctor_finds_copies_of_rclone_conf_with_keys(device: Device, mode: int, level: str) -> None:
    conf = device.home / ".config" / "rclone" / "rclone.conf"
    for name in ("backup-77", "backup-78"):
        copy = conf.with_name(f"rclone.conf.{name}")
        copy.write_bytes(conf.read_bytes())
        copy.chmod(mode)
    conf.with_name("rclone.conf.backup-79").write_text("[nas]\ntype = sftp\n")

    [found] = [one for one in findings(device) if "copies of rclone.conf" in one["text"]]

    assert found["level"] == level
    assert f"{conf}.backup-77 (mode {mode:o}), {conf}.backup-78 (mode {mode:o})" in found["text"]
    assert "backup-79" not in found["text"]
    assert found["cure"] == f"remove them: rm {conf}.backup-*"


def test_doctor_finds_tenants_that_are_the_same(device: Device, vendor: Vendor) -> None:
    named = f"  again: {{workspace: {vendor.default.tenant_id}, provider"
    device.write_manifest(manifest(vendor, "notes", "again").replace("  again: {provider", named))
    assert not [one for one in findings(device) if "are one store" in one["text"]], "nobody knows it yet"
    device.run("setup", "--only", "again", expect=None)

    [found] = [one for one in findings(device) if "are one store" in one["text"]]

    assert found["level"] == "problem"
    assert "tenants.notes and tenants.again" in found["text"] and vendor.default.bucket in found["text"]


def test_doctor_needs_no_network_for_it(device: Device, vendor: Vendor) -> None:
    vendor.reset()
    no_network(device, vendor)

    assert about(device, "login")[0][0] == "ok"
    assert vendor.requests == []
