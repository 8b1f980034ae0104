"""What a person reads of a plan that is longer than a screen."""

from __future__ import annotations

import sys

import pytest
from rich.cells import cell_len

from bisync.core.change import Action, Change
from bisync.core.printable import printable
from bisync.core.snapshot import LeftOut
from bisync.report.heed import RED, YELLOW
from bisync.report.plan_words import PIPED, Room, preview_lines
from bisync.report.screen import Screen
from bisync.report.words import Painted, Problem, Shown
from tests.report.test_screen import Pipe, Terminal
from tests.support import results

pytestmark = pytest.mark.pure


def plan(*parts: tuple[Action, int, str]) -> list[Change]:
    made = [
        Change(action, path.format(number), 1024, "for a reason")
        for action, count, path in parts
        for number in range(count)
    ]
    return sorted(made, key=lambda change: change.path)


def texts(lines: list[Shown]) -> list[str]:
    return [line.text if isinstance(line, Painted) else str(line) for line in lines]


def coloured(lines: list[Shown]) -> dict[str, str]:
    return {line.text: line.colour for line in lines if isinstance(line, Painted)}


LARGE = plan(
    (Action.UPLOAD, 30, "notes/2024/{}.md"),
    (Action.DOWNLOAD, 4, "notes/2025/{}.md"),
    (Action.DELETE_LOCAL, 2, "old/{}.md"),
    (Action.DELETE_CLOUD, 22, "old/gone/{:02}.md"),
    (Action.CONFLICT, 1, "f{}.md"),
)


def test_every_change_of_a_file_can_be_counted() -> None:
    for action in set(Action) - {Action.REGISTER_PROJECT}:
        for columns in (None, 40):
            made = results.plan_result(*plan((action, 50, "a/{}")))
            assert len(preview_lines(made, room=Room(24, columns))) >= 3


def test_a_long_plan_goes_by_folder() -> None:
    lines = preview_lines(results.plan_result(*LARGE))

    gone = [f"  delete in the cloud  old/gone/{number:02}.md  (for a reason)" for number in range(18)]
    assert texts(lines) == [
        "notes (sync): 30 to upload, 4 to download, 2 to delete here, 22 to delete in the cloud, 1 conflict",
        "   1.0 KiB  ./ (the rest)    1 in conflict",
        "  30.0 KiB  notes/2024/      30 to upload",
        "   4.0 KiB  notes/2025/      4 to download",
        "   2.0 KiB  old/ (the rest)  2 to delete here",
        "  22.0 KiB  old/gone/        22 to delete in the cloud",
        "  delete here          old/0.md  (for a reason)",
        "  delete here          old/1.md  (for a reason)",
        *gone,
        "  … and 4 more deletions",
        "  conflict             f0.md  (for a reason)",
        "  One by one: bisync plan --verbose",
    ]
    assert coloured(lines) == {line: YELLOW if "f0.md" in line else RED for line in texts(lines)[6:-1]}


@pytest.mark.parametrize(
    ("count", "room", "verbose", "is_grouped"),
    [
        (40, PIPED, False, False),
        (41, PIPED, False, True),
        (41, PIPED, True, False),
        (24, Room(24, 80), False, False),
        (25, Room(24, 80), False, True),
        (25, Room(24, 80), True, False),
    ],
)
def test_what_fits_on_a_screen_is_told_one_by_one(
    count: int, room: Room, verbose: bool, is_grouped: bool
) -> None:
    lines = preview_lines(
        results.plan_result(*plan((Action.UPLOAD, count, "{}.md"))), room=room, verbose=verbose
    )

    assert len(lines) == (3 if is_grouped else count + 1)
    assert ("bisync plan --verbose" in texts(lines)[-1]) is is_grouped


def test_colours_where_it_is_told_one_by_one() -> None:
    made = plan((Action.DELETE_CLOUD, 1, "a"), (Action.CONFLICT, 1, "b"), (Action.UPLOAD, 1, "c"))

    assert coloured(preview_lines(results.plan_result(*made))) == {
        "  delete in the cloud  a  (for a reason)": RED,
        "  conflict             b  (for a reason)": YELLOW,
    }


def test_what_stands_in_the_way_is_never_folded_away() -> None:
    left_out = tuple(LeftOut(f"x{number}", "no room") for number in range(50))
    made = results.plan_result(*LARGE, notes=("look here",), left_out=left_out, refused=True)

    lines = preview_lines(made, room=Room(24, 40))

    assert "Note: look here" in lines
    assert [f"Left out: x{number}: no room" for number in range(50)] == lines[-51:-1]
    assert lines[-1] == Problem("Deletion exceeds safety limit (26 > 25)", "look at them: bisync plan")


def test_a_project_to_be_made_is_named() -> None:
    made = plan((Action.REGISTER_PROJECT, 1, "work"), (Action.UPLOAD, 50, "work/{}.md"))

    assert texts(preview_lines(results.plan_result(*made)))[2] == "  create project  work  (for a reason)"


WIDE = plan(
    (Action.UPLOAD, 30, "a long way/to the/日本語のフォルダー名/{}.md"),
    (Action.DOWNLOAD, 5, "a long way/to the/日本語のフォルダー名/d{}.md"),
    (Action.DELETE_CLOUD, 3, "a long way/to the/日本語のフォルダー名/\x1b[31m\u202e{}.md"),
    (Action.DELETE_LOCAL, 3, "e\u0301/{}" + "y" * 200),
    (Action.RENAME, 3, "e\u0301/r{}"),
    (Action.CONFLICT, 3, "[red]{}.md"),
    *((Action.UPLOAD, 1, f"folder {number}/{{}}.md") for number in range(30)),
)


@pytest.mark.parametrize("columns", [35, 40, 80, 120, 200])
@pytest.mark.parametrize("lines", [10, 24, 60])
def test_no_line_is_wider_than_the_terminal(lines: int, columns: int) -> None:
    shown = texts(preview_lines(results.plan_result(*WIDE), room=Room(lines, columns)))

    assert [line for line in map(printable, shown) if cell_len(line) > columns] == []
    head = next(number for number, line in enumerate(shown) if "KiB" in line)
    # Nine are named, and eight folders are shown however low the terminal is.
    assert len(shown) < max(lines, head + 8 + 9 + 2)
    assert sum("KiB" in line for line in shown) >= 8


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (90, "  40.0 KiB  a/  10 to upload, 15 to delete here, 15 to delete in the cloud"),
        (70, "  40.0 KiB  a/  10 up, 15 gone here, 15 gone there"),
        (48, "  40.0 KiB  a/  10 up, 15 gone here, 15 more"),
        (34, "  40.0 KiB  a/  10 up, 30 more"),
        (28, "  40.0 KiB  a/  40 changes"),
    ],
)
def test_counts_get_shorter_where_there_is_no_room(columns: int, line: str) -> None:
    made = plan(
        (Action.UPLOAD, 10, "a/{}"), (Action.DELETE_LOCAL, 15, "a/d{}"), (Action.DELETE_CLOUD, 15, "a/e{}")
    )

    assert line in texts(preview_lines(results.plan_result(*made), room=Room(24, columns)))


def test_the_room_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setenv("LINES", "17")
    monkeypatch.setattr(sys, "stdout", Pipe())
    assert Screen().room == PIPED == Room(40, None)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert Screen().room == Room(17, 44)
