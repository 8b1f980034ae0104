"""Keys of the cloud that are one file on a disk that does not tell cases apart."""

from __future__ import annotations

import pytest

from bisync.core.letter_case import told_apart
from bisync.core.snapshot import CloudFile

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("cloud", "known", "out"),
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
def test_one_spelling_goes_on(cloud: list[str], known: list[str], out: list[str]) -> None:
    files = {path: CloudFile(path, 1, "0" * 32, None) for path in cloud}
    kept, left = told_apart(files, known)
    assert [one.path for one in left] == out
    assert sorted(kept) == sorted(set(cloud) - set(out))
    assert all("only in case" in one.why for one in left)
