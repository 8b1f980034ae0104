"""Several syncs and tenants in one run: each is done, the highest exit code counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import BUCKET, S3, Device


@pytest.fixture
def three(tmp_path: Path, cloud: S3, below: str) -> Device:
    """Syncs `notes`, `work` (one tenant) and `try` (another tenant), all set up."""
    device = Device(tmp_path / "home", cloud, sync_extra=f"    path: {below}/notes\n")
    text = device.s3_manifest().replace(
        "syncs:\n", "  mine:\n    provider: embedded\n    storage: ~/mine\nsyncs:\n"
    )
    text += f"  work:\n    tenant: team\n    dir: ~/work\n    path: {below}/work\n"
    text += "  try:\n    tenant: mine\n    dir: ~/try\n"
    device.write_manifest(text)
    said = device.run("setup")
    assert [line for line in said.out.splitlines() if line.startswith("──")] == [
        "── notes",
        "── work",
        "── try",
    ]
    return device


def test_one_refused_the_others_done(three: Device, cloud: S3, below: str) -> None:
    work, attempt = three.home / "work", three.home / "try"
    for number in range(30):
        (work / f"{number}.md").write_text(str(number))
    three.write("a.md", "a")
    (attempt / "t.md").write_text("t")
    three.run("sync")
    for number in range(26):
        (work / f"{number}.md").unlink()
    three.write("b.md", "b")
    (attempt / "u.md").write_text("u")

    said = three.run("sync", "--json", expect=4)

    results = {one["name"]: one for one in said.json["syncs"]}
    assert {name: one["outcome"] for name, one in results.items()} == {
        "notes": "done", "work": "refused", "try": "done",
    }  # fmt: skip
    assert results["work"]["error"] == "Deletion exceeds safety limit (26 > 25)"
    assert cloud.tree(f"{BUCKET}/{below}/notes") == {"a.md": "a", "b.md": "b"}
    assert (three.home / "mine" / "mine" / "u.md").read_text() == "u"

    lines = three.run("status").out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["✓", "notes"], ["✗", "work"], ["✓", "try"]]
    assert "blocked: Deletion exceeds safety limit (26 > 25)" in lines[1]
    status = three.run("status", "--verbose").out
    assert status.count("Cloud Bisync Status") == 3
    assert "Deletion exceeds safety limit (26 > 25)" in status
    again = three.run("sync", "--only", "work", expect=4)
    assert "Error: Deletion exceeds safety limit (26 > 25)" in again.err
    assert "── " not in again.out, "no headline for a single sync"
    done = three.run("sync", "--only", "work", "--only", "try", "--max-delete", "26").out
    assert "26 deleted" in done and "── try" in done and "── notes" not in done


def test_one_cloud_is_dead_the_other_tenant_is_synced(three: Device, cloud: S3) -> None:
    conf = three.home / ".config" / "rclone" / "rclone.conf"
    conf.write_text(conf.read_text().replace("TESTKEYID", "OTHER"))
    (three.home / "try" / "t.md").write_text("t")

    said = three.run("sync", expect=1)

    assert said.err.count("the cloud does not know this access key") == 2
    assert "✓ Sync completed - 1 file uploaded" in said.out
    assert three.run("check", "--json", expect=1).json["syncs"][2]["match"] == 1


def test_an_unknown_name(three: Device) -> None:
    for task in ("sync", "status", "setup"):
        said = three.run(task, "--only", "wrok", expect=2)
        assert said.err == (
            'Error: no sync is called "wrok"; did you mean "work"? (notes, work, try)\n  → as in: --only work\n'
        )
        if task in ("sync", "status"):
            assert three.run(task, "--only", "wrok", "--json", expect=2).json["exit_code"] == 2


def test_a_conflict_and_a_lost_version_are_found_where_they_are(three: Device) -> None:
    work = three.home / "work"
    for name in ("ideas.md.conflict1", "ideas.md.conflict2"):
        (work / name).write_text(name)

    assert "✓ Resolved ideas.md: kept ideas.md\n" in three.run("resolve", "ideas.md", "--keep", "newer").out
    [lost] = {"ideas.md.conflict1", "ideas.md.conflict2"} - {(work / "ideas.md").read_text()}
    assert f"✓ Restored {work / lost} (run " in three.run("restore", lost).out
    assert (work / lost).read_text() == lost
    assert "try: nothing called nosuch.md was overwritten" in three.run("restore", "nosuch.md", expect=2).err


def test_a_plan_of_one_sync_is_carried_out_in_that_one(three: Device, cloud: S3, below: str) -> None:
    three.write("a.md", "a")
    (three.home / "work" / "w.md").write_text("w")
    three.run("plan", "--only", "work", "--out", "work.json")

    said = three.run("sync", "--plan", "work.json").out

    assert "──" not in said and "w.md" in said and "a.md" not in said
    assert cloud.tree(f"{BUCKET}/{below}/work") == {"w.md": "w"}
    assert cloud.tree(f"{BUCKET}/{below}/notes") == {}


def test_a_sync_further_down_keeps_its_metadata(laptop: Device, s3: S3, tmp_path: Path) -> None:
    """Whatever the sync of the whole bucket does: its metadata is nobody's notes."""
    inner = Device(tmp_path / "inner", s3, sync_extra="    path: team/notes\n")
    inner.setup()
    inner.write("a.md", "one")
    inner.write("draft.tex", "a draft")
    inner.sync()
    inner.write("a.md", "two")
    assert inner.sync().uploaded == 1

    def metadata() -> dict[str, str]:
        folder = f"s3:{BUCKET}/team/notes/.basic-memory"
        names = s3.rclone("lsf", "-R", "--files-only", folder).splitlines()
        return {name: s3.rclone("cat", f"{folder}/{name}") for name in names}

    before = metadata()
    names = {name.rpartition("/")[2] for name in before}
    assert {name for name in names if not name.startswith("lease.")} == {".bisync-marker", "a.md"}

    assert laptop.sync().downloaded == 2
    assert laptop.tree() == {"team/notes/a.md": "two", "team/notes/draft.tex": "a draft"}
    assert not (laptop.notes / "team/notes/.basic-memory").exists()
    assert laptop.run("check", "--json").json["syncs"][0]["match"] == 2
    laptop.write("team/notes/.basic-memory/.bisync-marker", "strange")
    laptop.write(".bmignore", "*.tex\n")
    assert laptop.sync().uploaded == 1
    assert [one["path"] for one in laptop.run("prune", "--json").json["syncs"][0]["files"]] == [
        "team/notes/draft.tex"
    ]
    laptop.run("prune", "--yes")
    (laptop.notes / "team/notes/a.md").rename(laptop.notes / "moved.md")
    assert laptop.sync().renamed == 1

    assert metadata() == before
    assert not [path for path in s3.tree() if path.endswith(".tex")]
    inner.write("b.md", "b")
    assert inner.sync().error is None
    assert inner.tree() == {"b.md": "b"}
    inner.run("restore", "draft.tex")
