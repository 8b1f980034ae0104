"""What changes between the plan and the work is brought about otherwise, or named: then it waits for the next run."""

from __future__ import annotations

import time
from dataclasses import replace

from bisync.core.result import SyncResult
from tests.support.world import S3, Device


def contested_and_then_deleted_in_the_cloud(laptop: Device, s3: S3, *, age: float) -> SyncResult:
    """A run that means to settle a conflict, whose version in the cloud goes meanwhile. `age`: of the one here."""
    for name in ("m.md", "y.md", "z.md"):
        laptop.write(name, "first")
    laptop.sync()
    laptop.write("m.md", "mine", mtime=time.time() - age)
    s3.put("m.md", "theirs")
    (laptop.notes / "y.md").unlink()
    result = laptop.sync(app=replace(laptop.app(), on_plan=lambda *_: s3.delete("m.md")))
    assert result.error is None
    assert result.conflicts == ()
    assert laptop.tree() == {"m.md": "mine", "z.md": "first"}
    return result


def test_what_is_not_brought_about_is_named(laptop: Device, s3: S3) -> None:
    result = contested_and_then_deleted_in_the_cloud(laptop, s3, age=-1000)

    assert result.notes == ("m.md changed while the run was at work; the next one has it",)
    assert "m.md" not in s3.tree()
    rest = laptop.sync()
    assert (rest.uploaded, rest.notes) == (1, ())
    assert s3.tree() == laptop.tree()


def test_an_edit_against_a_deletion_goes_up_at_once(laptop: Device, s3: S3) -> None:
    result = contested_and_then_deleted_in_the_cloud(laptop, s3, age=1000)

    assert (result.uploaded, result.notes) == (1, ())
    assert s3.tree() == laptop.tree()
