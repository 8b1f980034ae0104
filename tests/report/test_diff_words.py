"""Differences as people, `patch` and scripts read them."""

from __future__ import annotations

import sys

import pytest

from bisync.actions.diff import Differences
from bisync.core.change import Action, Change, Merging
from bisync.core.text_diff import ABSENT, LIMIT, LONG, Version, shown
from bisync.errors import BisyncError
from bisync.report.diff_words import diff_document, diff_lines
from bisync.report.heed import BOLD, CYAN, GREEN, RED, YELLOW
from bisync.report.screen import Screen
from bisync.report.stream import LONG_LINE
from bisync.report.words import Painted, Problem
from bisync.sync.differences import FileDifference, Side
from tests.report.test_documents import NONE, fits
from tests.report.test_screen import HOSTILE, SHOWN, Pipe, Terminal

pytestmark = pytest.mark.pure


def held(content: bytes | str) -> Version:
    content = content.encode() if isinstance(content, str) else content
    return Version(len(content), content)


def different(change: Change, side: Side, before: Version, after: Version) -> FileDifference:
    return FileDifference(
        change=change, side=side, before=before.size, after=after.size, shown=shown(before, after)
    )  # fmt: skip


def change(action: Action, path: str = "a b.md", why: str = "edited here", **more: object) -> Change:
    return Change(action, path, 1, why, **more)  # type: ignore[arg-type]


OLD, NEW = held("same\nold\n"), held("same\nnew\n")
HUNK = ["@@ -1,2 +1,2 @@", " same", "-old", "+new"]
TABLE = {
    "download": (
        different(change(Action.DOWNLOAD), "local", OLD, NEW),
        ["download a b.md (edited here)", "--- a b.md\t(here, now)", "+++ a b.md\t(here, then: from the cloud)", *HUNK],
    ),
    "upload": (
        different(change(Action.UPLOAD), "cloud", OLD, NEW),
        ["upload a b.md (edited here)", "--- a b.md\t(cloud, now)", "+++ a b.md\t(cloud, then: from here)", *HUNK],
    ),
    "new": (
        different(change(Action.DOWNLOAD), "local", ABSENT, held("x")),
        ["download a b.md (edited here)", "--- /dev/null", "+++ a b.md\t(here, then: from the cloud)",
         "@@ -0,0 +1 @@", "+x", "\\ No newline at end of file"],
    ),
    "gone": (
        different(change(Action.DELETE_CLOUD), "cloud", held("x\n"), ABSENT),
        ["delete in the cloud a b.md (edited here)", "--- a b.md\t(cloud, now)", "+++ /dev/null",
         "@@ -1 +0,0 @@", "-x"],
    ),
    "empty": (
        different(change(Action.UPLOAD), "cloud", ABSENT, held("")),
        ["upload a b.md (edited here)", "  an empty file"],
    ),
    "renamed": (
        FileDifference(change=change(Action.RENAME, to="c\t.md", side="local"), side="cloud"),
        ['rename a b.md → "c\\t.md" (edited here)'],
    ),
    "contested": (
        different(change(Action.CONFLICT, winner="cloud", copies=("a b.md.conflict1",)), "both", OLD, NEW),
        ["conflict a b.md (edited here)", "  beside it: a b.md.conflict1",
         "--- a b.md\t(here)", "+++ a b.md\t(cloud)", *HUNK],
    ),
    "binary": (
        different(change(Action.UPLOAD), "cloud", held(b"\0" * 12288), held(b"\0" * 14336)),
        ["upload a b.md (edited here)", "  Binary files differ (12.0 KiB -> 14.0 KiB)"],
    ),
    "new and binary": (
        different(change(Action.UPLOAD), "cloud", ABSENT, held(b"\0" * 2048)),
        ["upload a b.md (edited here)", "  Binary file (2.0 KiB)"],
    ),
    "large": (
        different(change(Action.UPLOAD), "cloud", Version(LIMIT + 1), held("x")),
        ["upload a b.md (edited here)", "  not looked into, for it is too large (1.0 MiB -> 1 B)"],
    ),
    "long": (
        different(change(Action.UPLOAD), "cloud", ABSENT, held("x" * (LONG + 1))),
        ["upload a b.md (edited here)", "  not shown, for it is long (32.0 KiB); name it to see it: bisync diff PATH"],
    ),
    "too different": (
        different(change(Action.UPLOAD), "cloud", held("\n" * LIMIT), held("x" + "\n" * (LIMIT - 2) + "x")),
        ["upload a b.md (edited here)",
         "  1048576 lines -> 1048575 lines (1.0 MiB -> 1.0 MiB): too different to show each"],
    ),
    "not fetched": (
        different(change(Action.DOWNLOAD), "local", OLD, Version(3, why="it is gone from the cloud")),
        ["download a b.md (edited here)", "  not shown: it is gone from the cloud"],
    ),
    "the same": (
        different(change(Action.DOWNLOAD), "local", OLD, OLD),
        ["download a b.md (edited here)", "  the text is the same (9 B -> 9 B)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "lines"), TABLE.values(), ids=TABLE)
def test_a_file_in_lines(one: FileDifference, lines: list[str]) -> None:
    found = list(diff_lines(Differences(name="notes", files=(one,))))

    assert [line.text for line in found if isinstance(line, Painted)] == lines


def test_a_merge_is_on_both_sides() -> None:
    made = change(Action.MERGE, merged=Merging(2, 9, "0"))
    files = tuple(different(made, side, OLD, NEW) for side in ("local", "cloud"))

    assert [line.text for line in diff_lines(Differences(name="n", files=files)) if isinstance(line, Painted)] == [
        "merge a b.md (edited here)",
        "--- a b.md\t(here, now)", "+++ a b.md\t(here, then: merged)", *HUNK,
        "--- a b.md\t(cloud, now)", "+++ a b.md\t(cloud, then: merged)", *HUNK,
    ]  # fmt: skip


def test_colours_say_what_goes_and_what_comes() -> None:
    [one] = [TABLE["contested"][0]]

    assert [line.colour for line in diff_lines(Differences(name="n", files=(one,))) if isinstance(line, Painted)] == [
        YELLOW, YELLOW, BOLD, BOLD, CYAN, "", RED, GREEN,
    ]  # fmt: skip


def test_a_sync_in_lines() -> None:
    nothing = Differences(name="notes")

    assert list(diff_lines(nothing)) == ["notes: the next sync changes no file"]
    assert list(diff_lines(nothing, narrowed=True)) == ["notes: the next sync changes no file that is meant"]
    failed = Differences(name="notes", error=BisyncError("nobody answers", hint="wait"))
    assert list(diff_lines(failed)) == [Problem("nobody answers", "wait")] and failed.exit_code == 1
    refused = Differences(name="notes", files=(TABLE["empty"][0],), refused=("26 > 25",))
    assert next(iter(diff_lines(refused))) == Painted(
        "notes: the next sync would refuse all this: 26 > 25 (see: bisync plan)", YELLOW
    )
    assert refused.exit_code == 0


def test_nothing_in_a_name_or_a_text_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = held(f"\x1b]0;x\x07[red]\tb\u202e\r\n{'y' * (LONG_LINE + 7)}\n")
    one = different(change(Action.DOWNLOAD, HOSTILE, HOSTILE), "local", ABSENT, text)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "400")

    Screen().tell(diff_lines(Differences(name="n", files=(one,))))

    *above, name, _, first, second = terminal.seen.splitlines()
    assert above[-1] == "--- /dev/null" and above[0].endswith(f"({SHOWN})")
    assert name.startswith('+++ "red\\033[31m\\007\\342\\200\\256\\r\\n') and name.isprintable()
    assert first == r"+\x1b]0;x\x07[red]    b\u202e\r", "a tab is blanks"
    assert second.endswith("y… (8 more characters)") and len(second) < LONG_LINE + 50
    assert all(line.isprintable() for line in terminal.seen.splitlines())


def test_in_a_pipe_the_text_is_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = held(f"\x1b[1m\tb\u202e\r\n{'y' * (LONG_LINE + 7)}\n")
    one = different(change(Action.DOWNLOAD, "a.md"), "local", ABSENT, text)
    monkeypatch.setattr(sys, "stdout", pipe := Pipe())

    Screen().tell(diff_lines(Differences(name="n", files=(one,))))

    assert pipe.seen.partition("@@\n")[2] == f"+\x1b[1m\tb\u202e\r\n+{'y' * (LONG_LINE + 7)}\n"


def test_a_terminal_gets_colours_unless_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = TABLE["upload"][0]
    for value, added in (("", "\x1b[32m+new\x1b[0m\n"), ("1", "+new\n")):
        monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        Screen().tell(diff_lines(Differences(name="n", files=(one,))))
        assert terminal.seen.endswith(added)


FILE = {
    "path": str, "to": (str, NONE), "action": str, "side": str, "diff": (str, NONE), "why_not": (str, NONE),
    "binary": bool, "size_before": (int, NONE), "size_after": (int, NONE),
}  # fmt: skip


def test_the_document() -> None:
    files = tuple(one for one, _ in TABLE.values())
    failed = Differences(name="b", error=BisyncError("gone"))
    document = diff_document([Differences(name="a", files=files, refused=("no",)), failed])

    shape = {
        "version": int,
        "syncs": [{"name": str, "files": [FILE], "refused": [str], "error": (str, NONE)}],
    }
    assert fits(document, shape)
    by_id = dict(zip(TABLE, document["syncs"][0]["files"], strict=True))
    assert by_id["upload"] == {
        "path": "a b.md", "to": None, "action": "upload", "side": "cloud", "why_not": None, "binary": False,
        "diff": "--- a b.md\t(cloud, now)\n+++ a b.md\t(cloud, then: from here)\n"
        "@@ -1,2 +1,2 @@\n same\n-old\n+new\n",
        "size_before": 9, "size_after": 9,
    }  # fmt: skip
    assert (by_id["renamed"]["to"], by_id["renamed"]["diff"]) == ("c\t.md", None)
    assert (by_id["binary"]["binary"], by_id["binary"]["why_not"], by_id["binary"]["diff"]) == (
        True,
        "binary",
        None,
    )
    assert (by_id["empty"]["diff"], by_id["new"]["size_before"], by_id["gone"]["size_after"]) == (
        "",
        None,
        None,
    )
    assert by_id["long"]["why_not"] == "long" and document["syncs"][1]["error"] == "gone"
