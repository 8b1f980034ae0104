"""Names that one side cannot hold: left out and named from the first run on, and nothing else waits for them."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from bisync.core import names
from bisync.core.conflict_names import CopyNames
from bisync.core.result import Outcome
from bisync.sync import observe
from bisync.sync.frame import beside
from tests.support import results
from tests.support.world import BUCKET, KEY_ID, S3, SECRET, Device

ODD_KEYS = (
    *("/abs", "../x", "a/./c", "a/../d", "dir/", "a//c", "b//", "./e", "..", "x/..", "/", "//", "h/."),
    *("cr\rname", "u\x01x", "esc\x1b[31m", "k\uffffx", "quote\u201b", f"{'c' * 300}/x"),
)


@pytest.fixture
def bucket(moto: S3) -> S3:
    """A bucket with odd keys and one ordinary file."""
    client = boto3.client(
        "s3", endpoint_url=moto.endpoint, aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )  # fmt: skip
    for key in (*ODD_KEYS, "ok.md"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    return moto


def test_keys_that_no_file_can_have(tmp_path: Path, bucket: S3) -> None:
    device = Device(tmp_path / "device", bucket)

    said = device.run("setup", expect=1)
    assert said.out.count("Left out: ") == len(ODD_KEYS)
    device.write("here.md", "1")
    for text in ("1", "2", "3"):
        device.write("here.md", text)
        result = device.sync()
        assert result.error is None and result.uploaded == 1
        assert len(result.left_out) == len(ODD_KEYS)
    (device.notes / "here.md").unlink()
    assert device.sync().deleted_cloud == 1
    assert device.sync().outcome is Outcome.IDLE
    assert device.tree() == {"ok.md": "content"}


@pytest.mark.parametrize(
    "name", ["line\nbreak.md", "return\r.md", "\x01", "bell\x07.md", "\ufffe.md", "k\uffff"]
)
def test_names_that_no_listing_can_hold_never_go_up(laptop: Device, s3: S3, name: str) -> None:
    laptop.write(name, "odd")
    laptop.write("a.md", "a")

    for _ in range(3):
        result = laptop.sync()
        assert result.error is None and result.exit_code == 1
        assert [one.path for one in result.left_out] == [names.to_rclone(name)]
        assert s3.tree() == {"a.md": "a"}
        assert (laptop.notes / name).read_text() == "odd"


def test_a_path_whose_old_versions_would_have_none(laptop: Device, s3: S3) -> None:
    folder = "/".join(["d" * 240] * 3)
    fits, long = f"{folder}/{'f' * 200}", f"{folder}/{'g' * 250}"
    laptop.write(fits, "fits")
    laptop.write(long, "does not")

    result = laptop.sync()

    assert result.error is None and [one.path for one in result.left_out] == [long]
    assert "too long for the cloud" in result.left_out[0].why
    laptop.write(fits, "edited")
    assert laptop.sync().uploaded == 1
    (laptop.notes / fits).unlink()
    assert laptop.sync().deleted_cloud == 1


def test_a_conflict_about_a_copy_is_one_about_its_original(laptop: Device, s3: S3) -> None:
    for name in ("n.md", "n.md.conflict1"):
        laptop.write(name, name)
    laptop.sync()
    for number in range(3):
        laptop.write("n.md.conflict1", f"mine {number}")
        s3.put("n.md.conflict1", f"theirs, {number}")
        assert laptop.sync(profile="safe").error is None
        assert laptop.tree() == s3.tree()
        laptop.write("n.md.conflict1", f"again {number}")
        laptop.sync()
    assert not [path for path in laptop.tree() if path.count(".conflict") > 1]


# -- the decisions -----------------------------------------------------------------------------------------


@pytest.mark.pure
@pytest.mark.parametrize("path", ["a", "a/b.md", "ａ．b", "．．．", "tab␉", "del␡", "n/ ", "x..y/z"])
def test_paths_that_fit(path: str) -> None:
    assert names.misfit(path) is None


@pytest.mark.pure
@pytest.mark.parametrize(
    "path", ["/a", "a/", "a//b", ".", "a/．", "．．/b", "a␊b", "a␍b", "a␁", "k\uffff", "a‛␊b", "␛[1m"]
)
def test_paths_that_do_not(path: str) -> None:
    assert names.misfit(path) is not None


@pytest.mark.pure
def test_copies_of_copies() -> None:
    assert CopyNames({"d/n.md.conflict1", "d/n.md.conflict2"}).take("d/n.md.conflict1") == "d/n.md.conflict3"
    change = results.change(path="d/n.md.conflict1")
    assert beside("d/n.md.conflict1", change, "d/n.md.conflict2") == "d/n.md.conflict2"
    assert beside("D/n.md", results.change(path="d/n.md"), "d/n.md.conflict1") == "D/n.md.conflict1"


def test_names_that_this_disk_does_not_tell_apart(
    laptop: Device, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of this test does, so it is only said not to: nothing may come in the place of a note."""
    laptop.write("notes/a.md", "mine")
    laptop.sync()
    for path in ("notes/A.md", "Notes/b.md", "fresh.md"):
        s3.put(path, "planted")
    monkeypatch.setattr(observe, "folds_case", lambda root: True)

    for _ in range(2):
        result = laptop.sync()

        assert result.error is None and [one.path for one in result.left_out] == ["Notes/b.md", "notes/A.md"]
        assert laptop.tree() == {"notes/a.md": "mine", "fresh.md": "planted"}
        assert s3.tree().keys() == {"notes/a.md", "notes/A.md", "Notes/b.md", "fresh.md"}


def test_how_a_disk_is_asked(tmp_path: Path) -> None:
    assert not observe.folds_case(tmp_path)
    (tmp_path / ".basic-memory").mkdir()
    assert not observe.folds_case(tmp_path)
    (tmp_path / ".BASIC-MEMORY").mkdir()
    assert not observe.folds_case(tmp_path), "two folders of these names are two"
