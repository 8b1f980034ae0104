"""A run of the past in words, and as a document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bisync.actions.log import Logged
from bisync.report.log_words import log_document, log_lines
from bisync.report.screen import Screen
from bisync.report.words import clock_text
from tests.support.results import RUN

pytestmark = pytest.mark.pure

AT = "2026-11-22T10:15:01+00:00"
ENTRY: dict[str, Any] = {
    "at": AT, "run": RUN, "device": "laptop", "profile": "balanced", "mode": "sync", "outcome": "done",
    "exit_code": 0, "seconds": 1.5, "bytes": 2048,
}  # fmt: skip
HEAD = [
    f"notes: run {RUN}",
    f"  ended     {clock_text(AT)}, took 1.5 s",
    "  by        device laptop, profile balanced, mode sync",
    "  outcome   done (exit code 0), 2.0 KiB travelled",
]


def lines(entry: dict[str, Any] | None, **more: Any) -> list[str]:
    return list(log_lines(Logged(name="notes", entry=entry, **more)))


def test_a_run_is_told_path_by_path() -> None:
    paths = {
        "uploaded": ["a.md", "b.md"],
        "renamed": [{"path": "o.md", "to": "n.md"}],
        "deleted_cloud": ["d.md"],
    }
    conflict = {"path": "x.md", "copies": ["x.md.conflict1"], "winner": "cloud", "device": "desktop"}
    entry = {
        **ENTRY, "paths": paths, "more_paths": 7, "conflicts": [conflict], "notes": ["look here"],
        "left_out": [{"path": "l.md", "why": "it cannot be read"}], "registered": ["work"],
    }  # fmt: skip

    assert lines(entry, local_trash=Path("/trash/r"), cloud_trash="trash/r", keep_days=30) == [
        *HEAD,
        "  uploaded              a.md",
        "  uploaded              b.md",
        "  renamed               o.md → n.md",
        "  deleted in the cloud  d.md",
        "  … and 7 more, whose names are not kept",
        "  conflict  x.md  (the cloud version won; beside it: x.md.conflict1; desktop had synced since)",
        "  ✓ Created project: work",
        "  Note: look here",
        "  Left out: l.md: it cannot be read",
        "  Old versions here: /trash/r",
        "  Old versions in the cloud, if it replaced any there: trash/r",
        f"  They are kept for 30 days. Bring one back with: bisync restore PATH --run {RUN}",
        f"  Take back all that the run did with: bisync undo {RUN}",
    ]


def test_a_run_that_failed_says_why_and_what_to_do() -> None:
    entry = {
        **ENTRY,
        "outcome": "refused",
        "exit_code": 4,
        "bytes": 0,
        "paths": {},
        "error": "too many",
        "hint": "look",
    }

    assert lines(entry)[3:] == [
        "  outcome   refused (exit code 4)",
        "  error     too many",
        "            → look",
    ]


def test_a_run_that_took_another_back_says_which() -> None:
    assert "  undoes    another" in lines({**ENTRY, "undoes": "another"})


def test_a_line_of_many_idle_runs_says_how_many() -> None:
    assert "  since     earlier: 9 runs, of which this is the last" in lines(
        {**ENTRY, "runs": 9, "first": "earlier"}
    )


def test_lines_of_an_older_version_have_only_counts() -> None:
    assert lines({**ENTRY, "uploaded": 2, "downloaded": 0, "conflicts": []}) == [
        *HEAD,
        "  uploaded: 2 files, by an older version that wrote no names down",
    ]
    assert lines({}) == ["notes: run -", "  ended     -", "  by        -", "  outcome   -"]
    assert lines(None) == ["notes: no run yet that had something to do"]


def test_no_name_acts_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[2Ja\nb\u202e.md"
    entry = {
        **ENTRY, "paths": {"uploaded": [hostile], "renamed": [{"path": hostile, "to": hostile}]},
        "conflicts": [{"path": hostile, "copies": [hostile], "winner": "both"}], "notes": [hostile],
        "left_out": [{"path": hostile, "why": hostile}], "error": hostile, "hint": hostile, "device": hostile,
    }  # fmt: skip
    with Screen() as screen:
        screen.tell(log_lines(Logged(name="notes", entry=entry)))

    said = capsys.readouterr().out
    assert said.count("\\x1b[2Ja\\nb\\u202e.md") >= 9
    assert not set(said) & {"\x1b", "\u202e", "\r"}


def test_the_document_has_every_kind_of_path() -> None:
    [one] = log_document([Logged(name="notes", entry={**ENTRY, "paths": {"uploaded": ["a.md"]}})])["syncs"]

    assert one["trash"] == {"local": None, "cloud": None}
    assert one["entry"]["paths"] == {
        "uploaded": ["a.md"],
        **{
            kind: []
            for kind in ("merged", "downloaded", "renamed", "deleted_local", "deleted_cloud", "conflicts")
        },
    }
    assert log_document([Logged(name="notes", entry=None)])["syncs"][0]["entry"] is None
