"""Three texts into one: what is merged, what is not, and that it is what git would have made of them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.core.merge import LARGEST, NO_TEXT, OVERLAP, TOO_LARGE, merge
from tests.support import triples

pytestmark = pytest.mark.pure

NOTE = "---\ntitle: Plan\n---\n\nfirst\n\nsecond\n\n- one\n- two\n- three\n"


def merged(base: str, local: str, cloud: str) -> str | None:
    found = merge(base.encode(), local.encode(), cloud.encode())
    return None if found.text is None else found.text.decode()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param({"first": "FIRST"}, {"second": "SECOND"}, id="paragraphs with an empty line between"),
        pytest.param({"title: Plan": "title: Plan B"}, {"- two": "- 2"}, id="front matter is just lines"),
        pytest.param({"first\n": "first\nmore\n"}, {"- three\n": "- three\n- four\n"}, id="insertions"),
        pytest.param({"second\n\n": ""}, {"- two\n": ""}, id="deletions"),
        pytest.param({"first": "FIRST", "- two": "- 2"}, {"second": "SECOND"}, id="edits in turn"),
        pytest.param({"first": "FIRST"}, {"- three\n": "- three"}, id="the last line loses its end"),
        pytest.param(
            {"first": "Erst", "- three\n": "- 3"}, {"second": "zwei\r"}, id="line ends as each side has them"
        ),
        pytest.param(
            {"first": "FIRST", "- one": "- 1"},
            {"first": "FIRST", "- three": "- 3"},
            id="one edit on both sides",
        ),
    ],
)
def test_edits_apart_become_one_text(ours: dict[str, str], theirs: dict[str, str]) -> None:
    def with_edits(*edits: dict[str, str]) -> str:
        text = NOTE
        for old, new in {key: value for each in edits for key, value in each.items()}.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        return text

    assert merged(NOTE, with_edits(ours), with_edits(theirs)) == with_edits(ours, theirs)
    assert merged(NOTE, with_edits(theirs), with_edits(ours)) == with_edits(ours, theirs)


@pytest.mark.parametrize(
    ("base", "local", "cloud", "why"),
    [
        pytest.param("a\nb\nc\n", "a\nB\nc\n", "a\nbb\nc\n", OVERLAP, id="one line, two ways"),
        pytest.param("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nC\nd\n", OVERLAP, id="lines next to each other"),
        pytest.param("a\nb\n", "a\nb\nours\n", "a\nb\ntheirs\n", OVERLAP, id="both at the end"),
        pytest.param("a\nb\nc\n", "a\nc\n", "a\nbb\nc\n", OVERLAP, id="deleted here, edited there"),
        pytest.param("", "ours\n", "theirs\n", OVERLAP, id="nothing before"),
        pytest.param("a\nb", "a\nb\nours", "a\nb\n", OVERLAP, id="the end of the last line"),
        pytest.param("x\nx\nx\n", "x\nx\n", "x\ny\nx\nx\n", OVERLAP, id="which of equal lines went"),
        pytest.param("a\nb\nc\n", "a\0\nb\nc\n", "a\nb\nC\n", NO_TEXT, id="a NUL"),
    ],
)
def test_what_is_not_apart_is_left_to_a_person(base: str, local: str, cloud: str, why: str) -> None:
    for one, other in ((local, cloud), (cloud, local)):
        found = merge(base.encode(), one.encode(), other.encode())
        assert (found.text, found.why) == (None, why)


def test_only_utf_8_is_text() -> None:
    assert merge(b"a\nb\nc\n", "ä\nb\nc\n".encode("latin-1"), b"a\nb\nC\n").why == NO_TEXT
    assert (
        merge(b"a\nb\nc\n", "\ufeffä\u2028\x0c\nb\nc\n".encode(), b"a\nb\nC\n").text
        == "\ufeffä\u2028\x0c\nb\nC\n".encode()
    )


def test_what_is_large_or_would_take_long_is_not_merged() -> None:
    large = b"x\n" * (LARGEST // 2 + 1)
    assert merge(b"", large, b"").why == TOO_LARGE
    began = time.process_time()
    blank = b"\n" * (LARGEST // 2)
    for base, ours, theirs in (
        (blank, b"x\n" * 2000 + b"y\n" * 2000 + blank[:2000], b"x\ny\n" * 2000 + blank[:2000]),
        (b"x\ny\n" * 3000, b"x\nz\n" * 3000, b"y\nx\n" * 3000),
    ):
        assert merge(base, ours, theirs).text is None
    assert time.process_time() - began < 20, "minutes or hours, if nothing bounds it"


def test_many_edits_in_a_long_text() -> None:
    lines = [f"{number} a line of its own\n" for number in range(20_000)]
    ours, theirs = lines[:], lines[:]
    ours[::50], theirs[25::50] = (["ours\n"] * 400, ["theirs\n"] * 400)
    both = [mine if mine != line else other for line, mine, other in zip(lines, ours, theirs, strict=True)]
    assert merged("".join(lines), "".join(ours), "".join(theirs)) == "".join(both)


texts = st.lists(st.sampled_from([f"{number}\n" for number in range(9)]), max_size=30).map("".join)


@given(texts, texts)
def test_a_side_without_edits_changes_nothing(base: str, edited: str) -> None:
    assert merged(base, base, edited) == merged(base, edited, base) == merged(base, edited, edited) == edited


@given(texts, texts, texts)
def test_both_sides_are_alike(base: str, local: str, cloud: str) -> None:
    assert merge(base.encode(), local.encode(), cloud.encode()) == merge(
        base.encode(), cloud.encode(), local.encode()
    )


@given(st.integers(0, 1 << 30))
@settings(max_examples=300)
def test_what_either_side_wrote_is_in_it_and_what_it_took_out_is_not(seed: int) -> None:
    chance = random.Random(seed)
    base = [f"{number}\n" for number in range(chance.randrange(30))]
    ours, theirs = _edited(chance, base, "ours"), _edited(chance, base, "theirs")
    found = merged("".join(base), "".join(ours), "".join(theirs))
    if found is None:
        return
    lines = found.splitlines(keepends=True)
    kept = [line for line in lines if line in base]
    assert kept == [line for line in base if line in ours and line in theirs]
    for side in (ours, theirs):
        assert [line for line in lines if line in set(side) - set(base)] == [
            line for line in side if line not in base
        ]


def _edited(chance: random.Random, base: list[str], who: str) -> list[str]:
    """A text after some edits; what is written is nowhere else."""
    text, written = base[:], iter(range(1000))
    for _ in range(chance.randrange(1, 4)):
        place, roll = chance.randrange(len(text) + 1), chance.random()
        new = [f"{who} {next(written)}\n" for _ in range(chance.randrange(1, 3))]
        text[place : place + (0 if roll < 0.4 else chance.randrange(1, 3))] = [] if roll > 0.8 else new
    return text


@given(st.integers(0, 1 << 30))
@settings(max_examples=150)
def test_merging_again_changes_nothing(seed: int) -> None:
    """After a run that was killed in between: one side has the merged text, the other still its own."""
    chance = random.Random(seed)
    base = [f"{number}\n" for number in range(20)]
    ours, theirs = "".join(_edited(chance, base, "ours")), "".join(_edited(chance, base, "theirs"))
    found = merged("".join(base), ours, theirs)
    if found is not None:
        assert merged("".join(base), found, theirs) == found
        assert merged("".join(base), ours, found) == found


def test_git_would_have_made_the_same_of_it(tmp_path: Path) -> None:
    """What git calls a conflict is never merged, on texts of few different lines, too; much of what it merges is."""
    counted, odd = triples.compared(400, 20261129, tmp_path)

    assert odd == []
    assert counted["merged"] > 0.7 * counted["by git"] > 50, counted
