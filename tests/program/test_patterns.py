"""Patterns on the command line: conflicts, resolve --all, log. What needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bisync.actions import check as check_action
from bisync.actions import conflicts, log
from bisync.actions.check import CheckResult
from bisync.errors import UsageError
from bisync.sync.located import wanted
from bisync.sync.patterns import EVERYTHING
from tests.support.world import Device, Ran

pytestmark = pytest.mark.pure

MANIFEST = """\
version: 1
tenants: {team: {provider: embedded, storage: ~/store}}
syncs:
  notes: {tenant: team, dir: ~/notes}
"""


@pytest.fixture
def device(tmp_path: Path) -> Device:
    made = Device(tmp_path / "home")
    made.write_manifest(MANIFEST)
    made.grant()
    made.notes.mkdir()
    return made


def contest(device: Device, *paths: str) -> None:
    for path in paths:
        device.write(f"{path}.conflict1", f"old {path}", mtime=1_000)
        device.write(f"{path}.conflict2", f"new {path}", mtime=2_000)


def told(ran: Ran) -> list[str]:
    return [group["path"] for group in ran.json["conflicts"]]


def test_conflicts_of_a_folder_or_a_pattern(device: Device) -> None:
    contest(device, "a.md", "work/b.md", "work/deep/c.md", "work/[x].md", "work/x.md")

    for words, paths in (
        (["work/**/*.md.conflict1"], ["work/[x].md", "work/b.md", "work/deep/c.md", "work/x.md"]),
        (["work/*.md"], ["work/[x].md", "work/b.md", "work/x.md"]),
        (["work/[x].md"], ["work/[x].md"]),
        (["--path", "work"], ["work/[x].md", "work/b.md", "work/deep/c.md", "work/x.md"]),
        (["notes", "a.md.conflict2"], ["a.md"]),
        (["notes"], ["a.md", "work/[x].md", "work/b.md", "work/deep/c.md", "work/x.md"]),
    ):
        assert told(device.run("conflicts", *words, "--json", expect=3)) == paths, words


def test_words_that_cannot_be_meant(device: Device) -> None:
    assert "no sync is called" in device.run("conflicts", "note", expect=2).err
    said = device.run("conflicts", "a.md", "b.md", expect=2).err
    assert "one path, folder or pattern at a time, not 2" in said and "in quotes" in said
    assert "lies in none of the sync dirs" in device.run("conflicts", "/etc/*", expect=2).err


def test_nothing_that_is_meant(device: Device) -> None:
    contest(device, "a.md")

    assert device.run("conflicts", "z*").out == "No conflict is about z*; see them all: bisync conflicts\n"
    said = device.run("resolve", "--all", "--keep", "newer", "z*", expect=2).err
    assert said == "Error: z*: no conflict waits here\n  → see: bisync conflicts\n"
    (device.notes / "a.md.conflict1").unlink()
    (device.notes / "a.md.conflict2").unlink()
    assert device.run("resolve", "--all", "--keep", "newer").out == "No conflicts.\n"
    assert device.run("resolve", "--keep", "newer", expect=2).err == (
        "Error: resolve needs PATH, or --all\n  → see: bisync resolve --help\n"
    )
    assert "bisync resolve --all --keep newer" in device.run("resolve", "--all", expect=2).err


def test_all_of_a_pattern_are_settled_and_no_others(device: Device) -> None:
    contest(device, "a.md", "work/b.md", "work/deep/c.md")

    several = device.run("resolve", "work/**", "--keep", "newer", expect=2).err
    assert "bisync resolve 'work/**' --all --keep newer" in several
    said = device.run("resolve", "work/**", "--all", "--keep", "newer").out

    assert said.count("✓ Resolved") == 2 and said.count("Next: bisync sync") == 1
    assert device.tree() == {
        "a.md.conflict1": "old a.md",
        "a.md.conflict2": "new a.md",
        "work/b.md": "new work/b.md",
        "work/deep/c.md": "new work/deep/c.md",
    }
    state = device.home / ".basic-memory/bisync-state/team/notes"
    assert sorted(path.read_text() for path in (state / "trash").rglob("*.md.conflict1")) == [
        "old work/b.md",
        "old work/deep/c.md",
    ]
    assert device.run("resolve", "--all", "--keep", "both").code == 0
    assert set(device.tree()) == {"a.md", "a (2).md", "work/b.md", "work/deep/c.md"}


def test_one_that_cannot_be_settled_keeps_no_other_waiting(device: Device) -> None:
    contest(device, "a.md", "b.md", "c.md")
    (device.notes / "b.md").mkdir()
    device.write("b.md/full.md", "a folder has its name")

    app = device.app()
    [sync] = app.manifest.syncs
    done = conflicts.settle_all(app, [(sync, EVERYTHING)], "newer")

    assert [one.path for one in done.settled] == ["a.md", "c.md"]
    assert [path for path, _ in done.refused] == ["b.md"] and done.exit_code == 1
    assert device.tree()["b.md.conflict2"] == "new b.md" and device.tree()["b.md.conflict1"] == "old b.md"
    # Whose is whose nobody knows here.
    refused = device.run("resolve", "--all", "--keep", "local", expect=2).err
    assert "does not know where" in refused


HISTORY = [
    {"run": "20261101T000000Z-0000aa", "paths": {"uploaded": ["old.md", "p/x.md", "q.txt"]}},
    {"run": "20261102T000000Z-0000aa", "paths": {"renamed": [{"path": "old.md", "to": "p/new.md"}]}},
    {"run": "20261103T000000Z-0000aa", "paths": {"deleted_cloud": ["p/x.md"], "downloaded": ["p/[x].md"]}},
]


BELOW_P = [
    "downloaded p/[x].md",
    "deleted_cloud p/x.md",
    "renamed old.md",
    "uploaded old.md",
    "uploaded p/x.md",
]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("p/*.md", BELOW_P),
        ("*.txt", ["uploaded q.txt"]),
        ("p/[x].md", ["downloaded p/[x].md"]),
        ("z*", []),
    ],
)
def test_log_follows_what_fits(device: Device, word: str, found: list[str]) -> None:
    app = device.app()
    [sync] = app.manifest.syncs
    state = app.state(sync)
    state.prepare()
    state.history.write_text("".join(json.dumps({"version": 1, **line}) + "\n" for line in HISTORY))

    [followed] = log.follow(app, (sync,), word, device.notes)

    assert [f"{one.what} {one.path}" for one in followed.events] == found
    said = device.run("log", word).out
    assert (f"no run in the history has touched {word}" in said) == (not found)


def test_check_leaves_out_the_syncs_that_have_nothing_of_it() -> None:
    nothing = CheckResult(name="one", error=check_action.NothingMeant("no"))
    assert check_action.about([nothing, CheckResult(name="two")]) == [CheckResult(name="two")]
    assert check_action.about([nothing]) == [nothing] and nothing.exit_code == 2


def test_check_says_what_is_about_the_files_that_are_meant(device: Device) -> None:
    [(_, meant)] = wanted(device.app().manifest.syncs, "p/*.md", device.home)

    marks, unhashed = check_action.meant(
        {"p/a.md": "=", "p/b.md": "*", "c.md": "-", "p/[x].md": "+"}, ["c.md", "p/a.md"], meant
    )

    assert (marks, unhashed) == ({"p/a.md": "=", "p/b.md": "*", "p/[x].md": "+"}, ["p/a.md"])
    with pytest.raises(UsageError, match="no file on either side is p/"):
        check_action.meant({"c.md": "="}, [], meant)
