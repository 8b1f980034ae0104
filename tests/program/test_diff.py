"""`diff`: what the next sync changes in texts, and nothing is changed for it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.program.test_plan import mixed_day, snapshot
from tests.support.proxy import Gate, Proxy
from tests.support.world import S3, Device


def test_both_directions_and_nothing_is_changed(laptop: Device, s3: S3) -> None:
    mixed_day(laptop, s3)
    (laptop.notes / "pic.png").write_bytes(b"\x89PNG\0")
    before = snapshot(laptop.home), s3.tree()

    said = laptop.run("diff")
    document = laptop.run("diff", "--json").json

    assert (snapshot(laptop.home), s3.tree()) == before
    [sync] = document["syncs"]
    found = {
        one["path"]: (one["action"], one["side"], (one["diff"] or "").splitlines()[2:])
        for one in sync["files"]
    }
    no_end = "\\ No newline at end of file"
    assert found == {
        "a.md": ("upload", "cloud", ["@@ -1 +1 @@", "-a", no_end, "+edited here", no_end]),
        "b.md": ("download", "local", ["@@ -1 +1 @@", "-b", no_end, "+edited in the cloud", no_end]),
        "c.md": ("delete_cloud", "cloud", ["@@ -1 +0,0 @@", "-c", no_end]),
        "d.md": ("delete_local", "local", ["@@ -1 +0,0 @@", "-d", no_end]),
        "e.md": ("rename", "cloud", []),
        "f.md": ("conflict", "both", ["@@ -1 +1 @@", "-conflict, here", no_end, "+conflict, cloud", no_end]),
        "new/here.md": ("upload", "cloud", ["@@ -0,0 +1 @@", "+n", no_end]),
        "new/there.md": ("download", "local", ["@@ -0,0 +1 @@", "+m", no_end]),
        "pic.png": ("upload", "cloud", []),
    }  # fmt: skip
    for text in (
        "download b.md (",
        "rename e.md → e2.md (",
        "  Binary file (5 B)",
        "  beside it: f.md.conflict1",
    ):
        assert f"\n{text}" in f"\n{said.out}"

    # What comes here can be had by `patch`, too.
    if shutil.which("patch"):
        chosen = laptop.run("diff", "b.md", "notes/d.md", "new/t*").out
        subprocess.run(
            ["patch", "-p0", "-s"], cwd=laptop.notes, input=chosen, text=True, check=True, timeout=10
        )
        assert laptop.tree()["b.md"] == "edited in the cloud" and laptop.tree()["new/there.md"] == "m"
        assert "d.md" not in laptop.tree()


def test_a_merge_is_shown_on_both_sides(laptop: Device, s3: S3) -> None:
    laptop.write_manifest(laptop.s3_manifest().replace("profile: balanced", "profile: merge"))
    laptop.write("plan.md", "first\n\nsecond\n")
    laptop.sync()
    laptop.write("plan.md", "FIRST\n\nsecond\n")
    s3.put("plan.md", "first\n\nSECOND\n")

    files = laptop.run("diff", "--json").json["syncs"][0]["files"]

    assert [(one["action"], one["side"], one["diff"].partition("@@\n")[2]) for one in files] == [
        ("merge", "local", " FIRST\n \n-second\n+SECOND\n"),
        ("merge", "cloud", "-first\n+FIRST\n \n SECOND\n"),
    ]


def test_what_is_not_to_be_shown_is_not_fetched(far_device: Device, proxy: Proxy, s3: S3) -> None:
    far_device.write("pic.png", "\0 1")
    far_device.write("[x] é.md", "a\n")
    far_device.run("sync")
    s3.put("pic.png", "\0 12")
    s3.put("large.md", "x" * ((1 << 20) + 1))
    s3.put("long.md", "line\n" * 10_000)
    s3.put("[x] é.md", "b\n")
    s3.put("other.md", "c\n")
    proxy.reset()

    said = far_device.run("diff")

    asked = {one.path.rpartition("/")[2] for one in proxy.seen if one.kind == "GET"}
    assert asked == {"[x] é.md", "other.md"}
    for text in (
        "Binary files differ (3 B -> 4 B)",
        "too large (1.0 MiB)",
        "it is long (48.8 KiB)",
        "-a\n+b\n",
    ):
        assert text in said.out
    assert far_device.run("diff", "long.md").out.count("\n+line") == 10_000
    assert far_device.run("diff", "lon*").out.count("\n+line") == 0
    assert far_device.run("diff", "no.md").out == "notes: the next sync changes no file that is meant\n"
    assert "lies in none of the sync dirs" in far_device.run("diff", "/etc", expect=2).err


def test_ctrl_c_leaves_no_text_behind(far_device: Device, proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    s3.put("secret plans.md", "mine")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    far_device.env["TMPDIR"] = str(scratch)
    gate = proxy.on("GET", Gate(), path="secret plans.md")
    run = far_device.popen("diff")
    gate.wait()
    [folder] = (one for one in scratch.iterdir() if one.is_dir())
    assert folder.stat().st_mode & 0o777 == 0o700

    run.send_signal(signal.SIGINT)
    time.sleep(0.2)
    proxy.clear()

    assert run.wait(timeout=30) == 130
    run.communicate()
    assert list(scratch.iterdir()) == []


def test_bad_input_is_told(laptop: Device) -> None:
    for argv in (("--only", "other"), ("--path",), ("",), ("--json", "../../x")):
        assert laptop.run("diff", *argv, expect=2).err.startswith("Error: ")
