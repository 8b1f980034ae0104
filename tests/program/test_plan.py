"""`plan`: what it says is what happens, and it is the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import BUCKET, S3, Device, rclone_path


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
        "e.md": "rename", "f.md": "conflict", "new/here.md": "upload",
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


@pytest.mark.parametrize("flag", ["--out", "--script"])
def test_a_plan_is_written_to_a_plain_file_or_not_at_all(laptop: Device, flag: str) -> None:
    """Of a device or a link only the name would be left."""
    other = laptop.home / "other.txt"
    other.write_text("mine")
    link, pipe = laptop.home / "link", laptop.home / "pipe"
    link.symlink_to(other)
    os.mkfifo(pipe)

    said = [laptop.run("plan", flag, str(each), expect=2) for each in (link, pipe, laptop.home)]

    assert "is a link" in said[0].err and "is no plain file" in said[1].err and "is a folder" in said[2].err
    assert not any(one.out for one in said), "nothing was looked at"
    assert other.read_text() == "mine" and link.is_symlink() and pipe.is_fifo()


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


NFD, NFC = "cafe\u0301/re\u0301sume\u0301.md", "caf\u00e9/r\u00e9sum\u00e9.md"
SPELLINGS = pytest.mark.parametrize(
    ("here", "there"),
    [
        pytest.param(NFD, NFD, id="NFD"),
        pytest.param(NFD, NFC, id="NFD-NFC"),
        pytest.param(NFC, NFD, id="NFC-NFD"),
        pytest.param("a\tb $(x) '\"[1]*{y}.md", "a\u2409b $(x) '\"[1]*{y}.md", id="odd"),
    ],
)


@dataclass
class Place:
    """A device and its own folder in the bucket."""

    device: Device
    server: S3
    path: str

    def put(self, name: str, text: str) -> None:
        self.server.put(f"{self.path}/{name}", text)

    def delete(self, name: str) -> None:
        self.server.delete(f"{self.path}/{name}")

    def tree(self) -> dict[str, str]:
        return self.server.tree(f"{BUCKET}/{self.path}")

    def contest(self, here: str, there: str) -> None:
        """One note, edited on both sides; each side has its own spelling of the name."""
        self.device.write(here, "agreed")
        self.put(there, "agreed")
        assert self.device.sync().error is None
        assert list(self.tree()) == [there]
        self.device.write(here, "edited here")
        self.put(there, "edited in the cloud")

    def carry_out(self, by_script: bool) -> None:
        """Sync, or run the plan's script; either way nothing is left to do."""
        if by_script:
            self.run_script()
        else:
            assert self.device.sync().error is None
        assert self.plan()["mode"] == "idle"

    def run_script(self) -> None:
        """The plan as a script, carried out by a shell and rclone alone."""
        self.device.run("plan", "--script", "plan.sh")
        done = subprocess.run(
            ["sh", "plan.sh"], cwd=self.device.home, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.device.home), "RCLONE": str(rclone_path())},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def plan(self) -> dict[str, Any]:
        found: dict[str, Any] = self.device.run("plan", "--json").json["syncs"][0]
        return found


@pytest.fixture
def place(cloud: S3, below: str, fresh: Device) -> Place:
    """A careful device and its folder in the cloud."""
    fresh.profile = "safe"
    fresh.write_manifest(fresh.s3_manifest())
    fresh.setup()
    return Place(fresh, cloud, below)


@SPELLINGS
def test_commands_name_objects_that_exist(place: Place, here: str, there: str) -> None:
    place.contest(here, there)

    commands = place.plan()["commands"]

    remote = f"srcFs=basic-memory-team:{BUCKET}/{place.path}/"
    moved = [argv[5].removeprefix("srcRemote=") for argv in commands if argv[4:5] == [remote]]
    assert moved == [there]
    assert there in place.tree()


CARRIED_OUT = pytest.mark.parametrize("by_script", [False, True], ids=["sync", "script"])


@SPELLINGS
@CARRIED_OUT
def test_both_versions_are_kept_whatever_their_names(
    place: Place, here: str, there: str, by_script: bool
) -> None:
    place.contest(here, there)

    place.carry_out(by_script)

    assert sorted(place.tree().values()) == ["edited here", "edited in the cloud"]
    assert sorted(place.device.tree().values()) == sorted(place.tree().values())
    assert all(".conflict" in name for name in place.tree())


@SPELLINGS
@CARRIED_OUT
@pytest.mark.parametrize("profile", ["balanced", "mine"])
def test_the_winner_wins_whatever_its_name(
    place: Place, here: str, there: str, profile: str, by_script: bool
) -> None:
    place.device.extra = (
        f"profiles: {{mine: {{conflict_resolve: local}}}}\ndefaults: {{profile: {profile}}}\n"
    )
    place.device.write_manifest(place.device.s3_manifest().replace("    profile: safe\n", ""))
    place.contest(here, there)

    place.carry_out(by_script)

    wins = {"balanced": "edited in the cloud", "mine": "edited here"}[profile]
    loses = {"balanced": "edited here", "mine": "edited in the cloud"}[profile]
    cloud, local = place.tree(), place.device.tree()
    assert cloud.pop(there) == local.pop(here) == wins
    assert list(cloud.values()) == list(local.values()) == [loses]


@CARRIED_OUT
def test_folders_turn_into_files_and_back(place: Place, by_script: bool) -> None:
    for name in ("e\u0301.md", "dir\u0301/one.md", "kept.md"):
        place.device.write(name, name)
    place.device.sync()
    (place.device.notes / "e\u0301.md").unlink()
    place.device.write("e\u0301.md/below.md", "a folder now")
    place.delete("dir\u0301/one.md")
    place.put("dir\u0301", "a file now")

    place.carry_out(by_script)

    assert place.device.tree() == place.tree()
    assert place.tree() == {
        "e\u0301.md/below.md": "a folder now", "dir\u0301": "a file now", "kept.md": "kept.md",
    }  # fmt: skip


def test_what_a_script_replaces_or_deletes_here_comes_back(place: Place) -> None:
    for name in ("edited.md", "deleted.md", "else.md"):
        place.device.write(name, "old")
    place.device.sync()
    place.put("edited.md", "new")
    place.delete("deleted.md")

    place.carry_out(by_script=True)

    assert place.device.tree() == {"edited.md": "new", "else.md": "old"}
    for name in ("edited.md", "deleted.md"):
        place.device.run("restore", name)
    assert place.device.tree() == {"edited.md": "old", "deleted.md": "old", "else.md": "old"}
