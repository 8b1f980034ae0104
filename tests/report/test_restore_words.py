"""What comes back, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bisync.actions.restore import Restoration
from bisync.report import restore_words
from bisync.report.words import NOTHING_CHANGED, Line, Problem, clock_text
from bisync.sync.bring_back import Blocked, Coming
from tests.support import results
from tests.support.results import RUN

pytestmark = pytest.mark.pure

BACK = f"✓ Restored /data/notes/a.md (run {RUN}, 5 B)"
NEXT = "  Next: bisync sync"
AT = "2026-11-22T10:00:00+01:00"


@pytest.mark.parametrize(
    ("done", "lines"),
    [
        (results.restoration("a.md"), [BACK, NEXT]),
        (results.restoration("a.md", to=Path("/data/notes")), [BACK]),
        (
            results.restoration("a.md", replaced=True),
            [BACK, "  the version that lay there is in the trash", NEXT],
        ),
        (
            results.restoration(left=("a.md", "b.md")),
            [
                "2 files still here, left alone; an older version comes back by its own name, "
                "with --run or with --to"
            ],
        ),
        (results.restoration(), []),
        (
            results.restoration(
                "a.md", at=AT, unchanged=3, not_there_then=("new.md",), gone=("old.md",), unsynced=("x.md",),
                blocked=(Blocked("d/y.md", "d is a file now, and d/y.md belongs in a folder of that name"),),
            ),
            [
                BACK,
                "Unchanged since: 3 files",
                "  new.md: was not there then, and stays",
                "  x.md: changed or deleted here, and no run has seen it yet: left as it is",
                "  old.md: was there, or may have been, and is not kept any more",
                Problem(
                    "d is a file now, and d/y.md belongs in a folder of that name",
                    "move that away, or bring it back elsewhere with --to FOLDER",
                ),
                NEXT,
            ],
        ),
        (results.restoration(at=AT), [f"Nothing of notes to bring back from {clock_text(AT)}"]),
    ],
)  # fmt: skip
def test_restore_lines(done: Restoration, lines: list[Line]) -> None:
    assert restore_words.restore_lines(done) == lines


RENAMED = Coming(path="old.md", size=2048, source="new.md")


def test_what_would_come_back() -> None:
    found = results.restoration("a.md", replaced=True)
    found = replace(found, coming=(*found.coming, RENAMED), restored=())
    lines = [
        f"  restore  a.md  (run {RUN}, 5 B; what is there goes to the trash)",
        "  restore  old.md  (called new.md now, 2.0 KiB)",
    ]

    assert restore_words.coming_lines([found]) == lines
    assert restore_words.dry_run_lines([found]) == [*lines, NOTHING_CHANGED]
    assert restore_words.question([found]) == "Bring back 2 files? [y/N] "
    assert restore_words.coming_lines([found], limit=1) == [
        lines[0],
        "  … and 1 more (all of them: --dry-run)",
    ]


def test_many_that_do_not_come_back_are_counted() -> None:
    said = restore_words.restore_lines(results.restoration(at=AT, gone=tuple(f"{n}.md" for n in range(25))))

    assert said[-1] == "  … and 5 more (all of them: --json)"
    assert len(said) == 22
