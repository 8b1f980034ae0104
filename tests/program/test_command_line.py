"""How a command line is read: bare words, flags in front, `--`; the same commands by invoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bisync.tasks import namespace
from bisync.tasks._command import SHORT
from bisync.tasks._commands import COMMANDS
from bisync.tasks._edge import looks_like_files, names_in
from bisync.tasks._parsing import OWN, Call, Help, asked
from bisync.tasks.program import run
from invoke.parser import Parser

from bisync.core.closest import closest
from tests.support.world import Device

pytestmark = pytest.mark.pure


NO_COMMAND = "see: bisync --help"


@pytest.mark.parametrize(
    ("line", "name", "given"),
    [
        ("sync", "sync", {}),
        ("sync notes work", "sync", {"only": ["notes", "work"]}),
        ("sync --only notes work -o diary", "sync", {"only": ["notes", "diary", "work"]}),
        ("sync --only notes,work", "sync", {"only": ["notes,work"]}),
        ("sync -nv -m here.yaml", "sync", {"dry_run": True, "verbose": True, "manifest": "here.yaml"}),
        ("sync -n", "sync", {"dry_run": True}),
        ("-m here.yaml sync", "sync", {"manifest": "here.yaml"}),
        ("-mhere.yaml sync", "sync", {"manifest": "here.yaml"}),
        ("--manifest=here.yaml sync --manifest there.yaml", "sync", {"manifest": "there.yaml"}),
        ("--json status", "status", {"json": True}),
        ("-nv sync notes", "sync", {"dry_run": True, "verbose": True, "only": ["notes"]}),
        ("-nm here.yaml sync", "sync", {"dry_run": True, "manifest": "here.yaml"}),
        ("-o notes --only=work sync diary", "sync", {"only": ["notes", "work", "diary"]}),
        ("-m sync status", "status", {"manifest": "sync"}),
        ("sync --max-delete=3 --jobs 2", "sync", {"max_delete": "3", "jobs": "2"}),
        ("validate here.yaml", "validate", {"manifest": "here.yaml"}),
        ("init here.yaml", "init", {"manifest": "here.yaml"}),
        ("login team", "login", {"tenant": "team"}),
        ("schedule show", "schedule", {"action": "show"}),
        ("completion zsh", "completion", {"shell": "zsh"}),
        ("--print-completion-script zsh", "completion", {"shell": "zsh"}),
        ("--print-completion-script=fish", "completion", {"shell": "fish"}),
        ("explain a b --only notes c", "explain", {"path": "a", "also": ["b", "c"], "only": ["notes"]}),
        ("explain -- -x --y", "explain", {"path": "-x", "also": ["--y"]}),
        ("explain --path a b", "explain", {"path": "a", "also": ["b"]}),
        ("restore -- --help", "restore", {"path": "--help"}),
        ("resolve a.md --keep local", "resolve", {"path": "a.md", "keep": "local"}),
        ("log 2026 a.md", "log", {"run": "2026", "path": "a.md"}),
    ],
)
def test_what_people_type(line: str, name: str, given: dict[str, object]) -> None:
    assert asked(line.split(), COMMANDS) == Call(COMMANDS[name], given)


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("", None),
        ("help", None),
        ("--help", None),
        ("-h", None),
        ("-m x --help", None),
        ("help help", None),
        ("help sync", "sync"),
        ("--help sync", "sync"),
        ("-h sync", "sync"),
        ("help sync notes --json", "sync"),
        ("help --json sync", "sync"),
        ("-m x help sync", "sync"),
        ("sync --help", "sync"),
        ("sync notes --onl x -h", "sync"),
    ],
)
def test_many_ways_to_ask_for_help(line: str, about: str | None) -> None:
    assert asked(line.split(), COMMANDS) == Help(COMMANDS[about] if about is not None else None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("restore a b", "restore does not know what to do with 'b'"),
        ("validate a b", "validate does not know what to do with 'b'"),
        ("validate a -m b", "validate does not know what to do with 'a'"),
        ("schedule", "schedule needs ACTION"),
        ("sync --json=yes", "--json takes no value"),
        ("sync --onl notes", "sync has no flag --onl; did you mean --only?"),
        ("sync --dryrun", "sync has no flag --dryrun; did you mean --dry-run?"),
        ("plan --foo=3", "plan has no flag --foo"),
        ("plan -z3", "plan has no flag -z3"),
        ("-m", "-m needs a value"),
        ("-m x", "-m is for a task, and none is named"),
        ("-m x demo", "demo has no flag -m"),
        ("--json demo", "demo has no flag --json"),
        ("--verson", "no flag --verson; did you mean --version?"),
        ("--jsn status", "no flag --jsn; did you mean --json?"),
        ("--keep local resolve a.md", "no flag --keep"),  # in demo it is a switch: it stands behind the task
        ("-nZ sync", "no flag -Z"),
        ("- sync", "no flag -"),
        ("-- sync", "no flag --"),
        ("stauts", "no task stauts; did you mean status?"),
        ("help stauts", "no task stauts; did you mean status?"),
        ("hlep sync", "no task hlep; did you mean help?"),
        ("conf", "no task conf; did you mean conflicts?"),
        ("synchronize", "no task synchronize; did you mean sync?"),
        ("push", "no task push"),
        ("pull", "no task pull"),
        ("ls", "no task ls"),
        ("config", "no task config"),
        ("start", "no task start"),
        ("notes", "no task notes"),
    ],
)
def test_what_cannot_be_meant(capsys: pytest.CaptureFixture[str], line: str, says: str) -> None:
    assert run(line.split()) == 2

    first, hint, *more = capsys.readouterr().err.splitlines()
    assert first == f"Error: {says}"
    assert hint.startswith("  → see: bisync ") and not more


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([""], "an empty word is no task"),
        (["help", "\x1b[2Jx"], "no task \\x1b[2Jx"),
        (["a\nb"], "no task a\\nb"),
        (["\udcff"], "no task \\udcff"),
        (["sync", "--\x1b]0;x"], "sync has no flag --\\x1b]0;x"),
    ],
)
def test_odd_words_are_said_on_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"Error: {says}"


def test_a_command_line_that_is_wrong_has_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stauts", "--json"]) == 2

    said = json.loads(capsys.readouterr().out)
    assert said == {
        "version": 1, "error": "no task stauts; did you mean status?", "hint": NO_COMMAND, "exit_code": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("stauts", ["sync", "status"], "status"),
        ("fst", ["safe", "balanced", "fast"], "fast"),
        ("onl", ["json", "only"], "only"),
        ("initialise", ["init", "login"], "init"),
        ("foo", ["force", "from"], None),
        ("st", ["status"], None),
        ("x", ["a"], None),
        ("", ["a"], None),
        ("sync" * 100_000, ["sync"], None),
        ("sync", [], None),
        ("übersicht", ["übersichtlich", "über"], "übersichtlich"),
    ],
)
def test_only_what_is_close_is_meant(word: str, known: list[str], meant: str | None) -> None:
    assert closest(word, known) == meant


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("notes,work", ["notes", "work"]),
        ("notes,wrok", ["notes", "wrok"]),
        ("notes,", ["notes", ""]),
        ("notes", ["notes"]),
        ("a,b", ["a", "b"]),
        ("a,b.md", ["a,b.md"]),
        ("notes,b.md", ["notes", "b.md"]),
    ],
)
def test_names_with_commas_between(word: str, names: list[str]) -> None:
    assert names_in(word, {"notes", "work"}, looks_like_files) == names


def test_a_letter_means_the_same_everywhere() -> None:
    letters = [SHORT[flag.long] for one in COMMANDS.values() for flag in one.flags() if flag.short]
    assert set(letters) == set(SHORT.values())
    assert len(set(SHORT.values())) == len(SHORT)
    assert not set(letters) & set(OWN.values()), "-h, -l and -V are the program's"
    for one in COMMANDS.values():
        assert len(one.takers) == len(one.words), one.name


# -- invoke ---------------------------------------------------------------------------------------------


def test_invoke_has_the_same_commands_and_flags() -> None:
    assert set(namespace.task_names) == set(COMMANDS)
    for name, one in COMMANDS.items():
        spelled = {
            other for each in namespace[name].get_arguments() for other in each.names if len(other) > 1
        }
        assert spelled == {flag.long[2:] for flag in one.flags()}


def test_invoke_has_the_same_letters() -> None:
    """It deals out letters of its own where it is let."""
    for name, one in COMMANDS.items():
        letters = {
            tuple(each.names)
            for each in namespace[name].get_arguments()
            if any(len(n) == 1 for n in each.names)
        }
        assert letters == {(flag.long[2:], flag.short[1:]) for flag in one.flags() if flag.short}, name
    (found,) = Parser(contexts=namespace.to_contexts()).parse_argv(["sync", "-n", "-o", "notes", "-m", "x"])
    given = [found.args[name].value for name in ("dry_run", "only", "manifest")]
    assert given == [True, ["notes"], "x"]


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
        (("history", "--limit", "0"), "--limit takes a whole number, not '0'"),
        (("sync", "--plan", ""), "--plan needs a value"),
        (("plan", "--out="), "--out needs a value"),
        (("status", "--manifest", ""), "--manifest needs a value"),
        (("restore", ""), "--path needs a value"),
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


@pytest.mark.parametrize("line", ["status", "sync -m /x.yaml", "init -m x.yaml --provider embedded"])
def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path, line: str) -> None:
    device = Device(tmp_path / "home")
    gone = tmp_path / "gone"
    gone.mkdir()

    said = subprocess.run(
        ["sh", "-c", f'rmdir "$1" && exec "$2" -m bisync {line}', "sh", gone, sys.executable],
        cwd=gone, env={**device.environment, "PYTHONSAFEPATH": "1"}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip

    assert said.stderr.startswith("Error: the folder that you are in is not there any more\n"), said
    assert said.returncode == 1


@pytest.mark.parametrize("line", ["--help", "--list", "help sync", "completion zsh", "explain x", "history"])
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
