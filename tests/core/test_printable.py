"""Foreign text that is looked at, and typed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bisync.core.printable import printable, typed, typed_path
from bisync.report import conflict_words, plan_words, run_words
from bisync.report.words import Problem
from tests.support import results

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("größe ☂ 日本 \\ ' \"", "größe ☂ 日本 \\ ' \"", id="printable"),
        pytest.param("", "", id="empty"),
        pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="colour"),
        pytest.param("\x1b]0;title\x07", r"\x1b]0;title\x07", id="title"),
        pytest.param("\x9b2J", r"\x9b2J", id="C1"),
        pytest.param("a\nb\rc\td\x08e\x00", r"a\nb\rc\td\x08e\x00", id="C0"),
        pytest.param("\x7f", r"\x7f", id="DEL"),
        pytest.param("md.\u202egnp", r"md.\u202egnp", id="right to left"),
        pytest.param("\u2066x\u2069\u200f", r"\u2066x\u2069\u200f", id="isolates"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="no width"),
        pytest.param("a\u2028b\u2029", r"a\u2028b\u2029", id="line separators"),
        pytest.param("a\u061cb\u2060\u00ad\U000e0041", r"a\u061cb\u2060\xad\U000e0041", id="other formats"),
        pytest.param("a\u3164\u115fb\u2800", r"a\u3164\u115fb\u2800", id="fillers that are letters"),
        pytest.param("a\ufe01\U000e0101b", r"a\ufe01\U000e0101b", id="selectors"),
        pytest.param("❤\ufe0f", "❤\ufe0f", id="an emoji"),
        pytest.param("\u0085", r"\x85", id="next line"),
        pytest.param("\udcff", r"\udcff", id="a byte that is no UTF-8"),
    ],
)
def test_what_a_name_looks_like(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    assert shown.isprintable()


# -- to be typed ----------------------------------------------------------------------------------------

EVIL = "a'; touch pwned #"
ODD = (
    EVIL, "$(touch pwned)", "`touch pwned`", "a\n touch pwned", "a'\n touch pwned\n'", "\x1b'; touch pwned #",
    "\\'\u202e; touch pwned #", "\x07\\", "a b", "~/x", "*", "", "größe ☂", "a&touch pwned", "!!", "\x9b\x7f1",
    "\u202e1f", "\udcff'", "\U000e0101f", "\t1",
)  # fmt: skip


@pytest.mark.parametrize("name", ["ideas.md", "a/b-c_1.md", "20261122T101500Z-3f2a7c-laptop", "/home/me/x"])
def test_an_ordinary_name_is_typed_as_it_is(name: str) -> None:
    assert typed(name) == typed_path(name) == name


@pytest.mark.parametrize("shell", [one for one in ("sh", "dash", "bash", "zsh") if shutil.which(one)])
@pytest.mark.parametrize("name", ODD)
def test_a_name_in_a_command_is_a_name_for_every_shell(name: str, shell: str, tmp_path: Path) -> None:
    command = f"printf '%s\\0' {typed(name)} end"
    ran = subprocess.run(
        [shell, "-c", command.encode()], cwd=tmp_path, capture_output=True, check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip

    said, *rest = ran.stdout.split(b"\0")
    assert rest == [b"end", b""]
    assert list(tmp_path.iterdir()) == []
    assert command.isprintable()
    if shell in ("bash", "zsh") or printable(name) == name:
        assert said == os.fsencode(name)


def test_a_path_that_looks_like_a_flag_is_none() -> None:
    assert typed_path("--manifest=evil.yaml") == "./--manifest=evil.yaml"
    assert typed_path("-x y") == "'./-x y'"


COMMANDS = [
    *conflict_words.conflicts_lines([replace(results.conflict_group(), path=EVIL)]),
    *plan_words.plan_file_lines(EVIL),
    *run_words.sync_lines(results.sync_result(conflicts=(replace(results.conflict(), path=EVIL),))),
]


@pytest.mark.parametrize(
    "line",
    [
        each
        for each in COMMANDS
        if not isinstance(each, Problem) and "bisync " in each and "(see:" not in each
    ],
)
def test_a_command_that_is_suggested_does_nothing_else(line: str, tmp_path: Path) -> None:
    command = (
        line[line.index("bisync ") :].replace("bisync", "echo", 1).replace("local|cloud|newer|both", "both")
    )

    said = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    assert EVIL in said
    assert list(tmp_path.iterdir()) == []
