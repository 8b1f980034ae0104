"""Edits of one text on two devices that do not overlap become one text, on real servers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.sync import own_copies
from bisync.sync.apply import Execution
from tests.support.world import S3, Device

BASE = "# Plan\n\nfirst\n\nsecond\n\nthird\n"
OURS, THEIRS = BASE.replace("first", "FIRST"), BASE.replace("third", "THIRD")
BOTH = OURS.replace("third", "THIRD")


def merging(device: Device) -> Device:
    """Have a device merge."""
    device.write_manifest(device.s3_manifest().replace("profile: balanced", "profile: merge"))
    return device


@pytest.fixture
def merger(laptop: Device) -> Device:
    """A device that merges, with a note that both sides hold."""
    merging(laptop).write("plan.md", BASE)
    assert laptop.sync().uploaded == 1
    return laptop


def texts(device: Device) -> list[Path]:
    folder = device.state / "contents"
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "index.json"]


def test_edits_of_two_paragraphs_become_one_text(merger: Device, desktop: Device) -> None:
    merging(desktop).run("sync")
    desktop.write("plan.md", THEIRS)
    desktop.run("sync")
    merger.write("plan.md", OURS).chmod(0o600)
    [planned] = merger.run("plan", "--json").json["syncs"][0]["actions"]
    assert (planned["action"], planned["path"], planned["hunks"], planned["size"]) == (
        "merge",
        "plan.md",
        2,
        len(BOTH),
    )
    assert (
        "merge  plan.md  (changed on both sides; 2 edits that do not overlap become one text)"
        in merger.run("plan").out
    )
    refused = merger.run("plan", "--script", "go.sh", expect=2).err
    assert "merges no texts" in refused and "--profile safe" in refused
    assert merger.tree() == {"plan.md": OURS}

    ran = merger.run("sync")

    assert "✓ Sync completed - 1 file merged\n" in ran.out, ran.out
    assert merger.tree() == {"plan.md": BOTH}
    assert (merger.notes / "plan.md").stat().st_mode & 0o777 == 0o600
    assert "✓ Sync completed - 1 file downloaded" in desktop.run("sync").out
    assert desktop.tree() == {"plan.md": BOTH}
    assert "nothing to do" in merger.run("sync").out
    entry = merger.history()[-2]
    assert (entry["merged"], entry["uploaded"], entry["paths"]) == (1, 0, {"merged": ["plan.md"]})
    assert "merged" in merger.run("log", "plan.md").out
    for side, text in (("local", OURS), ("cloud", THEIRS)):
        kept = next(one for one in merger.run("history", "--versions", "--json").json["syncs"][0]["versions"]
                    if one["side"] == side and one["run"] == entry["run"])  # fmt: skip
        assert kept["size"] == len(text)
    merger.run("restore", "plan.md", "--run", entry["run"], "--to", "old")
    assert (merger.home / "old" / "plan.md").read_text() in (OURS, THEIRS)

    # Merge on top of merge: what both have now is what the next edits are merged by.
    desktop.write("plan.md", BOTH.replace("FIRST", "first again"))
    desktop.run("sync")
    merger.write("plan.md", BOTH.replace("THIRD", "third again"))
    assert merger.sync().merged == 1
    assert merger.tree() == {"plan.md": BOTH.replace("FIRST", "first again").replace("THIRD", "third again")}


def test_three_devices_in_a_ring_come_to_one_text(
    merger: Device, desktop: Device, make_device: Callable[[str], Device]
) -> None:
    """Each edits a paragraph of its own, with an edit of before it still under way elsewhere."""
    phone = merging(make_device("phone"))
    phone.setup()
    ring = (merger, merging(desktop), phone)
    for device in ring:
        assert device.sync().error is None
    wanted = BASE
    for turn in range(2):
        for device, paragraph in zip(ring, ("first", "second", "third"), strict=True):
            text = device.tree()["plan.md"]
            device.write("plan.md", text.replace(paragraph, f"{paragraph}{turn}"))
            wanted = wanted.replace(paragraph, f"{paragraph}{turn}")
        merges = [device.sync().merged for device in ring]
        assert merges == [0, 1, 1]
        for device in ring:
            device.sync()
    assert [device.tree() for device in ring] == [{"plan.md": wanted}] * 3
    assert [device.sync().outcome for device in ring] == [Outcome.IDLE] * 3


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        pytest.param(OURS, BASE.replace("first", "erst"), "the edits overlap", id="overlap"),
        pytest.param(OURS, THEIRS + "\0", "it is no text of UTF-8", id="no text"),
    ],
)
def test_what_does_not_merge_is_kept_twice(merger: Device, s3: S3, ours: str, theirs: str, why: str) -> None:
    merger.write("plan.md", ours)
    s3.put("plan.md", theirs)
    assert (
        f"(changed on both sides; {why}: both versions are kept beside each other)" in merger.run("plan").out
    )
    result = merger.sync()
    assert (result.merged, len(result.conflicts)) == (0, 1)
    assert merger.tree() == s3.tree() == {"plan.md.conflict1": ours, "plan.md.conflict2": theirs}


def test_ignore_files_are_never_merged(laptop: Device, s3: S3) -> None:
    merging(laptop).write(".bmignore", "one\n\ntwo\n\nthree\n")
    laptop.sync()
    laptop.write(".bmignore", "1\n\ntwo\n\nthree\n")
    s3.put(".bmignore", "one\n\ntwo\n\n3\n")
    assert (laptop.sync().merged, sorted(laptop.tree())) == (
        0,
        [".bmignore.conflict1", ".bmignore.conflict2"],
    )


def test_the_last_agreed_texts_are_kept_where_a_profile_merges(laptop: Device, s3: S3) -> None:
    laptop.write("plan.md", BASE)
    laptop.sync()
    assert not (laptop.state / "contents").exists()
    merging(laptop)
    assert laptop.sync().outcome is Outcome.IDLE
    assert len(texts(laptop)) == 1, "an idle run keeps what is not kept yet"
    laptop.write("plan.md", OURS)
    laptop.write("image.png", "\0" * 100)
    laptop.write("large.md", "x" * ((1 << 20) + 1))
    laptop.sync()
    assert len(texts(laptop)) == 1, "of each path the last one alone, and of texts that can be merged"
    # What is damaged or gone makes a conflict, and costs no version.
    texts(laptop)[0].write_bytes(b"")
    laptop.write("plan.md", OURS + "\nmore\n")
    s3.put("plan.md", BOTH)
    assert len(laptop.sync().conflicts) == 1
    laptop.write_manifest(laptop.s3_manifest())
    assert laptop.sync().outcome is Outcome.IDLE
    assert not (laptop.state / "contents").exists()


def test_an_edit_while_the_run_is_at_work_waits_for_the_next(merger: Device, s3: S3) -> None:
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    later = OURS.replace("second", "SECOND")
    result = merger.sync(app=replace(merger.app(), on_plan=lambda *_: merger.write("plan.md", later)))
    assert result.error is None
    assert merger.tree() == {"plan.md": later}
    assert s3.tree() == {"plan.md": THEIRS}
    assert merger.sync().merged == 1
    assert merger.tree() == s3.tree() == {"plan.md": BOTH.replace("second", "SECOND")}


def test_a_newer_version_in_the_cloud_is_merged_by_the_next_run(merger: Device, s3: S3) -> None:
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    newer = THEIRS.replace("# Plan", "# Plan B")
    merger.sync(app=replace(merger.app(), on_plan=lambda *_: s3.put("plan.md", newer)))
    assert merger.tree() == {"plan.md": OURS}
    assert merger.sync().merged == 1
    assert merger.tree() == s3.tree() == {"plan.md": BOTH.replace("# Plan", "# Plan B")}


@pytest.mark.parametrize("where", ["_send", "_merge"])
def test_a_run_that_is_cut_off_is_made_good(
    merger: Device, s3: S3, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before anything has changed here, or when the text is merged here and not there."""
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    with monkeypatch.context() as broken:

        def cut(*_: object) -> None:
            raise OSError(5, "Input/output error")

        broken.setattr(Execution, where, cut)
        assert merger.sync().outcome is Outcome.FAILED
    assert merger.tree() == {"plan.md": BOTH if where == "_send" else OURS}
    assert merger.sync().merged == 1
    assert merger.tree() == s3.tree() == {"plan.md": BOTH}
    assert merger.sync().outcome is Outcome.IDLE


def test_a_reviewed_merge_is_carried_out_as_it_was_seen(merger: Device, s3: S3) -> None:
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    merger.run("plan", "--out", "a.json")
    s3.put("plan.md", THEIRS.replace("second", "SECOND"))
    assert "plan.md moved since" in merger.run("sync", "--plan", "a.json", expect=4).err
    s3.put("plan.md", THEIRS)
    merger.run("sync", "--plan", "a.json")
    assert merger.tree() == s3.tree() == {"plan.md": BOTH}


def test_texts_are_merged_where_the_cloud_has_no_hashes(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    device = Device(tmp_path / "home")
    conf = device.home / ".config" / "rclone" / "rclone.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f"[disk]\ntype = alias\nremote = {shared}\n")
    device.write_manifest(
        "version: 1\ntenants: {team: {provider: rclone, remote: 'disk:'}}\n"
        "syncs: {notes: {tenant: team, dir: ~/notes, profile: quick}}\n"
        "profiles: {quick: {extends: merge, compare: modtime}}\n"
    )
    device.setup()
    device.write("plan.md", BASE)
    assert device.sync().uploaded == 1
    device.write("plan.md", OURS)
    (shared / "plan.md").write_text(THEIRS)
    os.utime(shared / "plan.md", (1_000_000_000, 1_000_000_000))
    assert device.sync().merged == 1
    assert device.tree() == {"plan.md": BOTH} == {"plan.md": (shared / "plan.md").read_text()}
    assert device.sync().outcome is Outcome.IDLE

    device.run("undo", "--yes")  # that store keeps no versions: what lay there is in the trash here
    assert device.tree() == {"plan.md": OURS, "plan.md.conflict1": THEIRS}
    assert {path.name: path.read_text() for path in shared.glob("plan*")} == device.tree()


def test_a_merge_that_is_undone_is_two_versions_beside_each_other(merger: Device, s3: S3) -> None:
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    merged = merger.sync()
    assert (merged.merged, merger.tree()["plan.md"]) == (1, BOTH)

    said = merger.run("undo", "--yes").out

    assert f"Undone run {merged.run}" in said
    assert merger.tree() == s3.tree() == {"plan.md": OURS, "plan.md.conflict1": THEIRS}
    assert [one["path"] for one in merger.run("conflicts", "--json", expect=3).json["conflicts"]] == [
        "plan.md"
    ]
    assert merger.sync().outcome is Outcome.IDLE

    merger.run("undo", "--yes")
    assert merger.tree() == s3.tree() == {"plan.md": BOTH}
    # Built upon since, it is left alone.
    merger.write("plan.md", BOTH + "more\n")
    assert "it was edited here since" in merger.run("undo", str(merged.run), "--yes", expect=3).out
    assert merger.tree()["plan.md"] == BOTH + "more\n"


@pytest.fixture
def contested(merger: Device, s3: S3) -> Device:
    """A device with two versions of a note whose edits overlap."""
    merger.write("plan.md", OURS)
    s3.put("plan.md", BASE.replace("first", "erst"))
    assert len(merger.sync().conflicts) == 1
    return merger


def test_a_merge_tool_gets_both_versions_and_what_was_before(contested: Device, s3: S3) -> None:
    script = contested.home / "merge"
    script.write_text('#!/bin/sh\ncat "$1" "$2" "$3" > "$HOME/seen"; printf "by hand\\n" > "$4"\n')
    script.chmod(0o700)
    assert "--tool is for one file" in contested.run("resolve", "--all", "--tool", "x", expect=2).err
    (contested.notes / "plan.md.conflict2").chmod(0o600)
    ran = contested.run("resolve", "notes/plan.md", env={"BISYNC_MERGETOOL": str(script)})
    assert "✓ Resolved plan.md: kept plan.md" in ran.out
    assert (contested.home / "seen").read_text() == BASE + OURS + BASE.replace("first", "erst")
    assert contested.tree() == {"plan.md": "by hand\n"}
    kept = [path.read_text() for path in (contested.state / "trash").rglob("plan.md.conflict*")]
    assert sorted(kept) == sorted([OURS, BASE.replace("first", "erst")])
    contested.run("sync")
    assert s3.tree() == {"plan.md": "by hand\n"}


def test_what_a_merge_tool_does_not_end_well_changes_nothing(contested: Device) -> None:
    before = contested.tree()
    assert (
        "ended with 1: nothing was settled"
        in contested.run("resolve", "plan.md", "--tool", "false", expect=1).err
    )
    assert "No such file" in contested.run("resolve", "plan.md", "--tool", "no-such-tool", expect=1).err
    script = contested.home / "merge"
    script.write_text(
        '#!/bin/sh\necho edited meanwhile > "$HOME/notes/plan.md.conflict1"; echo merged > "$4"\n'
    )
    script.chmod(0o700)
    said = contested.run("resolve", "plan.md", "--tool", str(script), expect=1).err
    assert "written to, moved or deleted just now" in said
    assert contested.tree() == {**before, "plan.md.conflict1": "edited meanwhile\n"}


def test_what_a_person_has_merged_stays_and_the_copies_go(contested: Device) -> None:
    said = contested.run("resolve", "plan.md", "--keep", "merged", expect=2).err
    assert "save what you made of the versions as plan.md" in said
    contested.write("plan.md", "by hand\n")
    assert "3 versions lie here" in contested.run("resolve", "plan.md", "--tool", "false", expect=2).err
    contested.run("resolve", "plan.md", "--keep", "merged")
    assert contested.tree() == {"plan.md": "by hand\n"}


def test_what_is_saved_over_a_merged_text_at_once_waits_for_the_next_run(
    merger: Device, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    merger.write("plan.md", OURS)
    s3.put("plan.md", THEIRS)
    with monkeypatch.context() as busy:
        busy.setattr(own_copies, "local_copy", lambda *_: None)  # it changes while it is looked at
        result = merger.sync()
    assert result.error is None
    assert any("plan.md changed while the run was at work" in note for note in result.notes)
    assert s3.tree() == {"plan.md": THEIRS}
    assert merger.sync().merged == 1
    assert merger.tree() == s3.tree() == {"plan.md": BOTH}
