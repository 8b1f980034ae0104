"""Names of conflict copies: the next free one, whose copy a file is, and which belong together."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bisync.core.conflict_names import Group, free_copy_name, groups, judged_as, original_of

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
    assert free_copy_name(path, taken) == copy


@given(paths, st.sets(st.integers(1, 9)))
def test_a_copys_name_is_free_and_leads_back(path: str, numbers: set[int]) -> None:
    assume(not path.endswith("/"))
    original = judged_as(path)
    taken = {f"{original}.conflict{number}" for number in numbers}
    copy = free_copy_name(path, taken)

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
