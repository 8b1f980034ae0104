"""Units, agents and crontab lines: odd paths arrive as they are, by the word of the real readers where they are."""

from __future__ import annotations

import itertools
import os
import plistlib
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bisync.errors import BisyncError, UsageError
from bisync.schedule.form import INTERVALS, Form, Job
from bisync.schedule.texts import (
    block_in,
    checked,
    cron_block,
    cron_times,
    launchd_form,
    launchd_text,
    on_calendar,
    program,
    spliced,
    systemd_texts,
)
from tests.schedule.jobs import BACKSLASHES, DAILY, ODD, OFTEN, WATCH, job, odd_job
from tests.support.background import cron_runs

pytestmark = pytest.mark.pure

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze, which reads units as systemd does, is not on this machine",
)


@pytest.mark.parametrize(
    "odd", ["a\nb", "a\rb", "a\tb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "a\udce4b", "a\x1bb"]
)
@pytest.mark.parametrize(
    "where",
    [
        lambda text: job(f"/{text}/bisync.yaml"),
        lambda text: job(PATH=f"/bin:/{text}"),
        lambda text: job(program=(f"/{text}/bisync",)),
    ],
    ids=["manifest", "PATH", "program"],
)
def test_what_would_break_a_line_is_refused(odd: str, where) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="no service can be given"):
        checked(where(odd))


def test_all_other_paths_may_stand() -> None:
    assert checked(odd_job()) == odd_job()


# -- systemd --------------------------------------------------------------------------------------------


def verified(folder: Path, texts: dict[str, str]) -> tuple[int, str]:
    """What the real systemd reads in units: its exit code and all it says, with a dump of every unit."""
    for name, text in texts.items():
        (folder / name).write_text(text)
    env = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "SYSTEMD_LOG_LEVEL": "debug"}
    done = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "verify", *(str(folder / name) for name in texts)],
        env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def dumped(said: str, key: str) -> list[str]:
    """The values of a key in a dump."""
    return [
        line.partition(":")[2].strip() for line in said.splitlines() if line.strip().startswith(f"{key}:")
    ]


def shell_words(command: str) -> list[str]:
    """A command line as a shell splits it."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split("\0")[:-1]


def real_program(folder: Path, name: str = "bisync") -> tuple[str, ...]:
    """A program that exists, as systemd wants."""
    folder.mkdir(parents=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return (str(folder / name),)


@needs_systemd
@pytest.mark.parametrize(
    "form", [WATCH, OFTEN, DAILY, Form(interval=60), Form(interval=4 * 60, at_boot=True)]
)
def test_systemd_reads_odd_paths_as_they_are(tmp_path: Path, form: Form) -> None:
    where = real_program(tmp_path / "a b; 100% é <x>")
    odd = replace(odd_job(BACKSLASHES), program=where)

    code, said = verified(tmp_path, systemd_texts(odd, form))

    assert code == 0, said
    (command,) = dumped(said, "Command Line")
    # Its dump is quoted for a shell, and of before the last step, where `$$` becomes `$` (systemd.service(5)).
    words = shell_words(command)
    assert [word.replace("$$", "$") for word in words] == list(odd.argv(form))
    assert "".join(words).count("$") == 2 * "".join(odd.argv(form)).count("$") > 0
    assert set(dumped(said, "Environment")) == {f"{name}={value}" for name, value in odd.env}
    assert dumped(said, "EnvironmentFile") == [f"-{tmp_path}/.config/bisync/environment"]
    assert f"bisync of {odd.manifest}, " in "".join(dumped(said, "Description"))
    assert not [
        line for line in said.splitlines() if "bisync-" in line and ("nknown" in line or "ignoring" in line)
    ]


@needs_systemd
def test_systemd_says_what_is_wrong_with_a_unit(tmp_path: Path) -> None:
    """That the test before can fail."""
    texts = systemd_texts(replace(job(), program=real_program(tmp_path / "bin")), WATCH)
    (name,) = texts

    code, said = verified(tmp_path, {name: texts[name].replace("WatchdogSec=5min", "WatchdogSec=often")})
    assert "ignoring" in said
    code, said = verified(tmp_path, {name: texts[name].replace('ExecStart="', 'ExecStart="no/')})
    assert code != 0


@needs_systemd
@pytest.mark.parametrize("minutes", [each for each in INTERVALS if each >= 60])
def test_systemd_runs_it_so_often(minutes: int) -> None:
    calendar = on_calendar(minutes)
    assert calendar is not None

    said = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", "--base-time=2026-11-28 00:30:00 UTC", calendar],
        env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip

    times = [
        datetime.fromisoformat(found) for found in re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said)
    ]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [
        timedelta(minutes=minutes)
    ] * 2


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and line[0] not in "#["]


def test_a_watch_is_one_service_that_is_looked_after() -> None:
    texts = systemd_texts(job(), WATCH)

    (text,) = texts.values()
    assert list(texts) == [f"{job().name}.service"]
    assert {
        "Type=notify", "NotifyAccess=main", "WatchdogSec=5min", "Restart=on-failure", "RestartSec=30s",
        "SuccessExitStatus=130 143", "KillMode=mixed", "Nice=10", "WantedBy=default.target",
        "After=network-online.target", 'Environment="PATH=/usr/local/bin:/usr/bin"',
    } <= set(lines_of(text))  # fmt: skip
    assert (
        'ExecStart="/opt/venv/bin/bisync" "sync" "--watch" "--manifest" "/home/anna/notes/bisync.yaml"'
        in text
    )


def test_an_interval_below_an_hour_counts_from_the_end_of_the_last_run() -> None:
    service, timer = systemd_texts(job(), OFTEN).values()

    assert {"Type=oneshot", "SuccessExitStatus=6 130 143"} <= set(lines_of(service))
    assert not {"WantedBy=default.target", "Type=notify", "Restart=on-failure"} & set(lines_of(service))
    assert "--watch" not in service
    assert lines_of(timer)[1:] == [
        "OnBootSec=1min", "OnUnitInactiveSec=5min", "RandomizedDelaySec=30s", "AccuracySec=10s",
        "WantedBy=timers.target",
    ]  # fmt: skip


@pytest.mark.parametrize(("minutes", "when"), [(60, "00/1:00"), (240, "00/4:00"), (1440, "00:00")])
def test_an_interval_from_an_hour_on_makes_up_for_what_was_missed(minutes: int, when: str) -> None:
    _, timer = systemd_texts(job(), Form(interval=minutes)).values()

    assert lines_of(timer)[1:3] == [f"OnCalendar=*-*-* {when}", "Persistent=true"]
    assert "OnUnitInactiveSec" not in timer


@pytest.mark.parametrize("path", ['/a"b/bisync', "/a'b/bisync", "/a\\b/bisync", "/a$b/bisync"])
def test_a_program_that_systemd_cannot_start_is_refused(path: str) -> None:
    with pytest.raises(BisyncError, match="systemd starts no program"):
        systemd_texts(job(program=(path,)), WATCH)


# -- launchd --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [job(), odd_job(BACKSLASHES)], ids=["plain", "odd"])
def test_launchd_reads_a_watch(made: Job) -> None:
    said = plistlib.loads(launchd_text(made, WATCH).encode())

    assert said["Label"] == made.name
    assert said["ProgramArguments"] == list(made.argv(WATCH))
    assert said["EnvironmentVariables"] == dict(made.env)
    assert (said["RunAtLoad"], said["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert (said["ProcessType"], said["LowPriorityIO"], said["Nice"]) == ("Background", True, 10)
    assert said["StandardOutPath"] == said["StandardErrorPath"] == str(made.log)
    assert "StartInterval" not in said


def test_launchd_reads_an_interval() -> None:
    said = plistlib.loads(launchd_text(odd_job(), OFTEN).encode())

    assert said["ProgramArguments"] == list(odd_job().argv(OFTEN))
    assert said["StartInterval"] == 300
    assert not {"KeepAlive", "ThrottleInterval"} & said.keys()


def test_an_agent_says_its_form_itself() -> None:
    forms = [Form(interval=minutes) for minutes in (None, *INTERVALS)]

    assert [launchd_form(launchd_text(odd_job(), form)) for form in forms] == forms
    assert [
        launchd_form(text) for text in ("", "<plist>", launchd_text(job(), OFTEN).replace("300", "301s"))
    ] == [None] * 3


# -- cron -----------------------------------------------------------------------------------------------


def test_the_shell_that_cron_starts_sees_odd_paths_as_they_are(tmp_path: Path) -> None:
    """A real shell carries out what crontab(5) says that cron hands over."""
    folder = tmp_path / ODD
    told = folder / "told"
    (script,) = real_program(folder)
    Path(script).write_text(
        '#!/bin/sh\nprintf "%s\\0" "$@" "$PATH" "$RCLONE_CONFIG" >"${0%/*}/told"; echo said\n'
    )
    made = job(
        str(folder / "bisync.yaml"), (script,), PATH=f"/usr/bin:/bin:/{ODD}", RCLONE_CONFIG=f"/{ODD}.conf"
    )
    made.log.parent.mkdir()

    _, line, _ = cron_block(made, OFTEN).splitlines()
    subprocess.run(["/bin/sh", "-c", cron_runs(line)], env={}, check=True, timeout=60)

    assert told.read_text().split("\0")[:-1] == [
        *made.argv(OFTEN)[1:],
        f"/usr/bin:/bin:/{ODD}",
        f"/{ODD}.conf",
    ]
    assert made.log.read_text() == "said\n"


def test_a_backslash_and_a_line_that_is_too_long_are_refused() -> None:
    with pytest.raises(BisyncError, match="can have no backslash"):
        cron_block(job("/a\\b/bisync.yaml"), OFTEN)
    with pytest.raises(BisyncError, match="cron takes less than 1000") as refused:
        cron_block(job(PATH="/bin:" * 200), OFTEN)
    assert "PATH=/usr/local/bin:/usr/bin:/bin bisync schedule install" in str(refused.value.hint)


@pytest.mark.parametrize("minutes", INTERVALS)
@pytest.mark.parametrize("digest", ["0000000000", "ffffffffff", "00000004d2"])
def test_cron_runs_it_so_often(minutes: int, digest: str) -> None:
    minute, hour, *rest = cron_times(Form(interval=minutes), f"bisync-{digest}").split()

    runs = [h * 60 + m for h in numbers(hour, 24) for m in numbers(minute, 60)]
    assert rest == ["*", "*", "*"]
    assert len(runs) == 1440 // minutes
    assert {later - earlier for earlier, later in itertools.pairwise(runs)} <= {minutes}


def numbers(field: str, end: int) -> list[int]:
    """What a field of a crontab means (crontab(5)): `*`, a number, or a range with a step."""
    if field == "*":
        return list(range(end))
    span, _, step = field.partition("/")
    first, _, last = span.partition("-")
    assert 0 <= int(first) < end
    assert int(last or first) < end
    return list(range(int(first), int(last or first) + 1, int(step or 1)))


def test_a_watch_starts_with_the_machine() -> None:
    assert (
        cron_block(job(), WATCH)
        .splitlines()[1]
        .startswith("@reboot PATH=/usr/local/bin:/usr/bin nice -n 10 ")
    )


MINE, OTHER = "bisync-mine-0123456789", "bisync-mine-01234567890"
BLOCK = f"# >>> {MINE} >>> bisync schedule install\n@reboot true\n# <<< {MINE} <<<\n"
FOREIGN = "MAILTO=anna\n\n  # odd \\ line\t\n* * * * * echo a % b\n\udce4\n"


@pytest.mark.parametrize("after", ["", FOREIGN, f"# >>> {OTHER} >>> x\n1 1 1 1 1 true\n# <<< {OTHER} <<<\n"])
@pytest.mark.parametrize("front", ["", FOREIGN, "\n\n"])
def test_every_other_line_stays_byte_for_byte(front: str, after: str) -> None:
    assert spliced(front, MINE, BLOCK) == front + BLOCK
    installed = front + BLOCK + after
    assert block_in(installed, MINE) == BLOCK
    assert spliced(installed, MINE, BLOCK) == installed
    assert spliced(installed, MINE, "") == front + after
    assert spliced(front + after, MINE, "") == front + after
    assert spliced(spliced(front, MINE, "# >>> x\n"), MINE, "") == front + "# >>> x\n"


def test_a_last_line_without_an_end_gets_one() -> None:
    assert spliced("1 1 1 1 1 true", MINE, BLOCK) == "1 1 1 1 1 true\n" + BLOCK
    assert spliced("1 1 1 1 1 true", MINE, "") == "1 1 1 1 1 true"


@pytest.mark.parametrize(
    "broken",
    [BLOCK.partition("# <<<")[0], "# <<<" + BLOCK.rpartition("# <<<")[2], BLOCK + BLOCK,
     "".join(reversed(BLOCK.splitlines(keepends=True)))],
)  # fmt: skip
def test_half_of_our_lines_is_no_reason_to_guess(broken: str) -> None:
    for wanted in (BLOCK, ""):
        with pytest.raises(BisyncError, match="not one beginning and one end") as refused:
            spliced(FOREIGN + broken + FOREIGN, MINE, wanted)
        assert "crontab -e" in str(refused.value.hint)


# -- how bisync is started ------------------------------------------------------------------------------


def test_the_console_script_beside_python_else_the_module() -> None:
    assert program(Path("/venv/bin/python3.11"), script=True) == ("/venv/bin/bisync",)
    assert program(Path("/venv/bin/python3.11"), script=False) == (
        "/venv/bin/python3.11",
        "-P",
        "-m",
        "bisync",
    )
