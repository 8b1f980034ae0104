"""Hooks around real runs: when they run, what they are told, how they end, and where their words go."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bisync import events
from bisync.core.hooks import VARIABLES, About
from bisync.core.result import Outcome, SyncResult, Tally
from bisync.state import hook_log
from bisync.sync import hooks
from bisync.sync.group import Group
from tests.support.machine import processes
from tests.support.proxy import Proxy, Status
from tests.support.world import S3, SECRET, Device

ORDER = ("before_sync", "on_conflict", "on_change", "after_sync", "on_failure")


def hooked(device: Device, **given: Any) -> None:
    """Give the device's sync these hooks (JSON is YAML)."""
    device.write_manifest(device.s3_manifest() + f"    hooks: {json.dumps(given)}\n")


def sh(script: str) -> list[list[str]]:
    return [["sh", "-c", script]]


def telling(device: Device, names: Sequence[str] = ORDER) -> Path:
    """Have every hook say its name and what it is told in a file of its own; the folder of these."""
    told = device.home / "told"
    told.mkdir(exist_ok=True)
    script = f'echo "$BISYNC_HOOK" >>{told}/order; env >{told}/"$BISYNC_HOOK"'
    hooked(device, **{name: sh(script) for name in names})
    return told


def order(told: Path) -> list[str]:
    """The hooks that ran since the last look."""
    try:
        found = (told / "order").read_text().split()
    except FileNotFoundError:
        return []
    (told / "order").unlink()
    return found


def variables(told: Path, hook: str) -> dict[str, str]:
    lines = (told / hook).read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if line.startswith("BISYNC_"))
    return {name: value for name, value in found.items() if name in VARIABLES}


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def contested(device: Device, s3: S3, *paths: str) -> None:
    """Both sides change what they agreed on."""
    for path in paths:
        device.write(path, "old", mtime=1_700_000_000)
    device.sync()
    for path in paths:
        s3.put(path, "theirs, edited")
        device.write(path, "mine")


@pytest.fixture
def log(ready: Device) -> Path:
    return ready.state / "hooks.log"


def test_hooks_run_when_they_should_and_in_order(far_device: Device, proxy: Proxy, s3: S3) -> None:
    device = far_device
    told = telling(device)

    device.sync()
    assert order(told) == ["before_sync", "after_sync"], "nothing to do"

    device.write("a.md", "a")
    device.sync()
    assert order(told) == ["before_sync", "on_change", "after_sync"]

    s3.put("b.md", "b")
    device.sync()
    assert order(told) == ["before_sync", "on_change", "after_sync"], "the cloud changed"

    contested(device, s3, "a.md")
    order(told)
    device.sync()
    assert order(told) == ["before_sync", "on_conflict", "on_change", "after_sync"]
    device.sync()
    assert order(told) == ["before_sync", "after_sync"], "it arose in the run before"

    device.write("c.md", "c")
    device.sync(dry_run=True)
    assert order(told) == []

    proxy.on("LIST", Status(403, "AccessDenied"))
    device.sync()
    assert order(told) == ["on_failure"]


def test_a_run_that_fails_half_way_tells_what_it_had_changed(
    far_device: Device, proxy: Proxy, s3: S3
) -> None:
    device = far_device
    told = telling(device)
    device.write("known.md", "known")
    device.sync()
    order(told)
    s3.put("new.md", "new")
    s3.put(".bmignore", "*.draft\n")
    recorded: list[str] = []

    def fail(_sync: str, event: events.Event) -> None:
        if event == events.Step("recording"):
            recorded.append("the ignore file" if not recorded else "the rest")
            if len(recorded) > 1:
                raise OSError(28, "No space left on device")

    result = device.sync(app=device.app(on_event=fail))

    assert result.outcome is Outcome.FAILED
    assert order(told) == ["before_sync", "on_change", "on_failure"]
    assert variables(told, "on_failure")["BISYNC_DOWNLOADED"] == "2"
    assert "No space left" in variables(told, "on_failure")["BISYNC_ERROR"]


def test_what_hooks_are_told(ready: Device, cloud: S3, below: str) -> None:
    told = telling(ready)
    ready.write("gone.md", "gone")
    ready.write("theirs to delete.md", "x")
    ready.sync()
    (ready.notes / "gone.md").unlink()
    cloud.delete(f"{below}/theirs to delete.md")
    ready.write("new.md", "new")
    ready.write("new2.md", "new, too")
    cloud.put(f"{below}/from there.md", "there")

    result = ready.sync(profile="safe")

    every = {
        "BISYNC_SYNC": "notes", "BISYNC_TENANT": "team", "BISYNC_DIR": str(ready.notes),
        "BISYNC_REMOTE": f"basic-memory-team:notes-bucket/{below}/", "BISYNC_PROFILE": "safe",
        "BISYNC_RUN": result.run,
    }  # fmt: skip
    later = {
        "BISYNC_OUTCOME": "done", "BISYNC_ERROR": "", "BISYNC_UPLOADED": "2", "BISYNC_DOWNLOADED": "1",
        "BISYNC_DELETED_LOCAL": "1", "BISYNC_DELETED_CLOUD": "1", "BISYNC_RENAMED": "0", "BISYNC_MERGED": "0",
        "BISYNC_CONFLICTS": "0",
    }  # fmt: skip
    assert variables(told, "before_sync") == {"BISYNC_HOOK": "before_sync", **every}
    for hook in ("on_change", "after_sync"):
        assert variables(told, hook) == {"BISYNC_HOOK": hook, **every, **later}


def test_no_secret_of_ours_is_told(ready: Device) -> None:
    """The one in the environment is the user's own; it stands there under the name that they gave it."""
    told = telling(ready)
    ready.write("a.md", "a")
    ready.sync()

    for hook in ("before_sync", "on_change", "after_sync"):
        lines = (told / hook).read_text().splitlines()
        assert [line for line in lines if SECRET in line] == [f"TEST_SECRET={SECRET}"]
        assert not any(line.startswith("RCLONE_") for line in lines)


@pytest.mark.parametrize(
    "odd", ["plain.md", "with a space.md", "ünï ☂.md", "tab\there.md", "$(touch x).md", "-rf.md"]
)
def test_the_contested_paths_are_in_a_file_while_the_hook_runs(
    ready: Device, cloud: S3, below: str, odd: str
) -> None:
    kept = ready.home / "kept"
    script = f'cat "$BISYNC_CONFLICT_PATHS_FILE" >{kept}; ls -l "$BISYNC_CONFLICT_PATHS_FILE"'
    hooked(ready, on_conflict=sh(script))
    ready.write(odd, "old", mtime=1_700_000_000)
    ready.write("other.md", "old", mtime=1_700_000_000)
    ready.sync()
    for path in (odd, "other.md"):
        cloud.rclone("rcat", f"s3:notes-bucket/{below}/{path.replace(chr(9), '␉')}", stdin=b"theirs, edited")
        ready.write(path, "mine")

    result = ready.sync()

    assert len(result.conflicts) == 2
    assert kept.read_text() == "".join(f"{path}\n" for path in sorted([odd, "other.md"]))
    assert not (ready.state / "conflict-paths.txt").exists()
    assert "  -rw-------" in (ready.state / "hooks.log").read_text()


def test_what_a_hook_says_goes_to_stderr_and_into_the_log(ready: Device, log: Path) -> None:
    hooked(
        ready, before_sync=sh("echo looking"), after_sync=sh(r"printf 'out\n'; printf '\033[31mred\a\n' >&2")
    )

    ran = ready.run("sync")
    assert ran.err == "looking\nout\n\\x1b[31mred\\x07\n"
    assert "looking" not in ran.out
    as_json = ready.run("sync", "--json")
    assert as_json.err == ran.err and as_json.json["syncs"][0]["outcome"] == "idle"

    run = as_json.json["syncs"][0]["run"]
    lines = log.read_text().splitlines()
    assert len(lines) == 14 and lines[7].endswith(f"  run {run}  before_sync: sh -c 'echo looking'")
    assert lines[7].startswith("== 2") and lines[8] == "  looking"
    assert lines[12:] == ["  \\x1b[31mred\\x07", "  -- ended with code 0"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert all(line.isprintable() for line in lines)


def test_lines_come_while_the_hook_runs(ready: Device) -> None:
    go = ready.home / "go"
    os.mkfifo(go)
    hooked(ready, after_sync=sh(f"echo first; cat {go}; echo second"))
    process = ready.popen("sync")
    assert process.stderr is not None
    assert process.stderr.readline() == "first\n"
    go.write_text("")
    _, err = process.communicate(timeout=60)
    assert err == "second\n"


def test_the_log_stays_small_and_keeps_the_last(ready: Device, log: Path) -> None:
    hooked(ready, after_sync=sh("yes a line of noise | head -n 120000; echo the end"))
    ready.sync()

    assert hook_log.LOG_BYTES // 4 < log.stat().st_size <= hook_log.LOG_BYTES
    assert log.read_text().splitlines()[-2:] == ["  the end", "  -- ended with code 0"]


def test_a_log_that_cannot_be_written_stops_nothing(ready: Device, log: Path) -> None:
    log.mkdir()
    hooked(ready, after_sync=sh("echo said"))
    ran = ready.run("sync")
    assert ran.err == f"said\n{log} cannot be written: Is a directory\n"


def test_a_hook_that_fails_names_its_last_words_and_the_log(ready: Device, log: Path) -> None:
    hooked(ready, on_change=sh("echo one; echo no index >&2; echo; exit 3"), after_sync=sh("echo still run"))
    ready.write("a.md", "a")

    result = ready.sync()

    assert (result.outcome, result.exit_code, result.error) == (Outcome.DONE, 1, None)
    (note,) = result.notes
    assert note == (
        "notes: the on_change hook ended with code 3: sh -c 'echo one; echo no index >&2; echo; exit 3': no index; "
        f"all that it said is in {log}; or run it by hand in {ready.notes}"
    )
    assert "still run" in log.read_text()
    assert ready.history()[-1]["outcome"] == "done"


def test_the_commands_after_one_that_fails_are_left_out(ready: Device, log: Path) -> None:
    hooked(ready, after_sync=[["true"], ["false"], ["echo", "never"]])
    assert ready.sync().exit_code == 1
    assert "never" not in log.read_text().replace("echo never", "")


def test_before_sync_that_fails_stops_the_run(ready: Device, cloud: S3, below: str) -> None:
    told = telling(ready, ("after_sync", "on_change", "on_failure"))
    manifest = (ready.home / "bisync.yaml").read_text()
    ready.write_manifest(
        manifest.replace("hooks: {", 'hooks: {"before_sync": [["sh", "-c", "echo not now; exit 9"]], ')
    )
    ready.write("a.md", "a")

    ran = ready.run("sync", expect=1)

    assert (
        "Error: notes: the before_sync hook ended with code 9: sh -c 'echo not now; exit 9': not now\n"
        in ran.err
    )
    assert (
        f"→ all that it said is in {ready.state / 'hooks.log'}; or run it by hand in {ready.notes}" in ran.err
    )
    assert order(told) == ["on_failure"]
    assert variables(told, "on_failure")["BISYNC_OUTCOME"] == "failed"
    assert cloud.tree(f"notes-bucket/{below}") == {}


@pytest.mark.parametrize("hook", ["before_sync", "after_sync"])
def test_a_hook_that_cannot_start(ready: Device, log: Path, hook: str) -> None:
    hooked(ready, **{hook: [["no-such-program", "x"]]})
    result = ready.sync()

    said = f"notes: the {hook} hook cannot start: no-such-program x: No such file or directory"
    cure = f"correct syncs.notes.hooks.{hook}"
    assert result.exit_code == 1
    if hook == "before_sync":
        assert (result.error, result.hint) == (said, cure)
    else:
        assert result.notes == (f"{said}; {cure}",)
    assert "  -- cannot start: No such file or directory\n" in log.read_text()


def test_a_hook_that_takes_too_long_is_ended_with_all_it_started(ready: Device, log: Path) -> None:
    script = "trap 'echo going; exit' TERM; sleep 4711 & sleep 4711 & echo waiting; wait; echo done"
    hooked(ready, timeout=1, before_sync=sh(script))
    began = time.monotonic()

    result = ready.sync()

    assert time.monotonic() - began < 15
    assert result.error is not None
    assert result.error.startswith(
        "notes: the before_sync hook had 1 s, took longer and was ended: sh -c 'trap "
    )
    assert result.error.endswith(": going")
    assert result.hint == f"give it more with syncs.notes.hooks.timeout, or see why: {log}"
    assert "  going\n  -- was ended: it had 1 s\n" in log.read_text()
    assert processes("sleep\x004711") == []


def test_a_child_in_the_background_holds_nothing_up(ready: Device) -> None:
    pid = ready.home / "pid"
    hooked(ready, after_sync=sh(f"sleep 300 & echo $! >{pid}"))
    began = time.monotonic()
    result = ready.sync()
    os.kill(int(pid.read_text()), signal.SIGKILL)

    assert result.exit_code == 0 and time.monotonic() - began < 20


def test_ctrl_c_in_the_moment_a_hook_starts_ends_it_and_is_logged(
    ready: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = hooks.Group

    def started(*argv: Any, **options: Any) -> Group:
        group = start(*argv, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return group

    hooked(ready, before_sync=[["sleep", "4712"]])
    monkeypatch.setattr(hooks, "Group", started)

    with pytest.raises(KeyboardInterrupt):
        ready.sync()

    assert processes("sleep\x004712") == []
    assert (ready.state / "hooks.log").read_text().endswith("  -- interrupted\n")


@pytest.mark.parametrize("hook", ["before_sync", "after_sync"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_ctrl_c_while_a_hook_runs_ends_it_and_the_run(
    ready: Device, hook: str, number: signal.Signals
) -> None:
    started = ready.home / "started"
    hooked(ready, **{hook: sh(f"sleep 300 & touch {started}; wait")})
    ready.write("a.md", "a")
    process = ready.popen("sync")
    until(started.exists)

    process.send_signal(number)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert err == "Error: interrupted\n  → everything is in order; carry on with: bisync sync\n"
    until(lambda: not processes(str(ready.home)))
    assert (ready.state / "hooks.log").read_text().endswith("  -- interrupted\n")
    last = ready.history()[-1]
    assert (last["outcome"], last["uploaded"]) == (("failed", 0) if hook == "before_sync" else ("done", 1))
    hooked(ready)
    assert ready.sync().exit_code == 0


def test_a_second_ctrl_c_kills_a_hook_that_does_not_hear(ready: Device) -> None:
    started = ready.home / "started"
    hooked(ready, before_sync=sh(f"trap '' TERM; touch {started}; while :; do sleep 0.1; done"))
    process = ready.popen("sync")
    until(started.exists)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "it has a few seconds"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert process.returncode == 130 and time.monotonic() - began < 4
    until(lambda: not processes(str(ready.home)))


def test_ctrl_c_ends_the_hooks_of_all_syncs(tmp_path: Path, s3: S3) -> None:
    device = Device(tmp_path / "home", s3)
    hook = json.dumps({"before_sync": sh('touch "$HOME/$BISYNC_SYNC-started"; sleep 300')})
    text = device.s3_manifest()
    text = text[: text.index("syncs:\n")] + "syncs:\n"
    for name in ("one", "two"):
        text += f"  {name}: {{tenant: team, dir: ~/{name}, path: {name}"
        text += ", hooks: HOOK}\n"
    device.write_manifest(text.replace("HOOK", "{}"))
    device.run("setup")
    device.write_manifest(text.replace("HOOK", hook))
    process = device.popen("sync", "--jobs", "2")
    until(lambda: len(list(device.home.glob("*-started"))) == 2)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130 and "Traceback" not in err
    until(lambda: not processes(str(device.home)))


def test_a_hook_has_no_terminal_and_nothing_to_read(ready: Device) -> None:
    hooked(ready, before_sync=sh("cat; (: </dev/tty) 2>/dev/null || echo no terminal; pwd"))
    ran = ready.run("sync")
    assert ran.err == f"no terminal\n{ready.notes}\n"


def test_no_line_break_nor_nul_in_a_value_does_harm(ready: Device) -> None:
    """What went wrong may be told in words of any kind."""
    kept = ready.home / "kept"
    hooked(ready, on_failure=sh(f'printf %s "$BISYNC_ERROR" >{kept}'))
    app = ready.app()
    error = "two\nlines, a \0, a \ud800 and a \udcff" + "x" * 200_000
    result = SyncResult(name="notes", mode="sync", outcome=Outcome.FAILED, run="r", error=error, exit_code=1)

    done = hooks.after(app, app.manifest.syncs[0], result, About(run="r", profile="p\0"), Tally())

    assert done.notes == ()
    assert kept.read_bytes().startswith(b"two\nlines, a \\x00, a \\ud800 and a ")


def test_a_run_that_finds_the_lock_held_runs_no_hook(ready: Device) -> None:
    told = telling(ready)
    with (ready.state / "lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert ready.sync().exit_code == 6
    assert order(told) == []


def test_a_listener_that_is_gone_leaves_no_hook_behind(ready: Device) -> None:
    """`bisync sync 2>&1 | head -1`."""
    hooked(ready, before_sync=sh("while :; do echo noise; sleep 0.05; done"))
    process = ready.popen("sync")
    assert process.stderr is not None and process.stdout is not None
    process.stderr.readline()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(20) == 1
    until(lambda: not processes(str(ready.home)))


def test_no_hook_runs_what_came_with_the_files(ready: Device) -> None:
    for folder in ("", "bin"):
        (ready.notes / folder).mkdir(exist_ok=True)
        planted = ready.notes / folder / "planted"
        planted.write_text("#!/bin/sh\necho stolen > ~/stolen\n")
        planted.chmod(0o755)
    hooked(ready, after_sync=[["planted"]])
    path = f".::{ready.notes}:{ready.notes / 'bin'}:{os.environ['PATH']}"

    ran = ready.run("sync", env={"PATH": path}, expect=1)

    assert "cannot start: planted: No such file or directory" in ran.out
    assert not (ready.home / "stolen").exists()


def test_a_hook_finds_its_own_programs_elsewhere_too(ready: Device) -> None:
    hooked(ready, after_sync=[["sh", "-c", "echo $PATH > ~/path"]])

    ready.run("sync", env={"PATH": f".:{ready.notes}:{os.environ['PATH']}"})

    assert (ready.home / "path").read_text().strip() == os.environ["PATH"]
