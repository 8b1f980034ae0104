"""Questions about ignore rules, asked as a person would: explain, filters, prune."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import BUCKET, S3, Device


@pytest.fixture
def device(fresh: Device) -> Device:
    """A device with rules of every kind; the manifest's line 1 is its own."""
    fresh.write_manifest("ignore: ['*.log']\n" + (fresh.home / "bisync.yaml").read_text())
    fresh.setup()
    fresh.write("sub/.bmignore", "*.pdf\n!keep.pdf\nbuild/\n")
    fresh.write("sub/build/x.md", "x")
    return fresh


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("note.md", "synced (no rule speaks about it)"),
        (".env", "ignored ({state}/.bmignore:6: .env)"),
        ("deep/er/node_modules/x.js", "ignored ({state}/.bmignore:4: node_modules)"),
        ("a.log", "ignored (bisync.yaml: ignore:1: *.log)"),
        ("sub/a.pdf", "ignored (sub/.bmignore:1: *.pdf)"),
        ("sub/keep.pdf", "synced (sub/.bmignore:2: !keep.pdf)"),
        ("keep.pdf", "synced (no rule speaks about it)"),
        ("sub/build/x.md", "ignored (sub/.bmignore:3: build/)"),
        ("sub/build", "ignored (sub/.bmignore:3: build/)"),
        ("nowhere/build/", "synced (no rule speaks about it)"),
        ("sub/deep/build/", "ignored (sub/.bmignore:3: build/)"),
        ("sub/deep/build", "synced (no rule speaks about it)"),
        (".basic-memory/x", "ignored (bisync (always):1: .basic-memory/)"),
    ],
)
def test_explain_names_the_line_that_decides(device: Device, path: str, words: str) -> None:
    expected = words.format(state=device.home / ".basic-memory")
    code = 3 if words.startswith("ignored") else 0

    by_name = device.run("explain", path, expect=code)
    absolute = device.run("explain", f"{device.notes}/{path}", expect=code)

    assert by_name.out == absolute.out == f"{path.rstrip('/')}: {expected}\n"


def test_explain_takes_several_paths_and_speaks_json(device: Device) -> None:
    said = device.run("explain", "a.log", "b.md", "sub/c.pdf", expect=3)
    assert [line.partition(" (")[0] for line in said.out.splitlines()] == [
        "a.log: ignored", "b.md: synced", "sub/c.pdf: ignored",
    ]  # fmt: skip
    (found,) = device.run("explain", "sub/c.pdf", "--json", expect=3).json["paths"]
    assert found == {
        "sync": "notes", "path": "sub/c.pdf", "synced": False,
        "source": "sub/.bmignore", "line": 1, "pattern": "*.pdf", "why": None,
    }  # fmt: skip


def test_explain_knows_one_sync_from_another(device: Device) -> None:
    """Folders whose names begin alike, and a link to one of them."""
    text = (device.home / "bisync.yaml").read_text()
    device.write_manifest(f"{text}  other:\n    tenant: team\n    dir: ~/notes-too\n    path: too\n")
    (device.home / "notes-too").mkdir()
    (device.home / "link").symlink_to(device.home / "notes-too")
    for path in ("notes-too/a.log", "link/a.log", str(device.home / "notes-too/a.log")):
        (found,) = device.run("explain", path, "--json", expect=3).json["paths"]
        assert (found["sync"], found["path"]) == ("other", "a.log")
    (found,) = device.run("explain", "notes/a.log", "--json", expect=3).json["paths"]
    assert (found["sync"], found["path"]) == ("notes", "a.log")
    assert "lies in none of the sync dirs" in device.run("explain", "notes-three/x", expect=2).err


def test_filters_prints_what_rclone_is_given(device: Device) -> None:
    device.sync()
    assert device.run("filters").out == (device.state / "filters.rclone").read_text()


def test_prune_takes_ignored_files_out_of_the_cloud_alone(device: Device, cloud: S3, below: str) -> None:
    bucket = f"{BUCKET}/{below}"
    device.write("draft.tex", "a draft")
    device.write("d/other.tex", "another")
    device.write("note.md", "a note")
    device.sync()
    device.write(".bmignore", "*.tex\n")
    device.sync()
    assert {"draft.tex", "d/other.tex"} <= cloud.tree(bucket).keys()

    listed = device.run("prune")
    as_json = device.run("prune", "--json").json["syncs"][0]

    assert "draft.tex" in listed.out and "bisync prune --yes" in listed.out
    assert as_json["files"] == [{"path": "d/other.tex", "size": 7}, {"path": "draft.tex", "size": 7}]
    assert as_json["run"] is None
    assert "draft.tex" in cloud.tree(bucket), "only listed so far"

    pruned = device.run("prune", "--yes")

    assert "✓ Pruned 2 from the cloud" in pruned.out
    assert cloud.tree(bucket).keys() == {".bmignore", "note.md", "sub/.bmignore"}
    assert (device.notes / "draft.tex").read_text() == "a draft"
    assert "nothing to do" in device.run("sync").out
    assert "nothing in the cloud is ignored" in device.run("prune").out
    device.run("restore", "draft.tex", "--to", "back")
    assert (device.home / "back/draft.tex").read_text() == "a draft"


def test_another_device_keeps_what_was_pruned(device: Device, cloud: S3, below: str, tmp_path: Path) -> None:
    other = Device(tmp_path / "other", cloud, sync_extra=f"    path: {below}\n")
    device.write("draft.tex", "a draft")
    device.sync()
    other.setup()
    device.write(".bmignore", "*.tex\n")
    device.sync()
    device.run("prune", "--yes")

    other.sync()

    assert other.tree()["draft.tex"] == "a draft", "the rule came first"
