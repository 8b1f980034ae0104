"""Bad input and bad surroundings: one clear line with the cure, the right exit code, nothing changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.machine import as_ordinary_user, everything, fill, small_disk
from tests.support.world import BUCKET, S3, Device, Ran, free_port


def run_as_user(device: Device, *argv: str) -> Ran:
    """Run bisync as somebody whom file modes concern."""
    ran = device.run(*argv, expect=None, timeout=60, before=as_ordinary_user(device.home))
    assert "Traceback" not in ran.err and "unexpected error" not in ran.err, ran.err
    return ran


def one_clear_line(said: Ran) -> str:
    """The error, when it is one line and perhaps its cure, and nothing of Python's."""
    lines = said.err.splitlines()
    if lines and re.match(r"bisync\.yaml:\d+:\d+: ", lines[0]):
        # In a manifest: the place comes first, and the line may be shown with a caret below it.
        lines[1:] = [line for line in lines[1:] if not re.match(r" +\d* ?\| ", line)]
    else:
        assert lines and lines[0].startswith("Error: "), said
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  → ")), said
    assert "Traceback" not in said.err and "unexpected error" not in said.err, said
    return said.err


# -- the manifest ---------------------------------------------------------------------------------------


def _bomb() -> str:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(None, "no manifest: looked for bisync.yaml", id="missing"),
        pytest.param("", "is empty", id="empty"),
        pytest.param("version: 1\nx: [" + "1,2,3,4," * 1_300_000 + "5]\n", "is larger than 1 MB", id="10 MB"),
        pytest.param(_bomb(), "values once aliases are expanded", id="bomb"),
        pytest.param("version: 1\n\x00", "bisync.yaml:2:1", id="not text"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str | None, says: str) -> None:
    device = Device(tmp_path / "home")
    if text is not None:
        device.write_manifest(text)
    before = everything(device.home)

    said = device.run("sync", expect=2, timeout=30)

    assert says in one_clear_line(said)
    assert everything(device.home) == before


def test_a_manifest_that_is_a_folder(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    (device.home / "bisync.yaml").mkdir()

    assert "is a directory, not a manifest" in one_clear_line(device.run("sync", expect=2))


def test_a_manifest_that_may_not_be_read(fresh: Device) -> None:
    manifest = fresh.home / "bisync.yaml"
    as_ordinary_user(fresh.home)
    manifest.chmod(0)

    assert "bisync.yaml: cannot be read: Permission denied" in one_clear_line(run_as_user(fresh, "sync"))


# -- the sync dir ---------------------------------------------------------------------------------------


def test_a_sync_dir_that_is_a_file(ready: Device, cloud: S3, below: str) -> None:
    ready.write("a.md", "a")
    ready.sync()
    ready.notes.rename(ready.home / "aside")
    ready.notes.write_text("not a folder")

    for task in ("sync", "plan", "check", "setup"):
        said = ready.run(task, expect=1)
        assert f"the sync dir {ready.notes} is not a folder" in said.err
        assert "syncs.notes.dir in the manifest" in said.err
    assert ready.notes.read_text() == "not a folder"
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}


def test_a_sync_dir_that_is_gone_is_not_taken_for_an_emptied_one(
    ready: Device, cloud: S3, below: str
) -> None:
    ready.write("a.md", "a")
    ready.sync()
    ready.notes.rename(ready.home / "aside")

    said = ready.run("sync", expect=1)

    assert "does not exist: is its disk mounted?" in one_clear_line(said)
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}
    assert "is its disk mounted?" in ready.run("status", "--json").json["syncs"][0]["blocked"]
    (ready.home / "aside").rename(ready.notes)
    assert "nothing to do" in ready.run("sync").out


@pytest.mark.parametrize("command", ["sync", "plan", "check", "conflicts", "filters"])
def test_every_task_says_the_same_of_a_sync_dir_that_is_not_there(ready: Device, command: str) -> None:
    shutil.rmtree(ready.notes)
    assert f"{ready.notes} does not exist: is its disk mounted?" in ready.run(command, expect=1).err

    ready.notes.write_text("a file")
    assert f"{ready.notes} is not a folder" in ready.run(command, expect=1).err


def test_a_sync_dir_may_be_a_link_to_a_folder(fresh: Device, cloud: S3, below: str) -> None:
    real = fresh.home / "real"
    real.mkdir()
    fresh.notes.symlink_to(real)
    fresh.setup()
    fresh.write("sub/a.md", "a")
    cloud.put(f"{below}/b.md", "b")

    said = fresh.run("sync")

    assert "✓ Sync completed - 1 file uploaded, 1 file downloaded" in said.out
    assert (real / "b.md").read_text() == "b"
    assert fresh.notes.is_symlink()
    assert cloud.tree(f"{BUCKET}/{below}") == {"b.md": "b", "sub/a.md": "a"}
    assert "✓ Both sides are equal: 2 files match" in fresh.run("check").out


def test_a_link_that_leads_nowhere(fresh: Device) -> None:
    fresh.notes.symlink_to(fresh.home / "gone")

    said = fresh.run("setup", expect=1)

    assert "is not a folder" in said.err
    assert fresh.notes.is_symlink()


def test_a_sync_dir_one_may_not_write(ready: Device, cloud: S3, below: str) -> None:
    ready.write("here.md", "here")
    ready.sync()
    cloud.put(f"{below}/there.md", "there")
    as_ordinary_user(ready.home)
    ready.notes.chmod(0o555)
    before = everything(ready.notes)

    said = run_as_user(ready, "sync")

    assert said.code == 1
    assert "cannot be written: Permission denied" in one_clear_line(said)
    assert f"mend the permissions of {ready.notes}" in said.err
    assert everything(ready.notes) == before
    assert cloud.tree(f"{BUCKET}/{below}") == {"here.md": "here", "there.md": "there"}
    ready.notes.chmod(0o755)
    assert run_as_user(ready, "sync").code == 0
    assert ready.tree() == {"here.md": "here", "there.md": "there"}


def test_a_sync_dir_one_may_not_read(ready: Device, cloud: S3, below: str) -> None:
    ready.write("a.md", "a")
    ready.sync()
    as_ordinary_user(ready.home)
    ready.notes.chmod(0)
    try:
        for task in ("sync", "plan", "check"):
            said = run_as_user(ready, task)
            assert said.code == 1
            assert str(ready.notes) in one_clear_line(said)
    finally:
        ready.notes.chmod(0o755)
    assert ready.tree() == cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}


def test_a_sync_dir_in_another_users_home(fresh: Device) -> None:
    fresh.write_manifest(fresh.s3_manifest().replace("dir: ~/notes", "dir: ../another/notes"))
    another = fresh.home.parent / "another"
    another.mkdir(mode=0o700)
    user = as_ordinary_user(fresh.home)
    if not user:
        another.chmod(0o500)

    said = run_as_user(fresh, "setup")

    assert said.code == 1
    assert "Permission denied" in one_clear_line(said)
    assert str(another) in said.err
    assert list(another.iterdir()) == []


# -- the state dir --------------------------------------------------------------------------------------


def test_a_state_dir_of_another_user(ready: Device) -> None:
    as_ordinary_user(ready.home)
    state = ready.home / ".basic-memory"
    ready.write("a.md", "a")
    folders = [state, *(path for path in state.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        said = run_as_user(ready, "sync")
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert said.code == 1
    assert "Permission denied" in one_clear_line(said)
    assert str(state) in said.err


# -- the cloud ------------------------------------------------------------------------------------------


def test_a_bucket_that_vanished(ready: Device, tmp_path: Path) -> None:
    ready.write("a.md", "a")
    conf = ready.home / ".config" / "rclone" / "rclone.conf"
    ready.write_manifest(ready.s3_manifest().replace(f"bucket: {BUCKET}", "bucket: vanished"))
    state = ready.home / ".basic-memory" / "bisync-state"
    before = everything(ready.notes, conf)

    # Keys that were stored for one bucket are tried on no other; setup resolves them anew.
    said = ready.run("setup", expect=1)

    assert "does not exist (s3://vanished" in one_clear_line(said)
    assert everything(ready.notes, conf) == before
    assert state.is_dir()


@pytest.mark.parametrize("trouble", ["wrong keys", "another endpoint"])
def test_a_cloud_that_fails_later(ready: Device, cloud: S3, below: str, trouble: str) -> None:
    ready.write("a.md", "a")
    ready.sync()
    ready.write("b.md", "b")
    conf = ready.home / ".config" / "rclone" / "rclone.conf"
    good = conf.read_text()
    wrong = {
        "wrong keys": good.replace("TESTKEYID", "OTHER"),
        "another endpoint": good.replace(cloud.endpoint, f"http://127.0.0.1:{free_port()}"),
    }[trouble]
    conf.write_text(wrong)
    before = everything(ready.notes)

    said = ready.run("sync", expect=1 if trouble == "wrong keys" else 2)

    words = {
        "wrong keys": ("the cloud does not know this access key", "bisync setup --rotate"),
        "another endpoint": ("rclone.conf and the manifest do not agree", "bisync setup"),
    }[trouble]
    assert all(each in one_clear_line(said) for each in words)
    assert everything(ready.notes) == before
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}
    [entry] = ready.run("status", "--json").json["syncs"]
    assert words[0] in entry["blocked"]
    if trouble == "wrong keys":
        assert "changed" in ready.run("setup", "--rotate").out
    conf.write_text(good)
    assert "1 file uploaded" in ready.run("sync").out
    assert ready.run("status", "--json").json["syncs"][0]["blocked"] is None


def test_the_cloud_says_no_to_a_check(ready: Device) -> None:
    conf = ready.home / ".config" / "rclone" / "rclone.conf"
    conf.write_text(conf.read_text().replace("TESTKEYID", "OTHER"))

    assert "the cloud does not know this access key" in one_clear_line(ready.run("check", expect=1))
    assert "the cloud does not know this access key" in one_clear_line(ready.run("plan", expect=1))


# -- a full disk ----------------------------------------------------------------------------------------


@contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = fill(disk)
    try:
        yield
    finally:
        filler.unlink()


def test_a_full_disk_below_the_notes(fresh: Device, cloud: S3, below: str) -> None:
    with small_disk(fresh.notes, "256k"):
        fresh.setup()
        fresh.write("a.md", "a")
        fresh.sync()
        cloud.put(f"{below}/big.md", "x" * 400_000)
        cloud.put(f"{below}/small.md", "s")
        cloud.put(f"{below}/a.md", "new")

        said = fresh.run("sync", expect=1)

        assert "Left out: big.md: the disk has no room for it; free some space" in said.out
        assert "2 files downloaded, 1 file left out" in said.out
        assert fresh.tree() == {"a.md": "new", "small.md": "s"}
        assert fresh.run("status", "--json").json["syncs"][0]["left_out"] == ["big.md"]
        with full(fresh.notes):
            cloud.put(f"{below}/a.md", "newer")
            before = fresh.tree() | {"filler.bin": ""}
            said = fresh.run("sync", expect=1)
            assert "no room" in said.out + said.err or "the disk is full" in said.err
            assert fresh.tree().keys() == before.keys()
            assert fresh.tree()["a.md"] == "new"
            assert cloud.tree(f"{BUCKET}/{below}")["a.md"] == "newer"
        cloud.delete(f"{below}/big.md")
        fresh.run("sync")
        assert fresh.tree() == cloud.tree(f"{BUCKET}/{below}") == {"a.md": "newer", "small.md": "s"}


def test_a_full_disk_below_the_state(fresh: Device, cloud: S3, below: str) -> None:
    state = fresh.home / ".basic-memory"
    with small_disk(state, "256k"):
        with full(state):
            said = fresh.run("setup", expect=1)
            assert "No space left on device" in one_clear_line(said)
            assert str(state) in said.err
            assert "free some space, then type: bisync setup" in said.err
        fresh.setup()
        fresh.write("a.md", "a")
        with full(state):
            said = fresh.run("sync", expect=1)
            assert "the disk is full" in one_clear_line(said)
            assert "free some space" in said.err
            assert fresh.tree() == {"a.md": "a"}
            assert cloud.tree(f"{BUCKET}/{below}") == {}
            fresh.run("status")
        assert "1 file uploaded" in fresh.run("sync").out
    shutil.rmtree(state, ignore_errors=True)


def test_a_full_temporary_folder(ready: Device, tmp_path: Path) -> None:
    ready.write("a.md", "a")
    with small_disk(tmp_path / "tmp", "64k") as disk, full(disk):
        said = ready.run("sync", expect=None, env={"TMPDIR": str(disk)})
        assert said.code in (0, 1)
        if said.code:
            assert (
                "disk is full" in said.err or "No space left" in said.err or "No usable temporary" in said.err
            )
    assert os.listdir(disk) == []  # noqa: PTH208 - an unmounted folder
