"""Moving over from folders and from projects of config.json, as a user does it; and taken back."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest

from bisync.core.migration import STEPS
from tests.support import moving
from tests.support.machine import everything
from tests.support.mover import NEW, OLD, config, grow, moved, objects, states
from tests.support.world import KEY_ID, S3, SECRET, Device

# -- what a tree may hold -------------------------------------------------------------------------------


def test_a_tree_of_everything(fresh: Device) -> None:
    nfd = unicodedata.normalize("NFD", "größe.md")
    old = grow(
        fresh.home / "basic-memory",
        {".hidden/x.md": "dot", "a.md": "a", "zero.md": "", nfd: "nfd", "i j/k%20l.md": "odd", "leer/tief/": "",
         "big.bin": os.urandom(200 << 20), "x.tmp": "ignored", ".bmignore": "*.tmp\n!never.tmp\n!*.pem\n",
         "server.pem": "secret", "q?*:<>|\\\".md": "signs", " lead.md": "blank", "c.md.conflict1": "copy"},
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
    assert "  ignored   server.pem  (bisync (secret names):" in said.out
    assert "  left      link.md  (links are not followed)" in said.out
    assert "  in the sync dir alone: lat\\udce9.md: its name is not valid UTF-8" in said.out
    kept = {p.relative_to(old).as_posix() for p in old.rglob("*") if p.is_file() and not p.is_symlink()} - {
        "x.tmp",
        "server.pem",
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
        "dotted": str(fresh.notes / "work/d."),
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


# -- chance ---------------------------------------------------------------------------------------------


def test_deaths_change_nothing_of_how_it_ends() -> None:
    assert moving.play([6, 15], kills=2).total() >= 2
