"""--json: one document on stdout and nothing else, with the keys scripts rely on; also when it fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.world import S3, Device, Ran

SYNC = {"name", "mode", "outcome", "uploaded", "downloaded", "deleted_local", "deleted_cloud", "renamed", "conflicts",
        "bytes", "seconds", "run", "error"}  # fmt: skip
STATUS = {"name", "tenant", "initialised", "local", "remote", "profile", "last_sync", "last_outcome",
          "projects", "storage_bytes", "conflicts", "blocked"}  # fmt: skip
RESTORE = {"name", "dry_run", "at", "restored", "unchanged", "not_there_then", "gone", "unsynced"}
CHECK = {"name", "match", "differ", "missing_local", "missing_cloud", "errors"}
PLAN = {"name", "tenant", "local", "remote", "profile", "mode", "filters", "actions", "guards", "commands"}


def only_sync(ran: Ran) -> Any:
    document = ran.json
    assert document["version"] == 1
    [one] = document["syncs"]
    assert one["name"] == "notes"
    return one


def test_the_documents_of_a_day(ready: Device, cloud: S3, below: str) -> None:
    ready.write("p/a.md", "a")
    ready.write("ideas.md", "base")

    plan = ready.run("plan", "--json")
    one = only_sync(plan)
    assert one.keys() >= PLAN
    assert {"id", "manifest", "rclone"} <= plan.json.keys()
    assert one["actions"][1] == {"action": "upload", "path": "p/a.md", "size": 1, "why": "new here"}
    assert (one["mode"], one["remote"]) == ("sync", f"basic-memory-team:notes-bucket/{below}/")
    assert all(command[0] == "rclone" for command in one["commands"])
    assert ready.run("plan", "--json").out == plan.out, "the same sides give the same bytes"

    one = only_sync(done := ready.run("sync", "--json"))
    assert one.keys() >= SYNC
    assert (one["outcome"], one["uploaded"], one["bytes"], one["error"]) == ("done", 2, 5, None)
    assert done.err == ""

    one = only_sync(ready.run("status", "--json"))
    assert one.keys() >= STATUS
    assert (one["initialised"], one["projects"], one["storage_bytes"], one["blocked"]) == (True, 1, 5, None)
    assert one["last_sync"].endswith("+00:00")

    ready.write("ideas.md", "mine")
    cloud.put(f"{below}/ideas.md", "theirs, longer")
    one = only_sync(ready.run("check", "--json", expect=3))
    assert one.keys() >= CHECK
    assert (one["match"], one["differ"], one["missing_local"], one["missing_cloud"]) == (
        1,
        ["ideas.md"],
        [],
        [],
    )

    one = only_sync(ready.run("sync", "--json", "--profile", "safe"))
    assert one["conflicts"][0]["path"] == "ideas.md"
    assert one["conflicts"][0]["copies"] == ["ideas.md.conflict1", "ideas.md.conflict2"]
    listed = ready.run("conflicts", "--json", expect=3).json
    assert [group["path"] for group in listed["conflicts"]] == ["ideas.md"]
    assert {version["path"] for version in listed["conflicts"][0]["versions"]} == set(
        one["conflicts"][0]["copies"]
    )
    runs = only_sync(ready.run("history", "--json"))["runs"]
    assert [run["outcome"] for run in runs] == ["done", "done", "done"]
    one = only_sync(ready.run("restore", "p", "--at", runs[1]["run"], "--json"))
    assert one.keys() >= RESTORE
    assert (one["restored"], one["unchanged"], one["gone"]) == ([], 1, [])
    steps = only_sync(ready.run("setup", "--json"))["steps"]
    assert {step["state"] for step in steps} == {"ok"}
    assert only_sync(ready.run("sync", "--json"))["outcome"] == "idle"


@pytest.mark.parametrize(
    "task",
    ["sync", "status", "check", "plan", "setup", "conflicts", "history", "restore a.md", "restore --at 2h"],
)
def test_without_a_manifest(tmp_path, task: str) -> None:  # type: ignore[no-untyped-def]
    said = Device(tmp_path / "home").run(*task.split(), "--json", expect=2)

    assert said.json.keys() == {"version", "error", "hint", "exit_code"}
    assert said.json["exit_code"] == 2


def test_failures_are_documents_too(fresh: Device) -> None:
    assert only_sync(fresh.run("sync", "--json", expect=5))["outcome"] == "refused"
    assert only_sync(fresh.run("check", "--json", expect=5))["error"].startswith("First bisync")
    fresh.grant()
    assert only_sync(fresh.run("check", "--json", expect=1))["error"].startswith("the sync dir")
    assert fresh.run("conflicts", "--json", expect=1).json["error"].startswith("the sync dir")
    failed = only_sync(fresh.run("setup", "--json", expect=1, env={"TEST_SECRET": "wrong"}))["steps"][-1]
    assert failed["state"] == "failed"
    assert "refused the secret access key" in failed["detail"]
    assert "--rotate" in failed["hint"]
    assert isinstance(fresh.run("plan", "--json", expect=1).json, dict)
