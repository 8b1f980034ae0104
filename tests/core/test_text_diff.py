"""Differences between texts: what is shown is right, whatever it is, and it never takes long."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core import text_diff
from bisync.core.text_diff import ABSENT, LIMIT, LONG, NO_NEWLINE, Shown, Version, header, quoted

pytestmark = pytest.mark.pure


def held(content: bytes | str) -> Version:
    content = content.encode() if isinstance(content, str) else content
    return Version(len(content), content)


def hunks(before: str, after: str) -> list[str]:
    found = text_diff.shown(held(before), held(after)).hunks
    assert found is not None
    return list(found)


def numbered(count: int, **changed: str) -> str:
    """So many lines of their own, some of them (`l7`) changed; one that is "" is left out."""
    lines = [changed.get(f"l{number}", f"line {number}") for number in range(1, count + 1)]
    return "".join(f"{line}\n" for line in lines if line)


TABLE = {
    "one line": (
        numbered(9, l5="five"), numbered(9, l5="cinq"),
        ["@@ -2,7 +2,7 @@", " line 2", " line 3", " line 4", "-five", "+cinq", " line 6", " line 7", " line 8"],
    ),
    "the first": ("a\nb\n", "x\nb\n", ["@@ -1,2 +1,2 @@", "-a", "+x", " b"]),
    "the last": ("a\nb\n", "a\nx\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+x"]),
    "the only one": ("a\n", "b\n", ["@@ -1 +1 @@", "-a", "+b"]),
    "from nothing": ("", "a\nb\n", ["@@ -0,0 +1,2 @@", "+a", "+b"]),
    "to nothing": ("a\n", "", ["@@ -1 +0,0 @@", "-a"]),
    "no end before": ("a", "a\n", ["@@ -1 +1 @@", "-a", NO_NEWLINE, "+a"]),
    "no end after": ("a\n", "a", ["@@ -1 +1 @@", "-a", "+a", NO_NEWLINE]),
    "no end, unchanged": ("a\nb", "x\nb", ["@@ -1,2 +1,2 @@", "-a", "+x", " b", NO_NEWLINE]),
    "an empty line is one": ("a\n", "a\n\n", ["@@ -1 +1,2 @@", " a", "+"]),
    "a line of Windows": ("a\r\n", "a\n", ["@@ -1 +1 @@", "-a\r", "+a"]),
    "no other ends": ("a\x0cb\u2028c\n", "a\x0cb\u2028d\n", ["@@ -1 +1 @@", "-a\x0cb\u2028c", "+a\x0cb\u2028d"]),
    "far apart": (
        numbered(12), numbered(12, l1="x", l12="y"),
        ["@@ -1,4 +1,4 @@", "-line 1", "+x", " line 2", " line 3", " line 4",
         "@@ -9,4 +9,4 @@", " line 9", " line 10", " line 11", "-line 12", "+y"],
    ),
    "close together": (
        numbered(8), numbered(8, l1="x", l8=""),
        ["@@ -1,8 +1,7 @@", "-line 1", "+x", *(f" line {n}" for n in range(2, 8)), "-line 8"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "lines"), TABLE.values(), ids=TABLE)
def test_hunks(before: str, after: str, lines: list[str]) -> None:
    assert hunks(before, after) == lines


def patched(before: str, lines: list[str]) -> str:
    """The text with hunks applied, by somebody else's reading of the format."""
    ends = [
        line[:-1] if following == NO_NEWLINE else line
        for line, following in zip([f"{one}\n" for one in lines], [*lines[1:], ""], strict=True)
        if line != f"{NO_NEWLINE}\n"
    ]
    old = re.findall(r"[^\n]*\n|[^\n]+", before)
    made, at = [], 0
    for line in ends:
        if line.startswith("@@"):
            first, count = re.match(r"@@ -(\d+)(?:,(\d+))? ", line).groups()  # type: ignore[union-attr]
            start = int(first) - (count != "0")
            made += old[at:start]
            at = start
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
    return "".join(made + old[at:])


TEXTS = st.lists(st.sampled_from(["", "a", "b", "c", "ä\r", "+x", "-y", "@@ z"]), max_size=30).map("\n".join)


@given(before=TEXTS, after=TEXTS)
def test_hunks_turn_one_text_into_the_other(before: str, after: str) -> None:
    found = text_diff.shown(held(before), held(after))

    assert (found.reason == "equal") is (before == after)
    assert before == after or patched(before, hunks(before, after)) == after


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch")
def test_patch_reads_them_with_their_names(tmp_path: Path) -> None:
    name, before, after = 'odd "name"\\ é.md', numbered(9) + "end", numbered(9, l2="zwei", l9="") + "end\n"
    (tmp_path / name).write_text(before)
    lines = [*header(name, name, ("here, now", "here, then")), *hunks(before, after)]

    subprocess.run(
        ["patch", "-p0"], cwd=tmp_path, input="\n".join(lines) + "\n", text=True, check=True, timeout=10,
        capture_output=True,
    )  # fmt: skip

    assert (tmp_path / name).read_text() == after


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (held("a"), held("a"), "equal"),
        (held(b"a\0"), held("a"), "binary"),
        (held("a"), held(b"\xff"), "binary"),
        (ABSENT, held(b"\xff"), "binary"),
        (held("a"), Version(LIMIT + 1), "large"),
        (Version(LIMIT + 1), ABSENT, "large"),
        (held(b"\0"), Version(LIMIT + 1), "binary"),
        (ABSENT, held("a" * (LONG + 1)), "long"),
        (Version(LONG + 1), ABSENT, "long"),
        (ABSENT, held("a" * LONG), None),
        (held("a" * (LONG + 1)), held("b"), None),
        (held("a"), Version(2, why="it is gone"), "unread"),
        (Version(2, why="it is gone"), ABSENT, "unread"),
        (ABSENT, held(""), None),
    ],
)
def test_what_is_not_shown_says_why(before: Version, after: Version, reason: str | None) -> None:
    found = text_diff.shown(before, after)

    assert found.reason == reason
    assert (found.hunks is None) is (reason is not None)
    assert found.why == ("it is gone" if reason == "unread" else "")


def test_what_is_new_is_shown_in_full_when_it_is_asked_for() -> None:
    found = text_diff.shown(ABSENT, held("a\n" * LONG), whole=True)

    assert found.hunks is not None and len(found.hunks) == LONG + 1


def test_an_empty_file_that_comes_has_no_lines() -> None:
    assert text_diff.shown(ABSENT, held("")) == Shown(())


LETTERS = "".join(f"{'ab'[(n * n // 7) % 2]}\n" for n in range(LIMIT // 2))
HARD = {
    "empty lines": ("\n" * LIMIT, "x" + "\n" * (LIMIT - 2) + "x"),
    "two letters": (LETTERS, f"b\n{LETTERS[::-1].strip()}"),
    "every second line": (numbered(40_000), numbered(40_000, **{f"l{n}": "x" for n in range(1, 40_000, 2)})),
}


@pytest.mark.parametrize(("before", "after"), HARD.values(), ids=HARD)
def test_hostile_texts_take_no_time(before: str, after: str) -> None:
    began = time.monotonic()

    found = text_diff.shown(held(before[:LIMIT]), held(after[:LIMIT]))

    assert found.reason == "different" and all(count > 10_000 for count in found.lines)
    assert found.spent <= text_diff.EFFORT * 2
    assert time.monotonic() - began < 20, "by itself difflib takes minutes or hours"


def test_an_effort_that_is_used_up_is_told() -> None:
    before, after = numbered(2_000), numbered(2_000, l1="x", l999="y", l2000="z")

    assert text_diff.shown(held(before), held(after), effort=4_000).reason == "different"
    # Where there is not even enough to look at each line once, nothing is begun.
    assert text_diff.shown(held(before), held(after), effort=1_000) == Shown(
        None, "different", lines=(2_000, 2_000)
    )
    found = text_diff.shown(held(before), held(after))
    assert found.hunks is not None and 4_000 < found.spent < 20_000


def test_a_note_with_an_empty_line_after_each_is_no_hard_text() -> None:
    before = "".join(f"paragraph {n}\n\n" for n in range(2_000))
    after = before.replace("paragraph 7\n", "seven\n").replace("paragraph 1500\n", "fifteen hundred\n")

    found = text_diff.shown(held(before), held(after))

    assert found.hunks is not None and len(found.hunks) == 18


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a b.md", "a b.md"), ("größe☂.md", "größe☂.md"), ("a\tb\n.md", '"a\\tb\\n.md"'), ('"\\', '"\\"\\\\"'),
        ("\x1b[31m", '"\\033[31m"'), ("\u202e.md", '"\\342\\200\\256.md"'), ("\udcff", '"\\377"'),
    ],
)  # fmt: skip
def test_names_as_other_programs_read_them(name: str, text: str) -> None:
    assert quoted(name) == text


def test_the_lines_above() -> None:
    assert header("a b", "a b", ("now", "then")) == ("--- a b\t(now)", "+++ a b\t(then)")
    assert header(None, "a", ("now", "then")) == ("--- /dev/null", "+++ a\t(then)")
    assert header("a", None, ("now", "then")) == ("--- a\t(now)", "+++ /dev/null")
