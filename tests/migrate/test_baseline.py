"""Where what was moved over meets what the cloud holds: no version is without a name in the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.world import S3, Device


@pytest.fixture
def laptop(tmp_path: Path, s3: S3) -> Device:
    """A device with a manifest, and old notes."""
    made = Device(tmp_path / "laptop", s3)
    (made.home / "basic-memory").mkdir()
    return made


def old_note(device: Device, name: str, text: str, time: int) -> None:
    path = device.home / "basic-memory" / name
    path.write_text(text)
    os.utime(path, (time, time))


def here(device: Device) -> dict[str, str]:
    return {
        str(path.relative_to(device.notes)): path.read_text()
        for path in sorted(device.notes.rglob("*"))
        if path.is_file() and ".basic-memory" not in path.parts
    }


def test_what_loses_to_the_clouds_newer_version_is_kept_beside_it(laptop: Device, s3: S3) -> None:
    s3.put("a.md", "the cloud's, newer")
    old_note(laptop, "a.md", "the old one", 1_600_000_000)

    said = laptop.run("migrate", "--from", "~/basic-memory", expect=0)

    everything = {"a.md": "the cloud's, newer", "a.md.conflict1": "the old one"}
    assert here(laptop) == everything
    assert s3.tree() == everything
    assert "+ baseline        changed" in said.out
    assert "Nothing to do" in laptop.run("migrate", expect=0).out


def test_what_wins_over_the_clouds_older_version_has_the_name(laptop: Device, s3: S3) -> None:
    s3.put("a.md", "the cloud's, older")
    old_note(laptop, "a.md", "the old one, newer all the same", 2_000_000_000)

    laptop.run("migrate", "--from", "~/basic-memory", expect=0)

    everything = {"a.md": "the old one, newer all the same", "a.md.conflict1": "the cloud's, older"}
    assert here(laptop) == s3.tree() == everything


@pytest.mark.parametrize("profile", ["safe", "balanced"])
def test_in_a_sync_that_is_at_work_already(tmp_path: Path, s3: S3, profile: str) -> None:
    """Another device has edited what is brought here; nobody's version is lost, under any profile."""
    laptop = Device(tmp_path / "laptop", s3, profile=profile)
    (laptop.home / "basic-memory").mkdir()
    laptop.run("setup")
    (laptop.notes / "a.md").write_text("first")
    laptop.run("sync")
    s3.put("a.md", "edited elsewhere")
    old_note(laptop, "a.md", "the old one", 1_600_000_000)
    old_note(laptop, "b.md", "new", 1_600_000_000)

    laptop.run("migrate", "--from", "~/basic-memory", expect=0)

    found = here(laptop)
    assert found == s3.tree()
    assert {"edited elsewhere", "the old one", "new"} <= set(found.values())
    assert found["b.md"] == "new"
