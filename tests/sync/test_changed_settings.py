"""Ignore rules, profiles and compare settings change between runs; no user is needed and nothing is lost."""

from __future__ import annotations

from bisync.core.result import Outcome
from tests.support.machine import as_ordinary_user
from tests.support.world import S3, Device


def test_newly_ignored_files_stay_and_deletions_stay_deleted(laptop: Device, s3: S3) -> None:
    for name in ("a.md", "b.md", "img/1.png", "img/2.png"):
        laptop.write(name, name)
    laptop.sync()
    (laptop.notes / "a.md").unlink()
    laptop.write(".bmignore", "img/\n")

    result = laptop.sync()

    assert (result.mode, result.deleted_cloud, result.uploaded) == ("rebaseline", 1, 1)
    assert "ignore rules changed" in result.notes[0]
    assert set(laptop.tree()) == {".bmignore", "b.md", "img/1.png", "img/2.png"}
    assert set(s3.tree()) == {".bmignore", "b.md", "img/1.png", "img/2.png"}
    assert laptop.sync().outcome is Outcome.IDLE


def test_files_no_longer_ignored_merge_like_new_ones(laptop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "img/\n")
    laptop.write("b.md", "b")
    for name in ("same", "here", "differs", "gone-here"):
        laptop.write(f"img/{name}", "old")
        s3.put(f"img/{name}", "old")
    s3.put("img/there", "there")
    laptop.sync()
    laptop.write("img/differs", "here, longer")
    (laptop.notes / "img/gone-here").unlink()
    (laptop.notes / ".bmignore").write_text("# nothing\n")

    result = laptop.sync()

    assert result.error is None and result.mode == "rebaseline"
    assert laptop.tree() == s3.tree()
    tree = laptop.tree()
    assert tree["img/gone-here"] == "old", "it was no deletion: the file was none of ours"
    assert {tree["img/differs"], tree["img/differs.conflict1"]} == {"here, longer", "old"}
    assert tree["img/there"] == "there"


def test_a_changed_comment_is_no_change(laptop: Device) -> None:
    laptop.write(".bmignore", "# one\n*.x\n")
    laptop.sync()
    laptop.write(".bmignore", "# two\n*.x\n")
    assert laptop.sync().uploaded == 1
    assert laptop.sync().outcome is Outcome.IDLE


def test_rules_that_arrive_hold_in_the_same_run(laptop: Device, desktop: Device, s3: S3) -> None:
    """Another device says that a name is secret: nothing of that name goes up, not even once."""
    laptop.write(".bmignore", "*.key\n")
    laptop.sync()
    desktop.write("team.key", "secret")
    desktop.write("note.md", "note")

    result = desktop.sync()

    assert result.error is None and result.downloaded == 1
    assert set(s3.tree()) == {".bmignore", "note.md"}


def test_an_unreadable_ignore_file_stops_the_run(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")
    (laptop.home / ".basic-memory" / ".bmignore").write_bytes(b"*.key\n\xff\xfe\n")
    stopped = laptop.run("sync", expect=2)
    assert ".bmignore" in stopped.err and s3.tree() == {}
    (laptop.home / ".basic-memory" / ".bmignore").write_text("*.key\n")
    laptop.write("d/.bmignore", "ok")
    (laptop.notes / "d/.bmignore").write_bytes(b"\xff\n")
    assert "d/.bmignore" in laptop.run("sync", expect=2).err
    assert s3.tree() == {}


def test_another_profile_is_explained(laptop: Device) -> None:
    laptop.write("a.md", "a")
    laptop.sync()
    laptop.write("b.md", "b")
    assert any("profile safe (the last run: balanced)" in note for note in laptop.sync(profile="safe").notes)


def test_another_way_to_compare_loses_no_pending_change(laptop: Device, s3: S3) -> None:
    profiles = "profiles:\n  by-time: {compare: modtime}\n"
    laptop.write_manifest(laptop.s3_manifest() + profiles)
    for name in "abcd":
        laptop.write(f"{name}.md", name)
    laptop.sync()
    for profile, text in (("by-time", "1"), (None, "2"), ("by-time", "3")):
        laptop.write("a.md", text)
        s3.put("b.md", text)
        result = laptop.sync(profile=profile)
        assert result.error is None, result
        assert any("changes are told by" in note and "from now on" in note for note in result.notes)
        assert laptop.tree() == s3.tree()
        assert laptop.tree()["a.md"] == laptop.tree()["b.md"] == text
        assert laptop.sync(profile=profile).outcome is Outcome.IDLE


def test_another_way_to_compare_waits_for_a_file_that_cannot_be_read(laptop: Device, s3: S3) -> None:
    laptop.write_manifest(laptop.s3_manifest() + "profiles:\n  by-time: {compare: modtime}\n")
    path = laptop.write("a.md", "a")
    laptop.write("b.md", "b")
    laptop.sync()
    user = as_ordinary_user(laptop.home)
    path.chmod(0)

    said = laptop.run("sync", "--profile", "by-time", before=user, expect=1)

    assert "changes are still told by checksum: not every file could be looked at" in said.out
    s3.delete("a.md")
    path.chmod(0o600)
    said = laptop.run("sync", "--profile", "by-time", before=user)
    assert "changes are told by modtime from now on (before: checksum)" in said.out
    assert "1 deleted" in said.out and laptop.tree() == s3.tree() == {"b.md": "b"}


def test_by_checksum_an_edit_that_keeps_size_and_mtime_is_seen(laptop: Device, s3: S3) -> None:
    path = laptop.write("a.md", "one", mtime=1_700_000_000)
    laptop.sync()
    laptop.sync()
    laptop.write("a.md", "two", mtime=1_700_000_000)
    assert path.stat().st_mtime == 1_700_000_000
    assert laptop.sync().uploaded == 1
    assert s3.tree()["a.md"] == "two"
