"""The same day on the S3 servers of the suite; `make compat` has it on one more, which has to be installed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_plus

import pytest

from bisync.core import names
from bisync.providers import listed_names
from bisync.rclone import conf
from tests.support import compat
from tests.support.machine import processes
from tests.support.proxy import Gate, Proxy, Status, Without, proxied
from tests.support.world import BUCKET, S3, SECRET, Device, serve_moto, serve_s3_staying


@pytest.fixture(params=["rclone serve s3", "moto"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3]:
    if request.param == "moto":
        with serve_moto(shared=True) as moto:
            yield moto
    else:
        with serve_s3_staying(tmp_path / "cloud") as served:
            yield replace(served, provider="Other")  # as if rclone did not know it by name


@pytest.mark.parametrize("scene", compat.SCENES)
def test_every_scene(scene: str, tmp_path: Path, server: S3) -> None:
    compat.SCENES[scene](tmp_path, server)


# -- how a bucket is listed -----------------------------------------------------------------------------

GOOD = listed_names.NAMES


def conf_of(device: Device) -> dict[str, str]:
    text = (device.home / ".config" / "rclone" / "rclone.conf").read_text()
    return conf.read_sections(text)["basic-memory-team"]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """moto behind a proxy."""
    with serve_moto() as moto, proxied(moto) as found:
        yield found


def test_a_store_that_takes_no_notice_of_the_encoding_is_asked_for_plain_names(
    tmp_path: Path, proxy: Proxy
) -> None:
    """Its plain names would be decoded: a+b would become a b, and the file would seem to be gone."""
    proxy.on("LIST", Without("encoding-type"))
    device = Device(tmp_path / "device", proxy.s3)
    for name in compat.TELLING:
        device.write(name, name)

    device.run("setup")

    section = conf_of(device)
    assert section["list_url_encode"] == "false" and "list_version" not in section
    assert proxy.s3.tree() == device.tree()
    assert "nothing to do" in device.run("sync").out


def test_a_store_that_fails_on_what_is_in_its_bucket_already(tmp_path: Path, proxy: Proxy) -> None:
    proxy.on("LIST", Status(500, unless="encoding-type=url"))
    device = Device(tmp_path / "device", proxy.s3)
    device.write("a.md", "a")

    device.run("setup")

    device.write("b.md", "b")
    assert "1 file uploaded" in device.run("sync").out


@pytest.mark.parametrize(("kind", "path"), [("PUT", listed_names.FOLDER), ("DELETE", "")])
def test_setup_goes_on_where_nothing_can_be_found_out(
    tmp_path: Path, proxy: Proxy, kind: str, path: str
) -> None:
    """And the next one finds it out."""
    proxy.on(kind, Status(403, "AccessDenied"), path=path, times=1)
    device = Device(tmp_path / "device", proxy.s3)

    device.run("setup")

    assert "list_url_encode" not in conf_of(device)
    device.run("setup")
    assert conf_of(device)["list_url_encode"] == "true"


def test_a_setup_that_is_killed_while_it_tries(tmp_path: Path, proxy: Proxy) -> None:
    """Every listing goes on, by every kind of request."""
    device = Device(tmp_path / "device", proxy.s3)
    gate = proxy.on("PUT", Gate(), path=listed_names.NAMES[-1])
    run = device.popen("setup", start_new_session=True)
    gate.wait()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    for pid in processes(str(device.home)):  # rclone has a session of its own
        os.kill(pid, signal.SIGKILL)
    proxy.clear()

    for said in ({}, listed_names.PLAIN, {"list_version": "1"}, {"list_version": "2"}, listed_names.ENCODED):
        flags = [f"--s3-{key.replace('_', '-')}={value}" for key, value in said.items()]
        left = proxy.s3.rclone("lsf", "-R", "--files-only", f"s3:{BUCKET}/{listed_names.FOLDER}", *flags)
        # What stood before the gate may be written by now.
        assert set(GOOD[:-1]) <= set(left.splitlines()) <= set(GOOD), said
    device.run("setup")
    assert proxy.s3.rclone("lsf", "-R", f"s3:{BUCKET}/{listed_names.FOLDER}") == ""


@pytest.mark.parametrize("server", ["rclone serve s3"], indirect=True)
def test_what_is_known_of_a_store_is_not_asked_again_and_not_carried_to_another(
    tmp_path: Path, proxy: Proxy, server: S3
) -> None:
    device = Device(tmp_path / "device", proxy.s3)
    device.run("setup")
    path = device.home / ".config" / "rclone" / "rclone.conf"
    path.write_text(
        path.read_text().replace("list_version = 2\n", "").replace("encode = true", "encode = false")
    )
    proxy.reset()

    device.run("setup")

    assert proxy.counts["PUT"] == 0
    assert conf_of(device)["list_url_encode"] == "false"
    device.server = server
    device.write_manifest(device.s3_manifest())
    device.run("setup", "--yes")
    assert conf_of(device)["list_url_encode"] == "true" and conf_of(device)["list_version"] == "2"


def test_of_a_store_that_rclone_knows_by_name_nothing_is_tried(tmp_path: Path) -> None:
    with serve_s3_staying(tmp_path / "cloud") as served:
        device = Device(tmp_path / "device", served)
        device.run("setup")

    assert served.provider == "Rclone"
    assert "list_url_encode" not in conf_of(device)


DECODED = tuple(map(unquote_plus, GOOD))


def test_keys_that_are_in_no_section(tmp_path: Path, proxy: Proxy) -> None:
    """What was found out is beside what else is known of the sync, and is of this bucket alone."""
    device = Device(tmp_path / "device", proxy.s3, extra="rclone: {keys: memory}\n")
    device.run("setup")
    note = next((device.home / ".basic-memory" / "bisync-state" / ".sections").glob("*.listing.json"))
    text = note.read_text()
    assert SECRET not in text
    proxy.reset()
    device.write("a.md", "a")
    device.run("sync")
    listed = [one.query for one in proxy.seen if one.kind == "LIST"]
    assert listed and all("encoding-type=url" in query for query in listed)
    proxy.reset()
    device.run("setup")
    assert not any(listed_names.FOLDER in one.path for one in proxy.seen), "it is known"

    for other in (text.replace(BUCKET, "another"), text.replace("true", "maybe"), text[:-9], ""):
        note.write_text(other)
        proxy.reset()
        device.run("sync")
        assert not any("encoding-type" in one.query for one in proxy.seen)
    device.run("setup")
    assert note.read_text() == text


@pytest.mark.pure
@pytest.mark.parametrize(
    ("encoded", "plain", "said"),
    [
        (GOOD, (), listed_names.ENCODED),
        (GOOD[::-1], (), listed_names.ENCODED),
        (DECODED, GOOD, listed_names.PLAIN),
        # Pages were lost, or somebody else has tidied up meanwhile.
        (GOOD[:2], GOOD, {}),
        ((), GOOD, {}),
        ((*GOOD, "more"), GOOD, {}),
        (DECODED, DECODED, {}),
        (DECODED, (), {}),
    ],
)
def test_what_the_names_tell(encoded: tuple[str, ...], plain: tuple[str, ...], said: dict[str, str]) -> None:
    assert listed_names.decided(encoded, plain) == said


@pytest.mark.pure
def test_every_name_that_is_tried_can_stand_in_xml_and_tells_encoded_from_plain() -> None:
    for name in listed_names.NAMES:
        assert names.obstacle(name) is None and names.misfit(name) is None
    assert [one == other for one, other in zip(GOOD, DECODED, strict=True)] == [False, False, True]
    assert {unquote_plus(quote(name, safe="/")) for name in GOOD} == set(GOOD)
