"""Keys of the cloud that are one file on a disk that does not tell cases apart."""

from __future__ import annotations

import pytest

from bisync.core.letter_case import goes_first, told_apart
from bisync.core.snapshot import BaseFile, CloudFile, LocalFile, Stamp

pytestmark = pytest.mark.pure
MD5 = "0" * 32
BASE = BaseFile(1, MD5, None, 0, None, None)


def local(name: str) -> LocalFile:
    return LocalFile(name, 1, Stamp(0, 0, 1), MD5)


def cloud(name: str) -> CloudFile:
    return CloudFile(name, 1, MD5, None)


@pytest.mark.parametrize(
    ("there", "known", "out"),
    [
        (["a.md", "b.md"], [], []),
        (["A.md", "a.md"], [], ["a.md"]),
        (["A.md", "a.md"], ["a.md"], ["A.md"]),  # what is here is neither replaced nor renamed
        (["A.md", "a.md"], ["A.md"], ["a.md"]),
        (["A.md"], ["a.md"], ["A.md"]),
        (["Notes/x.md", "notes/y.md"], [], ["notes/y.md"]),
        (["Notes/x.md", "notes/y.md"], ["notes/y.md"], ["Notes/x.md"]),
        (["d/a.md", "d/b.md"], ["d/a.md"], []),
        (["STRASSE.md", "straße.md"], [], ["straße.md"]),
        (["é.md", "É.md"], ["é.md"], ["É.md"]),
        (
            ["A.md", "a.md"],
            ["A.md", "a.md"],
            [],
        ),  # renamed here a moment ago: the plan says what becomes of it
    ],
)
def test_one_spelling_goes_on(there: list[str], known: list[str], out: list[str]) -> None:
    files = {path: CloudFile(path, 1, MD5, None) for path in there}
    kept, left = told_apart(files, known, where="this disk")
    assert [one.path for one in left] == out
    assert sorted(kept) == sorted(set(there) - set(out))
    assert all("only in case" in one.why for one in left)


def test_what_is_renamed_here_by_case_alone_makes_room_for_itself() -> None:
    here, there, base = {"a.md": local("a.md")}, {"A.md": cloud("A.md")}, {"A.md": BASE}
    first = goes_first(here, there, base)
    assert told_apart(here, first, where="the cloud") == (here, [])


def test_what_is_new_there_goes_before_what_is_new_here() -> None:
    here, there = {"a.md": local("a.md")}, {"A.md": cloud("A.md")}
    kept, left = told_apart(here, goes_first(here, there, {}), where="the cloud")
    assert kept == {}
    assert [one.path for one in left] == ["a.md"]


def test_what_both_sides_have_goes_before_what_is_new() -> None:
    here = {name: local(name) for name in ("A.md", "a.md")}
    there, base = {"a.md": cloud("a.md")}, {"a.md": BASE}
    kept, left = told_apart(here, goes_first(here, there, base), where="the cloud")
    assert set(kept) == {"a.md"}
    assert [one.path for one in left] == ["A.md"]
