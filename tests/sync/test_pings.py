"""Pings around real runs: which, when, what they say; and services that do not answer as they should."""

from __future__ import annotations

import json
import logging
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from bisync.core.result import Outcome
from tests.support.machine import everything
from tests.support.pinged import SECRET_PATH, Ping, Pinged, pinged
from tests.support.world import S3, Device

ALL = ("start", "success", "failure")


@pytest.fixture
def service() -> Iterator[Pinged]:
    with pinged() as made:
        yield made


def pinging(device: Device, service: Pinged, *whens: str, more: str = "") -> None:
    device.write_manifest(device.s3_manifest() + more + service.manifest(*(whens or ALL)))


def hooks(**given: object) -> str:
    return f"    hooks: {json.dumps(given)}\n"


def test_a_run_is_announced_and_its_end_told(ready: Device, service: Pinged) -> None:
    pinging(ready, service)
    ready.write("a.md", "a")
    assert ready.sync().outcome is Outcome.DONE
    assert ready.sync().outcome is Outcome.IDLE

    assert service.calls == [Ping("start", "GET", ""), Ping("success", "GET", "")] * 2


def test_setup_is_a_run_too_and_a_dry_run_is_none(fresh: Device, service: Pinged) -> None:
    pinging(fresh, service)
    fresh.setup()
    assert service.whens == ["start", "success"]

    fresh.write("a.md", "a")
    assert fresh.sync(dry_run=True).notes == ()
    fresh.run("plan")
    fresh.run("sync", "--dry-run")
    assert service.whens == ["start", "success"]


def test_a_run_that_failed_or_was_refused_is_a_failure_and_says_why(ready: Device, service: Pinged) -> None:
    pinging(ready, service, more=hooks(before_sync=[["sh", "-c", "echo hunter2; exit 1"]]))
    ready.write("a.md", "a")
    assert ready.sync().outcome is Outcome.FAILED
    text = "notes: failed (exit code 1): notes: the before_sync hook ended with code 1"
    assert service.calls[1:] == [Ping("failure", "POST", text)]

    pinging(ready, service, more=hooks(after_sync=[["false"]]))
    result = ready.sync()
    assert (result.outcome, result.exit_code) == (Outcome.DONE, 1)
    assert service.calls[-1].text == "notes: done (exit code 1): notes: the after_sync hook ended with code 1"

    pinging(ready, service)
    (ready.notes / "a.md").unlink()
    assert ready.sync(max_delete=0).outcome is Outcome.REFUSED
    assert service.calls[-1].text == ("notes: refused (exit code 4): Deletion exceeds safety limit (1 > 0)")


def test_a_run_that_is_interrupted_is_a_failure(ready: Device, service: Pinged) -> None:
    pinging(ready, service, more=hooks(before_sync=[["sleep", "300"]]))
    ready.write("a.md", "a")
    process = ready.popen("sync")
    deadline = time.monotonic() + 20
    while (
        "sleep" not in (ready.state / "hooks.log").read_text()
        if (ready.state / "hooks.log").exists()
        else True
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert process.returncode == 130
    assert service.calls[1:] == [Ping("failure", "POST", "notes: interrupted")]


def test_a_bad_option_is_a_failure_too(ready: Device, service: Pinged) -> None:
    pinging(ready, service)
    ready.run("sync", "--profile", "nobody's", expect=2)

    assert service.whens == ["start", "failure"]
    assert "unknown profile" in service.calls[1].text


def test_a_sync_has_its_own_addresses_and_else_those_of_all(ready: Device, service: Pinged) -> None:
    own = f"    ping: {{success: '{service.url('own')}'}}\n"
    pinging(ready, service, "start", "success", more=own)
    ready.sync()

    assert service.whens == ["start", "own"]


@pytest.mark.parametrize("kind", ["env", "command", "file"])
def test_an_address_may_be_a_reference(ready: Device, service: Pinged, kind: str) -> None:
    url = service.url("success")
    (ready.home / "ping").write_text(url + "\n")
    ready.env["PING"] = url
    reference = {"env": "{env: PING}", "command": "{command: [cat, ping]}", "file": "{file: ~/ping}"}[kind]
    reference = reference.replace("cat, ping", f"cat, {ready.home}/ping")
    ready.write_manifest(ready.s3_manifest() + f"ping: {{success: {reference}}}\n")

    assert ready.sync().notes == ()
    assert service.whens == ["success"]


# -- services that do not answer as they should -------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "note", "calls"),
    [
        ([500, 503], "answered with 503", 2),
        ([500], None, 2),
        ([429], None, 2),
        ([404], "answered with 404", 1),
        ([302], "answered with 302, a redirect, which is not followed", 1),
        ([204], None, 1),
    ],
)
def test_what_a_service_answers(
    ready: Device, service: Pinged, answers: list[int], note: str | None, calls: int
) -> None:
    pinging(ready, service, "success")
    service.answers = answers
    result = ready.sync()

    assert result.notes == (() if note is None else (f"the success ping did not get through: {note}",))
    assert (result.outcome, result.exit_code) == (Outcome.IDLE, 0)
    assert service.whens == ["success"] * calls


def test_nobody_is_there(ready: Device) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ready.write_manifest(ready.s3_manifest() + Pinged(taken.getsockname()[1]).manifest(*ALL))
        said = ready.run("sync")

    assert [line for line in said.out.splitlines() if "ping" in line] == [
        "Note: the start ping did not get through: no connection: Connection refused",
        "Note: the success ping did not get through: no connection: Connection refused",
    ]


@pytest.mark.parametrize("drips", [False, True])
def test_a_service_that_hangs_holds_nothing_up(ready: Device, service: Pinged, drips: bool) -> None:
    pinging(ready, service, "start", "success")
    service.delay, service.drips = 60, drips
    ready.write("a.md", "a")
    began = time.monotonic()
    process = ready.popen("sync", "--json")
    while not (ready.state / "history.jsonl").read_text().count('"done"') > 1:
        assert time.monotonic() - began < 20
        time.sleep(0.02)
    written = time.monotonic()
    out, _ = process.communicate(timeout=60)

    assert time.monotonic() - began < 25 and time.monotonic() - written < 12
    [one] = json.loads(out)["syncs"]
    assert (process.returncode, one["outcome"], one["uploaded"]) == (0, "done", 1)
    assert one["notes"] == [
        f"the {when} ping did not get through: no answer in 5 s" for when in ("start", "success")
    ]


def test_no_connection_that_breaks_off_is_a_failure_of_the_run(ready: Device) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.write_manifest(ready.s3_manifest() + Pinged(server.getsockname()[1]).manifest("success"))
        process = ready.popen("sync", "--json")
        for _ in range(2):
            server.settimeout(30)
            server.accept()[0].close()
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert json.loads(out)["syncs"][0]["notes"] == [
        "the success ping did not get through: the connection broke"
    ]


# -- addresses are secrets ----------------------------------------------------------------------------


def test_no_address_is_shown_or_written_down(
    ready: Device, service: Pinged, caplog: pytest.LogCaptureFixture, cloud: S3
) -> None:
    pinging(ready, service)
    service.answers = [500] * 20
    ready.write("a.md", "a")
    with caplog.at_level(logging.INFO):
        result = ready.sync()
    assert len(result.notes) == 2 and SECRET_PATH not in repr(ready.app()) + repr(result) + caplog.text
    said = [
        ready.run(*argv, expect=None)
        for argv in (["validate"], ["sync", "--verbose"], ["sync", "--json"], ["plan", "--json", "--out", "p.json"],
                     ["history", "--json"], ["log", "--json"], ["log"], ["doctor", "--json"], ["status", "--json"],
                     ["sync", "--profile", "nobody's"])
    ]  # fmt: skip

    assert not any(SECRET_PATH in one.out + one.err for one in said)
    holding = [name for name, (content, *_) in everything(ready.home).items()
               if isinstance(content, bytes) and SECRET_PATH.encode() in content]  # fmt: skip
    assert holding == [str(ready.home / "bisync.yaml")]


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ("http://hc.example.com/SECRET", "its address is neither https nor on this machine"),
        ("SECRET", "its address is neither https nor on this machine"),
        ("https://u:SECRET@hc.example.com/", "its address is neither https nor on this machine"),
        ("https://[SECRET/", "its address is neither https nor on this machine"),
        ("https://xn--SECRET-.invalid./", None),
        ("", "ping.success: {env: PING} is empty"),
    ],
    ids=["http", "no address", "a password", "no host", "an odd host", "empty"],
)
def test_an_address_that_cannot_be_called_is_not_repeated(
    ready: Device, value: str, note: str | None
) -> None:
    ready.env["PING"] = value
    ready.write_manifest(ready.s3_manifest() + "ping: {success: {env: PING}}\n")
    result = ready.sync()

    assert (result.outcome, result.exit_code) == (Outcome.IDLE, 0)
    assert len(result.notes) == 1 and "SECRET" not in result.notes[0]
    assert note is None or result.notes[0] == f"the success ping did not get through: {note}"


def test_httpx_is_not_loaded_without_a_ping(ready: Device) -> None:
    code = (
        "import sys\nfrom bisync.tasks.program import run\n"
        "code = run(['sync'])\nprint(code, 'httpx' in sys.modules)"
    )
    assert _python(ready, code).splitlines()[-1] == "0 False"

    with pinged() as service:
        pinging(ready, service)
        assert _python(ready, code).splitlines()[-1] == "0 True"


def _python(device: Device, code: str) -> str:
    import subprocess
    import sys

    return subprocess.run(
        [sys.executable, "-c", code], cwd=device.home, env=device.environment, capture_output=True, text=True,
        check=True, timeout=60,
    ).stdout  # fmt: skip
