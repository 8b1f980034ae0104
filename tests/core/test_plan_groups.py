"""Many changes by folder: nothing is lost of them, and they fit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core.change import Action, Change
from bisync.core.plan_groups import FolderGroup, grouped, members, named

pytestmark = pytest.mark.pure

SIGNS = {
    "+": Action.UPLOAD, "v": Action.DOWNLOAD, "-": Action.DELETE_LOCAL, "x": Action.DELETE_CLOUD,
    "~": Action.RENAME, "!": Action.CONFLICT, "p": Action.REGISTER_PROJECT,
}  # fmt: skip


def changes(*words: str) -> list[Change]:
    """ "+3 a/b": three uploads of a byte each right in a/b; "+3" in the sync dir."""
    found = []
    for number, word in enumerate(words):
        sign, folder = word.partition(" ")[::2]
        for each in range(int(sign[1:])):
            name = f"{number}-{each}.md"
            found.append(Change(SIGNS[sign[0]], f"{folder}/{name}" if folder else name, 1, ""))
    return found


def told(groups: Sequence[FolderGroup]) -> list[str]:
    """ "+3x1 a/b 4": what is in a group, its folder (with … for the rest of one), its bytes."""
    signs = {action: sign for sign, action in SIGNS.items()}
    return [
        f"{''.join(f'{signs[action]}{count}' for action, count in one.counts)} "
        f"{one.folder or '.'}{'' if one.whole else '…'} {one.size}"
        for one in groups
    ]


TABLE = {
    "nothing": ([], 9, []),
    "one folder": (["+3 a"], 9, ["+3 a 3"]),
    "the sync dir": (["+3"], 9, ["+3 . 3"]),
    "the deepest folder that has all": (["+3 a/b/c/d"], 9, ["+3 a/b/c/d 3"]),
    "not deeper than a file lies": (["+1 a", "+2 a/b"], 1, ["+3 a 3"]),
    "two folders": (["+1 b", "+2 a"], 9, ["+2 a 2", "+1 b 1"]),
    "no room for two": (["+1 x/b", "+2 x/a"], 1, ["+3 x 3"]),
    "what lies in a folder itself": (["+1 a", "+2 a/b", "x1 a"], 9, ["+1x1 a… 2", "+2 a/b 2"]),
    "the fullest is divided first": (
        ["+5 a/x", "+5 a/y", "+1 b/x", "+1 b/y"], 3, ["+5 a/x 5", "+5 a/y 5", "+2 b 2"],
    ),
    "one that cannot be leaves room for another": (
        ["+9 a/1", "+9 a/2", "+9 a/3", "+9 a/4", "+1 b/x", "+1 b/y"], 3, ["+36 a 36", "+1 b/x 1", "+1 b/y 1"],
    ),
    "too many side by side": (
        ["+5 e", "+1 a", "+4 d", "+2 b", "+3 c"], 3, ["+6 .… 6", "+4 d 4", "+5 e 5"],
    ),
    "every kind, in one order": (["!1 a", "~1 a", "x1 a", "-1 a", "v1 a", "+1 a"], 9, ["+1v1-1x1~1!1 a 5"]),
    "a project is no file": (["p1", "+1 a"], 9, ["+1 a 1"]),
    "names that begin alike": (["+1 a", "+1 ab", "+1 a/b"], 9, ["+1 a… 1", "+1 a/b 1", "+1 ab 1"]),
}  # fmt: skip


@pytest.mark.parametrize(("words", "at_most", "groups"), TABLE.values(), ids=TABLE)
def test_groups(words: list[str], at_most: int, groups: list[str]) -> None:
    assert told(grouped(changes(*words), at_most)) == groups


PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map("/".join), max_size=60)


@given(paths=PATHS, at_most=st.integers(1, 12))
def test_no_change_is_lost_and_they_fit(paths: list[str], at_most: int) -> None:
    kinds = [action for action in Action if action is not Action.REGISTER_PROJECT]
    made = [Change(kinds[number % len(kinds)], f"{path}.md", number, "") for number, path in enumerate(paths)]

    groups = grouped(made, at_most)

    assert len(groups) <= at_most and (len(groups) > 0) is bool(made)
    counted = Counter(dict.fromkeys(Action, 0))
    for one in groups:
        assert one.counts and list(one.counts) == sorted(
            one.counts, key=lambda pair: list(Action).index(pair[0])
        )
        counted.update(dict(one.counts))
    assert +counted == Counter(change.action for change in made)
    assert sum(one.size for one in groups) == sum(c.size for c in made if c.action is not Action.RENAME)
    assert list(groups) == sorted(groups) and len({one.folder for one in groups}) == len(groups)


def test_a_folder_within_a_folder_a_thousand_times() -> None:
    deep = "/".join("d" * 1000)

    assert told(grouped(changes(f"+1 {deep}", "+1 e"), 9)) == [f"+1 {deep} 1", "+1 e 1"]


def test_deletions_and_conflicts_are_named() -> None:
    found = list(named(changes("+5 a", "-2 a", "x2 b", "!1 c"), 3))

    assert [(kind, [one.path for one in some], more) for kind, some, more in found] == [
        ("deletion", ["a/1-0.md", "a/1-1.md", "b/2-0.md"], 1),
        ("conflict", ["c/3-0.md"], 0),
    ]
    assert list(named(changes("+5 a"), 3)) == []


def test_every_change_is_in_the_group_that_counts_it() -> None:
    dice = random.Random(11)
    for _ in range(300):
        changes = [
            Change(
                dice.choice(list(Action)),
                "/".join(dice.choice("abc") for _ in range(dice.randrange(1, 6))) + f"/{number}",
                dice.randrange(9),
                "",
            )
            for number in range(dice.randrange(0, 40))
        ]
        groups = grouped(changes, dice.randrange(1, 12))

        found = members(changes, groups)

        assert list(found) == [group.folder for group in groups]
        for group in groups:
            inside = found[group.folder]
            assert Counter(one.action for one in inside) == dict(group.counts)
            assert sum(one.size for one in inside if one.action is not Action.RENAME) == group.size
