"""One path that this machine or the cloud refuses: it is left out and named, the rest of the plan is carried out."""

from __future__ import annotations

import pytest

from bisync.core.result import Outcome
from bisync.rclone import argv
from tests.support.machine import as_ordinary_user, small_disk
from tests.support.proxy import Delay, Proxy, Status
from tests.support.world import S3, Device
from tests.sync.test_in_the_way import left_out

BOTH_SIDES = ("here.md", "there.md", "gone-here.md", "gone-there.md")
AFTER = {"here.md": "edited here", "there.md": "edited there", "new.md": "new here", "fresh.md": "new there"}


def known(device: Device, *more: str) -> None:
    """Files that both sides know."""
    for path in (*BOTH_SIDES, *more):
        device.write(path, path)
    assert device.sync().error is None


def change_both_sides(device: Device, s3: S3) -> None:
    """One change of each kind, on each side; `AFTER` is what comes of it."""
    device.write("here.md", "edited here")
    device.write("new.md", "new here")
    (device.notes / "gone-here.md").unlink()
    s3.put("there.md", "edited there")
    s3.put("fresh.md", "new there")
    s3.delete("gone-there.md")


@pytest.fixture(autouse=True)
def asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """rclone asks thrice, and waits ever longer: what is tested here is what follows when it gives up."""
    network = argv.NETWORK
    assert network[:2] == ("--low-level-retries", "3")
    monkeypatch.setattr(argv, "NETWORK", ("--low-level-retries", "1", *network[2:]))


@pytest.fixture
def device(far_device: Device) -> Device:
    """A device behind the proxy."""
    return far_device


@pytest.mark.parametrize(
    ("kind", "path", "change"),
    [
        ("PUT", "broken.md", "upload"),
        ("PUT", "broken.md", "edit here"),
        ("GET", "broken.md", "edit there"),
        ("GET", "broken.md", "conflict"),
        ("DELETE", "broken.md", "delete"),
        ("COPY", "broken.md", "delete"),
        ("PUT", "broken.md", "edit here, newer"),
        ("COPY", "moved.md", "rename"),
        ("COPY", "d2/", "rename folder"),
        ("COPY", "broken.md", "nobody wins"),
        ("COPY", "broken.md", "becomes a folder"),
    ],
)
def test_an_object_that_the_server_refuses(
    device: Device, proxy: Proxy, s3: S3, kind: str, path: str, change: str
) -> None:
    broken = () if change == "upload" else ("broken.md",)
    known(device, "d1/1.md", "d1/2.md", *broken)
    match change:
        case "upload" | "edit here":
            device.write("broken.md", "edited in vain")
        case "edit there":
            s3.put("broken.md", "edited in vain")
        case "conflict" | "edit here, newer" | "nobody wins":
            s3.put("broken.md", "edited there, too")
            device.write("broken.md", "edited in vain", mtime=2e9 if "newer" in change else 1e9)
        case "delete":
            (device.notes / "broken.md").unlink()
        case "rename":
            (device.notes / "broken.md").rename(device.notes / "moved.md")
        case "rename folder":
            (device.notes / "d1").rename(device.notes / "d2")
        case "becomes a folder":
            (device.notes / "broken.md").unlink()
            device.write("broken.md/in.md", "in")
    change_both_sides(device, s3)
    if change != "nobody wins":
        proxy.on("*", Delay(0), path=".conflict")  # this object alone
    proxy.on(kind, Status(500), path=path)
    profile = "safe" if change == "nobody wins" else None

    # Where nobody wins a name, the cloud's version keeps it there, and comes here with the second run.
    for _ in range(1 if change == "nobody wins" else 2):
        result = device.sync(profile=profile)

        assert all(one.startswith((path, "broken.md")) for one in left_out(result)), result
        assert "server error" in result.left_out[0].why
        for tree in (device.tree(), s3.tree()):
            assert AFTER.items() <= tree.items() and not {"gone-here.md", "gone-there.md"} & tree.keys()
    proxy.clear()
    assert device.sync(profile=profile).exit_code == 0
    assert device.sync(profile=profile).outcome is Outcome.IDLE
    assert device.tree() == s3.tree()


def test_rules_that_the_server_refuses_stop_the_run(device: Device, proxy: Proxy, s3: S3) -> None:
    known(device)
    s3.put(".bmignore", "secret.md\n")
    device.write("secret.md", "secret")
    proxy.on("GET", Status(500), path=".bmignore")

    for _ in range(2):
        result = device.sync()
        assert result.error is not None and ".bmignore" in result.error
    assert "secret.md" not in s3.tree()
    proxy.clear()
    assert device.sync().error is None
    assert "secret.md" not in s3.tree()


@pytest.mark.parametrize("change", ["edited", "new", "deleted", "conflict", "renamed"])
def test_a_folder_that_cannot_be_written(laptop: Device, s3: S3, change: str) -> None:
    known(laptop, "closed/a.md", "b.md")
    match change:
        case "edited":
            s3.put("closed/a.md", "edited in vain")
        case "new":
            s3.put("closed/new.md", "new in vain")
        case "deleted":
            s3.delete("closed/a.md")
        case "conflict":
            s3.put("closed/a.md", "edited in vain")
            laptop.write("closed/a.md", "edited, too", mtime=1e9)
        case "renamed":
            s3.rclone("moveto", "s3:notes-bucket/closed/a.md", "s3:notes-bucket/moved.md")
    change_both_sides(laptop, s3)
    before = laptop.tree()["closed/a.md"]
    user = as_ordinary_user(laptop.home)
    (laptop.notes / "closed").chmod(0o555)

    for _ in range(2):
        ran = laptop.run("sync", "--json", expect=1, before=user).json["syncs"][0]

        assert ran["error"] is None, ran
        assert len(ran["left_out"]) == 1 and "Permission denied" in ran["left_out"][0]["why"], ran
        assert laptop.tree()["closed/a.md"] == before
        for tree in (laptop.tree(), s3.tree()):
            assert AFTER.items() <= tree.items() and not {"gone-here.md", "gone-there.md"} & tree.keys()
    (laptop.notes / "closed").chmod(0o755)
    laptop.run("sync", before=user)
    assert laptop.tree() == s3.tree()
    left = [*laptop.notes.rglob("*partial*"), *laptop.notes.glob(".basic-memory/hold/*")]
    assert not left


@pytest.mark.parametrize("change", ["edited", "deleted", "conflict", "renamed"])
def test_another_disk_in_the_sync_dir(laptop: Device, s3: S3, change: str) -> None:
    with small_disk(laptop.notes / "disk", "1m"):
        known(laptop, "disk/a.md", "b.md")
        match change:
            case "edited":
                s3.put("disk/a.md", "edited in vain")
            case "deleted":
                s3.delete("disk/a.md")
            case "conflict":
                s3.put("disk/a.md", "edited there")
                laptop.write("disk/a.md", "edited, too", mtime=1e9)
            case "renamed":
                s3.rclone("moveto", "s3:notes-bucket/disk/a.md", "s3:notes-bucket/moved.md")
        s3.put("disk/new.md", "new on it")
        change_both_sides(laptop, s3)

        for _ in range(2):
            result = laptop.sync()

            if change in ("edited", "deleted"):
                assert left_out(result) == ["disk/a.md"]
                assert "another disk is mounted there" in result.left_out[0].why
                assert laptop.tree()["disk/a.md"] == "disk/a.md"
            else:
                assert result.exit_code == 0, result
            for tree in (laptop.tree(), s3.tree()):
                assert (AFTER | {"disk/new.md": "new on it"}).items() <= tree.items()
                assert not {"gone-here.md", "gone-there.md"} & tree.keys()


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_file_of_the_markers_name_in_a_folder(laptop: Device, s3: S3, where: str) -> None:
    known(laptop)
    if where == "here":
        laptop.write("sub/.bisync-marker", "mine")
    else:
        s3.put("sub/.bisync-marker", "mine")
    change_both_sides(laptop, s3)
    for _ in range(2):
        result = laptop.sync()

        assert left_out(result) == ["sub/.bisync-marker"]
        tree = s3.tree() if where == "here" else laptop.tree()
        assert tree == AFTER


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000", "\t", "\u2028"])
def test_a_closed_file_whose_name_ends_in_a_blank(laptop: Device, s3: S3, blank: str) -> None:
    known(laptop, f"closed{blank}", f"folder{blank}/a.md")
    change_both_sides(laptop, s3)
    laptop.write(f"closed{blank}", "edited").chmod(0)
    laptop.write(f"other{blank}", "open")
    laptop.write(f"folder{blank}/a.md", "edited")
    user = as_ordinary_user(laptop.home)
    (laptop.notes / f"closed{blank}").chmod(0)

    for _ in range(2):
        ran = laptop.run("sync", "--json", expect=1, before=user).json["syncs"][0]

        assert (ran["error"], len(ran["left_out"])) == (None, 1), ran
        tree = s3.tree()
        assert AFTER.items() <= tree.items() and "gone-here.md" not in tree
        assert len(tree) == len(AFTER) + 3


def test_a_conflict_whose_copy_would_have_too_long_a_name(laptop: Device, s3: S3) -> None:
    long = "x" * 250
    known(laptop, f"d/{long}", long)
    laptop.write(f"d/{long}", "edited here, too")
    s3.put(f"d/{long}", "edited there")
    laptop.write(long, "edited")
    change_both_sides(laptop, s3)

    for _ in range(2):
        result = laptop.sync()

        assert left_out(result) == [f"d/{long}"]
        assert "too long" in result.left_out[0].why
        assert laptop.tree() == {**AFTER, long: "edited", f"d/{long}": "edited here, too"}
        assert s3.tree() == {**AFTER, long: "edited", f"d/{long}": "edited there"}


@pytest.mark.parametrize("file", ["here", "there"])
def test_a_folder_where_a_file_with_a_long_name_would_have_to_make_room(
    laptop: Device, s3: S3, file: str
) -> None:
    long = "x" * 250
    known(laptop)
    if file == "here":
        laptop.write(long, "a file")
        s3.put(f"{long}/in.md", "in a folder")
    else:
        s3.put(long, "a file")
        laptop.write(f"{long}/in.md", "in a folder")
    change_both_sides(laptop, s3)

    for _ in range(2):
        result = laptop.sync()

        assert set(left_out(result)) == {long}
        assert {path: text for path, text in laptop.tree().items() if long not in path} == AFTER
        assert {path: text for path, text in s3.tree().items() if long not in path} == AFTER
