"""For scripts and cron: silence where all is well, exit codes that say what there is, and what a manifest means."""

from __future__ import annotations

import json

import yaml

from tests.support.documents import trouble
from tests.support.world import S3, Device


def test_a_quiet_day(ready: Device, cloud: S3, below: str) -> None:
    assert ready.run("plan", "--exit-code", "-q").out == ""
    ready.write("a b.md", "a")
    plan = ready.run("plan", "--exit-code", "--json", "-q", expect=3).json
    assert len(plan["syncs"][0]["actions"]) == 1
    for task in ("sync", "setup", "check", "status", "validate", "sync"):
        ran = ready.run(task, "-q")
        assert (ran.out, ran.err) == ("", ""), task

    ready.write("a b.md", "mine")
    cloud.put(f"{below}/a b.md", "theirs, longer")
    differing = ready.run("check", "-q", expect=3)
    assert (differing.out, "differs: a b.md" in differing.err) == ("", True)
    met = ready.run("sync", "-q", "--profile", "safe")
    assert met.out == ""
    assert met.err.startswith("Conflict detected: a b.md\n")
    waiting = ready.run("status", "-q")
    assert waiting.out == ""
    assert "1 conflict" in waiting.err
    shouted = ready.run("sync", "-q", "-v", expect=2)
    assert "--quiet and --verbose do not go together" in shouted.err


def test_errors_of_a_plan_keep_their_codes(fresh: Device) -> None:
    refused = fresh.run("plan", "--exit-code", "-q", expect=None)
    assert refused.code not in (0, 3)
    assert refused.out == ""
    assert refused.err.startswith("Error: ")


def test_what_a_script_learns_of_a_manifest(fresh: Device) -> None:
    """Also of one that was never agreed to: nothing is started, read or asked."""
    valid = fresh.run("validate", "--json").json
    assert (valid["valid"], valid["syncs"], valid["problems"]) == (True, ["notes"], [])
    shown = fresh.run("show", "--json").json
    assert shown["manifest"]["syncs"]["notes"]["profile"] == "balanced"
    assert shown["manifest"]["tenants"]["team"]["credentials"]["secret_access_key"] == {"env": "TEST_SECRET"}
    assert yaml.safe_load(fresh.run("show", "notes").out) == shown["manifest"]
    assert fresh.run("show", "other", expect=2).err.startswith('Error: no sync is called "other"')

    (fresh.home / "bisync.yaml").write_text("version: 1\ntenants:\n  x: {provider: s4}\n")
    wrong = fresh.run("validate", "--json", expect=2)
    assert (wrong.json["valid"], wrong.json["problems"][0]["line"]) == (False, 3)
    assert wrong.err.startswith("bisync.yaml:3:")
    nowhere = fresh.run("validate", "-m", "none.yaml", "--json", expect=2).json
    assert (nowhere["manifest"], nowhere["problems"][0]["file"]) == (None, None)


def test_a_schema_is_printed(fresh: Device) -> None:
    printed = json.loads(fresh.run("schema", "validate").out)
    assert printed["$id"] == "urn:bisync:document:validate:1"
    assert json.loads(fresh.run("schema").out)["title"] == "bisync.yaml"
    assert trouble("validate", fresh.run("validate", "--json").json) == []
    assert "did you mean validate?" in fresh.run("schema", "valdate", expect=2).err


def test_what_takes_back_and_clears_up_is_quiet_too(laptop: Device, s3: S3) -> None:
    for name in "ab":
        laptop.write(f"{name}.md", name)
    laptop.sync()
    for name in "ab":
        (laptop.notes / f"{name}.md").unlink()
    laptop.run("sync", "--force")

    asked = laptop.run("undo", "-q", expect=2)
    assert asked.out == "" and "bring back   a.md" in asked.err, "a question is asked of something"
    for argv in (["undo", "--yes"], ["undo", "--yes"], ["restore", "*.md", "--yes"], ["prune"], ["unlock"]):
        assert (laptop.run(*argv, "-q").out, laptop.run(*argv[:1], "--help").code) == ("", 0)
    assert laptop.tree() == {"a.md": "a", "b.md": "b"}
    laptop.write("a.md", "here")
    s3.put("a.md", "there")
    laptop.run("sync")
    assert laptop.run("resolve", "a.md", "--keep", "newer", "-q").out == ""
