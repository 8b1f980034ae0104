"""How a command line is read: bare words, flags in front, `--`; completion; the same commands by invoke."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bisync.tasks import namespace
from bisync.tasks._command import SHORT
from bisync.tasks._commands import COMMANDS
from bisync.tasks._completion import candidates
from bisync.tasks.program import FRONT_FLAGS, run
from invoke.parser import Parser

from tests.support.world import Device

pytestmark = pytest.mark.pure


class Called:
    """What each command was called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[tuple[str, dict[str, object]]] = []
        for name, one in COMMANDS.items():
            flags = one.flags()  # the real function's
            monkeypatch.setattr(one, "flags", lambda flags=flags: flags)
            monkeypatch.setattr(one, "call", lambda c, name=name, **given: self.found.append((name, given)))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    return Called(monkeypatch)


@pytest.mark.parametrize(
    ("line", "name", "given"),
    [
        ("sync", "sync", {}),
        ("sync notes work", "sync", {"only": ["notes", "work"]}),
        ("sync --only notes work -o diary", "sync", {"only": ["notes", "diary", "work"]}),
        ("sync -nv -m here.yaml", "sync", {"dry_run": True, "verbose": True, "manifest": "here.yaml"}),
        ("-m here.yaml sync", "sync", {"manifest": "here.yaml"}),
        ("--manifest=here.yaml sync --manifest there.yaml", "sync", {"manifest": "there.yaml"}),
        ("sync --max-delete=3 --jobs 2", "sync", {"max_delete": "3", "jobs": "2"}),
        ("validate here.yaml", "validate", {"manifest": "here.yaml"}),
        ("explain a b --only notes c", "explain", {"path": "a", "also": ["b", "c"], "only": ["notes"]}),
        ("explain -- -x --y", "explain", {"path": "-x", "also": ["--y"]}),
        ("explain --path a b", "explain", {"path": "a", "also": ["b"]}),
        ("restore -- --help", "restore", {"path": "--help"}),
        ("resolve a.md --keep local", "resolve", {"path": "a.md", "keep": "local"}),
    ],
)
def test_what_people_type(called: Called, line: str, name: str, given: dict[str, object]) -> None:
    assert run(line.split()) == 0
    assert called.found == [(name, given)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("restore a b", "restore does not know what to do with 'b'"),
        ("validate a b", "validate does not know what to do with 'b'"),
        ("validate a -m b", "validate does not know what to do with 'a'"),
        ("sync --json=yes", "--json takes no value"),
        ("sync --onl notes", "sync has no flag --onl; did you mean --only?"),
        ("plan --foo=3", "plan has no flag --foo"),
        ("-m", "-m needs a value"),
        ("-m x demo", "demo has no flag --manifest"),
        ("--verson", "no flag --verson; did you mean --version?"),
        ("--print-completion-script csh", "no completion for csh; there is bash, zsh and fish"),
    ],
)
def test_what_cannot_be_meant(
    called: Called, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    assert run(line.split()) == 2
    assert capsys.readouterr().err.startswith(f"Error: {says}\n  → see: bisync ")
    assert called.found == []


def test_a_letter_means_the_same_everywhere() -> None:
    letters = [SHORT[flag.long] for one in COMMANDS.values() for flag in one.flags() if flag.short]
    assert set(letters) == set(SHORT.values())
    assert len(set(SHORT.values())) == len(SHORT)
    for one in COMMANDS.values():
        assert len(one.takers) == len(one.words), one.name


def test_help_says_which_words_a_command_takes(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help", "sync"])
    run(["explain", "--help"])
    run(["validate", "-h"])
    said = capsys.readouterr().out
    assert "Usage: bisync sync [SYNC ...] [--options]\n" in said
    assert "Usage: bisync explain PATH [PATH ...] [--options]\n" in said
    assert "Usage: bisync validate [FILE] [--options]\n" in said


# -- completion -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sy"], ["sync"]),
        (["sync", "--dr"], ["--dry-run"]),
        (["--json", "sync", "--dr"], ["--dry-run"]),
        (["sync", ""], []),
        (["--ver"], ["--version"]),
        (["schedule", ""], ["install", "remove", "show"]),
        (["schedule", "in"], ["install"]),
        (["schedule", "install", ""], []),
        (["schedule", "install", "--in"], ["--interval"]),
        ([], list(COMMANDS)),
    ],
)
def test_what_a_word_may_become(words: list[str], found: list[str]) -> None:
    assert candidates(COMMANDS, FRONT_FLAGS, words) == found


def test_bash_completes(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    (device.home / "bisync").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bisync "$@"\n')
    (device.home / "bisync").chmod(0o755)
    script = (
        'PATH="$PWD:$PATH"; eval "$(bisync --print-completion-script bash)"\n'
        'COMP_WORDS=(bisync sync --ma); COMP_CWORD=2; _bisync; echo "${COMPREPLY[@]}"\n'
        'COMP_WORDS=(bisync st); COMP_CWORD=1; _bisync; echo "${COMPREPLY[@]}"\n'
    )

    said = subprocess.run(
        ["bash", "-c", script], cwd=device.home, env=device.environment, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip

    assert (said.stdout, said.stderr) == ("--manifest --max-delete\nstatus\n", "")


# -- invoke ---------------------------------------------------------------------------------------------


def test_invoke_has_the_same_commands_and_flags() -> None:
    assert set(namespace.task_names) == set(COMMANDS)
    for name, one in COMMANDS.items():
        spelled = {
            other for each in namespace[name].get_arguments() for other in each.names if len(other) > 1
        }
        assert spelled == {flag.long[2:] for flag in one.flags()}


def test_invoke_reads_a_command_line_by_its_own_rules() -> None:
    parser = Parser(contexts=namespace.to_contexts())

    (found,) = parser.parse_argv(["explain", "a", "--also", "b", "--only", "notes", "--json"])

    given = {name: argument.value for name, argument in found.args.items()}
    assert (given["path"], given["also"], given["only"], given["json"]) == ("a", ["b"], ["notes"], True)


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("sync", {"only": None, "max_delete": None, "jobs": 4}),
        ("sync --only", {"only": []}),
        ("sync --only --dry-run", {"only": [], "dry_run": True}),
        ("sync --only sync -o status", {"only": ["sync", "status"]}),
        ("sync --jobs x --max-delete=y", {"jobs": "x", "max_delete": "y"}),
        ("history --limit x", {"limit": "x", "only": None}),
        ("explain a --also", {"path": "a", "also": []}),
    ],
)
def test_invoke_passes_on_what_was_typed(line: str, given: dict[str, object]) -> None:
    (found,) = Parser(contexts=namespace.to_contexts()).parse_argv(line.split())

    assert {name: found.args[name].value for name in given} == given


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("sync", "--only"), "--only needs a value"),
        (("sync", "--only", "--dry-run"), "--only needs a value"),
        (("status", "--only"), "--only needs a value"),
        (("explain", "a", "--also"), "--also needs a value"),
        (("history", "--limit", "x"), "--limit takes a whole number, not 'x'"),
        (("sync", "--jobs", "x"), "--jobs takes a whole number, not 'x'"),
    ],
)
@pytest.mark.parametrize("way", ["invoke", "bisync"])
def test_a_value_that_is_none_does_nothing(
    tmp_path: Path, way: str, argv: tuple[str, ...], says: str
) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(
        "version: 1\ntenants: {t: {provider: embedded, storage: ~/store}}\nsyncs: {notes: {tenant: t, dir: ~/notes}}\n"
    )
    (device.home / "tasks.py").write_text("from bisync.tasks import namespace\n")
    (device.home / "notes").mkdir()

    said = subprocess.run(
        [sys.executable, "-m", way, *argv], cwd=device.home, env=device.environment, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip

    assert said.returncode == 2, said
    assert said.stderr.startswith(f"Error: {says}\n"), said
    assert not (device.home / ".basic-memory").exists()


@pytest.mark.parametrize("line", ["--help", "--list", "--version", "sync --help", "explain x", "history"])
def test_a_reader_that_has_gone_gets_no_traceback(tmp_path: Path, line: str) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(
        "version: 1\ntenants: {t: {provider: embedded, storage: ~/store}}\nsyncs: {notes: {tenant: t, dir: ~/notes}}\n"
    )
    (device.home / "notes").mkdir()
    end, pipe = os.pipe()
    os.close(end)

    said = subprocess.run(
        [sys.executable, "-m", "bisync", *line.split()], cwd=device.home, env=device.environment, stdout=pipe,
        stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip

    os.close(pipe)
    assert (said.returncode, said.stderr) == (1, "")


@pytest.mark.parametrize(
    "argv",
    [
        ("explain", "~$doc.docx"),
        ("explain", "~nobody-of-that-name/x"),
        ("status", "--manifest", "~nobody-of-that-name/x"),
        ("sync", "--plan", "~nobody-of-that-name/x"),
    ],
)
def test_a_name_that_begins_with_a_tilde_may_be_a_files(tmp_path: Path, argv: tuple[str, ...]) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(
        "version: 1\ntenants: {t: {provider: embedded, storage: ~/store}}\nsyncs: {notes: {tenant: t, dir: ~/notes}}\n"
    )
    (device.home / "notes").mkdir()

    said = device.run(*argv, expect=0 if argv[0] == "explain" else 2)

    assert "unexpected" not in said.err
    assert argv[-1] in said.out + said.err
