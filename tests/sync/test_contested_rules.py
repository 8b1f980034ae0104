"""Ignore rules that come from the cloud or are contested: what any version of them hides stays on this device."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.machine import fill, small_disk
from tests.support.world import S3, Device, rclone_path

SECRETS = {"a.key": "secret a", "b.old": "secret b"}


def with_secrets(device: Device) -> None:
    for name, text in SECRETS.items():
        device.write(name, text)


def contested(laptop: Device, s3: S3, *, profile: str = "safe") -> None:
    """Both sides edit the ignore file: each hides one secret of the laptop that the other does not."""
    laptop.write(".bmignore", "# rules\n")
    laptop.sync()
    laptop.write(".bmignore", "*.key\n")
    s3.put(".bmignore", "*.old\n")
    with_secrets(laptop)
    result = laptop.sync(profile=profile)
    assert result.error is None, result
    assert len(result.conflicts) == 1


@pytest.mark.parametrize("profile", ["safe", "balanced", "fast"])
def test_a_conflict_about_rules_lets_nothing_out(laptop: Device, s3: S3, profile: str) -> None:
    contested(laptop, s3, profile=profile)

    for _ in range(3):
        assert not SECRETS.keys() & s3.tree().keys()
        laptop.write("more.key", "more")
        laptop.write("more.old", "more")
        result = laptop.sync(profile=profile)
        assert result.error is None
        assert not {"more.key", "more.old"} & s3.tree().keys()
    assert {path: text for path, text in laptop.tree().items() if path in SECRETS} == SECRETS


def test_the_user_here_settles_it(laptop: Device, s3: S3) -> None:
    contested(laptop, s3)
    copies = sorted(path for path in laptop.tree() if path.startswith(".bmignore"))
    assert copies == [".bmignore.conflict1", ".bmignore.conflict2"]

    laptop.run("resolve", ".bmignore", "--keep", "local")
    result = laptop.sync()

    assert result.error is None and result.left_out == ()
    assert s3.tree().keys() == {".bmignore", "b.old"}
    assert laptop.sync().uploaded == 0


def test_another_device_settles_it(laptop: Device, desktop: Device, s3: S3) -> None:
    contested(laptop, s3)
    desktop.sync()
    desktop.run("resolve", ".bmignore", "--keep", "newer")
    desktop.sync()

    result = laptop.sync()
    again = laptop.sync()

    assert result.error is None and again.error is None
    assert not SECRETS.keys() & s3.tree().keys()
    [waits] = [one for one in again.left_out if one.path in SECRETS]
    assert "until the rules changed in the cloud" in waits.why and "--reveal" in waits.why
    assert again.exit_code == 1


def test_a_new_device_whose_rules_are_older(desktop: Device, s3: S3) -> None:
    s3.put(".bmignore", "*.old\n")
    desktop.write(".bmignore", "*.key\n", mtime=1_600_000_000)
    with_secrets(desktop)

    result = desktop.sync(resync=True)

    assert result.error is None
    assert desktop.tree()[".bmignore"] == "*.old\n"
    assert s3.tree().keys() == {".bmignore"}
    assert [one.path for one in result.left_out] == ["a.key"]
    assert [one.path for one in desktop.sync().left_out] == ["a.key"]
    assert s3.tree().keys() == {".bmignore"}


def test_a_new_device_whose_rules_are_newer(desktop: Device, s3: S3) -> None:
    s3.rclone("rcat", "s3:notes-bucket/.bmignore", stdin=b"*.old\n")
    desktop.write(".bmignore", "*.key\n", mtime=4_000_000_000)
    with_secrets(desktop)

    for _ in range(2):
        result = desktop.sync(resync=True)
        assert result.error is None
        assert s3.tree() == {".bmignore": "*.key\n"}
    assert [one.path for one in desktop.sync().left_out] == ["b.old"]


# -- every way that rules can come ------------------------------------------------------------------------


def test_a_version_that_another_device_could_not_settle(laptop: Device, s3: S3) -> None:
    """The copy of a conflict elsewhere arrives: what it alone ignores does not go up in that run."""
    laptop.write(".bmignore", "*.old\n")
    laptop.sync()
    s3.put(".bmignore.conflict1", "*.key\n")
    with_secrets(laptop)

    for _ in range(2):
        assert laptop.sync().error is None
        assert s3.tree().keys() == {".bmignore", ".bmignore.conflict1"}


def test_a_contested_copy_is_heard_in_both_its_versions(laptop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "# nothing\n")
    laptop.write(".bmignore.conflict1", "# nothing either\n")
    laptop.sync()
    laptop.write(".bmignore.conflict1", "*.old\n")
    s3.put(".bmignore.conflict1", "*.key\n")
    with_secrets(laptop)

    for _ in range(2):
        assert laptop.sync().error is None
        assert not SECRETS.keys() & s3.tree().keys()


def test_rules_that_come_by_a_rename(laptop: Device, s3: S3) -> None:
    laptop.write("rules.txt", "*.key\n*.old\n")
    laptop.sync()
    s3.rclone("moveto", "s3:notes-bucket/rules.txt", "s3:notes-bucket/.bmignore")
    with_secrets(laptop)

    for _ in range(2):
        assert laptop.sync().error is None
        assert s3.tree().keys() == laptop.tree().keys() - SECRETS.keys() == {".bmignore"}


def test_rules_are_obeyed_with_force_as_well(laptop: Device, s3: S3) -> None:
    for number in range(5):
        laptop.write(f"{number}.md", "note")
    laptop.sync()
    for number in range(5):
        (laptop.notes / f"{number}.md").unlink()
    s3.put(".bmignore", "*.key\n*.old\n")
    with_secrets(laptop)
    assert laptop.sync(max_delete=1).exit_code == 4

    result = laptop.sync(max_delete=1, force=True)

    assert result.error is None and result.deleted_cloud == 5
    assert s3.tree().keys() == {".bmignore"}


def test_the_script_of_a_plan_obeys_them(laptop: Device, s3: S3) -> None:
    laptop.write("note.md", "note")
    laptop.sync()
    s3.put(".bmignore", "*.key\n*.old\n")
    with_secrets(laptop)
    laptop.write("new.md", "new")

    said = laptop.run("plan", "--script", "plan.sh").out
    env = {**laptop.environment, "RCLONE": str(rclone_path())}
    subprocess.run(["sh", laptop.home / "plan.sh"], env=env, check=True, capture_output=True, timeout=120)

    assert "a.key" not in said and "new.md" in said
    assert s3.tree().keys() == {".bmignore", "note.md", "new.md"}
    assert laptop.tree().keys() - SECRETS.keys() == s3.tree().keys()


def test_rules_that_ignore_themselves_come_all_the_same(laptop: Device, s3: S3) -> None:
    laptop.write("note.md", "note")
    laptop.sync()
    s3.put(".bmignore", "*\n!*/\n!*.md\n")
    with_secrets(laptop)

    assert laptop.sync().error is None
    assert laptop.tree()[".bmignore"].startswith("*")
    assert s3.tree().keys() == {".bmignore", "note.md"}
    laptop.write("more.md", "more")
    assert laptop.sync().uploaded == 1


def test_rules_of_a_folder_that_is_spelled_otherwise_there(laptop: Device, s3: S3) -> None:
    laptop.write("e\u0301/.bmignore", "# nothing\n")
    laptop.sync()
    [spelled] = [path for path in s3.tree() if path.endswith(".bmignore")]
    s3.rclone("moveto", f"s3:notes-bucket/{spelled}", "s3:notes-bucket/\u00e9/.bmignore")
    s3.put("\u00e9/.bmignore", "*.key\n")
    laptop.write("e\u0301/.bmignore", "*.old\n")
    laptop.write("e\u0301/a.key", "secret a")
    laptop.write("e\u0301/b.old", "secret b")

    for _ in range(2):
        assert laptop.sync(profile="safe").error is None
        assert not [path for path in s3.tree() if path.endswith((".key", ".old"))]


# -- rules that vanish, or let go of something ------------------------------------------------------------


@pytest.fixture
def hidden(laptop: Device, s3: S3) -> Device:
    """A laptop whose ignore file has kept files here, and is deleted in the cloud."""
    laptop.write(".bmignore", "*.key\nprivate/\n")
    laptop.write("a.key", "secret a")
    laptop.write("private/d/diary.md", "dear diary")
    laptop.write("note.md", "note")
    laptop.sync()
    assert s3.tree().keys() == {".bmignore", "note.md"}
    s3.delete(".bmignore")
    return laptop


WAITS = ["a.key", "private/d/diary.md"]


def test_what_deleted_rules_hid_waits_for_a_word(hidden: Device, s3: S3) -> None:
    assert any("2 files here were ignored until now and wait" in note for note in hidden.sync().notes)
    for _ in range(2):
        result = hidden.sync()
        assert result.error is None and result.exit_code == 1
        assert [one.path for one in result.left_out] == WAITS
    assert s3.tree().keys() == {"note.md"}
    assert "Left out: a.key: it was ignored until" in hidden.run("plan", expect=None).out

    said = hidden.run("sync", "--reveal")

    assert "2 files uploaded" in said.out
    assert s3.tree().keys() == {"note.md", *WAITS}
    assert "nothing to do" in hidden.run("sync").out


def test_an_edit_here_is_a_word(hidden: Device, s3: S3) -> None:
    hidden.sync()
    hidden.sync()
    hidden.write("a.key", "for all to see")

    result = hidden.sync()

    assert result.uploaded == 1 and [one.path for one in result.left_out] == WAITS[1:]
    assert s3.tree()["a.key"] == "for all to see"


def test_what_is_new_here_does_not_wait(hidden: Device, s3: S3) -> None:
    hidden.sync()
    hidden.sync()
    hidden.write("private/new.md", "new")

    assert hidden.sync().uploaded == 1
    assert s3.tree().keys() == {"note.md", "private/new.md"}


def test_ignored_again_it_waits_no_more(hidden: Device, s3: S3) -> None:
    hidden.sync()
    hidden.sync()
    hidden.write(".bmignore", "*.key\nprivate/\n")

    result = hidden.sync()

    assert result.uploaded == 1 and result.left_out == ()
    assert s3.tree().keys() == {".bmignore", "note.md"}


def test_rules_that_are_weakened_in_the_cloud(hidden: Device, s3: S3) -> None:
    s3.put(".bmignore", "*.key\n")

    for _ in range(2):
        result = hidden.sync()
        assert [one.path for one in result.left_out] == WAITS[1:]
    assert s3.tree().keys() == {".bmignore", "note.md"}


def test_rules_of_a_folder_that_is_renamed_elsewhere(laptop: Device, s3: S3) -> None:
    laptop.write("d/.bmignore", "*.key\n")
    laptop.write("d/a.key", "secret a")
    laptop.write("d/note.md", "note")
    laptop.sync()
    s3.rclone("move", "s3:notes-bucket/d", "s3:notes-bucket/e")

    for _ in range(3):
        result = laptop.sync()
        assert result.error is None
    assert [one.path for one in result.left_out] == ["d/a.key"]
    assert s3.tree().keys() == {"e/.bmignore", "e/note.md"}


@pytest.mark.parametrize("where", ["bisync.sync.record.keep", "bisync.sync.rules.settle"])
def test_rules_that_go_with_a_run_that_is_cut_short(
    hidden: Device, s3: S3, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rules hid is noted before they go."""

    def cut_short(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(where, cut_short)
        hidden.sync()

    hidden.sync()
    assert [one.path for one in hidden.sync().left_out] == WAITS
    assert s3.tree().keys() == {"note.md"}


def test_a_damaged_note_of_what_waits_stops_the_run(hidden: Device, s3: S3) -> None:
    hidden.sync()
    hidden.sync()
    (hidden.state / "held.json").write_text("{")

    said = hidden.run("sync", expect=1)

    assert "held.json: damaged" in said.err and "--reveal" in said.err
    assert s3.tree().keys() == {"note.md"}


# -- rules that cannot be brought here -----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "link"])
def test_rules_whose_place_is_taken_stop_the_run(laptop: Device, s3: S3, what: str, tmp_path: Path) -> None:
    laptop.write("note.md", "note")
    laptop.sync()
    s3.put(".bmignore", "*.key\n")
    if what == "folder":
        laptop.write(".bmignore/file", "in the way")
    else:
        (tmp_path / "rules").write_text("# mine\n")
        (laptop.notes / ".bmignore").symlink_to(tmp_path / "rules")
    laptop.write("a.key", "secret a")

    said = laptop.run("sync", expect=1)

    assert ".bmignore: ignore rules that cannot be brought here" in said.err
    assert "a.key" not in s3.tree()
    if what == "link":
        assert (tmp_path / "rules").read_text() == "# mine\n"


def test_rules_behind_a_link_are_about_nothing_here_and_stop_nothing(
    laptop: Device, s3: S3, tmp_path: Path
) -> None:
    laptop.write("note.md", "note")
    laptop.sync()
    (tmp_path / "elsewhere").mkdir()
    (laptop.notes / "sub").symlink_to(tmp_path / "elsewhere")
    s3.put("sub/.bmignore", "*.key\n")
    laptop.write("more.md", "more")

    said = laptop.run("sync", expect=1)

    assert "sub/.bmignore" in said.out
    assert "more.md" in s3.tree()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_rules_that_a_full_disk_cannot_take_stop_the_run(fresh: Device, cloud: S3, below: str) -> None:
    with small_disk(fresh.notes, "256k"):
        fresh.setup()
        fresh.write("a.key", "secret a")
        cloud.put(f"{below}/.bmignore", "*.key\n" + "# long\n" * 30_000)
        filler = fill(fresh.notes)

        fresh.run("sync", expect=1)

        assert "a.key" not in cloud.tree(f"notes-bucket/{below}")
        filler.unlink()


def test_objects_below_an_ignore_files_name_move_nothing(tmp_path: Path, moto: S3) -> None:
    laptop = Device(tmp_path / "laptop", moto)
    laptop.setup()
    laptop.write(".bmignore", "*.key\n")
    laptop.write("a.key", "secret a")
    laptop.sync()
    moto.put(".bmignore/x.md", "hostile")

    for _ in range(2):
        result = laptop.sync()
        assert result.error is None
        assert [one.path for one in result.left_out] == [".bmignore/x.md"]
    assert laptop.tree() == {".bmignore": "*.key\n", "a.key": "secret a"}
    assert moto.tree() == {".bmignore": "*.key\n", ".bmignore/x.md": "hostile"}


# -- a whitelist -----------------------------------------------------------------------------------------


def test_a_conflict_under_a_whitelist_is_on_all_devices(laptop: Device, desktop: Device, s3: S3) -> None:
    laptop.write(".bmignore", "*\n!*/\n!*.md\n!.bmignore\n")
    laptop.write("note.md", "note")
    laptop.sync()
    desktop.sync()
    laptop.write("note.md", "from the laptop")
    s3.put("note.md", "from elsewhere")

    laptop.sync(profile="safe")
    desktop.sync(profile="safe")

    texts = {"note.md.conflict1": "from the laptop", "note.md.conflict2": "from elsewhere"}
    for tree in (laptop.tree(), desktop.tree(), s3.tree()):
        assert {path: text for path, text in tree.items() if path != ".bmignore"} == texts
    assert "note.md" in laptop.run("conflicts", expect=3).out
    assert "note.md" in desktop.run("conflicts", expect=3).out
