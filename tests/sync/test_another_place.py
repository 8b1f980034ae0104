"""What is known of one place holds for no other: another endpoint, bucket, path, dir or manifest is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bisync.core.metadata import MARKER_TEXT
from bisync.core.place import Place, moved
from bisync.core.result import Outcome
from tests.support.world import BUCKET, S3, Device, serve_s3

OTHER_BUCKET = "other-bucket"
OURS = {"0.md.conflict1": "a conflict that waits"} | {f"{number}.md": f"ours {number}" for number in range(5)}
THEIRS = {"theirs.md": "of another place"}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    """A server with two buckets."""
    with serve_s3(tmp_path / "cloud", (BUCKET, OTHER_BUCKET)) as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[S3]:
    """Another server with a bucket of the same name."""
    with serve_s3(tmp_path / "elsewhere") as server:
        yield server


def filled(device: Device, files: dict[str, str]) -> Device:
    device.setup()
    for name, text in files.items():
        device.write(name, text)
    assert device.sync().uploaded == len(files)
    return device


@pytest.fixture
def device(tmp_path: Path, s3: S3) -> Device:
    """A device with a handful of notes, one of them edited since, so that the trash keeps something."""
    device = filled(Device(tmp_path / "device", s3, sync_extra="    path: a/b\n"), {**OURS, "0.md": "first"})
    device.write("0.md", OURS["0.md"])
    assert device.sync().uploaded == 1
    return device


def endpoint(device: Device, elsewhere: S3) -> str:
    """The manifest with another endpoint, which rclone.conf has by now, too."""
    assert device.server is not None
    conf = device.home / ".config/rclone/rclone.conf"
    conf.write_text(conf.read_text().replace(device.server.endpoint, elsewhere.endpoint))
    return device.s3_manifest().replace(device.server.endpoint, elsewhere.endpoint)


def bucket(device: Device, elsewhere: S3) -> str:
    return device.s3_manifest().replace(BUCKET, OTHER_BUCKET)


def path(device: Device, elsewhere: S3) -> str:
    """bisync calls listings of `a/b` and `a_b` alike."""
    return device.s3_manifest().replace("path: a/b", "path: a_b")


Changed = Callable[[Device, S3], str]


def test_the_baseline_remembers_its_place(device: Device, s3: S3) -> None:
    known = json.loads((device.state / "baseline.json").read_text())

    assert known["place"] == {
        "store": f"{s3.endpoint}/{BUCKET}/a/b",
        "remote": f"basic-memory-team:{BUCKET}/a/b/",
        "dir": str(device.notes),
        "manifest": str(device.home / "bisync.yaml"),
    }


@pytest.mark.parametrize("changed", [endpoint, bucket, path])
def test_another_cloud_is_refused_until_setup(
    device: Device, s3: S3, elsewhere: S3, tmp_path: Path, changed: Changed
) -> None:
    text = changed(device, elsewhere)
    other = Device(tmp_path / "other", s3)
    other.write_manifest(text)
    filled(other, THEIRS)
    device.write_manifest(text)
    before = {**OURS}

    for argv in (("sync",), ("plan",), ("sync", "--dry-run"), ("sync", "--force"), ("prune", "--yes"),
                 ("restore", "0.md"), ("resolve", "0.md", "--keep", "newer")):  # fmt: skip
        said = device.run(*argv, expect=5)
        assert "speaks of another place: the cloud folder was" in said.err + said.out, argv
        assert "bisync setup --only notes" in said.err + said.out, argv
    status = device.run("status", "--json").json["syncs"][0]
    assert "another place" in status["blocked"] and not status["initialised"]
    assert "another place" in device.run("doctor", expect=1).out
    assert device.tree() == before
    assert device.run("conflicts", "--json", expect=3).json

    device.run("setup")

    assert device.tree() == OURS | THEIRS
    assert device.sync().outcome is Outcome.IDLE
    other.sync()
    assert other.tree() == OURS | THEIRS
    assert s3.tree(f"{BUCKET}/a/b") == OURS
    # The way back is another place, too.
    device.write_manifest(device.s3_manifest())
    assert "another place" in device.run("sync", expect=5).err


def test_another_dir_is_refused_until_setup(device: Device, s3: S3) -> None:
    device.write_manifest(device.s3_manifest().replace("~/notes", "~/elsewhere"))
    elsewhere = device.home / "elsewhere"
    (elsewhere / ".basic-memory").mkdir(parents=True)
    (elsewhere / ".basic-memory/.bisync-marker").write_text(MARKER_TEXT)
    (elsewhere / "mine.md").write_text("mine")

    said = device.run("sync", expect=5)

    assert f"the sync dir was {device.notes} and is {elsewhere} now" in said.err
    assert s3.tree(f"{BUCKET}/a/b") == OURS
    device.run("setup")
    assert s3.tree(f"{BUCKET}/a/b") == OURS | {"mine.md": "mine"}
    assert device.tree() == OURS, "the old folder is left alone"


def test_a_dir_that_is_a_link_to_another_folder_is_another_dir(device: Device, s3: S3) -> None:
    device.notes.rename(device.home / "first")
    (device.home / "second/.basic-memory").mkdir(parents=True)
    marker = (device.home / "first/.basic-memory/.bisync-marker").read_bytes()
    (device.home / "second/.basic-memory/.bisync-marker").write_bytes(marker)
    device.notes.symlink_to(device.home / "second")

    assert "the sync dir was" in device.run("sync", expect=5).err
    assert s3.tree(f"{BUCKET}/a/b") == OURS


def test_another_manifest_does_not_share_it(device: Device, s3: S3) -> None:
    """Two manifests with a tenant and a sync of one name have one state folder."""
    second = device.home / "second.yaml"
    second.write_text(device.s3_manifest())

    said = device.run("sync", "--manifest", str(second), expect=5)

    assert f"the manifest was {device.home / 'bisync.yaml'} and is {second} now" in said.err
    device.run("setup", "--manifest", str(second))
    assert device.run("sync", "--manifest", str(second)).code == 0
    assert "the manifest was" in device.run("sync", expect=5).err
    assert device.tree() == s3.tree(f"{BUCKET}/a/b") == OURS


def test_another_storage_of_the_embedded_server(tmp_path: Path) -> None:
    device = Device(tmp_path / "device")
    text = (
        "version: 1\ntenants:\n  team:\n    provider: embedded\n    storage: ~/{}\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    device.write_manifest(text.format("one"))
    filled(device, OURS)
    device.write_manifest(text.format("two"))

    assert "the cloud folder was" in device.run("sync", expect=5).err
    device.run("setup")
    assert device.tree() == OURS
    assert (device.home / "two/team/0.md").read_text() == OURS["0.md"]


def test_an_alias_that_means_another_folder_now(tmp_path: Path) -> None:
    device = Device(tmp_path / "device")
    device.write_manifest(
        "version: 1\ntenants:\n  team:\n    provider: rclone\n    remote: 'mine:'\n"
        "syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    conf = device.home / ".config/rclone/rclone.conf"
    conf.parent.mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    conf.write_text(f"[mine]\ntype = alias\nremote = {tmp_path}/one\n")
    filled(device, OURS)
    conf.write_text(f"[mine]\ntype = alias\nremote = {tmp_path}/two\n")

    assert "the remote was" in device.run("sync", expect=5).err
    device.run("setup")
    assert device.tree() == OURS and (tmp_path / "two/0.md").exists()


def test_a_state_from_before_takes_the_place_it_has(device: Device, s3: S3) -> None:
    file = device.state / "baseline.json"
    known = json.loads(file.read_text())
    place = known.pop("place")
    file.write_text(json.dumps(known))

    assert device.sync().outcome is Outcome.IDLE

    assert json.loads(file.read_text())["place"] == place
    known["place"] = place
    device.write_manifest(bucket(device, s3))
    device.run("sync", expect=5)


HERE = Place("https://s/b", "r:b/", "/d", "/m")


@pytest.mark.pure
@pytest.mark.parametrize(
    ("known", "now", "says"),
    [
        (None, HERE, None),
        (HERE, HERE, None),
        (HERE, HERE._replace(remote=""), None),
        (HERE, HERE._replace(store="https://s/c"), "the cloud folder was https://s/b and is https://s/c now"),
        (HERE, HERE._replace(remote="r:c/"), "the remote was r:b/ and is r:c/ now"),
        (HERE, HERE._replace(dir="/e"), "the sync dir was /d and is /e now"),
        (HERE, HERE._replace(manifest="/n"), "the manifest was /m and is /n now"),
    ],
)
def test_what_tells_places_apart(known: Place | None, now: Place, says: str | None) -> None:
    assert moved(known, now) == says
