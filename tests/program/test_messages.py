"""The words and exit codes of every task, as a person meets them."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bisync import __version__
from tests.support.machine import everything
from tests.support.world import BUCKET, S3, Device

# -- the command line -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A home with nothing in it."""
    return Device(tmp_path_factory.mktemp("nowhere"))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("nosuch", "Error: no task nosuch\n  → see: bisync --help\n"),
        ("synk", "Error: no task synk; did you mean sync?\n  → see: bisync --help\n"),
        ("sync --forse", "Error: sync has no flag --forse; did you mean --force?\n"
                         "  → see: bisync sync --help\n"),
        ("sync --profile", "Error: --profile needs a value\n  → see: bisync sync --help\n"),
        ("sync --only", "Error: --only needs a value\n  → see: bisync sync --help\n"),
        ("sync --only --json", "Error: --only needs a value\n  → see: bisync sync --help\n"),
        ("restore", "Error: restore needs PATH\n  → see: bisync restore --help\n"),
        ("--help nosuch", "Error: no task nosuch\n  → see: bisync --help\n"),
        ("resolve x", "Error: --keep takes one of local, cloud, newer, both, merged\n"
                      "  → as in: bisync resolve x --keep newer\n"),
    ],
)  # fmt: skip
def test_a_command_line_that_cannot_be_meant(nowhere: Device, argv: str, says: str) -> None:
    said = nowhere.run(*argv.split(), expect=2)

    assert said.err == says
    if "--json" in argv:
        assert f"Error: {said.json['error']}\n" in says
    else:
        assert said.out == ""


def test_help_and_version(nowhere: Device) -> None:
    assert nowhere.run("--version").out == f"bisync {__version__}\n"
    bare = nowhere.run().out
    for task in (
        "init",
        "validate",
        "setup",
        "plan",
        "sync",
        "check",
        "status",
        "conflicts",
        "resolve",
        "history",
    ):
        assert f"\n  {task} " in bare
    assert "sudo" not in bare
    assert "--max-delete" in nowhere.run("sync", "--help").out


def test_a_new_user_begins(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")

    assert "✓ Wrote bisync.yaml: edit it, then type: bisync validate" in device.run("init").out
    written = (device.home / "bisync.yaml").read_text()
    refused = device.run("init", expect=2)
    assert "bisync.yaml exists already; it is left as it is" in refused.err
    assert (device.home / "bisync.yaml").read_text() == written
    assert device.run("validate").out.startswith("OK: ")
    (device.home / "bisync.yaml").write_text(written.replace("version: 1", "version: 1\nsinks: {}", 1))
    said = device.run("validate", expect=2)
    assert "sinks: unknown key" in said.err
    assert 'did you mean "syncs"?' in said.err
    assert "bisync.yaml:" in said.err


# -- a sync's life --------------------------------------------------------------------------------------


def test_before_the_baseline(fresh: Device, cloud: S3, below: str) -> None:
    fresh.write("a.md", "a")

    said = fresh.run("sync", expect=5)

    assert said.err == (
        "Error: First bisync requires --resync to establish baseline\n"
        "  → type: bisync setup   (or: bisync sync --only notes --resync)\n"
    )
    assert "Not initialized" in fresh.run("status").out
    assert fresh.run("history").out.count("refused") == 0, (
        "nothing is written before the manifest's user agreed"
    )
    fresh.grant()
    assert fresh.run("sync", expect=5).err == said.err
    assert fresh.run("history").out.count("refused") == 1
    assert cloud.tree(f"{BUCKET}/{below}") == {}


def test_plan_before_setup_says_what_a_baseline_would_do(fresh: Device) -> None:
    fresh.setup()
    for path in (fresh.state / "work").iterdir():
        path.unlink()
    (fresh.home / ".basic-memory" / ".bmignore").unlink()
    fresh.write("a.md", "a")

    said = fresh.run("plan")

    assert "notes (baseline): 1 to upload" in said.out
    assert said.err == ""


def test_sync_says_what_it_did(ready: Device, cloud: S3, below: str) -> None:
    assert ready.run("sync").out == "✓ Sync completed - nothing to do\n"
    ready.write("a.md", "a")
    ready.write("b.md", "b")
    said = ready.run("sync", "--dry-run")
    assert said.out == (
        "notes: 2 to upload\n  upload  a.md  (new here)\n  upload  b.md  (new here)\n"
        "Nothing was changed (dry run).\n"
    )
    assert cloud.tree(f"{BUCKET}/{below}") == {}
    assert ready.run("sync").out.splitlines()[-1] == "✓ Sync completed - 2 files uploaded"
    (ready.notes / "a.md").unlink()
    cloud.put(f"{below}/c.md", "c")
    cloud.put(f"{below}/d.md", "d")
    said = ready.run("sync")
    assert said.out.splitlines()[-1] == "✓ Sync completed - 2 files downloaded, 1 deleted"
    assert said.err == ""
    assert ready.run("check").out == "✓ Both sides are equal: 3 files match\n"
    assert "Total Projects  │ 0" in ready.run("status").out


def test_too_many_deletions(ready: Device, cloud: S3, below: str) -> None:
    for number in range(30):
        ready.write(f"{number}.md", str(number))
    ready.sync()
    for number in range(26):
        (ready.notes / f"{number}.md").unlink()

    said = ready.run("sync", expect=4)

    assert said.err.startswith("Error: Deletion exceeds safety limit (26 > 25)\n  → ")
    assert "bisync" in said.err.splitlines()[1]
    assert len(cloud.tree(f"{BUCKET}/{below}")) == 30
    assert ready.run("plan", expect=None).code in (0, 4)
    assert "Deletion exceeds safety limit" in ready.run("status").out
    assert "--force: passed the guard max_delete" in ready.run("sync", "--force").out


def test_conflicts_are_told_listed_and_settled(ready: Device, cloud: S3, below: str) -> None:
    ready.write("ideas.md", "base")
    ready.sync()
    ready.write("ideas.md", "mine")
    cloud.put(f"{below}/ideas.md", "theirs, longer")

    said = ready.run("sync", "--profile", "safe").out

    assert "Conflict detected: ideas.md\nSaved as: ideas.md.conflict1 and ideas.md.conflict2\n" in said
    assert "bisync resolve ideas.md" in said
    listed = ready.run("conflicts", expect=3)
    assert "ideas.md (notes)" in listed.out
    assert "--keep local|cloud|newer|both" in listed.out
    assert "Conflicts       │ 1" in ready.run("status").out
    assert "no conflict waits here" in ready.run("resolve", "other.md", "--keep", "newer", expect=2).err
    assert "✓ Resolved ideas.md" in ready.run("resolve", "ideas.md", "--keep", "local").out
    assert ready.run("conflicts").out == "No conflicts.\n"
    ready.run("sync")
    assert ready.tree() == cloud.tree(f"{BUCKET}/{below}") == {"ideas.md": "mine"}


def test_history_and_restore(ready: Device) -> None:
    ready.write("a.md", "first")
    ready.sync()
    (ready.notes / "a.md").unlink()
    ready.sync()

    assert "1 deleted in the cloud" in ready.run("history").out
    assert "a.md" in ready.run("history", "--versions").out
    assert "nothing called b.md was overwritten or deleted" in ready.run("restore", "b.md", expect=2).err
    assert f"✓ Restored {ready.notes / 'a.md'} (run " in ready.run("restore", "a.md").out
    assert ready.tree() == {"a.md": "first"}


def test_check_names_what_differs(ready: Device, cloud: S3, below: str) -> None:
    ready.write("same.md", "same")
    ready.write("differs.md", "one")
    ready.sync()
    ready.write("differs.md", "two")
    ready.write("here.md", "here")
    cloud.put(f"{below}/there.md", "there")
    before = everything(ready.notes)

    said = ready.run("check", expect=3)

    assert "  differs: differs.md\n" in said.out
    assert "  missing here: there.md\n" in said.out
    assert "  missing in the cloud: here.md\n" in said.out
    assert "✗ 3 of 4 files are not in sync; see: bisync plan" in said.out
    assert "there.md" not in ready.run("check", "--one-way", expect=3).out
    assert everything(ready.notes) == before


def test_bad_values(ready: Device) -> None:
    said = ready.run("sync", "--profile", "saef", expect=2).err
    assert 'unknown profile "saef"; did you mean "safe"? (safe, balanced, fast, merge)' in said
    assert "--max-delete takes a whole number" in ready.run("sync", "--max-delete", "many", expect=2).err
    assert "is not a plan" in ready.run("sync", "--plan", "bisync.yaml", expect=2).err
    assert "make it with: bisync plan --out" in ready.run("sync", "--plan", "nosuch.json", expect=2).err


# -- colours and pipes ----------------------------------------------------------------------------------


def on_a_terminal(device: Device, *argv: str, **env: str) -> str:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bisync", *argv],
        cwd=device.home, env={**device.environment, "TERM": "xterm", **env},
        stdin=follower, stdout=follower, stderr=follower,
    ) as run:  # fmt: skip
        os.close(follower)
        seen = b""
        while True:
            try:
                chunk = os.read(leader, 4096)
            except OSError:  # EIO: the other end is closed
                break
            seen += chunk
        run.wait(60)
    os.close(leader)
    return seen.decode()


def test_colours_are_for_terminals_and_those_who_want_them(fresh: Device) -> None:
    fresh.env["NO_COLOR"] = ""
    colour = re.compile(r"\x1b\[(\d+;)*3\d")
    assert colour.search(on_a_terminal(fresh, "sync"))
    assert colour.search(on_a_terminal(fresh, "status"))
    assert not colour.search(on_a_terminal(fresh, "sync", NO_COLOR="1"))
    assert not colour.search(on_a_terminal(fresh, "status", NO_COLOR="1"))
    said = fresh.run("status")
    assert "\x1b" not in said.out + said.err


def test_a_terminal_that_knows_only_ascii(fresh: Device) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}

    assert "Sync" in fresh.run("setup", env=plain).out + fresh.run("sync", env=plain).out
    assert "Initialized" in fresh.run("status", env=plain).out


def test_names_with_control_characters_do_not_reach_the_terminal(ready: Device) -> None:
    ready.write("red\x1b[31m.md", "x")
    ready.write("blue\x9b34m.md", "x")

    assert not {"\x1b", "\x9b"} & set(ready.run("plan").out)
    said = ready.run("sync", expect=1).out
    assert not {"\x1b", "\x9b"} & set(said) and "[31m.md" in said and "34m.md" in said


def test_no_task_lets_a_name_act_on_the_terminal(ready: Device) -> None:
    odd = "\x9b31m\u202e"  # one character for ESC [
    for name in (f"red{odd}.md", f"red{odd}.log", f"two{odd}.md.conflict1", f"two{odd}.md.conflict2"):
        ready.write(name, "x")
    ready.sync()
    (ready.notes / f"red{odd}.md").unlink()
    ready.sync()
    (ready.home / ".basic-memory" / ".bmignore").write_text("*.log\nred\x9b*\u202e.old\n")

    for task, code in (
        ("plan", 0), ("history --versions", 0), (f"restore red{odd}.md", 0), ("check", 3), ("sync", 0),
        (f"explain red{odd}.old", 3), ("conflicts", 3), (f"resolve two{odd}.md --keep newer", 0), ("prune", 0),
        ("plan", 0), ("filters", 0), ("status", 0), ("doctor", 0), (f"restore nosuch{odd}", 2),
        (f"--help nosuch{odd}", 2),
    ):  # fmt: skip
        said = ready.run(*task.split(), expect=code)
        assert (said.out + said.err).replace("\n", "").isprintable(), task


def test_a_reader_that_goes_away(ready: Device) -> None:
    for number in range(300):
        ready.write(f"{number}.md", "x")
    run = ready.popen("plan")
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    _, err = "", run.stderr.read() if run.stderr else ""
    run.wait(60)
    if run.stderr:
        run.stderr.close()

    assert err == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argv", ["--help", "sync --help", "--list", "--version"])
def test_help_that_nobody_reads(tmp_path: Path, argv: str, unbuffered: str) -> None:
    device = Device(tmp_path / "home", env={"PYTHONUNBUFFERED": unbuffered})
    with device.popen_whole(*argv.split()) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()

        assert run.stderr.read() == ""
    assert run.returncode == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argv", ["--help", "init", "status --json"])
def test_output_that_cannot_be_written(tmp_path: Path, argv: str, unbuffered: str) -> None:
    device = Device(tmp_path / "home", env={"PYTHONUNBUFFERED": unbuffered})
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bisync", *argv.split()], cwd=device.home, env=device.environment,
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    cure = "  → free some space, then run again\n"
    assert done.stderr == f"Error: the disk is full (No space left on device)\n{cure}"
    assert done.returncode == 1


@pytest.mark.parametrize("argv", ["--help", "init"])
def test_output_that_is_closed(tmp_path: Path, argv: str) -> None:
    device = Device(tmp_path / "home")
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m bisync {argv} >&-"], cwd=device.home,
        env=device.environment, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_settings_of_invoke_do_not_concern_the_program(tmp_path: Path) -> None:
    device = Device(tmp_path / "home", env={"INVOKE_RUN_ECHO": "neither true nor false"})
    (device.home / ".invoke.yaml").mkdir()

    assert "Start here:" in device.run("--help").out
