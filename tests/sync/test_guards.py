"""What stops a run before anything is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from tests.support.world import BUCKET, S3, Device, rclone_path


def fill(device: Device, count: int) -> None:
    for number in range(count):
        device.write(f"d{number % 20}/n{number}.md", f"note {number}")
    assert device.sync().outcome is Outcome.DONE


def remove(device: Device, count: int) -> None:
    for path in sorted(device.notes.rglob("n*.md"))[:count]:
        path.unlink()


@pytest.mark.parametrize("size", [40, 5000])
def test_26_deletions_are_refused_and_25_pass_in_any_tree(laptop: Device, s3: S3, size: int) -> None:
    fill(laptop, size)
    remove(laptop, 26)

    refused = laptop.run("sync", expect=4)
    assert "Deletion exceeds safety limit (26 > 25)" in refused.err
    assert "bisync sync --only notes --max-delete 26" in refused.err
    assert s3.folder is not None
    kept = [p for p in (s3.folder / "notes-bucket").rglob("n*.md") if ".basic-memory" not in p.parts]
    assert len(kept) == size, "nothing was written"

    back = sorted((s3.folder / "notes-bucket").rglob("n*.md"))[0]
    laptop.write(str(back.relative_to(s3.folder / "notes-bucket")), back.read_text())
    assert laptop.sync().deleted_cloud == 25


def test_deletions_are_counted_over_both_sides(laptop: Device, s3: S3) -> None:
    fill(laptop, 40)
    remove(laptop, 13)
    left = sorted(laptop.notes.rglob("n*.md"))[-10:]
    for path in left:
        s3.delete(str(path.relative_to(laptop.notes)))
    assert laptop.sync(max_delete=22).error == "Deletion exceeds safety limit (23 > 22)"
    result = laptop.sync(max_delete=23)
    assert (result.deleted_cloud, result.deleted_local) == (13, 10)


def test_renamed_files_are_no_deletions(laptop: Device, s3: S3) -> None:
    fill(laptop, 40)
    (laptop.notes / "d0").rename(laptop.notes / "moved")
    result = laptop.sync(max_delete=0)
    assert result.error is None and result.renamed == 2
    # Two equal files that become one are a deletion all the same.
    laptop.write("x1.md", "twin")
    laptop.write("x2.md", "twin")
    laptop.sync()
    (laptop.notes / "x1.md").unlink()
    (laptop.notes / "x2.md").rename(laptop.notes / "x3.md")
    assert laptop.sync(max_delete=0).error == "Deletion exceeds safety limit (1 > 0)"


def test_a_planted_mass_of_files_is_refused(laptop: Device, s3: S3) -> None:
    laptop.write("a.md", "mine")
    laptop.sync()
    manifest = laptop.home / "bisync.yaml"
    manifest.write_text(
        manifest.read_text().replace("    profile: balanced", "    profile: wary")
        + "profiles: {wary: {max_new: 2}}\n"
    )
    for number in range(3):
        s3.put(f"planted/{number}.md", "x")

    refused = laptop.run("sync", expect=4)
    assert "New files from the cloud exceed safety limit (3 > 2)" in refused.err
    assert "bisync sync --only notes --force" in refused.err
    assert laptop.tree() == {"a.md": "mine"}
    (guard,) = (
        one for one in laptop.run("plan", "--json", expect=4).json["syncs"][0]["guards"] if not one["passed"]
    )
    assert (guard["guard"], guard["limit"], guard["planned"]) == ("max_new", 2, 3)

    assert "--force: passed the guard max_new" in laptop.run("sync", "--force").out
    assert len(laptop.tree()) == 4


def test_an_unmounted_disk_deletes_nothing(laptop: Device, s3: S3) -> None:
    fill(laptop, 12)
    shutil.move(laptop.notes, laptop.home / "elsewhere")
    laptop.notes.mkdir()

    refused = laptop.run("sync", expect=4)

    assert "marker" in refused.err and "unmounted disk" in refused.err
    assert len(s3.tree()) == 12
    laptop.notes.rmdir()
    gone = laptop.run("sync", expect=1)
    assert "is its disk mounted?" in gone.err
    shutil.move(laptop.home / "elsewhere", laptop.notes)
    assert laptop.sync().outcome is Outcome.IDLE


def test_a_wiped_bucket_deletes_nothing_here(laptop: Device, s3: S3) -> None:
    fill(laptop, 12)
    s3.rclone("delete", "s3:notes-bucket")

    refused = laptop.run("sync", expect=4)

    assert "marker" in refused.err and "bucket" in refused.err
    assert len(laptop.tree()) == 12
    assert laptop.sync(resync=True).uploaded == 12
    assert len(s3.tree()) == 12


def test_an_emptied_folder_with_its_marker_is_judged_by_its_deletions(laptop: Device, s3: S3) -> None:
    fill(laptop, 12)
    remove(laptop, 12)
    result = laptop.sync(force=True)
    assert result.deleted_cloud == 12
    assert s3.tree() == {}
    laptop.write("again.md", "again")
    assert laptop.sync().uploaded == 1


def test_every_file_changed_at_once_is_refused(laptop: Device, s3: S3) -> None:
    fill(laptop, 10)
    for path in laptop.notes.rglob("n*.md"):
        path.write_text("ENCRYPTED BY SOMEBODY")
    refused = laptop.run("sync", expect=4)
    assert "every file changed at once (10 of 10)" in refused.err
    assert "ENCRYPTED BY SOMEBODY" not in s3.tree().values()
    forced = laptop.run("sync", "--force")
    assert "--force: passed the guard all_changed" in forced.out


def test_editing_the_only_notes_is_normal(laptop: Device) -> None:
    fill(laptop, 3)
    for path in laptop.notes.rglob("n*.md"):
        path.write_text("edited")
    assert laptop.sync().uploaded == 3


def test_another_disk_under_the_sync_dir_is_refused(laptop: Device) -> None:
    fill(laptop, 3)
    path = laptop.state / "baseline.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "device": document["device"] + 1}))
    assert "another disk" in (laptop.sync().error or "")
    assert laptop.sync(force=True).error is None
    assert laptop.sync().outcome is Outcome.IDLE


def test_the_second_line_is_rclones_own_limit(laptop: Device, s3: S3) -> None:
    """The plan admits what it counted, 4 of the 5 files that bisync sees with the marker."""
    fill(laptop, 40)
    laptop.write("one.md", "1")
    commands = laptop.run("plan", "--json").json["syncs"][0]["commands"]
    assert commands[-1][commands[-1].index("--max-delete") + 1] == "0"
    remove(laptop, 4)
    commands = laptop.run("plan", "--json").json["syncs"][0]["commands"]
    assert commands[-1][commands[-1].index("--max-delete") + 1] == "80"


def test_what_makes_way_in_the_cloud_is_no_surprise(laptop: Device, s3: S3) -> None:
    """A file that becomes a folder leaves the cloud before bisync looks; its limit has to know."""
    laptop.write("a", "1")
    laptop.write("d", "2")
    laptop.sync()
    s3.delete("a")
    laptop.write("a", "edited")
    (laptop.notes / "d").unlink()
    laptop.write("d/a", "below")

    result = laptop.sync()

    assert result.error is None
    assert laptop.tree() == s3.tree() == {"a": "edited", "d/a": "below"}


def test_rclones_own_limit_lets_them_go(laptop: Device, s3: S3) -> None:
    """The loss without the guard: `--max-delete 25` of bare bisync is a percentage, and 26 of 200 pass it."""
    fill(laptop, 200)
    remove(laptop, 26)
    assert laptop.sync().error == "Deletion exceeds safety limit (26 > 25)"
    bare = subprocess.run(
        [str(rclone_path()), "bisync", str(laptop.notes), f"basic-memory-team:{BUCKET}/", "--max-delete", "25",
         "--compare", "size,checksum", "--filters-file", str(laptop.state / "filters.rclone"),
         "--workdir", str(laptop.state / "work"),
         "--config", str(laptop.home / ".config/rclone/rclone.conf")],
        env={**laptop.environment, "RCLONE_SKIP_LINKS": "true", "RCLONE_LOCAL_NO_CHECK_UPDATED": "true"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert bare.returncode == 0, bare.stderr
    assert s3.folder is not None
    assert len(list((s3.folder / BUCKET).rglob("n*.md"))) == 174


def test_a_refused_run_is_loud(make_device: Callable[..., Device], tmp_path: Path) -> None:
    told = tmp_path / "told"
    hook = f"    hooks: {{on_failure: [[sh, -c, 'echo \"$BISYNC_SYNC $BISYNC_OUTCOME\" > {told}']]}}\n"
    device = make_device("hooked", sync_extra=hook)
    device.setup()
    fill(device, 40)
    remove(device, 26)

    device.run("sync", expect=4)

    assert told.read_text() == "notes refused\n"
    status = device.run("status", "--json").json["syncs"][0]
    assert "Deletion exceeds safety limit (26 > 25)" in status["blocked"]
    assert status["last_outcome"] == "refused"
    assert device.history()[-1]["exit_code"] == 4


def test_a_run_that_cannot_even_begin_is_written_down_and_tells_the_hook(tmp_path: Path, s3: S3) -> None:
    told = tmp_path / "told"
    hook = f"    hooks: {{on_failure: [[sh, -c, 'echo \"$BISYNC_ERROR\" > {told}']]}}\n"
    device = Device(tmp_path / "device", s3, sync_extra=hook)
    device.setup()
    (device.state / "lock").unlink()
    (device.state / "lock").mkdir()

    result = device.sync()

    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1)
    assert result.error == f"{device.state / 'lock'}: Is a directory"
    assert told.read_text() == f"{result.error}\n"
    assert device.history()[-1]["error"] == result.error
