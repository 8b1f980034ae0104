"""The names of conflict copies. Pure."""

from __future__ import annotations

from bisync.core import conflict_names


def test_groups_are_by_name_and_in_order() -> None:
    names = ["b.md.conflict10", "b.md.conflict2", "a", "b.md", "x.conflict0", "c.conflict1"]
    assert conflict_names.groups(names) == (
        conflict_names.Group("b.md", ("b.md.conflict2", "b.md.conflict10")),
        conflict_names.Group("c", ("c.conflict1",)),
    )
