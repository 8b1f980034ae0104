"""What a line of the history keeps of a run's paths, and how many of them."""

from __future__ import annotations

import json

import pytest

from bisync.core.account import MOST_CHARACTERS, MOST_PATHS, account
from bisync.core.change import Action, Change
from bisync.core.result import Conflict, Tally

pytestmark = pytest.mark.pure


def test_a_run_that_did_nothing_has_no_account() -> None:
    assert account(Tally(), [Change(Action.UPLOAD, "planned.md", 1, "new here")]) == {}


def test_each_path_is_told_by_what_became_of_it() -> None:
    done = Tally(
        uploaded={"b.md", "a.md"}, downloaded={"c.md"}, deleted_local={"d.md"}, deleted_cloud={"e.md"},
        renamed={"old.md", "lost.md"}, conflicts=[Conflict(path="x.md", copies=(), winner="both")],
    )  # fmt: skip
    planned = [
        Change(Action.RENAME, "old.md", 1, "renamed here", to="new.md"),
        Change(Action.UPLOAD, "lost.md", 1, "no rename"),
    ]

    assert account(done, planned) == {
        "paths": {
            "conflicts": ["x.md"],
            "deleted_local": ["d.md"],
            "deleted_cloud": ["e.md"],
            "renamed": [{"path": "lost.md", "to": None}, {"path": "old.md", "to": "new.md"}],
            "uploaded": ["a.md", "b.md"],
            "downloaded": ["c.md"],
        },
        "more_paths": 0,
    }
    assert "conflicts" not in account(done, planned, {"x.md"})["paths"]


def test_of_many_paths_the_deletions_are_kept() -> None:
    done = Tally(uploaded={f"{number:05}" for number in range(3 * MOST_PATHS)}, deleted_local={"z.md"})

    found = account(done, [])

    assert found["paths"]["deleted_local"] == ["z.md"]
    assert len(found["paths"]["uploaded"]) == MOST_PATHS - 1
    assert found["more_paths"] == 2 * MOST_PATHS + 1


def test_a_line_does_not_grow_with_the_length_of_names() -> None:
    done = Tally(uploaded={f"{number:03}" + "x" * 1_000 for number in range(900)})

    found = account(done, [])

    assert len(json.dumps(found)) < MOST_CHARACTERS * 1.1
    assert len(found["paths"]["uploaded"]) + found["more_paths"] == 900
