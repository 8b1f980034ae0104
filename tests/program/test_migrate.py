"""Moving over from folders and from projects of config.json, as a user does it, and what can go wrong."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest

from bisync.actions import migrate as verb
from bisync.core.migration import STEPS
from bisync.migrate import run as migrating
from tests.support import moving
from tests.support.machine import as_ordinary_user, everything, small_disk
from tests.support.world import BUCKET, KEY_ID, S3, SECRET, Device, Ran

OLD, NEW = 1_000_000_000.0, 1_200_000_000.5


def grow(root: Path, files: dict[str, str | bytes], *, mtime: float = OLD) -> Path:
    """Make a tree; a name that ends with a slash is a folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(path, (mtime, mtime))
    return root


def states(said: Ran) -> dict[str, str]:
    """What became of each step, from `--json`."""
    return {one["step"]: one["state"] for one in said.json["steps"]}


def moved(device: Device, *argv: str | Path, expect: int = 0) -> Ran:
    """`migrate --from DIR`; nothing of Python's is ever said."""
    flags = [part for one in argv for part in (["--from", str(one)] if isinstance(one, Path) else [one])]
    said = device.run("migrate", *flags, expect=expect)
    assert "Traceback" not in said.err and "unexpected error" not in said.err
    return said


def objects(cloud: S3, below: str) -> dict[str, str]:
    return cloud.tree(f"{BUCKET}/{below}")


def config(device: Device, **projects: Path) -> Path:
    path = device.home / ".basic-memory/config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"env": "dev", "projects": {k: str(v) for k, v in projects.items()}}, indent=3)
    )
    return path


# -- what a tree may hold -------------------------------------------------------------------------------


def test_a_tree_of_everything(fresh: Device) -> None:
    nfd = unicodedata.normalize("NFD", "größe.md")
    old = grow(
        fresh.home / "basic-memory",
        {".hidden/x.md": "dot", "a.md": "a", "zero.md": "", nfd: "nfd", "i j/k%20l.md": "odd", "leer/tief/": "",
         "big.bin": os.urandom(200 << 20), "x.tmp": "ignored", ".bmignore": "*.tmp\n!never.tmp\n",
         "q?*:<>|\\\".md": "signs", " lead.md": "blank", "c.md.conflict1": "copy"},
    )  # fmt: skip
    (old / os.fsdecode(b"lat\xe9.md")).write_text("no UTF-8")
    (old / "a.md").chmod(0o640)
    (old / "link.md").symlink_to("a.md")
    (old / "away").symlink_to("/nowhere")
    os.mkfifo(old / "pipe")
    os.utime(old / "leer", (OLD, OLD))
    before = everything(old)

    said = moved(fresh, old)

    assert "✓ verify          ok       11 in the sync dir, 10 in the cloud, all by content" in said.out
    assert "  ignored   x.tmp  (.bmignore:1: *.tmp)" in said.out
    assert "  left      link.md  (links are not followed)" in said.out
    assert "  in the sync dir alone: lat\\udce9.md: its name is not valid UTF-8" in said.out
    kept = {p.relative_to(old).as_posix() for p in old.rglob("*") if p.is_file() and not p.is_symlink()} - {
        "x.tmp"
    }
    here = {p.relative_to(fresh.notes).as_posix() for p in fresh.notes.rglob("*") if p.is_file()}
    assert here - {".basic-memory/.bisync-marker"} == kept
    assert (fresh.notes / "a.md").stat().st_mtime == OLD
    assert (fresh.notes / "a.md").stat().st_mode & 0o777 == 0o640
    assert (fresh.notes / "leer/tief").is_dir()
    assert everything(old) == before, "the old tree is as it was"
    copy = fresh.home / "basic-memory.backup"
    there = {path.replace(str(copy), str(old)): one for path, one in everything(copy).items()}
    assert there == {path: one for path, one in before.items() if not path.endswith("/pipe")}
    assert (copy / "leer").stat().st_mtime == OLD
    assert "! Sync completed - nothing to do, 1 file left out" in fresh.run("sync", expect=1).out


def test_a_second_run_changes_no_byte(fresh: Device, cloud: S3, below: str) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "d/b.md": "b", "leer/": ""})
    moved(fresh, old)
    before, there = everything(fresh.home), objects(cloud, below)

    said = moved(fresh, old, "--json")

    assert set(states(said).values()) == {"ok"}
    after = everything(fresh.home)
    assert {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)} <= {
        str(fresh.home / ".basic-memory/bisync-state/.migrations/notes/lock")
    }
    assert objects(cloud, below) == there


def test_what_came_later_is_brought_by_the_next_run(fresh: Device, cloud: S3, below: str) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "gone.md": "g"})
    moved(fresh, old)
    (fresh.notes / "gone.md").unlink()
    grow(old, {"later.md": "later"})

    assert states(moved(fresh, old, "--json"))["bring together"] == "changed"

    assert fresh.tree() == objects(cloud, below) == {"a.md": "a", "later.md": "later"}
    assert sorted(p.name for p in fresh.home.glob("old.backup*")) == ["old.backup", "old.backup-2"]
    assert (fresh.home / "old.backup/gone.md").read_text() == "g", "a backup is never written to again"


@pytest.mark.parametrize("newer", ["nfc", "nfd"])
def test_two_spellings_of_one_name_are_two_files(fresh: Device, cloud: S3, below: str, newer: str) -> None:
    names = {form: unicodedata.normalize(form.upper(), "ü.md") for form in ("nfc", "nfd")}
    old = fresh.home / "old"
    for form, name in names.items():
        grow(old, {name: form}, mtime=NEW if form == newer else OLD)
    other = "nfd" if newer == "nfc" else "nfc"

    moved(fresh, old)

    assert {p.name: p.read_text() for p in fresh.notes.iterdir() if p.is_file()} == {
        names[newer]: newer,
        f"{names[newer]}.conflict1": other,
    }
    assert "nothing to do" in fresh.run("sync").out
    assert set(states(moved(fresh, old, "--json")).values()) == {"ok"}


def test_a_conflict_copy_that_has_to_give_way_is_found_again(fresh: Device, cloud: S3, below: str) -> None:
    one = grow(fresh.home / "one", {"a.md": "a", "a.md.conflict1": "older"}, mtime=OLD)
    two = grow(fresh.home / "two", {"a.md.conflict1": "newer"}, mtime=NEW)

    moved(fresh, one, two)

    kept = {"a.md": "a", "a.md.conflict1": "newer", "a.md.conflict2": "older"}
    assert fresh.tree() == objects(cloud, below) == kept


# -- versions that differ -------------------------------------------------------------------------------


def test_the_newer_version_wins_and_the_other_is_beside_it(fresh: Device, cloud: S3, below: str) -> None:
    one = grow(fresh.home / "one", {"a.md": "old a", "b.md": "new b", "same.md": "same"}, mtime=OLD)
    two = grow(fresh.home / "two", {"a.md": "new a", "same.md": "same"}, mtime=NEW)
    grow(fresh.notes, {"a.md": "oldest a"}, mtime=OLD - 5)
    grow(fresh.notes, {"b.md": "newest b", "mine.md": "mine"}, mtime=NEW)

    said = moved(fresh, one, two, "--json")

    assert said.json["conflicts"] == [
        {"path": "a.md", "copies": ["a.md.conflict1", "a.md.conflict2"]},
        {"path": "b.md", "copies": ["b.md.conflict1"]},
    ]
    assert fresh.tree() == objects(cloud, below) == {
        "a.md": "new a", "a.md.conflict1": "oldest a", "a.md.conflict2": "old a",
        "b.md": "newest b", "b.md.conflict1": "new b", "mine.md": "mine", "same.md": "same",
    }  # fmt: skip


def test_a_cloud_that_has_other_versions_loses_none(fresh: Device, cloud: S3, below: str) -> None:
    """Of two that meet for the first time the loser would go to the trash, and no check could find it."""
    old = grow(fresh.home / "old", {"a.md": "mine", "p/same.md": "same"}, mtime=OLD)
    grow(old, {"b.md": "mine, newer"}, mtime=2_500_000_000)
    for name, text in {"a.md": "theirs, newer", "b.md": "theirs", "p/same.md": "same", "p/x.md": "x"}.items():
        cloud.put(f"{below}/{name}", text)

    said = moved(fresh, old)

    assert "+ baseline        changed" in said.out
    assert fresh.tree() == objects(cloud, below) == {
        "a.md": "theirs, newer", "a.md.conflict1": "mine", "b.md": "mine, newer", "b.md.conflict1": "theirs",
        "p/same.md": "same", "p/x.md": "x",
    }  # fmt: skip


def test_a_sync_in_which_every_file_gets_a_newer_version(ready: Device, cloud: S3, below: str) -> None:
    """The guard against a wrong folder is not meant for what a migration brings."""
    names = [f"{letter}.md" for letter in "abcdefghijkl"]
    for name in names:
        ready.write(name, "old", mtime=OLD)
    ready.sync()
    old = grow(ready.home / "old", dict.fromkeys(names, "new"), mtime=NEW)

    moved(ready, old)

    expected = dict.fromkeys(names, "new") | {f"{name}.conflict1": "old" for name in names}
    assert ready.tree() == objects(cloud, below) == expected
    ready.run("migrate", "--undo")
    assert ready.tree() == dict.fromkeys(names, "old")


def test_a_file_gives_way_to_a_folder(fresh: Device, cloud: S3, below: str) -> None:
    grow(fresh.notes, {"m": "a file"})
    before = everything(fresh.notes)
    old = grow(fresh.home / "old", {"m/n.md": "in a folder"})

    moved(fresh, old)

    assert fresh.tree() == objects(cloud, below) == {"m/n.md": "in a folder", "m.conflict1": "a file"}
    fresh.run("migrate", "--undo")
    assert everything(fresh.notes) == before


# -- v0.14 ----------------------------------------------------------------------------------------------


def test_what_is_there_is_shown_and_nothing_changed(fresh: Device) -> None:
    grow(fresh.home / "basic-memory", {"a.md": "a"})
    config(fresh, work=grow(fresh.home / "Work", {"w.md": "w"}), gone=fresh.home / "gone")
    conf = fresh.home / ".config/rclone/rclone.conf"
    grow(conf.parent, {conf.name: "[dav]\ntype = webdav\nurl = https://me:geheim@dav.example.org/x\n"})
    before = everything(fresh.home)

    said = fresh.run("migrate")

    assert said.out.splitlines() == [
        "tree           ~/basic-memory",
        "project        ~/Work  (work, of ~/.basic-memory/config.json)",
        f"webdav remote  dav:  ([dav] in {conf}: https://dav.example.org/x)",
        "",
        "Nothing was changed. See what would be done: bisync migrate --yes --dry-run",
        "Move all of these folders over into notes: bisync migrate --yes",
        "Move over from dav: bisync migrate --webdav dav:",
    ]
    shown = fresh.run("migrate", "--json")
    assert "geheim" not in shown.out + said.out
    assert [one["what"] for one in shown.json["found"]] == ["tree", "project", "webdav remote"]
    planned = fresh.run("migrate", "--yes", "--dry-run")
    assert "  bring     work/w.md  1 B" in planned.out
    assert "Nothing was changed (dry run)." in planned.out
    assert everything(fresh.home) == before


def test_projects_get_their_folders_and_config_json_follows(fresh: Device, cloud: S3, below: str) -> None:
    home = grow(fresh.home / "basic-memory", {"a.md": "a", "main/b.md": "b"})
    work = grow(fresh.home / "Dokumente/Arbeit", {"w.md": "w", "d./x.md": "x"})
    path = config(fresh, main=home / "main", work=work, dotted=work / "d.", other=fresh.home / "not there")
    before = path.read_bytes()

    said = fresh.run("migrate", "--yes", "--remove-old")

    assert objects(cloud, below) == {"a.md": "a", "main/b.md": "b", "work/w.md": "w", "work/d./x.md": "x"}
    assert json.loads(path.read_text())["projects"] == {
        "main": f"{fresh.notes}/main",
        "work": f"{fresh.notes}/work",
        "dotted": f"{fresh.notes}/work/d.",
        "other": f"{fresh.home}/not there",
    }
    assert f"project work is at {fresh.notes}/work now" in said.out
    assert path.read_text().startswith('{\n   "env"'), "every other byte is left alone"
    grow(work, {"later.md": "l"})
    moved(fresh, work)
    assert objects(cloud, below)["work/later.md"] == "l", "where the rest of it went"
    fresh.run("migrate", "--undo")
    assert path.read_bytes() == before


def test_the_manifest_says_it_all(fresh: Device, cloud: S3, below: str) -> None:
    one, two = grow(fresh.home / "one", {"a.md": "1"}), grow(fresh.home / "two", {"a.md": "2"})
    fresh.write_manifest(
        fresh.s3_manifest() + f"migration:\n  sync: notes\n  from: [{one}, {{dir: ~/two, to: zwei/b}}]\n"
    )

    said = fresh.run("migrate")

    assert str(two) in said.out.replace("\n", "")
    assert objects(cloud, below) == {"a.md": "1", "zwei/b/a.md": "2"}


def test_one_of_several_syncs(fresh: Device, cloud: S3, below: str) -> None:
    other = f"  other:\n    tenant: team\n    dir: ~/other\n    path: {below}-2\n"
    fresh.write_manifest(fresh.s3_manifest() + other)
    old = grow(fresh.home / "old", {"a.md": "a"})

    assert (
        "which sync does it go to? (notes, other)\n  → as in: bisync migrate --only notes"
        in moved(fresh, old, expect=2).err
    )
    moved(fresh, old, "--only", "other")

    assert not fresh.notes.exists()
    assert objects(cloud, f"{below}-2") == {"a.md": "a"}
    assert "no migration is known" in fresh.run("migrate", "--undo", "--only", "notes", expect=2).err
    fresh.run("migrate", "--undo", "--only", "other")
    assert not (fresh.home / "other").exists()


def test_the_document(fresh: Device) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "x.tmp": "t", ".bmignore": "*.tmp\n"})

    said = moved(fresh, old, "--json").json

    assert [one["step"] for one in said["steps"]] == list(STEPS)
    (source,) = said["sources"]
    assert (source["place"], source["to"], source["files"], source["new"]) == (str(old), "", 2, 2)
    assert source["ignored"] == [{"path": "x.tmp", "rule": ".bmignore:1: *.tmp"}]
    assert said["actions"] == [
        {"action": "bring", "path": name, "to": name, "source": str(old)} for name in (".bmignore", "a.md")
    ]
    assert said["backups"] == [f"{old}.backup"]
    assert said["verified"] == {"here": 2, "cloud": 2, "apart": [], "missing": []}


# -- taken back -----------------------------------------------------------------------------------------


def visible(device: Device) -> dict[str, tuple[object, ...]]:
    """The sync dir but for our own folder in it, and rclone.conf: contents, modes, times."""
    found = everything(device.notes, device.home / ".config")
    return {
        path: (one[0], one[-1]) if path.endswith(".conf") else one
        for path, one in found.items()
        if "/notes/.basic-memory" not in path
    }


def test_undo_puts_tree_and_configuration_back_to_the_byte(ready: Device, cloud: S3, below: str) -> None:
    ready.write("a.md", "mine", mtime=OLD)
    ready.write("keep/b.md", "b", mtime=OLD)
    ready.sync()
    ready.write("not synced.md", "n", mtime=OLD)
    ignore = ready.home / ".basic-memory/.bmignore"
    ignore.unlink()
    cloud.put(f"{below}/keep/b.md", "newer in the cloud")
    before = visible(ready)
    old = grow(ready.home / "old", {"a.md": "theirs", "neu/c.md": "c"}, mtime=NEW)

    moved(ready, old)
    there = objects(cloud, below)
    said = ready.run("migrate", "--undo")

    assert visible(ready) == before
    assert not ignore.exists()
    assert objects(cloud, below) == there
    assert f"  the backup stays: {old}.backup" in said.out
    assert "  the cloud is left alone: what was uploaded is still there" in said.out
    assert "no migration is known" in ready.run("migrate", "--undo", expect=2).err
    assert states(moved(ready, old, "--json"))["verify"] == "ok", "and it can be done again"


def test_undo_leaves_and_names_what_was_edited_since(fresh: Device) -> None:
    old = grow(fresh.home / "old", {"a.md": "a", "d/b.md": "b"})
    grow(fresh.notes, {"here.md": "here"})
    moved(fresh, old)
    fresh.write("a.md", "edited")
    fresh.write("here.md", "edited, too")
    conf = fresh.home / ".config/rclone/rclone.conf"
    with conf.open("a") as stream:
        stream.write("\n[mine]\ntype = local\n")
    edited = conf.read_bytes()

    said = fresh.run("migrate", "--undo", expect=1)

    assert fresh.tree() == {"a.md": "edited", "here.md": "edited, too"}
    assert "  kept as it is: a.md: it is not what the migration brought" in said.out
    assert (
        "  kept as it is: here.md: it was edited since, and its old version is not there any more" in said.out
    )
    assert f"  kept as it is: {conf}: it was changed since" in said.out
    assert conf.read_bytes() == edited


def test_an_edit_of_the_configuration_is_nobodys_but_its_users(fresh: Device) -> None:
    """Also when the migration has been at work again after it."""
    old = grow(fresh.home / "old", {"a.md": "a"})
    moved(fresh, old)
    conf = fresh.home / ".config/rclone/rclone.conf"
    with conf.open("a") as stream:
        stream.write("\n[mine]\ntype = local\n")
    grow(old, {"later.md": "l"})
    moved(fresh, old)

    fresh.run("migrate", "--undo", expect=1)

    assert "[mine]" in conf.read_text()


def test_no_key_is_in_the_journal(fresh: Device) -> None:
    moved(fresh, grow(fresh.home / "old", {"a.md": "a"}))
    with (fresh.home / ".config/rclone/rclone.conf").open("a") as stream:
        stream.write("\n")
    moved(fresh, grow(fresh.home / "other", {"b.md": "b"}), "--remove-old")

    state = fresh.home / ".basic-memory/bisync-state/.migrations/notes"
    journal = (state / "journal.json").read_text()
    assert not any(secret in journal for secret in (SECRET, KEY_ID, "W3"))
    assert {path.stat().st_mode & 0o077 for path in [state, *state.rglob("*")]} == {0}


# -- bad input ------------------------------------------------------------------------------------------


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
        app = fresh.app()

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


# -- chance ---------------------------------------------------------------------------------------------


def test_deaths_change_nothing_of_how_it_ends() -> None:
    assert moving.play([6, 15], kills=2).total() >= 2
