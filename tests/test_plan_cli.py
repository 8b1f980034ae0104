"""`plan`: what it says is what happens, and it is the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.world import S3, Device, rclone_path


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(root.rglob("*")) if p.is_file()}


def mixed_day(laptop: Device, s3: S3) -> None:
    """Something of everything, waiting for a sync."""
    for name in "abcdefghijkl":
        laptop.write(f"{name}.md", name)
    laptop.run("sync")
    laptop.write("a.md", "edited here")
    s3.put("b.md", "edited in the cloud")
    (laptop.notes / "c.md").unlink()
    s3.delete("d.md")
    laptop.write("new/here.md", "n")
    s3.put("new/there.md", "m")
    (laptop.notes / "e.md").rename(laptop.notes / "e2.md")
    laptop.write("f.md", "conflict, here")
    s3.put("f.md", "conflict, cloud")


def test_plan_changes_nothing_and_is_reproducible(laptop: Device, s3: S3) -> None:
    mixed_day(laptop, s3)
    laptop.run("plan")  # fills caches
    before = snapshot(laptop.home), s3.tree()

    first = laptop.run("plan", "--json")
    second = laptop.run("plan", "--json")

    assert first.out == second.out
    assert (snapshot(laptop.home), s3.tree()) == before
    document = first.json
    assert set(document) == {"version", "id", "manifest", "rclone", "syncs"}
    (sync,) = document["syncs"]
    assert sync["mode"] == "sync"
    actions = {action["path"]: action["action"] for action in sync["actions"]}
    assert actions == {
        "a.md": "upload", "b.md": "download", "c.md": "delete_cloud", "d.md": "delete_local",
        "e.md": "delete_cloud", "e2.md": "upload", "f.md": "conflict", "new/here.md": "upload",
        "new/there.md": "download",
    }  # fmt: skip
    assert list(actions) == sorted(actions)
    (limit,) = (one for one in sync["guards"] if one["guard"] == "max_delete")
    assert limit == {"guard": "max_delete", "limit": 25, "planned": 2, "passed": True}  # the rename is none
    assert sync["commands"][-1][:2] == ["rclone", "bisync"]


def test_sync_carries_out_a_saved_plan_and_only_that(laptop: Device, s3: S3) -> None:
    mixed_day(laptop, s3)
    laptop.run("plan", "--out", "plan.json")
    s3.put("g.md", "somebody else, meanwhile")

    refused = laptop.run("sync", "--plan", "plan.json", expect=4)

    assert "g.md" in refused.err and "bisync plan" in refused.err
    assert s3.tree()["a.md"] == "a", "nothing was written"
    laptop.run("plan", "--out", "plan.json")
    done = laptop.run("sync", "--plan", "plan.json", "--json").json["syncs"][0]
    assert done["outcome"] == "done"
    assert laptop.tree() == s3.tree()


def test_a_plan_of_another_manifest_is_refused(laptop: Device) -> None:
    laptop.run("plan", "--out", "plan.json")
    laptop.write_manifest(laptop.s3_manifest() + "ignore: ['*.x']\n")

    assert "another manifest" in laptop.run("sync", "--plan", "plan.json", expect=2).err


def test_the_script_needs_only_rclone(laptop: Device, desktop: Device, s3: S3) -> None:
    mixed_day(laptop, s3)
    laptop.run("plan", "--script", "plan.sh")
    script = laptop.home / "plan.sh"
    assert script.stat().st_mode & 0o777 == 0o700

    env = {"PATH": os.environ["PATH"], "HOME": str(laptop.home), "RCLONE": str(rclone_path())}
    done = subprocess.run(
        ["sh", str(script)], env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert laptop.tree() == s3.tree()
    assert laptop.tree()["b.md"] == "edited in the cloud"
    assert "c.md" not in s3.tree() and "d.md" not in laptop.tree()
    assert laptop.run("sync", "--json").json["syncs"][0]["outcome"] in ("idle", "done")
    assert laptop.run("plan", "--json").json["syncs"][0]["mode"] == "idle"


def test_the_plan_id_names_the_content(laptop: Device) -> None:
    laptop.write("a.md", "a")
    one = laptop.run("plan", "--json").json
    laptop.write("a.md", "ab")
    two = laptop.run("plan", "--json").json
    assert one["id"] != two["id"]
    assert json.dumps(one) != json.dumps(two)
