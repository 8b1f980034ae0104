"""Completion: what a word may become, what this machine knows of it, and what shells make of the answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bisync.tasks._commands import COMMANDS
from bisync.tasks._completion import KINDS, WORDS, Sought, sought
from bisync.tasks._shells import SCRIPTS
from bisync.tasks.shell import SHELLS

from bisync.actions import complete
from bisync.actions.conflicts import KEEP
from bisync.core.completing import Kind
from tests.support.shells import has, interactive
from tests.support.world import Device

pytestmark = pytest.mark.pure

MANIFEST = """\
version: 1
tenants:
  try: {provider: embedded, storage: ~/store}
syncs:
  notes: {tenant: try, path: a, dir: ~/notes}
  work: {tenant: try, path: b, dir: ~/work}
profiles:
  slow: {extends: safe, description: slow and sure}
"""
# What a flag takes that nobody can know beforehand.
UNKNOWN = {
    "max_delete", "jobs", "limit", "interval", "at", "webdav", "tool", "name", "bucket", "endpoint", "region",
    "aws_profile", "remote", "workspace",
}  # fmt: skip


def words(found: Sought) -> list[str]:
    return list(found.words)


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("", ["sync", "status", "help"]),
        ("sy", ["sync"]),
        ("-m x ", ["sync", "help"]),
        ("-m x sy", ["sync"]),
        ("--ver", ["--version", "--verbose", "--json"]),
        ("--", ["--help", "--manifest"]),
        ("help ", ["sync"]),
        ("--help ", ["sync"]),
        ("sync --", ["--dry-run", "--profile", "--help"]),
        ("--json sync --", ["--dry-run"]),
        ("schedule ", ["install", "remove", "show"]),
        ("schedule --action ", ["install", "remove", "show"]),
        ("schedule install --at ", ["boot"]),
        ("resolve x --keep ", [*KEEP]),
        ("resolve --keep=", [*KEEP]),
        ("completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_words_that_it_may_become(line: str, some: list[str]) -> None:
    assert set(some) <= set(words(sought(line.split(" "), COMMANDS)))


@pytest.mark.parametrize(
    "line",
    [
        "nonsense ",
        "sync --max-delete ",
        "schedule install ",
        "help sync ",
        "sync --help ",
        "demo ",
        "sync --json=",
    ],
)
def test_where_there_is_nothing_to_say(line: str) -> None:
    assert sought(line.split(" "), COMMANDS) == Sought()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sync ", Sought(kinds=(Kind.SYNC,))),
        ("sync notes ", Sought(kinds=(Kind.SYNC,), taken=("notes",))),
        ("sync --only ", Sought(kinds=(Kind.SYNC,))),
        ("sync --only=", Sought(kinds=(Kind.SYNC,), head="--only=")),
        ("sync --only notes,w", Sought(kinds=(Kind.SYNC,), head="notes,", taken=("notes",))),
        ("sync --only=notes,", Sought(kinds=(Kind.SYNC,), head="--only=notes,", taken=("notes",))),
        ("-o notes sync --only ", Sought(kinds=(Kind.SYNC,), taken=("notes",), only=("notes",))),
        ("-m x sync -p ", Sought(kinds=(Kind.PROFILE,), manifest="x")),
        ("sync -nm x -p ", Sought(kinds=(Kind.PROFILE,), manifest="x")),
        ("sync -mx -p ", Sought(kinds=(Kind.PROFILE,), manifest="x")),
        ("sync --manifest=x -p ", Sought(kinds=(Kind.PROFILE,), manifest="x")),
        ("resolve ", Sought(kinds=(Kind.CONFLICT,))),
        ("resolve --only work -- -", Sought(kinds=(Kind.CONFLICT,), only=("work",))),
        ("resolve a ", Sought()),
        ("conflicts ", Sought(kinds=(Kind.SYNC, Kind.CONFLICT))),
        ("check no", Sought(kinds=(Kind.SYNC, Kind.FILE))),
        ("check --only no", Sought(kinds=(Kind.SYNC,))),
        ("undo ", Sought(kinds=(Kind.RUN,))),
        ("undo 1 ", Sought()),
        ("log ", Sought(kinds=(Kind.RUN, Kind.FILE))),
        ("log 1 ", Sought(kinds=(Kind.FILE,))),
        ("restore x --run ", Sought(kinds=(Kind.RUN,))),
        ("restore x --to ", Sought(kinds=(Kind.FOLDER,))),
        ("explain a b ", Sought(kinds=(Kind.FILE,))),
        ("validate ", Sought(kinds=(Kind.FILE,))),
        ("login ", Sought(kinds=(Kind.TENANT,))),
        ("-m ", Sought(kinds=(Kind.FILE,))),
        ("--manifest=a", Sought(kinds=(Kind.FILE,), head="--manifest=")),
    ],
)
def test_names_that_it_may_become(line: str, found: Sought) -> None:
    assert sought(line.split(" "), COMMANDS) == found


def test_a_flag_that_was_given_is_not_offered_again() -> None:
    offered = words(sought(["sync", "--dry-run", "-p", "fast", "--only", "notes", "--"], COMMANDS))

    assert not {"--dry-run", "--profile"} & set(offered)
    assert "--only" in offered


def test_every_value_is_known_or_known_to_be_unknown() -> None:
    for name, one in COMMANDS.items():
        for flag in one.flags():
            said = {f"{name} {flag.parameter}", flag.parameter} & {*KINDS, *WORDS}
            chosen = flag.parameter == one.word and one.choices
            assert bool(said or chosen or flag.parameter in UNKNOWN) == (flag.value is not None), (name, flag)
    assert list(WORDS["resolve keep"]) == list(KEEP)
    assert tuple(SCRIPTS) == SHELLS


# -- names of this machine -----------------------------------------------------------------------------------


@pytest.fixture
def device(tmp_path: Path) -> Device:
    device = Device(tmp_path / "home")
    device.write_manifest(MANIFEST)
    for folder in ("notes/ideas", "work"):
        (device.home / folder).mkdir(parents=True)
    return device


def named(device: Device, *kinds: Kind, only: tuple[str, ...] = (), cwd: Path | None = None) -> list[str]:
    found = complete.names(
        kinds, None, only, env=device.environment, cwd=cwd or device.home, home=device.home
    )
    return list(found)


def test_names_of_the_manifest(device: Device) -> None:
    assert named(device, Kind.SYNC) == ["notes", "work"]
    assert named(device, Kind.PROFILE) == ["safe", "balanced", "fast", "merge", "slow"]
    assert named(device, Kind.TENANT) == ["try"]
    assert named(device, Kind.PROJECT) == ["ideas"]
    assert named(device, Kind.SYNC, Kind.FILE) == ["notes", "work"]


def test_contested_paths_are_those_to_type_here(device: Device) -> None:
    (device.home / "notes" / ".git").mkdir()
    for path in ("a.md", "ideas/b c.md", "-x", "~y", "new\nline", ".git/g"):
        (device.home / "notes" / f"{path}.conflict1").touch()
    (device.home / "work" / "a.md.conflict1").touch()
    (device.home / "notes" / "ideas" / "b c.md.conflict2").touch()
    (device.home / "notes" / "away").symlink_to(device.home / "work")
    (device.home / "notes" / "link.conflict1").symlink_to("a.md.conflict1")
    (device.home / "notes" / "b\udcff.conflict1").touch()

    assert named(device, Kind.CONFLICT) == ["./-x", "a.md", "ideas/b c.md", "./~y"]
    assert named(device, Kind.CONFLICT, only=("work",)) == ["a.md"]
    inside = device.home / "notes" / "ideas"
    assert named(device, Kind.CONFLICT, cwd=inside) == ["../-x", "../a.md", "b c.md", "../~y"]


def test_copies_that_keep_their_extension_are_found_where_they_are_made(device: Device) -> None:
    (device.home / "notes" / "a.conflict1.md").touch()
    assert named(device, Kind.CONFLICT) == []

    mine = MANIFEST.replace("path: a,", "path: a, profile: slow,")
    device.write_manifest(
        mine.replace("{extends: safe,", "{extends: safe, conflict_name: note.conflict1.md,")
    )

    assert named(device, Kind.CONFLICT) == ["a.md"]


def test_runs_come_newest_first(device: Device) -> None:
    state = device.home / ".basic-memory" / "bisync-state" / "try" / "notes"
    state.mkdir(parents=True)
    state.parent.chmod(0o700)
    lines = [{"version": 1, "run": f"2026110{n}T000000Z-here", "outcome": "done"} for n in range(1, 4)]
    lines.append({"version": 1, "run": "evil\x1b[2J", "outcome": "done"})
    (state / "history.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines) + "broken {")

    found = complete.names((Kind.RUN,), None, (), env=device.environment, cwd=device.home, home=device.home)

    assert list(found) == [f"2026110{n}T000000Z-here" for n in (3, 2, 1)]
    assert found["20261101T000000Z-here"] == "notes: done"
    assert named(device, Kind.RUN, only=("work",)) == []


def test_a_disk_that_does_not_answer_keeps_nobody_waiting(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete, "PATIENCE", 0.2)
    monkeypatch.setattr(complete, "find", lambda *_: time.sleep(5))
    began = time.monotonic()

    assert named(device, Kind.SYNC) == []
    assert time.monotonic() - began < 2


# -- silence ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "line", "out"),
    [
        (MANIFEST, "bash sync no", "-\nnotes\n"),
        (MANIFEST, "bash sync --only = no", "-\nnotes\n"),
        (MANIFEST, "zsh sync --prof", None),
        (MANIFEST, "zsh undo 2", "-\n"),
        (MANIFEST, "bash check no", "file\nnotes\n"),
        (MANIFEST, "bash restore x --to no", "folder\n"),
        (None, "bash sync no", "-\n"),
        (None, "bash undo ", "-\n"),
        ("{ broken", "fish sync no", "-\n"),
        ("version: 7\nsyncs: {no: 3}", "bash resolve ", "-\n"),
        (MANIFEST, "bash -m /nowhere sync no", "-\n"),
        (MANIFEST, "bash sync --nonsense x --only no", "-\nnotes\n"),
        (MANIFEST, "bash $'no", "-\n"),
        (MANIFEST, "", None),
    ],
)
def test_nothing_is_ever_said_into_a_prompt(
    device: Device, manifest: str | None, line: str, out: str | None
) -> None:
    (device.home / "bisync.yaml").unlink()
    if manifest is not None:
        device.write_manifest(manifest)
    before = sorted(device.home.rglob("*"))

    said = device.run("--complete", *line.split(" "))

    assert said.err == ""
    assert said.out == out or out is None
    assert sorted(device.home.rglob("*")) == before, "completing leaves nothing behind"


def test_a_folder_that_is_gone_is_no_news_either(device: Device) -> None:
    gone = device.home / "gone"
    gone.mkdir()
    script = f'cd "{gone}"; rmdir "{gone}"; exec "{sys.executable}" -m bisync --complete bash sync no'

    said = subprocess.run(
        ["sh", "-c", script], env=device.environment, capture_output=True, text=True, check=False, timeout=60
    )

    assert (said.returncode, said.stderr) == (0, "")


# -- shells ---------------------------------------------------------------------------------------------------

NASTY = 'it\'s $(touch ran) `touch ran` "x"; touch ran &.md'


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_completes(device: Device, name: str) -> None:
    if not has(name):
        pytest.skip(f"there is no {name} here")
    (device.home / "notes" / f"{NASTY}.conflict1").touch()
    (device.home / "notes" / "-x:y=z w.conflict1").touch()

    with interactive(device, name) as shell:
        assert shell.completed("bisync sync --only notes,w") == ["sync", "--only", "notes,work"]
        assert shell.completed("bisync resolve it") == ["resolve", NASTY]
        assert shell.completed("bisync resolve './-x:y") == ["resolve", "./-x:y=z w"]
        assert shell.completed("bisync resolve ./-x:") == ["resolve", "./-x:y=z w"]
        assert shell.completed("bisync sync --manifest bisync.y") == ["sync", "--manifest", "bisync.yaml"]
        device.write_manifest("broken: [")
        assert shell.completed("bisync resolve it") == ["resolve", "it"]
        assert "rror" not in shell.screen and "yaml" not in shell.screen, "the prompt stays clean"

    assert not (device.home / "ran").exists(), "a name has run"


@pytest.mark.parametrize("name", SHELLS)
def test_a_script_is_one_that_its_shell_reads(device: Device, name: str) -> None:
    if not has(name):
        pytest.skip(f"there is no {name} here")
    said = device.run("completion", name).out

    read = subprocess.run([name, "-n"], input=said, capture_output=True, text=True, check=False, timeout=60)

    assert (read.returncode, read.stderr) == (0, "")
    assert "compgen" not in said and "eval " not in said
    assert device.run("completion", "csh", expect=2).err.startswith(
        "Error: no completion for csh; there is bash"
    )


def test_a_large_tree_is_searched_only_so_long(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    (device.home / "notes" / "a.md.conflict1").touch()
    assert named(device, Kind.CONFLICT) == ["a.md"]

    monkeypatch.setattr(complete, "WALK_SECONDS", 0)

    assert named(device, Kind.CONFLICT) == []
