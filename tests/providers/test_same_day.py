"""The same day through every kind of cloud: s3 (two servers), rclone (WebDAV, a folder), embedded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.machine import but_grants, everything, processes
from tests.support.proxy import Gate, proxied
from tests.support.served import served
from tests.support.world import (
    BUCKET,
    KEY_ID,
    S3,
    SECRET,
    Device,
    free_port,
    serve_moto,
)

MakeDevice = Callable[[str], Device]


def rclone_device(home: Path, conf: str, remote: str) -> Device:
    """A device whose own rclone.conf has the remote."""
    device = Device(home)
    path = home / ".config" / "rclone" / "rclone.conf"
    path.parent.mkdir(parents=True)
    path.write_text(conf)
    device.write_manifest(
        f"version: 1\ntenants:\n  team:\n    provider: rclone\n    remote: {remote!r}\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    return device


@pytest.fixture(params=["rclone serve s3", "moto", "webdav", "local", "alias", "embedded"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeDevice]:
    """Makes devices that share one cloud of the kind."""
    kind = str(request.param)
    shared = tmp_path / "shared"
    shared.mkdir()
    if kind == "rclone serve s3":
        server = request.getfixturevalue("cloud")
        below = request.getfixturevalue("below")
        yield lambda name: Device(tmp_path / name, server, sync_extra=f"    path: {below}\n")
    elif kind == "moto":
        with serve_moto() as moto:
            yield lambda name: Device(tmp_path / name, moto)
    elif kind == "webdav":
        with served("webdav", str(shared)) as port:
            conf = f"[dav]\ntype = webdav\nurl = http://127.0.0.1:{port}\nvendor = rclone\n"
            yield lambda name: rclone_device(tmp_path / name, conf, "dav:team/notes")
    elif kind == "local":
        yield lambda name: rclone_device(tmp_path / name, "[disk]\ntype = local\n", f"disk:{shared}")
    elif kind == "alias":
        conf = f"[mine]\ntype = alias\nremote = {shared}\n"
        yield lambda name: rclone_device(tmp_path / name, conf, "mine:")
    else:
        yield lambda name: embedded_device(tmp_path / name, shared)


def embedded_device(home: Path, storage: Path) -> Device:
    device = Device(home)
    device.write_manifest(
        f"version: 1\ntenants:\n  team:\n    provider: embedded\n    storage: {storage}\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    return device


def test_a_day(make: MakeDevice) -> None:
    """Set up, edit, take it to a second device, a conflict, a deletion, check."""
    now = time.time()
    laptop, desktop = make("laptop"), make("desktop")
    laptop.write("sub/gone.md", "gone soon\n", mtime=now - 5000)
    laptop.run("setup")
    laptop.write("note.md", "base\n", mtime=now - 4000)

    assert "✓ Sync completed - 1 file uploaded" in laptop.run("sync").out
    desktop.setup()
    assert desktop.tree() == {"note.md": "base\n", "sub/gone.md": "gone soon\n"}

    laptop.write("note.md", "laptop, earlier\n", mtime=now - 300)
    desktop.write("note.md", "desktop, and later\n", mtime=now - 100)
    (laptop.notes / "sub" / "gone.md").unlink()
    assert "1 file uploaded, 1 deleted" in laptop.run("sync").out
    said = desktop.run("sync").out
    assert "Conflict detected: note.md" in said
    assert "Resolving conflict: using newer version" in said
    kept = {"note.md": "desktop, and later\n", "note.md.conflict1": "laptop, earlier\n"}
    assert desktop.tree() == kept

    laptop.sync()
    assert laptop.tree() == kept
    assert "✓ Both sides are equal: 2 files match" in laptop.run("check").out
    assert "nothing to do" in laptop.run("sync").out
    assert "nothing to do" in desktop.run("sync").out
    assert laptop.run("status", "--json").json["syncs"][0]["conflicts"] == 1


# -- rclone ---------------------------------------------------------------------------------------------


def test_a_remote_that_rclone_conf_does_not_have(tmp_path: Path) -> None:
    device = rclone_device(tmp_path / "home", "[nas]\ntype = local\n", "nsa:notes")
    before = everything(device.home)

    said = device.run("setup", expect=1)

    assert "tenants.team: rclone.conf has no remote 'nsa' (it has: nas)" in said.err
    assert "make it with: rclone config --config" in said.err
    assert but_grants(everything(device.home)) == before


def test_an_rclone_remote_that_does_not_answer(tmp_path: Path) -> None:
    conf = f"[dav]\ntype = webdav\nurl = http://127.0.0.1:{free_port()}\nvendor = rclone\n"
    device = rclone_device(tmp_path / "home", conf, "dav:notes")
    before = everything(device.home)

    said = device.run("setup", expect=1)

    assert "[dav] in rclone.conf: nobody answers at 127.0.0.1:" in said.err
    assert but_grants(everything(device.home)) == before


# -- s3 -------------------------------------------------------------------------------------------------


def test_the_aws_sdks_own_chain(fresh: Device, cloud: S3, below: str) -> None:
    manifest = fresh.s3_manifest()
    begin = manifest.index("    credentials:")
    fresh.write_manifest(manifest[:begin] + "    credentials: aws\n" + manifest[manifest.index("syncs:") :])
    fresh.env = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
    fresh.write("a.md", "a")

    said = fresh.run("setup")

    assert "the AWS SDK's own chain" in said.out
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}
    conf = (fresh.home / ".config" / "rclone" / "rclone.conf").read_text()
    assert "env_auth = true" in conf
    assert KEY_ID not in conf and SECRET not in conf and "access_key" not in conf
    assert "✓ credentials  ok" in fresh.run("setup").out
    fresh.env = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": "other"}
    assert "refused the secret access key" in fresh.run("setup", expect=1).err


def test_one_profile_of_the_aws_sdk_whatever_the_environment_says(
    fresh: Device, cloud: S3, below: str
) -> None:
    manifest = fresh.s3_manifest()
    begin, end = manifest.index("    credentials:"), manifest.index("syncs:")
    fresh.write_manifest(f"{manifest[:begin]}    credentials: {{aws: work}}\n{manifest[end:]}")
    fresh.env = {"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other", "AWS_PROFILE": "other"}
    fresh.write("a.md", "a")

    refused = fresh.run("setup", expect=1).err
    assert "tenants.team.credentials: {aws: work}: there is no such profile (none)" in refused
    assert "aws configure --profile work" in refused

    keys = fresh.home / ".aws" / "credentials"
    keys.parent.mkdir()
    keys.write_text(f"[work]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    assert "the AWS SDK's, of the profile work" in fresh.run("setup").out
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}
    conf = (fresh.home / ".config" / "rclone" / "rclone.conf").read_text()
    assert "env_auth = true\nprofile = work\n" in conf
    assert KEY_ID not in conf and SECRET not in conf

    keys.rename(keys.with_name("gone"))
    fresh.write("b.md", "b")
    assert "the AWS SDK has no such profile" in fresh.run("sync", expect=1).err
    keys.with_name("gone").rename(keys)

    # Another one in the manifest is other keys, and the section is not obeyed until it says so.
    fresh.write_manifest((fresh.home / "bisync.yaml").read_text().replace("aws: work", "aws: home"))
    assert "profile is work there, and home in the manifest" in fresh.run("sync", expect=None).err


# -- embedded -------------------------------------------------------------------------------------------


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Device]:
    device = embedded_device(tmp_path / "home", tmp_path / "storage")
    yield device
    for pid in processes(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)


def register(device: Device) -> Path:
    return device.home / ".basic-memory" / "embedded" / "team.json"


def test_no_server_is_left_behind(embedded: Device, tmp_path: Path) -> None:
    embedded.write("a.md", "a")
    for task in ("setup", "sync", "check", "plan"):
        embedded.run(task)
    assert processes(str(tmp_path)) == []
    assert not register(embedded).exists()
    assert (tmp_path / "storage" / "team" / "a.md").read_text() == "a"
    assert "basic-memory-team" not in _conf_text(embedded), "its keys are new each time and written nowhere"


def _conf_text(device: Device) -> str:
    path = device.home / ".config" / "rclone" / "rclone.conf"
    return path.read_text() if path.exists() else ""


def test_a_dry_run_makes_no_storage(embedded: Device, tmp_path: Path) -> None:
    embedded.notes.mkdir()
    before = everything(tmp_path)

    said = embedded.run("setup", "--dry-run")

    assert "+ baseline     would change" in said.out
    assert everything(tmp_path) == before


def test_a_killed_run_leaves_a_server_that_the_next_one_ends(embedded: Device, tmp_path: Path) -> None:
    embedded.setup()
    embedded.write("a.md", "a")
    # A hook that waits: the run stands still with its server up.
    ready, go = tmp_path / "ready", tmp_path / "go"
    os.mkfifo(ready)
    os.mkfifo(go)
    manifest = (embedded.home / "bisync.yaml").read_text()
    hook = f"    hooks: {{before_sync: [[sh, -c, 'echo > {ready}; cat {go}']]}}\n"
    embedded.write_manifest(manifest + hook)
    run = embedded.popen("sync", start_new_session=True)
    ready.read_text()  # until the hook is there

    run.kill()
    run.wait()
    run.stdout.close()  # type: ignore[union-attr]
    run.stderr.close()  # type: ignore[union-attr]
    go.write_text("")  # the hook ends
    orphans = processes("serve\0s3\0" + str(tmp_path / "storage"))
    assert len(orphans) == 1, "the server has lost its owner"
    embedded.write_manifest(manifest)

    said = embedded.run("sync")

    assert "1 file uploaded" in said.out
    assert processes("serve\0s3\0" + str(tmp_path / "storage")) == []
    assert not register(embedded).exists()


def test_two_syncs_of_one_storage_do_not_end_each_others_server(embedded: Device, tmp_path: Path) -> None:
    manifest = (embedded.home / "bisync.yaml").read_text()
    embedded.write_manifest(
        manifest.replace("    dir: ~/notes\n", "    dir: ~/notes\n    path: one\n")
        + "  other:\n    tenant: team\n    dir: ~/other\n    path: two\n"
    )
    embedded.run("setup")
    embedded.write("a.md", "a")
    (embedded.home / "other" / "b.md").write_text("b")

    first, second = embedded.popen("sync", "--only", "notes"), embedded.popen("sync", "--only", "other")
    said = [one.communicate(timeout=60) for one in (first, second)]

    assert (first.returncode, second.returncode) == (0, 0), said
    assert (tmp_path / "storage" / "team" / "one" / "a.md").exists()
    assert (tmp_path / "storage" / "team" / "two" / "b.md").exists()
    assert processes(str(tmp_path)) == []


def test_a_killed_run_in_the_middle_of_a_transfer(tmp_path: Path, cloud: S3, below: str) -> None:
    with proxied(cloud) as proxy:
        device = Device(tmp_path / "home", proxy.s3, sync_extra=f"    path: {below}\n")
        device.setup()
        device.write("a.md", "a")
        device.write("b.md", "b")
        gate = proxy.on("PUT", Gate(), path="a.md")
        run = device.popen("sync", start_new_session=True)
        gate.wait()
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        for pid in processes(str(device.home)):  # rclone has a session of its own
            os.kill(pid, signal.SIGKILL)
        proxy.clear()

        said = device.run("sync")

        assert "recovered from a run that was killed" in said.out
        assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a", "b.md": "b"}
        assert "match" in device.run("check").out
