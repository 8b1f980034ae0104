"""Which texts of a plan are looked at where not all of them can be."""

from __future__ import annotations

import pytest

from bisync.core.change import Action, Change
from bisync.core.text_diff import LONG
from bisync.sync.differences import chosen

pytestmark = pytest.mark.pure

CHANGES = (
    Change(Action.UPLOAD, "a new.md", 1, ""),
    Change(Action.UPLOAD, "b edited.md", 1, "", replaces=True),
    Change(Action.DELETE_CLOUD, "c gone.md", 1, ""),
    Change(Action.MERGE, "d merged.md", 1, ""),
    Change(Action.DOWNLOAD, "e edited.md", LONG + 1, "", replaces=True),
    Change(Action.CONFLICT, "f contested.md", LONG + 1, "", "both"),
)
NONE = (
    Change(Action.RENAME, "renamed.md", 1, "", to="x.md"),
    Change(Action.CONFLICT, "room.md", 1, "", "folder"),
    Change(Action.REGISTER_PROJECT, "project", 0, ""),
    Change(Action.UPLOAD, "long.md", LONG + 1, ""),
    Change(Action.DELETE_LOCAL, "long and gone.md", LONG + 1, ""),
)


@pytest.mark.parametrize(
    ("at_most", "letters", "others"),
    [
        (9, "abcdef", 0),
        (6, "abcdef", 0),
        (5, "bcdef", 1),
        (4, "bdef", 2),
        (2, "df", 4),
        (1, "f", 5),
        (0, "", 6),
    ],
)
def test_what_needs_a_look_most_comes_first(at_most: int, letters: str, others: int) -> None:
    found = chosen([*CHANGES, *NONE], at_most)

    assert "".join(one.path[0] for one in found.changes) == letters
    assert found.others == others
