"""`bisync demo`: every line it shows is run and judged; these tests see that it judges."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bisync.actions import demo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tmpdir_env(tmp_path: Path) -> dict[str, str]:
    """Temporary folders go below tmp_path, in a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(home)}


def homes(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("bisync-demo-*"))


def test_the_whole_day_goes_as_told(tmp_path: Path, tmpdir_env: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bisync", "demo"], env=tmpdir_env, cwd=tmp_path, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    for said in (
        "laptop$ bisync sync\n",
        "desktop$ bisync setup\n",
        "✓ Sync completed - 1 file uploaded",
        "✓ Sync completed - 1 file downloaded",
        "Resolving conflict: using newer version",
        "Saved as: ideas/second.md.conflict1 and ideas/second.md.conflict2",
        "Error: Deletion exceeds safety limit (26 > 25)",
        "(exit code 4)",
        "✓ Sync completed - 26 deleted",
    ):
        assert said in ran.stdout
    assert "✓ Every step did what it says" in ran.stdout.splitlines()[-1]
    assert homes(tmp_path) == []
    assert list((tmp_path / "home").iterdir()) == []  # the person's own home is not touched


STORIES = {
    "CLOUD=1": (
        "laptop$ bisync login --no-browser\n",
        "Found 1 new local project, creating on cloud...",
        "the store refused the keys; new ones were made",
        "✓ Logged out",
        "as of just now: nobody is logged in to the cloud",
    ),
    "MIGRATE=1": (
        "laptop$ bisync migrate --dry-run\n",
        "unless it turns out to be the same",
        "+ bring together  changed  5 files brought, 1 kept beside as conflict copies",
        "✓ verify          ok       6 in the sync dir, 6 in the cloud, all by content",
        "Nothing to do. Take it back: bisync migrate --undo",
        "the cloud is left alone",
    ),
}


@pytest.mark.parametrize("which", STORIES)
def test_the_other_stories_go_as_told(
    which: str, tmp_path: Path, tmpdir_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A make that is started by another one says where it is.
    env = {name: value for name, value in tmpdir_env.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # What is ready is newer than all that it is made of; else make would say how to make it, too.
    ready = tmp_path_factory.mktemp("made") / "ready"
    ready.touch()
    settings = (which, f"READY={ready}", f"BIN={Path(sys.executable).parent}")
    make = subprocess.run(
        ["make", "-n", "demo", *settings], cwd=ROOT, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    ran = subprocess.run(
        shlex.split(make.stdout.replace("\\\n", "")), env=env, cwd=ROOT, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    for said in STORIES[which]:
        assert said in ran.stdout
    assert "✓ Every step did what it says" in ran.stdout.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert list((tmp_path / "home").iterdir()) == []


def wrong_exit_code(stage: demo.Stage, laptop: demo.Device, desktop: demo.Device) -> None:
    """A step whose command fails"""
    stage.types(laptop, "bisync sync")


def wrong_words(stage: demo.Stage, laptop: demo.Device, desktop: demo.Device) -> None:
    """A step whose command says something else"""
    stage.types(laptop, "bisync validate", shows="No way")


def wrong_contents(stage: demo.Stage, laptop: demo.Device, desktop: demo.Device) -> None:
    """A step that leaves something else"""
    stage.types(laptop, "mkdir notes && echo hello > notes/a.md")
    stage.same("the laptop", laptop.tree(), {"a.md": "bye\n"})


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (wrong_exit_code, "ended with exit code 5, not 0"),
        (wrong_words, "did not say 'No way'"),
        (wrong_contents, "the laptop: {'a.md': 'hello\\n'}, not {'a.md': 'bye\\n'}"),
    ],
)
def test_a_step_that_breaks_its_promise_fails_the_demo_by_name(
    step: demo.Step, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said: list[str] = []

    assert demo.run(said.append, day=[step]) == 1

    assert said[-1].startswith(f"✗ The demo failed at step 1. {step.__doc__}: ")
    assert why in said[-1]
    assert homes(tmp_path) == []


def test_keep_leaves_the_home_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said: list[str] = []

    assert demo.run(said.append, keep=True, day=[]) == 0

    (home,) = homes(tmp_path)
    assert f"The temporary home is left at {home}" in said
    assert (home / "laptop" / "bisync.yaml").is_file()


def processes_in(folder: Path) -> list[str]:
    """Command lines of running processes that name `folder`."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs proc(5) to see processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_half_way_it_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path, tmpdir_env: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bisync", "demo"], env=tmpdir_env, cwd=tmp_path, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        for line in child.stdout:
            # The echo's own line is shown before `bisync plan` starts: the signal hits a running command.
            if re.search(r"\.env$", line):
                break
        child.send_signal(number)
        _, err = child.communicate(timeout=120)

    assert child.returncode == 130, err
    assert homes(tmp_path) == []
    assert processes_in(tmp_path) == []
