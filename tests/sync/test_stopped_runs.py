"""What a run brought before it was stopped or killed: the next one, and its plan, know of it."""

from __future__ import annotations

import pytest

from bisync import events
from bisync.core.result import Outcome
from bisync.sync import swap
from tests.support.proxy import Proxy, Status
from tests.support.world import S3, Device


@pytest.fixture
def device(far_device: Device) -> Device:
    """A device behind the proxy."""
    return far_device


def stopped_at_the_end(device: Device) -> None:
    """A run that has done everything and is stopped before it could write that down."""

    def stop(_sync: str, event: events.Event) -> None:
        if event == events.Step("recording"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        device.sync(app=device.app(on_event=stop))


def test_what_a_stopped_run_brought_is_known_to_the_next(device: Device, s3: S3) -> None:
    """Its files are no user's own: deleted on the other side meanwhile, they are deleted here, too."""
    device.write("known.md", "known")
    device.sync()
    device.write("mine.md", "mine")
    device.write("edited.md", "mine, too")
    s3.put("theirs.md", "theirs")
    stopped_at_the_end(device)
    assert {"known.md", "mine.md", "edited.md", "theirs.md"} <= set(device.tree()) == set(s3.tree())
    (device.notes / "mine.md").unlink()
    device.write("edited.md", "edited since")
    s3.delete("theirs.md")

    result = device.sync()

    assert (result.error, result.deleted_cloud, result.deleted_local) == (None, 1, 1)
    assert (result.uploaded, result.conflicts) == (1, ())
    assert device.tree() == s3.tree()
    assert not {"mine.md", "theirs.md"} & set(s3.tree()) and s3.tree()["edited.md"] == "edited since"
    assert device.sync().outcome is Outcome.IDLE


def test_what_a_stopped_run_did_not_bring_is_no_news(device: Device, proxy: Proxy, s3: S3) -> None:
    device.write("known.md", "known")
    device.sync()
    device.write("mine.md", "mine")
    s3.put("theirs.md", "theirs")
    proxy.on("PUT", Status(500), path="mine.md")
    proxy.on("GET", Status(500), path="theirs.md")
    device.sync()
    proxy.clear()
    assert device.sync().error is None
    assert {"known.md", "mine.md", "theirs.md"} <= set(device.tree()) == set(s3.tree())


def test_plan_sees_what_a_killed_restore_holds(laptop: Device, s3: S3) -> None:
    """Killed between the move and the link: nothing has the name, and the next run puts the old file back."""
    for name in ("kept.md", "d/deep.md", "other.md"):
        laptop.write(name, name)
    laptop.write(".bmignore", "*.draft\n")
    laptop.sync()
    laptop.write("kept.md", "edited since")
    laptop.write("a.draft", "a secret draft")
    area = swap.Area(laptop.notes, "20261122T101500Z-000000", laptop.state / "trash/killed")
    for name in ("kept.md", "d/deep.md", ".bmignore"):
        assert swap.take_away(area, name, None)
    (laptop.notes / "d").rmdir()

    for said in (laptop.run("plan").out, laptop.run("sync", "--dry-run").out):
        assert "1 to upload\n" in said and "kept.md" in said and "draft" not in said
    laptop.run("plan", "--out", "it.json")
    assert laptop.run("explain", "notes/a.draft", expect=3).out.count("ignored")
    assert laptop.run("sync", "--plan", "it.json").out.count("1 file uploaded")
    wanted = {
        "kept.md": "edited since",
        "d/deep.md": "d/deep.md",
        "other.md": "other.md",
        ".bmignore": "*.draft\n",
    }
    assert s3.tree() == wanted
    assert laptop.tree() == {**wanted, "a.draft": "a secret draft"}


def test_a_conflict_that_a_killed_run_holds_can_be_settled(laptop: Device, s3: S3) -> None:
    laptop.write("ideas.md", "mine")
    laptop.write("ideas.md.conflict1", "theirs", mtime=1_700_000_000)
    area = swap.Area(laptop.notes, "20261122T101500Z-000000", laptop.state / "trash/killed")
    assert swap.take_away(area, "ideas.md", None)

    assert "ideas.md\n" in laptop.run("conflicts", expect=3).out
    laptop.run("resolve", "ideas.md", "--keep", "newer")

    assert laptop.tree() == {"ideas.md": "mine"}
