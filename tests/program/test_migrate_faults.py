"""Moving over when the folder is a wrong one, the disk is full, a file may not be read or changes meanwhile."""

from __future__ import annotations

import os

import pytest

from bisync.actions import migrate as verb
from bisync.migrate import run as migrating
from tests.support.machine import as_ordinary_user, everything, small_disk
from tests.support.mover import grow, moved, objects
from tests.support.world import BUCKET, S3, Device, Ran


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("nowhere", 1, "there is no {home}/nowhere\n  → is its disk mounted?"),
        ("empty", 1, "{home}/empty is empty: there is nothing to bring"),
        ("notes", 2, "{home}/notes is the sync dir itself: its files are in the sync already"),
        ("notes/sub", 2, "{home}/notes/sub lies in the sync dir {home}/notes"),
        (".", 2, "holds the sync dir {home}/notes\n  → choose a sync dir beside it"),
        ("file", 2, "{home}/file is not a folder"),
        (".basic-memory", 2, "overlaps our own state folder"),
        ("link", 2, "{home}/link is the sync dir itself"),
    ],
)
def test_a_folder_that_cannot_be_meant(fresh: Device, name: str, code: int, says: str) -> None:
    grow(fresh.notes, {"sub/a.md": "a"})
    (fresh.home / "empty").mkdir()
    (fresh.home / "file").write_text("")
    (fresh.home / "link").symlink_to(fresh.notes)
    before = everything(fresh.home)

    said = moved(fresh, "--from", name, expect=code)

    assert says.format(home=fresh.home) in said.err
    assert everything(fresh.home) == before


def test_folders_that_overlap(fresh: Device) -> None:
    old = grow(fresh.home / "old", {"d/a.md": "a"})

    assert (
        f"{old} and {old}/d overlap\n  → name the outer one alone"
        in moved(fresh, old / "d", old, expect=2).err
    )


def as_user(device: Device, *argv: str) -> Ran:
    return device.run("migrate", *argv, expect=None, before=as_ordinary_user(device.home))


def test_what_may_not_be_read_is_named_and_the_next_run_has_it(fresh: Device, cloud: S3, below: str) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "shut.md": "s", "d/b.md": "b"})
    as_ordinary_user(fresh.home)
    (old / "shut.md").chmod(0)
    (old / "d").chmod(0)

    said = as_user(fresh, "--from", str(old))

    assert said.code == 1
    assert "  not in the backup: d: cannot be read: Permission denied" in said.out
    assert f"  not verified: {old}: d: cannot be read: Permission denied" in said.out
    assert f"  not verified: {old}: shut.md: cannot be read: Permission denied" in said.out
    assert "not safe yet: 2 files, the first:" in said.err
    (old / "shut.md").chmod(0o600)
    (old / "d").chmod(0o700)
    assert as_user(fresh, "--from", str(old)).code == 0
    assert objects(cloud, below) == {"a.md": "a", "shut.md": "s", "d/b.md": "b"}


def test_a_disk_that_is_full(fresh: Device, cloud: S3, below: str) -> None:
    with small_disk(fresh.home / "disk", "2m") as disk:
        old = grow(disk / "old", {f"{number}.bin": os.urandom(150_000) for number in range(8)})
        before = everything(old)

        said = moved(fresh, old, expect=1)

        assert "Error: not enough room for a backup of" in said.err
        assert "free some space, then run again" in said.err
        assert everything(old) == before and not fresh.notes.exists()


def test_a_disk_that_fills_up_in_the_middle_of_the_backup(
    fresh: Device, cloud: S3, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(fresh.home / "disk", "2m") as disk:
        old = grow(disk / "old", {f"{number}.bin": os.urandom(150_000) for number in range(8)})
        # Somebody else is faster than we are.
        monkeypatch.setattr(migrating, "need", lambda *_: None)
        app = fresh.app().agreed()

        said = verb.migrate(app, app.manifest.syncs[0], fresh.home, trees=[str(old)])

        assert [(one.step, one.state) for one in said.steps] == [("look", "ok"), ("back up", "failed")]
        assert said.steps[-1].detail == "the disk is full (No space left on device)" and said.exit_code == 1
        assert not (disk / "old.backup").exists() and not fresh.notes.exists()
        for number in range(4, 8):
            (old / f"{number}.bin").unlink()
        moved(fresh, old)
        assert (disk / "old.backup/0.bin").read_bytes() == (old / "0.bin").read_bytes()
    assert len(objects_raw(cloud, below)) == 4


def objects_raw(cloud: S3, below: str) -> list[str]:
    assert cloud.folder is not None
    top = cloud.folder / BUCKET / below
    return [p.name for p in top.rglob("*.bin")]


def test_an_unfinished_backup_is_gone_on_with_whatever_has_become_of_its_source(fresh: Device) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "m/n.md": "now a folder", "f": "now a file"})
    grow(fresh.home / "old.backup.unfinished", {"a.md": "half", "m": "was a file", "f/x.md": "was a folder"})

    moved(fresh, old)

    assert (fresh.home / "old.backup/m/n.md").read_text() == "now a folder"
    assert (fresh.home / "old.backup/f").read_text() == "now a file"
    assert (fresh.home / "old.backup/a.md").read_text() == "a"


def test_a_backup_of_before_is_never_touched(fresh: Device) -> None:
    old = grow(fresh.home / "old", {"a.md": "a"})
    mine = grow(fresh.home / "old.backup", {"a.md": "the user's own"})
    before = everything(mine)

    assert f"+ back up         changed  {old}.backup-2" in moved(fresh, old).out

    assert everything(mine) == before


def test_a_source_that_changes_meanwhile_is_noticed(fresh: Device, cloud: S3, below: str) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "b.md": "b"})
    hook = fresh.home / "hook.sh"
    hook.write_text(f"#!/bin/sh\necho edited > {old}/a.md; echo new > {old}/c.md\n")
    hook.chmod(0o700)
    fresh.write_manifest(fresh.s3_manifest() + f"    hooks: {{before_sync: [[{hook}]]}}\n")

    said = moved(fresh, old, expect=1)

    assert f"  not verified: {old}: a.md: it changed while the migration was at work" in said.out
    assert f"  not verified: {old}: c.md: it changed while the migration was at work" in said.out
    fresh.write_manifest(fresh.s3_manifest())
    moved(fresh, old)
    assert fresh.tree() == objects(cloud, below)
    assert fresh.tree() == {"a.md": "edited\n", "a.md.conflict1": "a", "b.md": "b", "c.md": "new\n"}
