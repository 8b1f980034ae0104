"""What was there at a time comes back, whatever became of it; and what does not is named."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.world import S3, Device, Ran


def told(ran: Ran) -> dict[str, Any]:
    [one] = ran.json["syncs"]
    return dict(one)


def sync_at(device: Device, when: datetime) -> str:
    """A run at that time; its id."""
    result = device.sync(app=device.app(now=lambda: when))
    assert result.error is None and result.run is not None, result
    return result.run


def test_a_week_ago(laptop: Device, s3: S3) -> None:
    week_ago = datetime.now(UTC) - timedelta(days=7)
    names = ["kept.md", "edited.md", "gone.md", "p/tab\there.md", "p/ümlaut.md", "p/[x].md", "p/deep/n.md"]
    for name in names:
        laptop.write(name, f"first {name}", mtime=week_ago.timestamp())
    laptop.write("old name.md", "a text that is long enough to be known again", mtime=week_ago.timestamp())
    started = sync_at(laptop, week_ago)
    then = laptop.tree()

    # Since then: edits here and there, deletions on both sides, a rename, and a new file.
    laptop.write("edited.md", "second")
    (laptop.notes / "gone.md").unlink()
    (laptop.notes / "old name.md").rename(laptop.notes / "new name.md")
    laptop.sync()
    for name in names[3:6]:
        s3.put(name, f"from the cloud, {name}")
    s3.delete("p/deep/n.md")
    laptop.write("edited.md", "third")
    laptop.write("new.md", "new")
    laptop.sync()
    now = laptop.tree()

    # It says what it would do, and does nothing without a word.
    would = told(laptop.run("restore", "--at", "5 days ago", "--dry-run", "--json"))
    assert [one["path"] for one in would["restored"]] == sorted([*names[1:], "old name.md"])
    assert (would["unchanged"], would["not_there_then"]) == (1, ["new name.md", "new.md"])
    assert {one["side"] for one in would["restored"]} == {"local", "cloud", "here"}
    said = laptop.run("restore", "--at", "5d", expect=2)
    assert said.out.count("  restore  ") == len(names) and "with --yes" in said.err
    assert laptop.tree() == now
    # A part of it, by a pattern, from where one stands.
    part = told(laptop.run("restore", "notes/p/*.md", "--at", started, "--dry-run", "--json"))
    assert [one["path"] for one in part["restored"]] == sorted([*names[3:6]])

    done = told(laptop.run("restore", "--at", "5d", "--yes", "--json"))

    assert laptop.tree() == {**then, "new name.md": now["new name.md"], "new.md": "new"}
    assert [{**one, "replaced": False} for one in done["restored"]] == [
        {**one, "replaced": False} for one in would["restored"]
    ]
    assert (done["gone"], done["unsynced"], done["blocked"]) == ([], [], [])
    # What was there is in a trash, and a second time there is nothing to do.
    trashed = [path.read_text() for path in (laptop.state / "trash").rglob("edited.md")]
    assert "third" in trashed
    again = told(laptop.run("restore", "--at", "5d", "--yes", "--json"))
    assert again["restored"] == [] and again["unchanged"] == len(then)
    assert not (laptop.notes / ".basic-memory/staging").exists()
    assert laptop.sync().error is None


def test_what_is_not_kept_any_more_is_named(laptop: Device, s3: S3) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    for name in ("a.md", "b.md", "c.md"):
        laptop.write(name, "first", mtime=long_ago.timestamp())
    began = sync_at(laptop, long_ago)
    laptop.write("a.md", "second")
    (laptop.notes / "b.md").unlink()
    gone = sync_at(laptop, long_ago + timedelta(days=1))
    for name in ("a.md", "b.md"):
        s3.delete(f".basic-memory/trash/{gone}/{name}")
    laptop.write("unseen.md", "no run has seen it")
    (laptop.notes / "c.md").unlink()

    one = told(laptop.run("restore", "--at", began, "--json", expect=3))

    assert (one["gone"], one["unsynced"], one["restored"]) == (["a.md", "b.md"], ["c.md", "unseen.md"], [])
    assert laptop.tree() == {"a.md": "second", "unseen.md": "no run has seen it"}
    early = laptop.run("restore", "--at", "2000-01-01", expect=2).err
    assert "the history of this device begins at" in early


def test_a_pattern_and_what_is_in_its_way(laptop: Device, s3: S3) -> None:
    names = ("w/a.md", "w/b.md", "w/e.md", "w/d/c.md", "w/x.txt", "-dash.md")
    for name in names:
        laptop.write(name, f"first {name}")
    laptop.write("stays.md", "stays")
    laptop.sync()
    started = laptop.history()[-1]["run"]
    shutil.rmtree(laptop.notes / "w")
    (laptop.notes / "-dash.md").unlink()
    laptop.sync()
    taken = laptop.history()[-1]["run"]

    refused = laptop.run("restore", "w/*.md", expect=2)
    assert "  restore  w/a.md" in refused.out and "several files would come back" in refused.err
    assert laptop.tree() == {"stays.md": "stays"}

    # Without a time it is all that is meant, or nothing; of what was there at a time, what can come back does.
    laptop.write("w/d", "a file where a folder was")
    (laptop.notes / "w/b.md").symlink_to("/etc/passwd")
    whole = laptop.run("restore", "w/**/*.md", "--run", taken, expect=1).err
    assert "w/b.md: a link here has its name" in whole and "--to FOLDER" in whole
    assert set(laptop.tree()) == {"stays.md", "w/b.md", "w/d"}
    said = laptop.run("restore", "w/**/*.md", "--at", started, "--yes", expect=1)

    assert said.out.count("✓ Restored") == 2 and laptop.tree()["w/a.md"] == "first w/a.md"
    assert (
        "w/d is a file now, and w/d/c.md belongs" in said.err
        and "w/b.md: a link here has its name" in said.err
    )
    assert str((laptop.notes / "w/b.md").readlink()) == "/etc/passwd"
    assert laptop.tree()["w/d"] == "a file where a folder was" and "w/x.txt" not in laptop.tree()
    assert "nothing called *.zip" in laptop.run("restore", "*.zip", expect=2).err
    laptop.run("restore", "--", "-dash.md")
    assert laptop.tree()["-dash.md"] == "first -dash.md"
    laptop.run("restore", "w/**", "--to", "back", "--yes", "--run", taken)
    back = laptop.home / "back"
    found = {str(path.relative_to(back)) for path in back.rglob("*") if path.is_file()}
    assert found == {name for name in names if name.startswith("w/")}
