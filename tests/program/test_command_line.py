"""How a command line is read: bare words, flags in front, `--`; completion; the same commands by invoke."""

from __future__ import annotations

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
        assert one.taker is not None or one.words is None, one.name


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
