"""Conflicts: decided in the plan, kept, listed, settled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime

import pytest

from bisync.actions import conflicts
from bisync.core.result import Outcome
from bisync.errors import BisyncError
from bisync.state import runs
from tests.support.world import S3, Device


def contested(device: Device, s3: S3, *, here: str = "mine", there: str = "theirs!") -> None:
    """One note, changed on both sides; the cloud's version is the newer one."""
    device.write("ideas.md", "base")
    device.write("other.md", "other")
    device.sync()
    device.write("ideas.md", here, mtime=time.time() - 3600)
    s3.put("ideas.md", there)


@pytest.mark.parametrize(
    ("resolve", "winner"),
    [("newer", "theirs!"), ("older", "mine"), ("larger", "theirs!"), ("smaller", "mine"), ("local", "mine"),
     ("cloud", "theirs!")],
)  # fmt: skip
def test_every_way_to_choose_keeps_the_loser(
    make_device: Callable[..., Device], s3: S3, resolve: str, winner: str
) -> None:
    device = make_device("d", profile="own", extra=f"profiles:\n  own: {{conflict_resolve: {resolve}}}\n")
    device.setup()
    contested(device, s3)

    result = device.sync()

    loser = "mine" if winner == "theirs!" else "theirs!"
    wanted = {"ideas.md": winner, "ideas.md.conflict1": loser, "other.md": "other"}
    assert result.error is None and result.conflicts[0].copies == ("ideas.md.conflict1",)
    assert device.tree() == s3.tree() == wanted
    assert device.sync().outcome is Outcome.IDLE


def test_the_same_edit_on_both_sides_is_no_conflict(laptop: Device, s3: S3) -> None:
    contested(laptop, s3, here="the same", there="the same")
    result = laptop.sync()
    assert result.conflicts == () and result.outcome is Outcome.DONE
    assert laptop.tree() == {"ideas.md": "the same", "other.md": "other"}
    assert laptop.sync().outcome is Outcome.IDLE


def test_copies_do_not_cover_earlier_copies(laptop: Device, s3: S3) -> None:
    contested(laptop, s3)
    laptop.sync()
    laptop.write("ideas.md", "mine again", mtime=time.time() - 3600)
    s3.put("ideas.md", "theirs again")
    laptop.sync()
    assert laptop.tree() == s3.tree() == {
        "ideas.md": "theirs again", "ideas.md.conflict1": "mine", "ideas.md.conflict2": "mine again",
        "other.md": "other",
    }  # fmt: skip


EXTENSIONS = "profiles:\n  keep: {extends: safe, conflict_name: note.conflict1.md}\n"


def keeping_extensions(device: Device, s3: S3) -> None:
    """Conflicts of four files under rules that say something of the copies' own names."""
    device.write_manifest(device.s3_manifest() + EXTENSIONS)
    device.write(".bmignore", "*\n!*/\n!ideas*.md\n!Makefile\n!.bmignore\n!*.txt\n*1.txt\n")
    for name in ("ideas.md", "Makefile", "d/x.txt"):
        device.write(name, "base")
    device.sync()
    for name in ("ideas.md", "Makefile", "d/x.txt"):
        device.write(name, f"here: {name}", mtime=time.time() - 3600)
        s3.put(name, f"in the cloud: {name}")


def test_copies_that_keep_their_extension(laptop: Device, desktop: Device, s3: S3) -> None:
    """But for a file without one, and for a copy that the rules would ignore by its name."""
    keeping_extensions(laptop, s3)
    rules = {".bmignore": (laptop.notes / ".bmignore").read_text()}

    result = laptop.sync(profile="keep")

    named = {
        "ideas.md": ("ideas.conflict1.md", "ideas.conflict2.md"),
        "Makefile": ("Makefile.conflict1", "Makefile.conflict2"),
        "d/x.txt": ("d/x.txt.conflict1", "d/x.conflict2.txt"),
    }
    copies = {
        copy: f"{where}: {name}"
        for name, both in named.items()
        for where, copy in zip(("here", "in the cloud"), both, strict=True)
    }
    assert result.error is None and {one.path: one.copies for one in result.conflicts} == named
    assert laptop.tree() == s3.tree() == copies | rules
    assert laptop.sync(profile="keep").outcome is Outcome.IDLE

    desktop.write_manifest(desktop.s3_manifest() + EXTENSIONS)
    desktop.sync()
    assert desktop.tree() == copies | rules
    found = desktop.run("conflicts", "--json", expect=3).json["conflicts"]
    assert {one["path"]: tuple(each["path"] for each in one["versions"]) for one in found} == named
    assert desktop.run("status", "--json").json["syncs"][0]["conflicts"] == 3

    # A conflict about a copy is one about its original.
    laptop.write("ideas.conflict1.md", "once more")
    desktop.write("ideas.conflict1.md", "and otherwise")
    desktop.sync()
    (again,) = laptop.sync(profile="keep").conflicts
    assert again.copies == ("ideas.conflict3.md", "ideas.conflict4.md")

    assert laptop.tree()["ideas.conflict4.md"] == "and otherwise"
    laptop.run("resolve", "ideas.conflict4.md", "--keep", "newer")
    assert {path for path in laptop.tree() if path.startswith("ideas")} == {"ideas.md"}
    assert len(laptop.run("conflicts", "--json", expect=3).json["conflicts"]) == 2


def test_copies_do_not_cover_each_other_whatever_the_rules(laptop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "*.conflict1\n*.conflict2\n")
    laptop.write("ideas.md.conflict1", "ignored, and precious")
    s3.put("ideas.md.conflict2", "ignored in the cloud")
    contested(laptop, s3)
    assert laptop.sync(profile="safe").error is None
    assert laptop.tree()["ideas.md.conflict1"] == "ignored, and precious"
    copies = {path: text for path, text in laptop.tree().items() if path.startswith("ideas.md.conflict")}
    assert sorted(copies.values()) == ["ignored in the cloud", "ignored, and precious", "mine", "theirs!"]
    assert laptop.sync().outcome is Outcome.IDLE


def test_an_edit_beats_a_deletion_either_way(laptop: Device, s3: S3) -> None:
    for name in "abc":
        laptop.write(f"{name}.md", name)
    laptop.sync()
    (laptop.notes / "a.md").unlink()
    s3.put("a.md", "edited in the cloud")
    laptop.write("b.md", "edited here")
    s3.delete("b.md")
    laptop.sync()
    assert laptop.tree() == s3.tree() == {"a.md": "edited in the cloud", "b.md": "edited here", "c.md": "c"}


def test_a_file_in_a_folders_way_moves_aside(laptop: Device, s3: S3) -> None:
    laptop.write("x", "a file here")
    s3.put("x/y.md", "a folder there")
    laptop.write("p/q.md", "a folder here")
    s3.put("p", "a file there")
    said = laptop.run("sync").out
    assert said.count("the file makes room") == 2 and "newer version" not in said
    laptop.sync()
    wanted = {
        "x.conflict1": "a file here",
        "x/y.md": "a folder there",
        "p/q.md": "a folder here",
        "p.conflict1": "a file there",
    }
    assert laptop.tree() == wanted
    assert s3.tree() == wanted
    assert laptop.sync().outcome is Outcome.IDLE


def test_conflicts_lists_them_and_resolve_settles_them(laptop: Device, s3: S3) -> None:
    assert laptop.run("conflicts").out == "No conflicts.\n"
    contested(laptop, s3)
    laptop.sync()
    said = laptop.run("conflicts", expect=3).out
    assert "ideas.md (notes)" in said and "another device" in said and "this device" in said
    assert "bisync resolve ideas.md --keep local|cloud|newer|both" in said
    (group,) = laptop.run("conflicts", "--json", expect=3).json["conflicts"]
    assert [(v["path"], v["origin"]) for v in group["versions"]] == [
        ("ideas.md", "another device"), ("ideas.md.conflict1", "this device"),
    ]  # fmt: skip
    assert laptop.run("status", "--json").json["syncs"][0]["conflicts"] == 1

    laptop.run("resolve", "ideas.md", "--keep", "local")

    assert laptop.tree() == {"ideas.md": "mine", "other.md": "other"}
    laptop.sync()
    assert s3.tree() == laptop.tree()
    laptop.run("conflicts")
    assert laptop.run("restore", "ideas.md", "--to", "back").code == 0
    assert (laptop.home / "back" / "ideas.md").read_text() == "theirs!", "the dropped version is in the trash"


def test_resolve_both_keeps_both_under_plain_names(laptop: Device, s3: S3) -> None:
    contested(laptop, s3)
    laptop.sync(profile="safe")
    assert set(laptop.tree()) == {"ideas.md.conflict1", "ideas.md.conflict2", "other.md"}
    laptop.run("resolve", "ideas.md.conflict1", "--keep", "both")
    assert laptop.tree() == {"ideas.md": "theirs!", "ideas (2).md": "mine", "other.md": "other"}
    assert laptop.run("resolve", "ideas.md", "--keep", "newer", expect=2).err.count("no conflict waits") == 1
    assert "--keep takes one of" in laptop.run("resolve", "ideas.md", "--keep", "mine", expect=2).err


def origins(device: Device) -> list[tuple[str, str | None]]:
    (group,) = device.run("conflicts", "--json", expect=3).json["conflicts"]
    return [(version["path"], version["origin"]) for version in group["versions"]]


def test_a_settled_conflict_says_nothing_about_a_later_one(laptop: Device, desktop: Device, s3: S3) -> None:
    """The desktop leaves a copy of the very name that the laptop's own conflict had."""
    contested(laptop, s3)
    laptop.sync()
    laptop.run("resolve", "ideas.md", "--keep", "cloud")
    laptop.sync()
    desktop.sync()
    laptop.write("ideas.md", "the laptop's", mtime=time.time() - 1800)
    laptop.sync()
    desktop.write("ideas.md", "the desktop's", mtime=time.time() - 3600)
    assert desktop.sync().conflicts[0].winner == "cloud"
    laptop.sync()
    both = {"ideas.md": "the laptop's", "ideas.md.conflict1": "the desktop's", "other.md": "other"}
    assert laptop.tree() == desktop.tree() == both

    assert origins(laptop) == [("ideas.md", None), ("ideas.md.conflict1", None)]
    for keep in ("local", "cloud"):
        refused = laptop.run("resolve", "ideas.md", "--keep", keep, expect=2).err
        assert "does not know where ideas.md, ideas.md.conflict1 came from" in refused
        assert "bisync resolve ideas.md --keep newer" in refused and "--keep both" in refused
    assert laptop.tree() == both

    assert origins(desktop) == [("ideas.md", "another device"), ("ideas.md.conflict1", "this device")]
    desktop.run("resolve", "ideas.md", "--keep", "local")
    assert desktop.tree()["ideas.md"] == "the desktop's"


def test_a_version_that_was_written_to_since_is_nobodys(laptop: Device, s3: S3) -> None:
    contested(laptop, s3)
    laptop.sync()
    laptop.write("ideas.md", "theirs, and a word of mine")

    assert origins(laptop) == [("ideas.md", None), ("ideas.md.conflict1", "this device")]
    assert "where ideas.md came from" in laptop.run("resolve", "ideas.md", "--keep", "local", expect=2).err
    laptop.run("resolve", "ideas.md", "--keep", "newer")
    assert laptop.tree() == {"ideas.md": "theirs, and a word of mine", "other.md": "other"}


def test_of_two_local_versions_none_is_chosen(laptop: Device, s3: S3) -> None:
    contested(laptop, s3)
    laptop.sync()
    laptop.write("ideas.md", "mine again", mtime=time.time() - 3600)
    s3.put("ideas.md", "theirs again")
    laptop.sync()
    tree = laptop.tree()

    refused = laptop.run("resolve", "ideas.md", "--keep", "local", expect=2).err

    assert "several are local ones: ideas.md.conflict1, ideas.md.conflict2" in refused
    assert laptop.tree() == tree
    laptop.run("resolve", "ideas.md", "--keep", "cloud")
    assert laptop.tree() == {"ideas.md": "theirs again", "other.md": "other"}


def test_a_file_of_the_cloud_that_made_room_is_not_this_devices(laptop: Device, s3: S3) -> None:
    laptop.write("p/q.md", "a folder here")
    s3.put("p", "a file there")
    laptop.sync()
    laptop.sync()

    assert laptop.tree() == {"p/q.md": "a folder here", "p.conflict1": "a file there"}
    assert origins(laptop) in ([("p.conflict1", None)], [("p.conflict1", "another device")])


def with_copies(device: Device, copies: int) -> None:
    device.write("n.md", "ours")
    for number in range(1, copies + 1):
        device.write(f"n.md.conflict{number}", f"copy {number}")


@pytest.mark.parametrize("keep", ["both", "newer"])
@pytest.mark.parametrize("gone", ["n.md", "n.md.conflict1", "n.md.conflict2"])
def test_a_version_that_vanishes_while_its_conflict_is_settled(
    laptop: Device, monkeypatch: pytest.MonkeyPatch, keep: conflicts.Keep, gone: str
) -> None:
    with_copies(laptop, 2)
    os.utime(laptop.notes / "n.md.conflict2", (2_000_000_000, 2_000_000_000))
    real = runs.new_run_id

    def vanishing(at: datetime) -> str:
        (laptop.notes / gone).unlink()
        return real(at)

    monkeypatch.setattr(runs, "new_run_id", vanishing)
    app = laptop.app()
    left = {text for path, text in laptop.tree().items() if path != gone}
    vanished = keep == "both" or gone == "n.md.conflict2"

    with pytest.raises(BisyncError, match="just now") if vanished else nullcontext():
        conflicts.resolve(app, app.manifest.syncs[0], "n.md", keep)

    found = {path.read_text() for path in (laptop.state / "trash").rglob("*") if path.is_file()}
    assert left <= set(laptop.tree().values()) | found
    if vanished:
        assert left == set(laptop.tree().values())
    assert not list(laptop.notes.glob(".basic-memory/hold/*"))


def test_copies_without_the_contested_name_when_the_newest_vanishes(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_copies(laptop, 2)
    (laptop.notes / "n.md").unlink()
    newest = laptop.write("n.md.conflict2", "newest", mtime=2_000_000_000)
    real = runs.new_run_id
    monkeypatch.setattr(runs, "new_run_id", lambda at: (newest.unlink(), real(at))[1])
    app = laptop.app()

    with pytest.raises(BisyncError, match=r"n\.md\.conflict2 was .* just now"):
        conflicts.resolve(app, app.manifest.syncs[0], "n.md", "both")

    assert laptop.tree() == {"n.md.conflict1": "copy 1"}
