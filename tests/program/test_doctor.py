"""`doctor` finds what is wrong here, and says the cure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.machine import as_ordinary_user
from tests.support.world import BUCKET, S3, Device


def findings(device: Device, expect: int | None = None) -> list[dict[str, Any]]:
    found = device.run("doctor", "--json", expect=expect).json["findings"]
    assert all(one["cure"] for one in found if one["level"] != "ok")
    return list(found)


def test_a_healthy_device_has_no_problem(laptop: Device) -> None:
    laptop.write("a.md", "a")
    laptop.sync()
    found = findings(laptop, expect=0)
    assert not [one for one in found if one["level"] == "problem"]
    said = laptop.run("doctor").out
    for word in (
        "rclone: 1.",
        "mode 600",
        "baseline of 1 file",
        "answers",
        "the clock agrees",
        "trash:",
        "ignore rules in force",
    ):
        assert word in said, word


def test_each_trouble_is_found_with_its_cure(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")
    (laptop.notes / "link").symlink_to("a.md")
    laptop.sync()
    conf = laptop.home / ".config/rclone/rclone.conf"
    conf.chmod(0o644)
    (laptop.home / ".basic-memory/.bmignore").write_text("dir\\file\n.env\n")
    (laptop.state / "work" / "x.lck").write_text("{}")
    (laptop.state / "run.json").write_text('{"version": 1, "run": "r", "mode": "sync"}')
    said = {one["text"]: one for one in findings(laptop, expect=1)}
    text = " | ".join(said)
    assert "can be read by others (mode 644)" in text
    assert "1 link or special file is not synced: link" in text
    assert "the last run was killed" in text
    assert "a dead rclone left its lock" in text
    assert "backslash" in text
    mode = next(one for one in said.values() if "mode 644" in one["text"])
    assert mode["cure"].startswith("chmod 600")


@pytest.mark.own_server
def test_keys_that_see_other_buckets_and_a_cloud_that_is_gone(laptop: Device, s3: S3) -> None:
    assert s3.folder is not None
    s3.rclone("mkdir", "s3:somebody-elses")
    laptop.write("a.md", "a")
    laptop.sync()
    warned = [one for one in findings(laptop) if "other bucket" in one["text"] and one["level"] == "warning"]
    assert "somebody-elses" in warned[0]["text"] and "scoped" in warned[0]["cure"]
    assert s3.process is not None
    s3.process.terminate()
    s3.process.wait(10)
    gone = [one for one in findings(laptop, expect=1) if one["level"] == "problem"]
    assert any("nobody answers" in one["text"] for one in gone)


def test_what_the_last_run_ended_with_is_told(laptop: Device, s3: S3) -> None:
    """All else may be well: the marker is all that is missing."""
    laptop.write("a.md", "a")
    laptop.sync()
    s3.rclone("deletefile", f"s3:{BUCKET}/.basic-memory/.bisync-marker")
    laptop.run("sync", expect=4)
    (found,) = (one for one in findings(laptop, expect=1) if one["level"] == "problem")
    assert found["text"].startswith("the last run was refused: the marker .basic-memory/.bisync-marker is")
    assert "bisync sync --only notes --resync" in found["cure"]
    laptop.run("sync", "--resync")
    assert not [one for one in findings(laptop, expect=0) if one["level"] == "problem"]


def test_state_that_cannot_be_written_is_a_problem(laptop: Device) -> None:
    user = as_ordinary_user(laptop.home)
    laptop.state.chmod(0o500)

    ran = laptop.run("doctor", "--quiet", before=user, expect=None)

    laptop.state.chmod(0o700)
    assert f"✗ notes: {laptop.state} cannot be read and written\n    → chmod u+rwx " in ran.out + ran.err
    assert ran.code == 1


def test_without_anything_set_up(make_device: Any) -> None:
    texts = " | ".join(one["text"] for one in findings(make_device("bare"), expect=1))
    assert "does not exist" in texts and "no baseline" in texts


def test_a_section_that_no_sync_needs_is_not_missed(make_device: Any) -> None:
    device = make_device("one")
    unused = (
        device.s3_manifest()
        .partition("syncs:")[0]
        .replace("tenants:\n", "tenants:\n  here: {provider: embedded, storage: ~/store}\n")
    )
    device.write_manifest(unused + "syncs:\n  notes: {tenant: here, dir: ~/notes}\n")
    device.run("setup", "--yes")
    conf = device.home / ".config/rclone/rclone.conf"
    for text in (None, "[mine]\ntype = local\n"):
        if text is not None:
            conf.parent.mkdir(parents=True, exist_ok=True)
            conf.write_text(text)
            conf.chmod(0o600)
        assert conf.exists() is (text is not None)
        said = [one for one in findings(device, expect=0) if one["about"] == "rclone.conf"]
        assert {one["level"] for one in said} == {"ok"}, said
