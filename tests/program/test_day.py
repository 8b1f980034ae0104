"""The main job: two devices and a bucket, through an ordinary day."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.world import S3, Device


def test_a_note_travels_to_the_second_device(laptop: Device, desktop: Device) -> None:
    laptop.write("ideas/innovation.md", "# New Idea\n")

    assert "✓ Sync completed - 1 file uploaded" in laptop.run("sync").out
    assert "✓ Sync completed - 1 file downloaded" in desktop.run("sync").out

    assert desktop.tree() == {"ideas/innovation.md": "# New Idea\n"}


def test_secrets_and_junk_stay_at_home(laptop: Device, s3: S3) -> None:
    for path in (
        ".env",
        "a/.env",
        "node_modules/x/y.js",
        "a/node_modules/z.js",
        "a/b.tmp",
        ".git/config",
        "a/.idea/w",
    ):
        laptop.write(path, "secret")
    laptop.write("a/note.md", "note")

    laptop.run("sync")

    assert s3.tree() == {"a/note.md": "note"}


def test_the_newer_version_wins_and_the_other_is_kept(laptop: Device, desktop: Device) -> None:
    laptop.write("ideas.md", "base\n")
    laptop.run("sync")
    desktop.run("sync")
    now = time.time()
    laptop.write("ideas.md", "laptop, earlier\n", mtime=now - 300)
    desktop.write("ideas.md", "desktop, later\n", mtime=now - 10)
    laptop.run("sync")

    said = desktop.run("sync").out

    assert "Conflict detected: ideas.md" in said
    assert "Resolving conflict: using newer version" in said
    assert desktop.tree() == {"ideas.md": "desktop, later\n", "ideas.md.conflict1": "laptop, earlier\n"}
    laptop.run("sync")
    assert laptop.tree() == desktop.tree()


def test_safe_keeps_both_versions(laptop: Device, desktop: Device) -> None:
    laptop.write("ideas.md", "base\n")
    laptop.run("sync")
    desktop.run("sync")
    laptop.write("ideas.md", "one\n")
    desktop.write("ideas.md", "two, longer\n")
    laptop.run("sync", "--profile", "safe")

    said = desktop.run("sync", "--profile", "safe").out

    assert "Saved as: ideas.md.conflict1 and ideas.md.conflict2" in said
    assert desktop.tree() == {"ideas.md.conflict1": "two, longer\n", "ideas.md.conflict2": "one\n"}
    laptop.run("sync")
    assert laptop.tree() == desktop.tree()


def test_sync_before_a_baseline_is_refused(make_device, s3: S3) -> None:  # type: ignore[no-untyped-def]
    device = make_device("fresh")
    device.notes.mkdir()

    ran = device.run("sync", expect=5)

    assert "First bisync requires --resync to establish baseline" in ran.err
    assert "bisync setup" in ran.err


def test_a_stale_second_device_overwrites_nothing_newer(laptop: Device, make_device, s3: S3) -> None:  # type: ignore[no-untyped-def]
    now = time.time()
    laptop.write("fresh-in-cloud.md", "new text\n", mtime=now - 10)
    laptop.write("fresh-here.md", "old text\n", mtime=now - 9000)
    laptop.run("sync")
    stale = make_device("stale")
    stale.write("fresh-in-cloud.md", "stale text\n", mtime=now - 9000)
    stale.write("fresh-here.md", "newer here\n", mtime=now - 5)

    stale.run("setup")

    assert stale.tree() == s3.tree() == {"fresh-in-cloud.md": "new text\n", "fresh-here.md": "newer here\n"}
    kept = stale.run("history", "--versions").out
    assert "fresh-in-cloud.md" in kept and "fresh-here.md" in kept
    stale.run("restore", "fresh-in-cloud.md", "--to", str(stale.home / "back"))
    assert (stale.home / "back" / "fresh-in-cloud.md").read_text() == "stale text\n"


def test_a_second_setup_changes_no_byte(laptop: Device) -> None:
    laptop.write("a.md", "a")
    laptop.run("sync")

    def everything() -> dict[Path, tuple[bytes, int, int]]:
        files = (path for path in laptop.home.rglob("*") if path.is_file())
        return {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in files}

    before = everything()
    said = laptop.run("setup").out
    assert everything() == before
    assert "changed" not in said
