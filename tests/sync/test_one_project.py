"""A run over one top-level folder: what else has changed stays as it is, and waits for a run of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.support.world import S3, Device


@pytest.fixture
def busy(laptop: Device, s3: S3) -> Device:
    """Two projects and a file beside them, all synced; then everything changes, here and in the cloud."""
    for path in (
        "a/edited.md",
        "a/gone.md",
        "a/theirs.md",
        "b/edited.md",
        "b/gone.md",
        "b/theirs.md",
        "top.md",
    ):
        laptop.write(path, f"first {path}")
    assert laptop.sync().error is None
    for name in ("a", "b"):
        laptop.write(f"{name}/edited.md", f"second {name}")
        laptop.write(f"{name}/new.md", f"new {name}")
        (laptop.notes / name / "gone.md").unlink()
        s3.put(f"{name}/theirs.md", f"theirs {name}")
        s3.put(f"{name}/fresh.md", f"fresh {name}")
    laptop.write("top.md", "second top")
    return laptop


def test_only_the_project_travels_and_then_the_rest(busy: Device, s3: S3) -> None:
    result = busy.sync(project="a")

    assert (result.error, result.exit_code, result.left_out) == (None, 0, ())
    there, here = s3.tree(), busy.tree()
    in_a = {
        "a/edited.md": "second a",
        "a/fresh.md": "fresh a",
        "a/new.md": "new a",
        "a/theirs.md": "theirs a",
    }
    assert {path: text for path, text in there.items() if path.startswith("a/")} == in_a
    assert {path: text for path, text in here.items() if path.startswith("a/")} == in_a
    assert {path for path in there if not path.startswith("a/")} == {
        "b/edited.md", "b/fresh.md", "b/gone.md", "b/theirs.md", "top.md",
    }  # fmt: skip
    assert (there["b/edited.md"], there["top.md"], there["b/theirs.md"]) == (
        "first b/edited.md", "first top.md", "theirs b",
    )  # fmt: skip
    assert (here["b/theirs.md"], "b/fresh.md" in here) == ("first b/theirs.md", False)

    rest = busy.sync()

    assert (rest.uploaded, rest.downloaded, rest.deleted_cloud) == (3, 2, 1)
    assert s3.tree() == busy.tree()
    assert busy.tree()["b/edited.md"] == "second b"
    assert "b/gone.md" not in busy.tree()


def test_what_both_sides_edited_elsewhere_is_still_a_conflict_afterwards(laptop: Device, s3: S3) -> None:
    laptop.write("a/x.md", "x")
    laptop.write("b/y.md", "first")
    laptop.sync()
    laptop.write("a/x.md", "edited")
    laptop.write("b/y.md", "from here")
    s3.put("b/y.md", "from there!")

    assert laptop.sync(project="a").conflicts == ()
    result = laptop.sync(profile="safe")

    assert [one.path for one in result.conflicts] == ["b/y.md"]
    assert {"from here", "from there!"} <= set(laptop.tree().values())


def test_a_deletion_elsewhere_is_not_forgotten(laptop: Device, s3: S3) -> None:
    laptop.write("a/x.md", "x")
    laptop.write("b/y.md", "y")
    laptop.sync()
    (laptop.notes / "b" / "y.md").unlink()
    laptop.write("a/x.md", "edited")

    laptop.sync(project="a")
    laptop.sync(project="a")
    assert "b/y.md" in s3.tree()
    laptop.sync()

    assert "b/y.md" not in s3.tree()
    assert "b/y.md" not in laptop.tree()


def test_a_file_that_moves_out_of_it_is_never_gone(laptop: Device, s3: S3) -> None:
    laptop.write("a/x.md", "x " * 500)
    laptop.write("b/y.md", "y")
    laptop.sync()
    shutil.move(laptop.notes / "a" / "x.md", laptop.notes / "b" / "x.md")

    result = laptop.sync(project="a")

    assert result.error is None
    assert laptop.tree()["b/x.md"] == "x " * 500
    assert "b/x.md" not in s3.tree()
    laptop.sync()
    assert s3.tree() == laptop.tree()
    assert set(laptop.tree()) == {"b/x.md", "b/y.md"}


def test_rules_of_the_whole_sync_that_come_from_the_cloud_are_obeyed(laptop: Device, s3: S3) -> None:
    laptop.write("a/x.md", "x")
    laptop.sync()
    s3.put(".bmignore", "*.key\n")
    laptop.write("a/secret.key", "secret")

    result = laptop.sync(project="a")

    assert result.error is None
    assert "a/secret.key" not in s3.tree()
    assert laptop.tree()[".bmignore"] == "*.key\n"


def test_what_is_left_out_elsewhere_is_no_failure_of_this_run(laptop: Device) -> None:
    laptop.write("a/x.md", "x")
    laptop.write("b/.bisync-marker", "no marker of ours")

    assert laptop.sync().exit_code == 1
    assert laptop.sync(project="a").exit_code == 0


def test_a_new_project_of_the_cloud(laptop: Device, s3: S3) -> None:
    s3.put("c/z.md", "z")
    s3.put("d/z.md", "z")

    assert laptop.sync(project="c").downloaded == 1
    assert set(laptop.tree()) == {"c/z.md"}


def test_another_compare_waits_for_a_whole_run(laptop: Device) -> None:
    laptop.write("a/x.md", "x")
    laptop.sync()
    manifest = laptop.s3_manifest() + "profiles:\n  by-time: {compare: modtime}\n"
    laptop.write_manifest(manifest)
    laptop.write("a/x.md", "edited")
    laptop.write("b/y.md", "y")

    limited = laptop.sync(profile="by-time", project="a")
    whole = laptop.sync(profile="by-time")

    assert (limited.error, whole.error) == (None, None)
    assert not any("are told by" in note for note in limited.notes)
    assert any("are told by modtime from now on" in note for note in whole.notes)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--project", "nothing"), "notes has no project nothing on either side (it has: a)"),
        (("--project", "a/b"), "--project takes the name of a folder right in the sync dir, not 'a/b'"),
        (("--project", "a", "--resync"), "--project does not go with --resync"),
        (("--project", "a", "--plan", "x.json"), "--project does not go with --plan"),
    ],
)
def test_what_cannot_be_meant(
    make_device: Callable[..., Device], s3: S3, flags: tuple[str, ...], said: str
) -> None:
    device = make_device("laptop")
    device.setup()
    device.write("a/x.md", "x")

    ran = device.run("sync", *flags, expect=2)

    assert said in ran.err
    assert s3.tree() == {}


def test_a_dry_run_of_one_project(busy: Device, s3: S3) -> None:
    before = s3.tree()

    said = busy.run("sync", "--project", "a", "--dry-run").out

    assert "a/edited.md" in said
    assert "b/" not in said and "top.md" not in said
    assert s3.tree() == before
