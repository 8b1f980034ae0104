"""How trees come together, on paper: who gets the name, what is kept beside, and what a kill cannot change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.core.conflict_names import judged_as
from bisync.core.migration import (
    HERE,
    Forest,
    Gathering,
    Kept,
    Meeting,
    Version,
    contested,
    gather,
    path_key,
)

pytestmark = pytest.mark.pure


def version(tree: int, path: str, time: int, content: str) -> Version:
    return Version(tree, path, len(content), time, content)


def forest(
    here: Mapping[str, tuple[int, str]],
    *sources: Mapping[str, tuple[int, str]],
    blocked: Iterable[str] = (),
    folders: Iterable[str] = (),
) -> Forest:
    """Trees of files: path to (time, content). `folders`: empty ones of the first source."""
    return Forest(
        here={path_key(path): version(HERE, path, *what) for path, what in here.items()},
        blocked=set(blocked),
        sources=[
            {path_key(path): version(number, path, *what) for path, what in source.items()}
            for number, source in enumerate(sources)
        ],
        folders=[
            {path_key(path): path for path in folders} if number == 0 else {}
            for number in range(len(sources))
        ],
    )


def only(gathering: Gathering) -> Meeting:
    assert len(gathering.meetings) == 1, gathering.meetings
    return gathering.meetings[0]


def test_a_new_file_is_brought() -> None:
    there = forest({}, {"a.md": (1, "new")})

    found = gather(there)

    assert only(found) == Meeting(path="a.md", take=version(0, "a.md", 1, "new"))
    assert (found.new, found.same, found.differ) == ((1,), (0,), (0,))


def test_what_is_alike_is_there_once() -> None:
    found = gather(forest({"a.md": (9, "same")}, {"a.md": (1, "same")}, {"a.md": (20, "same")}))

    assert found.meetings == ()
    assert (found.same, found.differ) == ((1, 1), (0, 0))


def test_the_newer_source_takes_the_name_and_what_was_here_is_kept() -> None:
    found = gather(forest({"a.md": (1, "here")}, {"a.md": (2, "there")}))

    assert only(found) == Meeting(path="a.md", take=version(0, "a.md", 2, "there"), aside="a.md.conflict1")
    assert found.differ == (1,)


def test_the_older_source_is_kept_beside() -> None:
    found = gather(forest({"a.md": (2, "here")}, {"a.md": (1, "there")}))

    assert only(found) == Meeting(
        path="a.md", beside=(Kept(version(0, "a.md", 1, "there"), "a.md.conflict1"),)
    )


def test_of_equal_times_what_is_here_keeps_the_name_then_the_first_source() -> None:
    here = gather(forest({"a.md": (1, "here")}, {"a.md": (1, "there")}))
    first = gather(forest({}, {"a.md": (1, "first")}, {"a.md": (1, "second")}))

    assert only(here).take is None
    assert only(first).take == version(0, "a.md", 1, "first")


def test_three_versions_end_as_three_files_the_newest_first() -> None:
    found = gather(forest({"a.md": (2, "here")}, {"a.md": (1, "old")}, {"a.md": (3, "new")}))

    assert only(found) == Meeting(
        path="a.md",
        take=version(1, "a.md", 3, "new"),
        aside="a.md.conflict1",
        beside=(Kept(version(0, "a.md", 1, "old"), "a.md.conflict2"),),
    )


def test_a_name_that_is_taken_is_not_given_again() -> None:
    """By a copy that is here, and by one that another source brings."""
    found = gather(
        forest(
            {"a.md": (2, "here"), "a.md.conflict1": (1, "older")},
            {"a.md": (1, "there")},
            {"a.md.conflict2": (1, "theirs")},
        )
    )

    assert [one.name for meeting in found.meetings for one in meeting.brought] == [
        "a.md.conflict3",
        "a.md.conflict2",
    ]


def test_a_version_that_is_here_as_a_copy_is_not_brought_again() -> None:
    found = gather(forest({"a.md": (2, "here"), "a.md.conflict1": (1, "there")}, {"a.md": (1, "there")}))

    assert found.meetings == ()
    assert found.same == (1,)


@pytest.mark.parametrize("blocked", [["a"], ["a", "a/b"]])
def test_a_file_where_a_folder_or_a_link_is_here_is_kept_beside(blocked: list[str]) -> None:
    found = gather(forest({}, {"a": (1, "file")}, blocked=blocked))

    assert only(found) == Meeting(
        path="a", beside=(Kept(version(0, "a", 1, "file"), "a.conflict1"),), occupied=True
    )


def test_a_file_here_makes_room_for_a_folder_that_is_brought() -> None:
    found = gather(forest({"a": (9, "file")}, {"a/b.md": (1, "below")}))

    assert found.meetings == (
        Meeting(path="a", aside="a.conflict1", occupied=True),
        Meeting(path="a/b.md", take=version(0, "a/b.md", 1, "below")),
    )


def test_an_empty_folder_is_made_unless_a_file_has_its_name() -> None:
    found = gather(forest({"b": (1, "file")}, {"c/d.md": (1, "x")}, folders=["a", "a/e", "b", "c"]))

    assert found.folders == ("a", "a/e")


def test_an_empty_folder_that_is_here_needs_nothing() -> None:
    assert gather(forest({}, {}, blocked=["a"], folders=["a"])).folders == ()


def test_two_spellings_of_one_name_meet_under_the_one_that_is_here() -> None:
    """NFD as macOS writes it, and NFC."""
    found = gather(forest({"cafe\u0301.md": (1, "here")}, {"caf\u00e9.md": (2, "there")}))

    assert only(found).path == "cafe\u0301.md"


def test_only_what_has_other_versions_has_to_be_read() -> None:
    there = forest(
        {"a.md": (1, "x"), "b.md": (1, "x"), "c.md.conflict1": (1, "x")},
        {"a.md": (1, "y"), "c.md": (1, "z"), "d.md": (1, "q")},
        {"e.md": (1, "q")},
    )

    assert [(one.tree, one.name) for one in contested(there)] == [
        (HERE, "a.md"),
        (0, "a.md"),
        (HERE, "c.md.conflict1"),
        (0, "c.md"),
    ]


def test_a_version_whose_content_nobody_knows_is_brought() -> None:
    """In a dry run, where nothing has been fetched."""
    unread = Version(0, "a.md", 4, 1)
    other = Version(0, "a.md", 5, 1)

    found = gather(replace(forest({"a.md": (2, "here")}, {}), sources=[{"a.md": unread}]))

    certain = gather(replace(forest({"a.md": (2, "here")}, {}), sources=[{"a.md": other}]))

    assert only(found).beside == (Kept(unread, "a.md.conflict1"),)
    assert not only(found).sure
    assert only(certain).sure


# A run that is killed anywhere and begun again.

Names = st.sampled_from(["a", "b", "a/x", "a.conflict1", "b.conflict1", "b.conflict2", "c/y", "c"])
Trees = st.dictionaries(Names, st.tuples(st.integers(1, 4), st.sampled_from("pqrs")), max_size=5)


def is_tree(tree: Mapping[str, object]) -> bool:
    """Whether no file has the name of a folder."""
    return not any(other.startswith(f"{one}/") for one in tree for other in tree)


def moves(gathering: Gathering) -> Iterable[tuple[str | None, str, tuple[int, str] | None]]:
    """Every single change, in the order that they are made: a file gets a name here, or another one."""
    for one in gathering.meetings:
        if one.aside is not None:
            yield one.path, one.aside, None
        for kept in (*one.beside, *((Kept(one.take, one.path),) if one.take else ())):
            yield None, kept.name, (kept.version.mtime_ns, str(kept.version.md5))


def carried_out(
    here: Mapping[str, tuple[int, str]], gathering: Gathering, stop: int
) -> dict[str, tuple[int, str]]:
    """The sync dir after so many changes."""
    now = dict(here)
    for number, (path, name, what) in enumerate(moves(gathering)):
        if number == stop:
            break
        assert name not in now, "nothing is ever written over"
        now[name] = now.pop(path) if path is not None else what  # type: ignore[assignment]
        assert is_tree(now)
    return now


@settings(max_examples=150)
@given(
    Trees.filter(is_tree),
    st.lists(Trees.filter(is_tree), min_size=1, max_size=3),
    st.lists(st.integers(0, 6), max_size=4),
)
def test_a_kill_anywhere_changes_nothing_of_how_it_ends(
    here: dict[str, tuple[int, str]], sources: list[dict[str, tuple[int, str]]], kills: list[int]
) -> None:
    undisturbed = carried_out(here, gather(forest(here, *sources)), -1)
    now = here
    for stop in kills:
        now = carried_out(now, gather(forest(now, *sources)), stop)
    now = carried_out(now, gather(forest(now, *sources)), -1)

    assert now == undisturbed
    # And there is nothing left to do.
    assert gather(forest(now, *sources)).meetings == ()


@settings(max_examples=150)
@given(Trees.filter(is_tree), st.lists(Trees.filter(is_tree), min_size=1, max_size=3))
def test_every_version_is_there_in_the_end(
    here: dict[str, tuple[int, str]], sources: list[dict[str, tuple[int, str]]]
) -> None:
    after = carried_out(here, gather(forest(here, *sources)), -1)

    for tree in (here, *sources):
        for path, (_, content) in tree.items():
            held = {what for name, (_, what) in after.items() if judged_as(name) == judged_as(path)}
            assert content in held, (path, content, after)
