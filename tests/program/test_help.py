"""Help: what it says, for every task, in a terminal of any width."""

from __future__ import annotations

import pytest
from bisync.tasks._command import SHORT, VALUES
from bisync.tasks._commands import COMMANDS
from bisync.tasks._guide import GUIDE, examples, grouped
from bisync.tasks._help import about, columns, listing, overview, usage
from bisync.tasks._parsing import Call, asked
from bisync.tasks.program import run

pytestmark = pytest.mark.pure

ALL = [None, *COMMANDS]


def lines(name: str | None, width: int) -> list[str]:
    return list(overview(COMMANDS, width) if name is None else about(COMMANDS[name], width))


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ALL)
def test_no_line_is_longer_than_the_terminal(name: str | None, width: int) -> None:
    said = lines(name, width)

    assert [line for line in said if len(line) > width or line != line.rstrip()] == []
    assert not any(word in "\n".join(said) for word in ("core-opts", "Docstring", "other tasks", "invoke"))


def test_every_task_has_its_group_and_one_line() -> None:
    named = [name for tasks in GUIDE.values() for name in tasks]
    shown = [
        line.split()[0] for line in overview(COMMANDS, 80) if line.startswith("  ") and line[2] not in " -"
    ]

    assert sorted(named) == sorted(COMMANDS), "each task stands in the guide once"
    assert shown == named
    for name, one in COMMANDS.items():
        assert len(one.summary) <= 65, f"{name}: more than a line of 80"


def test_a_task_that_the_guide_does_not_know_is_shown_all_the_same() -> None:
    groups = grouped(["sync", "new"])

    assert groups["Sync"] == ["sync"]
    assert groups["More"] == ["new"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_one(name: str) -> None:
    said = examples(name)

    assert said
    for line in said:
        program, *words = line.split()
        meant = asked(words, COMMANDS)
        assert program == "bisync"
        assert isinstance(meant, Call) and meant.command.name == name
        assert f"  {line}" in lines(name, 40)


def test_a_flag_has_one_meaning_and_its_value_one_name() -> None:
    flags = {flag.long for one in COMMANDS.values() for flag in one.flags()}

    assert set(SHORT) <= flags and set(VALUES) <= flags
    for one in COMMANDS.values():
        for flag in one.flags():
            assert flag.value is None or flag.value.isupper()
            assert flag.value is None or flag.value.isalpha(), f"{flag.long}: its value needs a name"
            assert flag.short == SHORT.get(flag.long)


def test_help_says_which_words_a_task_takes() -> None:
    assert usage(COMMANDS["sync"]) == "bisync sync [SYNC ...] [FLAGS]"
    assert usage(COMMANDS["explain"]) == "bisync explain PATH [PATH ...] [FLAGS]"
    assert usage(COMMANDS["validate"]) == "bisync validate [FILE] [FLAGS]"
    assert usage(COMMANDS["restore"]) == "bisync restore [PATH] [FLAGS]"
    assert usage(COMMANDS["log"]) == "bisync log [RUN] [PATH] [FLAGS]"


def test_what_a_task_says_of_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert run(["help", "undo"]) == 0

    assert capsys.readouterr().out.startswith(
        "Usage: bisync undo [RUN] [FLAGS]\n\n"
        "Take back what a run did, here and in the cloud.\n\n"
        "What has changed since is left alone, and named.\n\n"
        "      --run RUN           this run, or how its id begins (see: bisync history);\n"
    )


def test_a_narrow_terminal_has_the_text_below() -> None:
    assert list(columns({"-m, --manifest FILE": "the manifest to use", "    --json": "a document"}, 40)) == [
        "  -m, --manifest FILE",
        "      the manifest to use",
        "  --json",
        "      a document",
    ]
    assert list(columns({"a": ""}, 80)) == ["  a"]
    assert all(name in "\n".join(listing(COMMANDS, 40)) for name in COMMANDS)


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_the_program_alone_says_what_there_is(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run(words) == 0

    said = capsys.readouterr()
    assert said.out.startswith("Usage: bisync TASK [WORDS] [FLAGS]\n\nStart here:\n")
    assert said.err == ""
