"""`bisync log`: what a run did, as a person asks for it; and what the history knows of a run's end."""

from __future__ import annotations

import json

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
