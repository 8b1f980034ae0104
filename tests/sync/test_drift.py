"""rclone.conf and the manifest part ways: every task that uses it says so, and nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.providers.rclone import address_of, remotes_behind
from tests.support.world import BUCKET, S3, Device, serve_s3


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[S3]:
    """Another server with a bucket of the same name, which takes the same keys."""
    with serve_s3(tmp_path / "elsewhere") as server:
        yield server


def test_another_endpoint_in_rclone_conf_alone(laptop: Device, s3: S3, elsewhere: S3) -> None:
    laptop.write("a.md", "one")
    laptop.sync()
    conf = laptop.home / ".config/rclone/rclone.conf"
    good = conf.read_text()
    conf.write_text(good.replace(s3.endpoint, elsewhere.endpoint))
    laptop.write("a.md", "two")

    for argv in (
        ("sync",),
        ("check",),
        ("sync", "--resync"),
        ("sync", "--force"),
        ("prune", "--yes"),
        ("unlock",),
    ):
        said = laptop.run(*argv, expect=2)
        assert "rclone.conf and the manifest do not agree on [basic-memory-team]" in said.err + said.out, argv
        assert (
            f"endpoint is {elsewhere.endpoint} there, and {s3.endpoint} in the manifest"
            in said.err + said.out
        )
        assert "bisync setup" in said.err + said.out, argv
    doctor = laptop.run("doctor", expect=1)
    assert "do not agree" in doctor.out and "answers" not in doctor.out
    assert elsewhere.tree() == {}
    assert s3.tree() == {"a.md": "one"}

    laptop.run("setup")
    assert laptop.sync().uploaded == 1
    assert s3.tree() == {"a.md": "two"}


def test_two_manifests_that_name_one_tenant_differently(laptop: Device, s3: S3) -> None:
    other = laptop.home / "other" / "bisync.yaml"
    other.parent.mkdir()
    text = (
        laptop.s3_manifest().replace("dir: ~/notes", "dir: ~/more\n    path: more").replace("notes:", "more:")
    )
    text = text.replace("{env: TEST_KEY_ID}", "{command: [printenv, TEST_KEY_ID]}")
    assert "printenv" in text
    other.write_text(text)
    assert laptop.sync().outcome is Outcome.IDLE

    laptop.run("setup", "--manifest", str(other))

    said = laptop.run("sync", expect=2)
    assert "its keys are not those that the manifest names" in said.err + said.out
    laptop.run("setup")
    assert laptop.sync().outcome is Outcome.IDLE
    assert laptop.run("sync", "--manifest", str(other), expect=2)


def test_a_remote_of_the_users_own_that_is_elsewhere_by_now(tmp_path: Path, s3: S3, elsewhere: S3) -> None:
    device = Device(tmp_path / "device", s3)
    conf = device.home / ".config/rclone/rclone.conf"
    conf.parent.mkdir(parents=True)
    text = (
        f"[mine]\ntype = s3\nprovider = Other\naccess_key_id = {s3.key_id}\nsecret_access_key = {s3.secret}\n"
        f"endpoint = {s3.endpoint}\n"
    )
    conf.write_text(text)
    device.write_manifest(
        f"version: 1\ntenants:\n  team:\n    provider: rclone\n    remote: 'mine:{BUCKET}'\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    device.setup()
    device.write("a.md", "one")
    device.sync()
    conf.write_text(text + "# another comment\nupload_cutoff = 1G\n")
    assert device.sync().outcome is Outcome.IDLE

    conf.write_text(text.replace(s3.endpoint, elsewhere.endpoint))

    said = device.run("sync", expect=5)
    assert "rclone.conf had another address for the remote" in said.err + said.out
    assert elsewhere.tree() == {}
    device.run("setup")
    assert elsewhere.tree() == {"a.md": "one"}


SECTIONS = {
    "nas": {"type": "webdav", "url": "https://nas", "pass": "x"},
    "a": {"type": "alias", "remote": "nas:notes"},
    "c": {"type": "crypt", "remote": "a:", "password": "x"},
    "u": {"type": "union", "upstreams": "c:one /disk:ro other:x:nc"},
    "b": {"type": "combine", "upstreams": 'left=c:one "right=other:two words"'},
    "other": {"type": "sftp", "host": "h"},
    "loop": {"type": "alias", "remote": "loop:"},
}


@pytest.mark.pure
@pytest.mark.parametrize(
    ("remote", "names"),
    [
        ("nas:x", {"nas"}),
        ("a:", {"a", "nas"}),
        ("u:x", {"u", "c", "a", "nas", "other"}),
        ("b:", {"b", "c", "a", "nas", "other"}),
        ("loop:", {"loop"}),
        ("gone:", set()),
    ],
)
def test_what_a_remote_leads_to(remote: str, names: set[str]) -> None:
    assert set(remotes_behind(remote, SECTIONS)) == names


@pytest.mark.pure
@pytest.mark.parametrize(
    ("name", "key", "other"),
    [("nas", "url", True), ("nas", "pass", False), ("a", "remote", True), ("other", "host", True)],
)
def test_what_makes_it_another_place(name: str, key: str, other: bool) -> None:
    changed = {**SECTIONS, name: {**SECTIONS[name], key: "changed"}}

    assert (address_of("u:", changed) != address_of("u:", SECTIONS)) is other
    assert address_of("u:", SECTIONS) and not address_of("gone:", SECTIONS)


@pytest.mark.parametrize(
    "value", ["basic-memory-team:x", "'basic-memory-team:x'", "basic-memory-team,region=x:y"]
)
@pytest.mark.parametrize("key", ["alias\nremote", "union\nupstreams"])
def test_no_alias_leads_to_keys_that_setup_stored(laptop: Device, s3: S3, key: str, value: str) -> None:
    laptop.write("a.md", "one")
    conf = laptop.home / ".config/rclone/rclone.conf"
    conf.write_text(
        conf.read_text() + f"\n[mine]\ntype = {key} = {value}\n[over]\ntype = alias\nremote = mine:\n"
    )
    laptop.write_manifest(
        "version: 1\ntenants:\n  team:\n    provider: rclone\n    remote: 'over:notes'\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )

    said = laptop.run("setup", expect=2)

    assert "leads to [basic-memory-team] in rclone.conf" in said.err + said.out
    assert s3.tree() == {}
