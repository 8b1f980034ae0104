"""What one file cannot do never stops the others."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.sync.cloud_listing import CloudListing
from tests.support.world import S3, Device, rclone_path, serve_moto, serve_s3

ODD = [": * ? \" < > | # % +", "back\\slash", "tab\there", " lead", "trail ", "dot.", "-dash", "[x]{y}",
       "ü/é ñ", "🦀", "a" * 250, "**", "{{x}}", "'quote'", "$(x)", "Ünïcode.md.conflict1"]  # fmt: skip


def test_odd_names_travel_both_ways(laptop: Device, desktop: Device) -> None:
    for number, name in enumerate(ODD):
        laptop.write(name, f"text {number}")
    assert laptop.sync().error is None
    assert desktop.sync().error is None
    assert desktop.tree() == laptop.tree()
    for name in ODD:
        desktop.write(name, "edited " + name)
    desktop.sync(force=True)
    laptop.sync(force=True)
    assert laptop.tree() == desktop.tree()
    for name in ODD[:6]:
        (laptop.notes / name).unlink()
    assert laptop.sync().deleted_cloud == 6
    assert desktop.sync().deleted_local == 6


def test_the_embedded_server_keeps_control_characters_in_names(tmp_path: Path) -> None:
    """It is another process in each run, which knows names from its disk alone."""
    device = Device(tmp_path / "d")
    device.write_manifest(
        "version: 1\ntenants: {t: {provider: embedded, storage: ~/store}}\nsyncs: {notes: {tenant: t, dir: ~/notes}}\n"
    )
    device.setup()
    odd = ("del\x7f.md", "folder\t/a.md", "tab\there.md")
    for name in odd:
        device.write(name, name)
    device.sync()

    again = device.sync()

    assert (again.outcome, again.left_out, tuple(device.tree())) == (Outcome.IDLE, (), odd)
    store = device.home / "store" / "t"
    device.write("tab\there.md", "edited")
    (store / "del\x7f.md").unlink()
    assert device.sync().error is None
    assert list(device.tree()) == ["folder\t/a.md", "tab\there.md"]
    assert (store / "tab\there.md").read_text() == "edited"
    assert device.sync().outcome is Outcome.IDLE


def test_names_that_cannot_travel_are_named_and_the_rest_goes_on(laptop: Device, s3: S3) -> None:
    bad = os.fsencode(laptop.notes) + b"/bad\xff.md"
    Path(os.fsdecode(bad)).write_text("x")
    laptop.write("sign\u201b.md", "x")
    laptop.write("e\u0301.md", "decomposed")
    laptop.write("\u00e9.md", "composed")
    laptop.write("good.md", "good")
    result = laptop.sync()
    assert result.outcome is Outcome.DONE and result.exit_code == 1
    assert len(result.left_out) == 3
    tree = s3.tree()
    assert tree.pop("good.md") == "good" and len(tree) == 1
    (laptop.notes / "good.md").unlink()
    assert laptop.sync().deleted_cloud == 1


def test_nfc_and_nfd_of_one_name_are_one_file(laptop: Device, s3: S3) -> None:
    laptop.write("caf\u0065\u0301.md", "one")
    laptop.sync()
    s3.rclone("moveto", "s3:notes-bucket/cafe\u0301.md", "s3:notes-bucket/caf\u00e9.md")
    assert laptop.sync().error is None
    laptop.write("cafe\u0301.md", "two")
    assert laptop.sync().error is None
    assert list(s3.tree().values()) == ["two"]
    assert list(laptop.tree().values()) == ["two"]


def test_a_name_the_other_side_refuses(tmp_path: Path) -> None:
    """moto takes no line break in a key; the rest is synced and deletions travel."""
    with serve_moto() as moto:
        device = Device(tmp_path / "d", moto)
        device.setup()
        device.write("gone.md", "gone")
        device.sync()
        (device.notes / "gone.md").unlink()
        device.write("a\nb.md", "x")
        device.write("good.md", "good")
        result = device.sync()
        assert result.exit_code == 1, result
        assert [one.path for one in result.left_out] == ["a␊b.md"]
        assert moto.tree() == {"good.md": "good"}
        assert device.sync().error is None


def test_odd_names_are_told_as_they_are(laptop: Device, s3: S3) -> None:
    laptop.write("tab\there.md", "x")
    laptop.write("sign\u201b.md", "x")
    for said in (laptop.run("plan").out, laptop.run("sync", "--dry-run").out):
        assert "tab\\there.md" in said and "\u2409" not in said
        assert "Left out: sign\u201b.md: its name has a character" in said
    said = laptop.run("sync", expect=1).out
    assert said.endswith("! Sync completed - 1 file uploaded, 1 file left out\n")
    laptop.write(".bmignore", "tab*\n")
    laptop.sync()

    assert "tab\\there.md" in laptop.run("prune").out
    assert laptop.run("prune", "--json").json["syncs"][0]["files"] == [{"path": "tab\there.md", "size": 1}]
    laptop.run("prune", "--yes")
    assert s3.tree() == {".bmignore": "tab*\n"}


def test_links_and_special_files_are_passed_over(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")
    (laptop.notes / "link.md").symlink_to("a.md")
    (laptop.notes / "dangling").symlink_to("nowhere")
    (laptop.notes / "outside").symlink_to(laptop.home)
    os.mkfifo(laptop.notes / "pipe")
    (laptop.notes / "ignored.tmp").symlink_to("a.md")
    for task in (("plan",), ("sync", "--dry-run")):
        lines = laptop.run(*task).out.splitlines()
        assert [line for line in lines if line.startswith("Left")] == [
            "Left alone: dangling, link.md, outside: links are not followed",
            "Left alone: pipe: a pipe, socket or device is no file",
        ]
    (planned,) = laptop.run("plan", "--json", "--out", "it.json").json["syncs"]
    assert [one["path"] for one in planned["left_alone"]] == ["dangling", "link.md", "outside", "pipe"]
    assert planned["left_out"] == []
    (laptop.notes / "later").symlink_to("a.md")
    laptop.run("sync", "--plan", "it.json")
    assert laptop.sync().exit_code == 0
    assert s3.tree() == {"a.md": "a"}


def test_explain_says_of_links_and_special_files_that_they_are_not_synced(ready: Device) -> None:
    ready.write("a.md", "a")
    (ready.notes / "link.md").symlink_to("a.md")
    (ready.notes / "outside").symlink_to(ready.home)
    (ready.notes / "notes.tmp").symlink_to("a.md")
    (ready.notes / "folder").mkdir()
    os.mkfifo(ready.notes / "pipe")

    said = ready.run(
        "explain", "a.md", "folder", "link.md", "outside/x.md", "pipe", "notes.tmp", expect=3
    ).out

    assert said.splitlines()[:5] == [
        "a.md: synced (no rule speaks about it)",
        "folder: synced (no rule speaks about it)",
        "link.md: not synced (links are not followed)",
        "outside/x.md: not synced (outside is a link: links are not followed)",
        "pipe: not synced (a pipe, socket or device is no file)",
    ]
    assert said.splitlines()[5].startswith("notes.tmp: ignored (")
    (found,) = ready.run("explain", "pipe", "--json", expect=3).json["paths"]
    assert (found["synced"], found["source"]) == (False, None)
    assert found["why"] == "a pipe, socket or device is no file"


def test_empty_folders_stay(laptop: Device, s3: S3) -> None:
    (laptop.notes / "new-project").mkdir()
    laptop.write("p/a.md", "a")
    laptop.sync()
    (laptop.notes / "p/a.md").unlink()
    for _ in range(3):
        laptop.sync()
        assert (laptop.notes / "new-project").is_dir() and (laptop.notes / "p").is_dir()


def test_a_file_becomes_a_folder_and_back(laptop: Device, desktop: Device, s3: S3) -> None:
    laptop.write("x", "file")
    laptop.write("y.md", "y")
    laptop.sync()
    desktop.sync()
    (laptop.notes / "x").unlink()
    laptop.write("x/in.md", "in")
    laptop.sync()
    desktop.sync()
    assert desktop.tree() == s3.tree() == {"x/in.md": "in", "y.md": "y"}
    (desktop.notes / "x/in.md").unlink()
    (desktop.notes / "x").rmdir()
    desktop.write("x", "a file again")
    assert desktop.sync().error is None
    assert laptop.sync().error is None
    assert laptop.tree() == s3.tree() == {"x": "a file again", "y.md": "y"}


def test_zero_bytes_and_case_pairs(laptop: Device, desktop: Device) -> None:
    laptop.write("empty.md", "")
    laptop.write("Note.md", "upper")
    laptop.write("note.md", "lower")
    laptop.sync()
    desktop.sync()
    assert desktop.tree() == {"empty.md": "", "Note.md": "upper", "note.md": "lower"}


def test_a_file_of_many_parts_is_counted(laptop: Device, desktop: Device) -> None:
    """rclone sends files of 256 MiB and more in parallel parts, and logs them in other words."""
    with (laptop.notes / "big.bin").open("wb") as stream:
        stream.truncate(257 << 20)

    sent = laptop.sync()
    fetched = desktop.sync()

    assert (sent.uploaded, sent.bytes) == (1, 257 << 20)
    assert (fetched.downloaded, fetched.bytes) == (1, 257 << 20)
    assert laptop.sync().outcome is desktop.sync().outcome is Outcome.IDLE


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("notes_", "deep_"),
        ("_notes", "_deep"),
        ("my notes [x] {y}", "team a/b c"),
        ("ünï 'q' \"dq\" $x", "ü/é"),
        ("a:b?c*d#e%f,g;h", "x,y;z"),
        ("back\\slash", "-dash"),
        ("trailing ", "trailing "),
    ],
)
def test_odd_names_of_the_folder_itself(tmp_path: Path, cloud: S3, folder: str, path: str) -> None:
    device = Device(tmp_path / "home", cloud)
    text = (device.home / "bisync.yaml").read_text()
    spelled = str(device.home / folder).replace("$", "${DOLLAR:-$}")
    odd = f"dir: {json.dumps(spelled)}\n    path: {json.dumps(path)}"
    (device.home / "bisync.yaml").write_text(text.replace("dir: ~/notes", odd))
    device.run("setup")
    note = device.home / folder / "a.md"
    note.write_text("from here")
    cloud.put(f"{path}/b.md", "from the cloud")

    assert "1 file uploaded, 1 file downloaded" in device.run("sync").out
    note.unlink()
    assert "1 deleted" in device.run("sync").out
    assert "nothing to do" in device.run("sync").out
    device.run("restore", "a.md")
    device.run("plan", "--script", "plan.sh")
    env = {"PATH": os.environ["PATH"], "HOME": str(device.home), "RCLONE": str(rclone_path())}
    subprocess.run(["sh", "plan.sh"], cwd=device.home, env=env, check=True, capture_output=True, timeout=60)
    assert "✓ Both sides are equal: 2 files match" in device.run("check").out


def test_of_several_objects_with_one_name_none_is_touched(tmp_path: Path) -> None:
    """Google Drive can have them (rclone docs, dedupe)."""
    with serve_s3(tmp_path / "cloud") as server:
        device = Device(tmp_path / "home", server)
        device.setup()
        app = device.app()
        with app.session(app.manifest.syncs[0]) as session:
            listing = CloudListing(session)
            lines = ",\n".join(json.dumps({"Path": path, "Size": 1}) for path in ("a", "b", "a", "a"))
            listing.feed(f"[\n{lines}\n]\n".encode())
    assert set(listing.files) == {"b"}
    assert [(one.path, one.twin) for one in listing.left_out] == [("a", False)]
    assert "several files of this name" in listing.left_out[0].why
