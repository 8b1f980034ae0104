"""What was renamed on one side is renamed on the other: no bytes, no deletion, and nothing that is not certain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.core.change import Change
from bisync.core.result import Outcome
from tests.support.proxy import proxied
from tests.support.race import is_lease
from tests.support.world import S3, Device


def meanwhile(device: Device, deed: Callable[[], object]) -> None:
    """Sync, and do something when both sides have been looked at and nothing has been written yet."""

    def on_plan(_sync: str, _changes: tuple[Change, ...]) -> None:
        deed()

    assert device.sync(app=device.app(on_plan=on_plan)).error is None


def filled(device: Device, *names: str) -> None:
    for name in names:
        device.write(name, f"the text of {name}")
    assert device.sync().error is None
    assert device.sync().outcome is Outcome.IDLE


def move(device: Device, old: str, new: str) -> None:
    target = device.notes / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (device.notes / old).rename(target)


def level(device: Device, s3: S3) -> bool:
    assert device.sync().outcome is Outcome.IDLE
    return device.tree() == s3.tree()


def test_a_renamed_folder_is_renamed_in_the_cloud_and_on_the_other_device(
    laptop: Device, desktop: Device, s3: S3
) -> None:
    filled(laptop, "d/a.md", "d/e/b [x].md", "d/caf\u00e9.md", "stays.md")
    desktop.sync()
    inode = (desktop.notes / "d/a.md").stat().st_ino
    move(laptop, "d", "m/n")

    plan = laptop.run("plan").out
    assert "3 to rename" in plan and "d/a.md → m/n/a.md" in plan
    result = laptop.sync()

    assert (result.renamed, result.uploaded, result.deleted_cloud, result.bytes) == (3, 0, 0, 0)
    assert level(laptop, s3)
    there = desktop.sync()
    assert (there.renamed, there.downloaded, there.deleted_local) == (3, 0, 0)
    assert desktop.tree() == s3.tree()
    assert (desktop.notes / "m/n/a.md").stat().st_ino == inode, "the very file"
    assert desktop.sync().outcome is Outcome.IDLE


def test_the_plan_as_a_document(laptop: Device) -> None:
    filled(laptop, "a.md", "b.md")
    move(laptop, "a.md", "c.md")
    (action,) = laptop.run("plan", "--json").json["syncs"][0]["actions"]
    assert (action["action"], action["path"], action["to"]) == ("rename", "a.md", "c.md")
    assert laptop.run("sync", "--json").json["syncs"][0]["renamed"] == 1
    assert "1 renamed" in laptop.run("history").out


@pytest.mark.parametrize("where", ["here", "there"])
def test_no_bytes_travel(tmp_path: Path, s3: S3, where: str) -> None:
    with proxied(s3) as proxy:
        device = Device(tmp_path / "slow", proxy.s3)
        device.setup()
        for number in range(20):
            device.write(f"d/{number}.bin", f"{number:02}" * 50_000)
        device.sync()
        if where == "here":
            move(device, "d", "m")
        else:
            s3.rclone("moveto", "s3:notes-bucket/d", "s3:notes-bucket/m")
        proxy.reset()
        result = device.sync()
        assert (result.renamed, result.bytes) == (20, 0)
        assert not {"PUT", "GET"} & {one.kind for one in proxy.seen if not is_lease(one)}
        assert level(device, s3)


def test_renames_do_not_count_as_deletions(laptop: Device, s3: S3) -> None:
    filled(laptop, *(f"d/{number}.md" for number in range(30)), "z.md")
    move(laptop, "d", "m")
    assert laptop.sync().renamed == 30


def test_copies_of_one_text_are_copied_and_deleted(laptop: Device, s3: S3) -> None:
    for name in ("a.md", "b.md"):
        laptop.write(name, "one text")
    laptop.sync()
    move(laptop, "a.md", "c.md")
    move(laptop, "b.md", "d.md")
    result = laptop.sync()
    assert (result.renamed, result.uploaded, result.deleted_cloud) == (0, 2, 2)
    assert level(laptop, s3)


def test_chains_swaps_cases_and_folders_in_each_other(laptop: Device, desktop: Device, s3: S3) -> None:
    filled(laptop, "a", "b", "x", "y", "case.md", "out/in/1.md", "out/2.md", "p/q.md", "file", "dir/f.md")
    desktop.sync()
    move(laptop, "b", "c")
    move(laptop, "a", "b")
    move(laptop, "x", "tmp")
    move(laptop, "y", "x")
    move(laptop, "tmp", "y")
    move(laptop, "case.md", "Case.md")
    move(laptop, "out/in", "in")
    move(laptop, "out", "in/out")
    move(laptop, "p", "p2/p")
    move(laptop, "file", "file2")
    move(laptop, "dir/f.md", "file/f.md")
    move(laptop, "file2", "dir/file")
    for device in (laptop, desktop):
        assert device.sync().error is None
    assert level(laptop, s3) and level(desktop, s3)
    assert desktop.tree()["file/f.md"] == "the text of dir/f.md"
    assert desktop.tree()["in/out/2.md"] == "the text of out/2.md"


def test_a_rename_whose_source_was_edited_elsewhere_is_none(laptop: Device, s3: S3) -> None:
    filled(laptop, "a.md", "b.md")
    move(laptop, "a.md", "c.md")
    s3.put("a.md", "edited there, and longer")
    result = laptop.sync()
    assert (result.renamed, result.uploaded, result.downloaded) == (0, 1, 1)
    assert laptop.tree() == s3.tree()
    assert laptop.tree()["a.md"] == "edited there, and longer"


def test_renamed_and_then_edited_on_either_side(laptop: Device, desktop: Device, s3: S3) -> None:
    filled(laptop, "a.md", "b.md")
    desktop.sync()
    move(laptop, "a.md", "c.md")
    laptop.sync()
    desktop.write("c.md", "made there under the new name")
    desktop.sync()
    laptop.sync()
    assert laptop.tree() == s3.tree() == desktop.tree()
    assert {"the text of a.md", "made there under the new name"} <= set(laptop.tree().values()) | {
        path.read_text() for path in (desktop.state / "trash").rglob("c.md")
    }


def test_edited_there_in_the_moment_of_the_rename(laptop: Device, s3: S3) -> None:
    """The edit goes where the file goes."""
    filled(laptop, "a.md", "b.md")
    move(laptop, "a.md", "c.md")
    meanwhile(laptop, lambda: s3.put("a.md", "edited there, and longer"))
    assert laptop.sync().error is None
    assert laptop.tree() == s3.tree()
    assert laptop.tree()["c.md"] == "edited there, and longer"


def test_deleted_there_in_the_moment_of_the_rename(laptop: Device, s3: S3) -> None:
    filled(laptop, "d/a.md", "d/b.md", "z.md")
    move(laptop, "d", "m")
    meanwhile(laptop, lambda: s3.delete("d/a.md"))
    assert laptop.sync().error is None
    assert laptop.tree() == s3.tree()
    assert laptop.tree()["m/a.md"] == "the text of d/a.md"


def test_made_there_under_the_new_name_in_that_moment(laptop: Device, s3: S3) -> None:
    filled(laptop, "a.md", "b.md")
    move(laptop, "a.md", "c.md")
    meanwhile(laptop, lambda: s3.put("c.md", "somebody else's"))
    laptop.sync()
    assert laptop.tree() == s3.tree()
    assert s3.tree()["c.md"] == "the text of a.md"
    kept = [
        text for name, text in s3.tree("notes-bucket/.basic-memory/trash").items() if name.endswith("c.md")
    ]
    assert "somebody else's" in kept or "somebody else's" in laptop.tree().values()


@pytest.mark.parametrize("deed", ["edited", "taken", "gone"])
def test_the_user_is_faster_than_a_rename_that_arrives(laptop: Device, s3: S3, deed: str) -> None:
    filled(laptop, "a.md", "b.md")
    s3.rclone("moveto", "s3:notes-bucket/a.md", "s3:notes-bucket/c.md")

    def act() -> None:
        match deed:
            case "edited":
                laptop.write("a.md", "edited in that moment")
            case "taken":
                laptop.write("c.md", "made in that moment")
            case "gone":
                (laptop.notes / "a.md").unlink()

    meanwhile(laptop, act)
    for _ in range(2):
        assert laptop.sync().error is None
    assert laptop.tree() == s3.tree()
    texts = set(laptop.tree().values())
    wanted = {"edited": "edited in that moment", "taken": "made in that moment", "gone": "the text of a.md"}
    assert wanted[deed] in texts and (deed == "gone" or "the text of a.md" in texts)


def test_by_time_nothing_is_certain(laptop: Device, s3: S3) -> None:
    laptop.write_manifest(
        laptop.s3_manifest() + "profiles: {by-time: {compare: modtime}}\ndefaults: {profile: by-time}\n"
    )
    laptop.write_manifest(
        (laptop.home / "bisync.yaml").read_text().replace("profile: balanced\n", "profile: by-time\n")
    )
    laptop.write("a.md", "a")
    laptop.sync(profile="by-time")
    move(laptop, "a.md", "c.md")
    result = laptop.sync(profile="by-time")
    assert (result.error, result.renamed, result.uploaded) == (None, 0, 1)
    assert laptop.tree() == s3.tree() == {"c.md": "a"}


def test_what_is_not_ours_in_a_renamed_folder_stays(laptop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "*.draft\n")
    filled(laptop, "d/a.md", "d/b.md")
    s3.put("d/there.draft", "ignored here")
    move(laptop, "d", "m")
    assert laptop.sync().renamed == 2
    assert s3.tree()["d/there.draft"] == "ignored here" and "m/there.draft" not in s3.tree()


@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("new", ["kept.md", "n.md.conflict2"])
def test_a_conflict_copy_gets_another_name_while_its_file_is_edited(
    laptop: Device, s3: S3, where: str, new: str
) -> None:
    """bisync sees the copy beside the file it sends, and has nothing to say of a name that is gone."""
    filled(laptop, "n.md", "n.md.conflict1", "z.md")
    laptop.write("n.md", "edited here")
    if where == "here":
        move(laptop, "n.md.conflict1", new)
    else:
        s3.rclone("moveto", "s3:notes-bucket/n.md.conflict1", f"s3:notes-bucket/{new}")
    result = laptop.sync()
    assert (result.error, result.renamed, result.uploaded) == (None, 1, 1)
    assert level(laptop, s3)
    assert laptop.tree() == {
        "n.md": "edited here",
        new: "the text of n.md.conflict1",
        "z.md": "the text of z.md",
    }


@pytest.mark.parametrize("shell", ["m", "m/n/o"])
@pytest.mark.parametrize("deed", ["renamed", "new"])
def test_a_file_takes_the_name_of_empty_folders(laptop: Device, s3: S3, shell: str, deed: str) -> None:
    filled(laptop, "a.md", "b.md")
    (laptop.notes / shell).mkdir(parents=True)
    if deed == "renamed":
        s3.rclone("moveto", "s3:notes-bucket/a.md", "s3:notes-bucket/m")
    else:
        s3.put("m", "new there")
    assert laptop.sync().error is None
    assert level(laptop, s3)


@pytest.mark.parametrize("deed", ["renamed", "new"])
def test_a_file_whose_name_a_folder_of_ignored_files_has_is_left_out(
    laptop: Device, s3: S3, deed: str
) -> None:
    laptop.write(".bmignore", "*.draft\n")
    filled(laptop, "a.md", "b.md")
    laptop.write("m/x.draft", "ignored")
    if deed == "renamed":
        s3.rclone("moveto", "s3:notes-bucket/a.md", "s3:notes-bucket/m")
    else:
        s3.put("m", "new there")
    (laptop.notes / "b.md").unlink()
    for deleted in (1, 0):
        result = laptop.sync()
        assert (result.error, result.exit_code, result.deleted_cloud) == (None, 1, deleted)
        assert [one.path for one in result.left_out] == (["a.md", "m"] if deed == "renamed" else ["m"])
    (laptop.notes / "m/x.draft").rename(laptop.notes / "x.draft")
    assert laptop.sync().error is None
    assert laptop.sync().outcome is Outcome.IDLE
    assert s3.tree() == {path: text for path, text in laptop.tree().items() if path != "x.draft"}
    assert "m" in s3.tree()


@pytest.mark.parametrize("deed", ["renamed", "new"])
def test_a_folder_arrives_where_the_user_saves_a_file_in_that_moment(
    laptop: Device, s3: S3, deed: str
) -> None:
    filled(laptop, "a.md", "b.md")
    if deed == "renamed":
        s3.rclone("moveto", "s3:notes-bucket/a.md", "s3:notes-bucket/m/a.md")
    else:
        s3.put("m/a.md", "new there")
    meanwhile(laptop, lambda: laptop.write("m", "saved in that moment"))
    assert laptop.sync().error is None
    assert level(laptop, s3)
    assert "saved in that moment" in laptop.tree().values()


def test_versions_from_before_a_rename_come_back(laptop: Device, s3: S3) -> None:
    filled(laptop, "a.md", "b.md")
    laptop.write("a.md", "second")
    laptop.sync()
    move(laptop, "a.md", "c.md")
    laptop.sync()
    laptop.run("restore", "a.md")
    assert (laptop.notes / "a.md").read_text() == "the text of a.md"


def test_a_modified_mtime_is_kept_by_a_rename_that_arrives(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "a", mtime=1_700_000_000)
    laptop.sync()
    (laptop.notes / "a.md").chmod(0o600)
    s3.rclone("moveto", "s3:notes-bucket/a.md", "s3:notes-bucket/n/c.md")
    assert laptop.sync().renamed == 1
    status = (laptop.notes / "n/c.md").stat()
    assert (status.st_mtime, status.st_mode & 0o777) == (1_700_000_000, 0o600)
