"""The manual page, made from what commands declare: `python -m bisync.tasks._man > docs/bisync.1`."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping

from ._command import Command
from ._commands import COMMANDS
from ._guide import EXIT_CODES, FILES, VARIABLES, examples, grouped
from ._help import shown, spelled, usage
from ._parsing import OWN_FLAGS

_HEAD = r""".\" Made by `make docs`.
.TH BISYNC 1 "" "bisync\-tasks" "User Commands"
.SH NAME
bisync \- keep folders in two\-way sync with a bucket, declared in one file
.SH SYNOPSIS
.B bisync
.I TASK
.RI [ WORDS ]
.RI [ FLAGS ]
.br
.B bisync help
.RI [ TASK ]"""
_DESCRIPTION = (
    "bisync keeps folders of files in two-way sync with a bucket, or with whatever rclone knows, from several "
    "computers. A manifest, bisync.yaml, says which folder goes where. Each run says first what it will do, and "
    "refuses what looks like an accident; what it overwrites or deletes is kept, and can be brought back.",
    "Flags may stand before the task or after it. A letter is the same flag in every task. Bare words say what a task "
    "is for without its flag: the names of syncs (bisync sync notes work is bisync sync --only notes --only work), a "
    "file, a run. Names may stand in one word, with commas between (--only notes,work). What follows a lone -- is "
    "never a flag.",
    "With --json a task prints one JSON document on stdout and nothing else there.",
)


def page() -> str:
    """The page, in roff."""
    return "\n".join(_page(COMMANDS)) + "\n"


def _page(commands: Mapping[str, Command]) -> Iterator[str]:
    yield _HEAD
    yield ".SH DESCRIPTION"
    for number, text in enumerate(_DESCRIPTION):
        if number:
            yield ".PP"
        yield from _folded(text)
    yield ".SH OPTIONS"
    for name, text in OWN_FLAGS.items():
        yield from _item(name, text)
    for title, names in grouped(list(commands)).items():
        yield f".SH {roff(title.upper())}"
        for name in names:
            yield from _task(commands[name])
    yield ".SH EXIT STATUS"
    yield "A run over several syncs exits with the highest of theirs."
    for code, text in EXIT_CODES.items():
        yield from _item(str(code), text)
    yield ".SH ENVIRONMENT"
    for name, text in VARIABLES.items():
        yield from _item(name, text)
    yield ".SH FILES"
    for name, text in FILES.items():
        yield from _item(name, text)
    yield ".SH SEE ALSO"
    yield ".BR rclone (1)"


def _task(command: Command) -> Iterator[str]:
    yield f".SS {roff(usage(command))}"
    yield from _folded(command.summary)
    for text in command.details:
        yield ".PP"
        yield from _folded(text)
    for flag in shown(command):
        yield from _item(spelled(flag, command).strip(), flag.help)
    lines = examples(command.name)
    if lines:
        yield ".PP"
        yield "For example:"
        yield ".PP"
        yield ".RS 4"
        yield ".nf"
        yield from (roff(line) for line in lines)
        yield ".fi"
        yield ".RE"


def _item(name: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {roff(name)}"
    yield from _folded(text)


def _folded(text: str) -> list[str]:
    """A paragraph in short lines, as its readers like them."""
    return [roff(line) for line in textwrap.wrap(text, 70, break_long_words=False, break_on_hyphens=False)]


def roff(text: str) -> str:
    """Text as roff says it: no word of it is a request or an escape, and a hyphen is the one that is typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = re.sub(r"(?<!\S)'|'(?!\S)|(?<=\W)'", r"\\(aq", text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write(page())
