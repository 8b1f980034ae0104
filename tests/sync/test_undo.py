"""A run is taken back on both sides, and that is a run like any other."""

from __future__ import annotations

import os
import shutil
import signal
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bisync.actions import undo as action
from bisync.actions.undo import Undone
from bisync.core.result import Outcome
from bisync.state import baseline, changes, runs
from bisync.sync import swap, trash
from bisync.sync.apply import Execution
from tests.support.machine import forked
from tests.support.terminal import on_a_terminal
from tests.support.world import S3, Device

ODD = "-a [b] *{c}.md"
NFD = unicodedata.normalize("NFD", "é/ü.md")
BEFORE = ("work/a.md", "work/deep/b.md", "old.md", "name.md", "keep.md", "theirs.md", "gone.md", ODD, NFD)


def undo(device: Device, run: str | None = None, **options: Any) -> Undone:
    """Take a run back, in this process."""
    app = device.app()
    named = action.find(app, app.manifest.syncs, run)
    return action.carry_out(app, named, action.look(app, named, **options), **options)


def both(device: Device, s3: S3) -> dict[str, str]:
    """What both sides hold, by NFC names; they hold the same."""
    ours = {unicodedata.normalize("NFC", path): text for path, text in device.tree().items()}
    theirs = {unicodedata.normalize("NFC", path): text for path, text in s3.tree().items()}
    assert ours == theirs
    return ours


def a_day(device: Device, s3: S3) -> None:
    """Everything that a run can do but for conflicts, to be synced; one file stays as it is."""
    for path in (
        "work/a.md",
        "work/deep/b.md",
        "old.md",
        "name.md",
        "keep.md",
        "theirs.md",
        "gone.md",
        ODD,
        NFD,
    ):
        device.write(path, f"first {path}\n")
    assert device.sync().error is None
    shutil.rmtree(device.notes / "work")
    device.write("work", "a file by now\n")
    device.write("old.md", "second, longer\n")
    (device.notes / "name.md").rename(device.notes / "renamed.md")
    device.write("new/one.md", "new one\n")
    device.write(ODD, "another\n")
    (device.notes / NFD).unlink()
    s3.put("theirs.md", "theirs, edited there\n")
    s3.put("from there.md", "new there\n")
    s3.delete("gone.md")


def test_a_run_is_taken_back_on_both_sides_and_that_too(laptop: Device, s3: S3) -> None:
    a_day(laptop, s3)
    [first] = [entry["run"] for entry in laptop.history() if entry["uploaded"]]
    before = {unicodedata.normalize("NFC", path): f"first {path}\n" for path in BEFORE}
    done = laptop.sync()
    assert done.error is None
    after = both(laptop, s3)

    with on_a_terminal(laptop, "undo") as (run, terminal):
        os.write(terminal, b"n\n")
        assert run.wait(60) == 4
    refused = undo(laptop, max_delete=0)

    assert refused.error is not None and refused.error.startswith("Deletion exceeds safety limit (")
    assert (
        refused.hint is not None
        and f"if you mean it: bisync undo {done.run} --only notes --max" in refused.hint
    )
    assert both(laptop, s3) == after

    found = undo(laptop)

    assert (found.error, found.exit_code, found.decision.left) == (None, 0, ())
    assert both(laptop, s3) == before
    entry = laptop.history()[-1]
    assert (entry["undoes"], entry["outcome"], entry["mode"]) == (done.run, "done", "sync")
    assert (entry["downloaded"], entry["deleted_local"], entry["renamed"]) == (7, 3, 1)
    assert laptop.sync().outcome is Outcome.IDLE

    again = undo(laptop)

    assert (again.error, again.run) == (None, entry["run"])
    assert both(laptop, s3) == after
    # The first run of all is still as it was, but for what came after it.
    found = undo(laptop, first)
    assert {one.path for one in found.decision.left} > {"old.md", ODD}
    assert both(laptop, s3) == {path: text for path, text in after.items() if path != "keep.md"}


def test_what_has_changed_since_is_left_alone_and_others_get_the_rest(
    laptop: Device, desktop: Device, s3: S3, tmp_path: Path
) -> None:
    for path in ("a.md", "b.md", "c.md", "d.md", "far/e.md", "f.md"):
        laptop.write(path, f"first {path}\n")
    laptop.sync()
    desktop.sync()
    for path in ("a.md", "b.md", "c.md", "f.md"):
        laptop.write(path, f"second {path}\n")
    (laptop.notes / "d.md").unlink()
    shutil.rmtree(laptop.notes / "far")
    run = laptop.sync().run
    assert run is not None
    laptop.write("a.md", "third\n")
    s3.put("b.md", "third, there\n")
    (laptop.state / "trash" / run / "x").mkdir(parents=True)
    shutil.rmtree(laptop.state / "trash" / run)
    s3.delete(f".basic-memory/trash/{run}/d.md")
    (tmp_path / "outside").mkdir()
    (laptop.notes / "far").symlink_to(tmp_path / "outside")

    ran = laptop.run("undo", "--yes", expect=3)

    assert "a.md: it was edited here since; see: bisync restore a.md --run" in ran.out
    assert "b.md: it was edited in the cloud since" in ran.out
    assert (
        "d.md: its old version is in no trash any more, or cannot be read there; see: bisync log d.md"
        in ran.out
    )
    assert "far/e.md: far is a link here, and nothing is changed through one" in ran.out
    assert f"✓ Undone run {run} - 2 came back, 4 left alone" in ran.out
    assert list((tmp_path / "outside").iterdir()) == []
    here = laptop.tree()
    assert (here["a.md"], here["b.md"], here["c.md"]) == ("third\n", "second b.md\n", "first c.md\n")
    assert s3.tree() == {
        "a.md": "second a.md\n", "b.md": "third, there\n", "c.md": "first c.md\n", "f.md": "first f.md\n"
    }  # fmt: skip
    assert desktop.sync().error is None
    assert desktop.tree() == s3.tree()


# -- kill -9 ----------------------------------------------------------------------------------------------

STEPS: tuple[tuple[Any, str], ...] = (
    (runs, "open_journal"), (trash, "fetch"), (Execution, "_take_one"), (swap, "take_away"), (swap, "place"),
    (swap, "empty_hold"), (changes, "save"), (baseline, "save"), (runs, "close_journal"), (runs, "append_history"),
)  # fmt: skip


def killed(device: Device, die_at: int) -> list[str]:
    """The steps of an undo in a process of its own, which kills itself at the end of step `die_at`."""
    source, child = forked(lambda sink: _undo_and_die(device, sink, die_at))
    with os.fdopen(source) as stream:
        steps = stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or not os.WEXITSTATUS(status), f"it failed after {steps}"
    return steps


def _undo_and_die(device: Device, sink: int, die_at: int) -> None:
    passed = 0

    def ended(step: str) -> None:
        nonlocal passed
        os.write(sink, f"{step}\n".encode())
        if passed == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    for owner, name in STEPS:
        _watch(owner, name, ended)
    found = undo(device)
    os._exit(0 if found.error is None else 2)


def _watch(owner: Any, name: str, ended: Callable[[str], None]) -> None:
    real = getattr(owner, name)

    def watched(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        ended(name)
        return result

    setattr(owner, name, watched)


def everywhere(device: Device, s3: S3) -> set[str]:
    """Every text that lies somewhere: on a side, or in a trash."""
    kept = [path.read_text() for path in (device.state / "trash").rglob("*") if path.is_file()]
    there = [path.read_text() for path in s3.folder.rglob("*") if path.is_file()]
    return {*kept, *there, *device.tree().values()}


def test_killed_it_loses_nothing_and_goes_on(laptop: Device, s3: S3) -> None:
    a_day(laptop, s3)
    texts = everywhere(laptop, s3)
    done = laptop.sync()
    assert done.error is None
    texts |= everywhere(laptop, s3)

    for die_at in (8, 25):
        assert len(killed(laptop, die_at)) == die_at + 1
    found = undo(laptop)

    assert (found.run, found.error, found.decision.left) == (done.run, None, ())
    assert set(both(laptop, s3).values()) == {f"first {path}\n" for path in BEFORE}
    assert texts <= everywhere(laptop, s3)

    assert len(killed(laptop, 12)) == 13
    carried_on = laptop.sync()

    assert (carried_on.error, carried_on.conflicts, carried_on.left_out) == (None, (), ())
    both(laptop, s3)
    assert texts <= everywhere(laptop, s3)
