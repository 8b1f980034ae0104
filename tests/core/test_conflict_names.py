"""Names of conflict copies: the next free one, whose copy a file is, and which belong together."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bisync.config import ConflictName
from bisync.core.conflict_names import (
    CopyNames,
    Group,
    Naming,
    beside,
    contested_name,
    groups,
    judged_as,
    original_of,
)

pytestmark = pytest.mark.pure

paths = st.text("ab/.0c1\né🦀", min_size=1) | st.sampled_from(["a.conflict1", "a.conflict", ".conflict1"])


@pytest.mark.parametrize(
    ("path", "taken", "copy"),
    [
        ("a.md", (), "a.md.conflict1"),
        ("a.md", ("a.md",), "a.md.conflict1"),
        ("a.md", ("a.md.conflict1",), "a.md.conflict2"),
        ("a.md", ("a.md.conflict2",), "a.md.conflict1"),
        ("a.md", ("a.md.conflict1", "a.md.conflict2", "a.md.conflict4"), "a.md.conflict3"),
        ("a.md", tuple(f"a.md.conflict{n}" for n in range(1, 12)), "a.md.conflict12"),
        ("a.md", ("b.md.conflict1", "d/a.md.conflict1", "A.md.conflict1"), "a.md.conflict1"),
        ("a.md.conflict1", ("a.md", "a.md.conflict1"), "a.md.conflict2"),
        ("d.e/f", (), "d.e/f.conflict1"),
    ],
)
def test_the_first_free_name(path: str, taken: tuple[str, ...], copy: str) -> None:
    assert CopyNames(set(taken)).take(path) == copy


@given(paths, st.sets(st.integers(1, 9)))
def test_a_copys_name_is_free_and_leads_back(path: str, numbers: set[int]) -> None:
    assume(not path.endswith("/"))
    original = judged_as(path)
    taken = {f"{original}.conflict{number}" for number in numbers}
    copy = CopyNames(set(taken)).take(path)

    assert copy not in taken
    assert original_of(copy) == original
    assert groups([copy, *taken])[0].copies.count(copy) == 1


@pytest.mark.parametrize(
    ("path", "original"),
    [
        ("a.md.conflict1", "a.md"),
        ("a.md.conflict10", "a.md"),
        ("a.conflict1.conflict2", "a.conflict1"),
        ("d/a.conflict1", "d/a"),
        ("line\nbreak.conflict1", "line\nbreak"),
        ("a.md", None),
        ("a.md.conflict", None),
        ("a.md.conflict0", None),
        ("a.md.conflict01", None),
        ("a.md.conflict1.md", None),
        ("a.md.conflict1 ", None),
        ("a.md.Conflict1", None),
        ("a.mdconflict1", None),
        ("a.md.conflict-1", None),
        (".conflict1", None),
        ("a.conflict1/b.md", None),
        ("", None),
        ("a.conflict1\n", None),
        ("d/.conflict1", None),
        ("a.conflict1\u0663", None),
    ],
)
def test_whose_copy_a_name_is(path: str, original: str | None) -> None:
    assert original_of(path) == original
    assert [group.path for group in groups([path])] == ([] if original is None else [original])


KEPT = Naming(ConflictName.BEFORE_EXTENSION, extensions=True)


@pytest.mark.parametrize(
    ("path", "taken", "copy"),
    [
        ("a.md", (), "a.conflict1.md"),
        ("a.md", ("a.conflict1.md",), "a.conflict2.md"),
        # One number is one copy, whichever way it says so.
        ("a.md", ("a.md.conflict1",), "a.conflict2.md"),
        ("a.md.conflict1", ("a.md.conflict1",), "a.conflict2.md"),
        ("a.conflict1.md", ("a.conflict1.md",), "a.conflict2.md"),
        ("a.conflict1.md.conflict2", (), "a.conflict1.md"),
        ("d.e/f", (), "d.e/f.conflict1"),
        ("d.e/f.g", (), "d.e/f.conflict1.g"),
        ("x.tar.gz", (), "x.tar.conflict1.gz"),
        (".env", (), ".env.conflict1"),
        (".env.local", (), ".env.conflict1.local"),
        ("d/.env", (), "d/.env.conflict1"),
        ("a.", (), "a..conflict1"),
        ("a..", (), "a...conflict1"),
        ("..md", (), "..conflict1.md"),
        ("a. b", (), "a.conflict1. b"),
        ("line\nbreak.m\nd", (), "line\nbreak.conflict1.m\nd"),
    ],
)
def test_the_first_free_name_that_keeps_its_extension(path: str, taken: tuple[str, ...], copy: str) -> None:
    assert CopyNames(set(taken), KEPT).take(path) == copy
    assert original_of(copy, extensions=True) == contested_name(path, extensions=True)


def test_a_name_that_may_not_be_given_has_its_ending_at_the_end() -> None:
    naming = KEPT._replace(admits=lambda name: not name.endswith(".md"))
    names = CopyNames({"a.md.conflict1"}, naming)

    assert [names.take(path) for path in ("a.md", "a.txt", "a.md")] == [
        "a.md.conflict2",
        "a.conflict1.txt",
        "a.md.conflict3",
    ]


@given(paths, st.sets(st.integers(1, 9)), st.booleans())
def test_a_copy_that_keeps_its_extension_leads_back(path: str, numbers: set[int], admits: bool) -> None:
    assume(not path.endswith("/"))
    original = contested_name(path, extensions=True)
    names = CopyNames(
        {f"{original}.conflict{number}" for number in numbers}, KEPT._replace(admits=lambda _: admits)
    )
    copies = [names.take(path) for _ in range(3)]

    assert len({*copies}) == 3
    assert {original_of(copy, extensions=True) for copy in copies} == {original}
    (group,) = groups(copies, extensions=True)
    assert group == Group(original, tuple(copies))
    if not admits:
        assert {original_of(copy) for copy in copies} == {original}


@given(paths, st.booleans(), st.booleans())
def test_a_copy_is_spelled_as_what_it_lies_beside(path: str, extensions: bool, admits: bool) -> None:
    """As in a folder that one side spells in NFC and the other in NFD."""
    assume(not path.endswith("/"))
    naming = KEPT._replace(admits=lambda _: admits) if extensions else Naming()
    copy = CopyNames(set(), naming).take(path)
    respelled = path.replace("é", "e\u0301")

    assert beside(path, path, copy) == copy
    assert beside(respelled, path, copy) == copy.replace("é", "e\u0301")


def test_what_asks_for_no_such_names_has_none() -> None:
    """Somebody's own `minutes.conflict1.md` is no conflict."""
    assert original_of("minutes.conflict1.md") is None
    assert groups(["minutes.conflict1.md", "minutes.md"]) == ()
    assert CopyNames(set()).take("minutes.conflict1.md") == "minutes.conflict1.md.conflict1"


def test_both_forms_are_one_group() -> None:
    found = ["a.conflict2.md", "a.md", "a.md.conflict1", "a.md.conflict3", "b.conflict1"]

    assert groups(found, extensions=True) == (
        Group("a.md", ("a.md.conflict1", "a.conflict2.md", "a.md.conflict3")),
        Group("b", ("b.conflict1",)),
    )


def test_groups_are_by_name_and_in_order() -> None:
    names = ["c.conflict1", "b.md.conflict10", "b.md.conflict2", "a", "b.md", "x.conflict0"]

    assert groups(names) == (
        Group("b.md", ("b.md.conflict2", "b.md.conflict10")),
        Group("c", ("c.conflict1",)),
    )


def test_a_copy_with_copies_is_in_two_groups() -> None:
    assert groups(["a", "a.conflict1", "a.conflict1.conflict1", "a.conflict2"]) == (
        Group("a", ("a.conflict1", "a.conflict2")),
        Group("a.conflict1", ("a.conflict1.conflict1",)),
    )


def test_where_there_is_no_copy_there_is_no_group() -> None:
    assert groups(["a", "b.md", "conflict1"]) == ()
    assert groups([]) == ()
