"""The manual page: up to date, whole, and without a word that roff takes for its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bisync.tasks._commands import COMMANDS
from bisync.tasks._guide import EXIT_CODES
from bisync.tasks._man import page, roff

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "bisync.1"
# What a reader of such pages has to say of one without a date, which would be another every day.
NO_DATE = "missing date"

pytestmark = pytest.mark.pure


def test_it_is_up_to_date() -> None:
    assert MANUAL.read_text("utf-8") == page(), "run: make docs"


def test_every_task_and_flag_is_in_it() -> None:
    text = MANUAL.read_text("utf-8").replace("\\-", "-")

    for name, one in COMMANDS.items():
        (section,) = re.findall(rf"^\.SS bisync {name}\b.*\n((?:(?!\.S[SH]).*\n)*)", text, flags=re.MULTILINE)
        missing = {
            flag.long for flag in one.flags() if flag.parameter != one.word and flag.long not in section
        }
        assert missing == set(), name


def test_exit_codes_are_those_of_the_docs() -> None:
    told = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "commands.md").read_text(), flags=re.MULTILINE)

    assert [int(code) for code in told] == list(EXIT_CODES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".bmignore", "\\&.bmignore"),
        ("'work/**/*.md'", "\\(aqwork/**/*.md\\(aq"),
        ("the file's own", "the file's own"),
        ("a\\b --x", "a\\eb \\-\\-x"),
        ("'x", "\\(aqx"),
    ],
)
def test_text_is_only_text(text: str, said: str) -> None:
    assert roff(text) == said


@pytest.mark.parametrize(
    "argv",
    [("mandoc", "-T", "lint", "-W", "style"), ("groff", "-man", "-ww", "-Tutf8", "-z")],
    ids=["mandoc", "groff"],
)
def test_programs_that_read_manuals_find_nothing_wrong(argv: tuple[str, ...]) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"there is no {argv[0]} here")

    read = subprocess.run([*argv, str(MANUAL)], capture_output=True, text=True, check=False, timeout=60)

    complaints = [line for line in (read.stdout + read.stderr).splitlines() if NO_DATE not in line]
    assert complaints == []
