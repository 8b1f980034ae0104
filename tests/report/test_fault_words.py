"""How a fault of a file is shown: its place first, its line and a caret below; and its document."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.errors import Fault, ManifestError
from bisync.report.documents import error_document
from bisync.report.fault_words import fault_lines

pytestmark = pytest.mark.pure

HOME = Path("/home/me")


def fault(source: str | None = None, column: int = 1, **more: object) -> Fault:
    given = {"text": "is wrong", "key": "a.b", "file": "bisync.yaml", "folder": HOME, "line": 7, **more}
    return Fault(source=source, column=column, **given)  # type: ignore[arg-type]


def lines(one: Fault, cwd: Path = HOME, columns: int = 80) -> list[str]:
    return [said.text for said in fault_lines([one], cwd, columns)]


@pytest.mark.parametrize(
    ("cwd", "file"),
    [
        ("/home/me", "bisync.yaml"),
        ("/home/me/notes/deep", "../../bisync.yaml"),
        ("/home", "me/bisync.yaml"),
        ("/srv/else", "/home/me/bisync.yaml"),
    ],
)
def test_the_place_leads_an_editor_to_the_file(cwd: str, file: str) -> None:
    assert lines(fault(), cwd=Path(cwd)) == [f"{file}:7:1: a.b: is wrong"]


def test_what_is_about_no_line_is_an_error_like_any_other() -> None:
    (said,) = fault_lines([Fault(text="expected a path", file="/x/config.json")], HOME, 80)

    assert said == ("/x/config.json: expected a path", False)


@pytest.mark.parametrize(
    ("source", "column", "shown"),
    [
        ("    dir: ~", 10, ["  7 |     dir: ~", "    |          ^"]),
        ("dir: ~/日本/x: y", 11, ["  7 | dir: ~/日本/x: y", "    |             ^"]),
        ("dir: ~/e\u0301: y", 10, ["  7 | dir: ~/e\u0301: y", "    |         ^"]),
        ("\tdir: ~", 2, ["  7 | \\tdir: ~", "    |   ^"]),
        ("dir: \x1b[31m", 6, ["  7 | dir: \\x1b[31m", "    |      ^"]),
        ("dir: \u202ex", 7, ["  7 | dir: \\u202ex", "    |            ^"]),
        ("dir:", 5, ["  7 | dir:", "    |     ^"]),
    ],
)
def test_the_caret_is_below_what_is_meant(source: str, column: int, shown: list[str]) -> None:
    assert lines(fault(source, column))[1:] == shown


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("column", [1, 20, 90, 200])
def test_a_long_line_is_cut_around_the_caret(column: int, columns: int) -> None:
    source = "x" * (column - 1) + "HERE" + "y" * 200

    line, caret = lines(fault(source, column), columns=columns)[1:]

    assert len(line) <= columns
    assert line[caret.index("^") :].startswith("HERE")


def test_a_screen_that_is_too_narrow_has_the_place_alone() -> None:
    assert len(lines(fault("    dir: ~", 10), columns=20)) == 1


def test_the_document_has_each_problem_with_its_place() -> None:
    error = ManifestError(
        [fault(column=3), Fault(text="expected a path", file="/x/config.json"), "no such file"]
    )

    document = error_document(error)

    assert (
        document["error"] == "bisync.yaml:7:3: a.b: is wrong\n/x/config.json: expected a path\nno such file"
    )
    assert document["problems"] == [
        {"file": "/home/me/bisync.yaml", "line": 7, "column": 3, "key": "a.b", "text": "is wrong"},
        {"file": "/x/config.json", "line": None, "column": None, "key": None, "text": "expected a path"},
        {"file": None, "line": None, "column": None, "key": None, "text": "no such file"},
    ]
