"""`bisync log`: what a run did, as a person asks for it; and what the history knows of a run's end."""

from __future__ import annotations

import json

import pytest

from bisync.actions.log import is_run
from bisync.state.paths import SyncState
from bisync.state.runs import latest_history
from tests.support.world import S3, Device


def test_a_run_is_found_and_told(ready: Device, cloud: S3, below: str) -> None:
    assert ready.run("log").out.startswith("notes: run ")
    ready.write("keep.md", "1")
    ready.write("gone.md", "2")
    ready.write("old name.md", "a text that is long enough to be known again")
    ready.run("sync")
    (ready.notes / "gone.md").unlink()
    (ready.notes / "old name.md").rename(ready.notes / "new name.md")
    cloud.put(f"{below}/keep.md", "theirs, and longer")
    cloud.put(f"{below}/came.md", "from elsewhere")
    ready.run("sync")
    ready.run("sync")
    ready.run("sync")

    said = ready.run("log").out
    run = said.split()[2]
    told = " ".join(said.split())
    assert "outcome done (exit code 0)" in told
    assert "downloaded came.md" in told and "downloaded keep.md" in told
    assert "deleted in the cloud gone.md" in told
    assert "renamed old name.md → new name.md" in told
    assert f"trash/{run}" in told and f"bisync restore PATH --run {run}" in told
    assert ready.run("log", run[:-3]).out == said

    [one] = ready.run("log", run, "--json").json["syncs"]
    assert one["entry"]["paths"]["downloaded"] == ["came.md", "keep.md"]
    assert one["entry"]["paths"]["renamed"] == [{"path": "old name.md", "to": "new name.md"}]
    assert one["trash"]["local"] == str(ready.state / "trash" / run)

    newest = ready.history()[-1]
    assert (newest["outcome"], newest["runs"], newest["run"][:8]) == ("idle", 2, run[:8])
    assert "2 runs, of which this is the last" in ready.run("log", "--run", newest["run"]).out
    assert f"run {newest['run']}" in ready.run("log", newest["first_run"]).out


def test_a_run_that_nobody_knows(ready: Device) -> None:
    said = ready.run("log", "2031", expect=2)
    assert said.err.splitlines() == [
        "Error: no run in the history begins with '2031'",
        "  → see: bisync history",
    ]
    assert ready.run("log", "", expect=2).err.startswith("Error: ")

    ready.write("a.md", "a")
    ready.run("sync")
    said = ready.run("log", "2", "--json", expect=2)
    assert said.json["error"].startswith("2 runs begin with '2': 2")
    assert said.json["hint"] == "write more of it; see: bisync history"


def test_a_run_that_failed_half_way_says_what_it_had_done(ready: Device, cloud: S3, below: str) -> None:
    ready.write_manifest(ready.s3_manifest() + '    hooks: {before_sync: [["false"]]}\n')
    ready.write("a.md", "a")
    ready.run("sync", expect=1)

    told = " ".join(ready.run("log").out.split())
    assert "outcome failed (exit code 1)" in told
    assert "error notes: the before_sync hook ended with code 1" in told and "→ all that it said" in told
    assert "uploaded" not in told


def test_a_hook_that_fails_afterwards_is_in_the_history_and_in_no_line_of_idle_runs(ready: Device) -> None:
    good = ready.s3_manifest()
    for _ in range(2):
        ready.run("sync")
    ready.write_manifest(
        good + f"    hooks: {json.dumps({'after_sync': [['test', '!', '-e', 'bad.log']]})}\n"
    )
    (ready.notes / "bad.log").write_text("")
    (ready.notes / ".bmignore").write_text("*.log\n.bmignore\n")
    ready.run("sync", expect=1)
    ready.run("sync", expect=1)

    newest, before, *_ = latest_history(SyncState(ready.state))
    assert (newest["outcome"], newest["exit_code"], newest.get("runs", 1)) == ("idle", 1, 1)
    assert "the after_sync hook ended with code 1" in newest["notes"][0]
    assert before["run"] != newest["run"] and before["exit_code"] == 1


def test_a_file_is_followed_under_its_names(ready: Device, cloud: S3, below: str) -> None:
    ready.write("d/old name.md", "a text that is long enough to be known again")
    ready.write("2026-11-29.md", "a daily note")
    ready.run("sync")
    (ready.notes / "d" / "old name.md").rename(ready.notes / "new name.md")
    ready.run("sync")
    cloud.put(f"{below}/new name.md", "theirs, and longer than the one before it")
    ready.run("sync")
    ready.write("new name.md", "mine")
    ready.run("sync")

    [one] = ready.run("log", "new name.md", "--json").json["syncs"]
    assert one["path"] == "new name.md"
    assert [(event["what"], event["path"]) for event in one["events"]] == [
        ("uploaded", "new name.md"), ("downloaded", "new name.md"),
        ("renamed", "d/old name.md"), ("uploaded", "d/old name.md"),
    ]  # fmt: skip
    assert one["events"][2]["to"] == "new name.md"
    device = ready.history()[-1]["device"]
    assert {event["device"] for event in one["events"]} == {device}

    said = ready.run("log", "new name.md").out
    lines = said.splitlines()
    assert lines[0] == "notes: new name.md"
    assert [" ".join(line.split()[2:4]) for line in lines[1:3]] == ["uploaded run", "downloaded run"]
    assert "renamed d/old name.md → new name.md" in lines[3]
    assert "uploaded d/old name.md" in lines[4]
    assert lines[-1].strip() == "Bring an old version back with: bisync restore 'new name.md' --run RUN"
    assert all(one["events"][0]["run"] in line for line in lines[1:2])

    assert "uploaded" in ready.run("log", "2026-11-29.md").out, "a daily note is no run"
    [of_folder] = ready.run("log", "--path", "d", "--json").json["syncs"]
    assert [event["what"] for event in of_folder["events"]] == ["renamed", "uploaded"]


def test_a_file_in_one_run(ready: Device) -> None:
    ready.write("a.md", "1")
    ready.write("b.md", "1")
    ready.run("sync")
    first = ready.history()[-1]["run"]
    ready.write("a.md", "22")
    ready.run("sync")
    assert len(ready.run("log", "a.md", "--json").json["syncs"][0]["events"]) == 2
    [one] = ready.run("log", first, "a.md", "--json").json["syncs"]
    assert [(event["what"], event["run"]) for event in one["events"]] == [("uploaded", first)]


def test_a_file_that_no_run_has_touched(ready: Device) -> None:
    assert ready.run("log", "nothing.md").out == "notes: no run in the history has touched nothing.md\n"
    said = ready.run("log", "/somewhere/else.md", expect=2)
    assert said.err.startswith("Error: /somewhere/else.md lies in none of the sync dirs")


def test_a_contested_file_and_its_copies(ready: Device, cloud: S3, below: str) -> None:
    ready.write("a.md", "1")
    ready.run("sync")
    ready.write("a.md", "mine")
    cloud.put(f"{below}/a.md", "theirs!")
    ready.run("sync")
    [told] = ready.history()[-1]["conflicts"]
    for path in ("a.md", told["copies"][0]):
        events = ready.run("log", path, "--json").json["syncs"][0]["events"]
        assert "conflict" in {event["what"] for event in events}, path
        assert ("uploaded", "a.md") in {(event["what"], event["path"]) for event in events}, path
    assert "contested" in ready.run("log", "a.md").out


@pytest.mark.pure
@pytest.mark.parametrize(
    "word", ["2", "2026", "20261129", "20261129T1451", "20261129T145112Z", "20261129T145112Z-0ab-my.pc"]
)
def test_what_begins_as_a_run_does(word: str) -> None:
    assert is_run(word)


@pytest.mark.pure
@pytest.mark.parametrize(
    "word", ["2026-11-29.md", "2026/11/29.md", "20261129.md", "a.md", "d", "20261129T145112Z.md"]
)
def test_what_is_a_path(word: str) -> None:
    assert not is_run(word)
