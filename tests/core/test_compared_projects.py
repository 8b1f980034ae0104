"""Projects of the cloud beside folders of the disk."""

from __future__ import annotations

import pytest

from bisync.core.projects import Compared, Project, compared

pytestmark = pytest.mark.pure


def spelled(name: str) -> str:
    return name.lower().replace(" ", "-")


@pytest.mark.parametrize(
    ("folders", "listed", "found"),
    [
        ([], [], Compared()),
        (["a"], [], Compared(only_local=("a",))),
        ([], [Project("b", "b")], Compared(only_cloud=("b",))),
        (["a"], [Project("a", "elsewhere")], Compared(both=("a",))),
        (["a"], [Project("Alpha", "/app/data/a")], Compared(both=("a",))),
        (["My Notes"], [Project("Notes of mine", "my-notes")], Compared(both=("My Notes",))),
        (
            ["My Notes", "my-notes"],
            [Project("My Notes", "my-notes")],
            Compared(both=("My Notes", "my-notes")),
        ),
        (
            ["z", "b", "a"],
            [Project("y", "y"), Project("x", "x"), Project("b", "b")],
            Compared(both=("b",), only_cloud=("x", "y"), only_local=("a", "z")),
        ),
    ],
)
def test_which_are_missing_where(folders: list[str], listed: list[Project], found: Compared) -> None:
    assert compared(folders, listed, spelled) == found
