"""What is said on a terminal of 40, 80 and 120 columns: nothing that the terminal itself would have to wrap.

But for a command to type, and for a name, that are longer than it is wide: these are whole, to be copied.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from bisync.actions.log import Logged
from bisync.core.change import Action
from bisync.core.deeds import Left
from bisync.core.result import Finding
from bisync.core.snapshot import LeftOut
from bisync.errors import BisyncError, ManifestError
from bisync.report.conflict_words import conflicts_lines
from bisync.report.folding import cells
from bisync.report.heed import RED, YELLOW
from bisync.report.history_words import history_lines
from bisync.report.log_words import log_lines
from bisync.report.plan_words import planned_lines, preview_lines
from bisync.report.restore_words import dry_run_lines, restore_lines
from bisync.report.run_words import sync_lines
from bisync.report.screen import Screen, status_table
from bisync.report.setup_words import setup_lines
from bisync.report.status_words import status_lines
from bisync.report.undo_words import QUESTION, undo_plan_lines
from bisync.report.words import Shown, check_lines, doctor_lines, prune_lines
from tests.report.test_screen import Terminal
from tests.support import results
from tests.support.results import RUN

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LONG = "a folder/with quite a long name that somebody gave a note, once.md"
UNBROKEN = "n" * 90 + ".md"
CHANGES = [results.change(action, path) for action in Action for path in ("a.md", LONG, UNBROKEN)]
ENTRY = {
    "at": "2026-11-22T10:15:01+00:00", "run": f"{RUN}-laptop", "outcome": "done", "uploaded": 12, "deleted_cloud": 1,
    "conflicts": [{"path": LONG, "copies": [f"{LONG}.conflict1"], "winner": "cloud"}],
    "paths": {"uploaded": [LONG, UNBROKEN]},
}  # fmt: skip
SAID: dict[str, Sequence[Shown]] = {
    "sync": sync_lines(
        results.sync_result(
            uploaded=12, downloaded=3, conflicts=(results.conflict(), results.conflict("cloud")),
            left_out=(LeftOut(LONG, "it cannot be read: Permission denied"),), notes=("one thing to know",),
        )
    ),
    "refused": sync_lines(results.sync_result(error="Deletion exceeds safety limit (26 > 25)", hint=(
        "look at them: bisync plan --only notes; then, if you mean it: bisync sync --only notes --max-delete 26"
    ))),
    "planned": planned_lines("notes", CHANGES, verbose=True),
    "plan": preview_lines(results.plan_result(*CHANGES, refused=True)),
    "check": check_lines(results.check_result(match=3, differ=(LONG, UNBROKEN), by_size_only=2)),
    "history": [*history_lines(results.history(ENTRY, versions=(results.kept(LONG),)))],
    "log": [*log_lines(Logged(name="notes", entry=ENTRY))],
    "status": [*status_lines([results.status(), results.status(blocked="no; type: bisync setup")], NOW)],
    "doctor": doctor_lines([Finding(
        about="rclone.conf", level="problem", text=f"{UNBROKEN} can be read by others than you, and holds keys",
        cure=f"type: chmod 600 {UNBROKEN}",
    )]),
    "conflicts": conflicts_lines([results.conflict_group()]),
    "undo": [*undo_plan_lines(results.undone(*results.DEEDS, left=(Left(LONG, "it was edited", "bisync log a.md"),)))],
    "restore": [*restore_lines(results.restoration(LONG)), *dry_run_lines([results.restoration(LONG, foreign=("c",))])],
    "setup": setup_lines(results.setup_result("ok", "changed", "failed")),
    "prune": prune_lines(results.pruned((LONG, 1))),
}  # fmt: skip


def plain(said: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", said)


def too_long(said: str, columns: int) -> list[str]:
    return [
        line
        for line in plain(said).split("\n")
        if cells(line) > columns and " " in line.strip() and not re.match(r" *(→ )?\(?(bisync|chmod) ", line)
    ]


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("name", SAID)
def test_no_line_is_left_to_the_terminal(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))

    Screen().tell(SAID[name])

    assert too_long(out.seen + err.seen, columns) == []
    assert columns > 40 or len((out.seen + err.seen).splitlines()) > len(SAID[name]), "some are broken"


@pytest.mark.parametrize("columns", [40, 80])
def test_neither_is_a_table_or_an_error(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))

    with Screen() as screen:
        screen.show(status_table(results.status(remote=UNBROKEN, blocked="nobody answers " * 9), NOW))
        screen.problem(
            ManifestError([f"bisync.yaml:{line}:5: syncs.notes: what is wrong " * 3 for line in (1, 2)])
        )
        screen.problem(BisyncError("there is something the matter " * 4, hint="type: bisync setup"))
        screen.note("beside the result " * 9)

    assert [line for line in plain(out.seen).splitlines() if cells(line) > columns] == []
    assert too_long(err.seen, columns) == []


def test_nor_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    monkeypatch.setenv("COLUMNS", "40")

    assert Screen().ask(QUESTION)

    assert too_long(err.seen, 40) == []
    assert err.seen.endswith("[y/N] ")


@pytest.mark.parametrize("name", SAID)
def test_in_a_pipe_a_line_is_a_line(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    Screen().tell(SAID[name])

    out, err = capfd.readouterr()
    assert len(out.splitlines()) == len([line for line in SAID[name] if not hasattr(line, "hint")])
    assert "\x1b" not in out + err


def painted(lines: Iterable[Shown], colour: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines in a colour on a terminal, as far as their first two words."""
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setenv("COLUMNS", "400")
    Screen().tell(lines)
    found = [line for line in out.seen.splitlines() if line.startswith(f"\x1b[{colour}m")]
    return [" ".join(plain(line).split()[:2]) for line in found]


def test_what_goes_and_what_is_contested_has_a_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    for name in ("planned", "plan"):
        gone, contested = painted(SAID[name], RED, monkeypatch), painted(SAID[name], YELLOW, monkeypatch)
        assert gone == ["delete here"] * 3 + ["delete in"] * 3, name
        assert contested == ["conflict a.md", "conflict a", f"conflict {UNBROKEN}"], name
    assert painted(SAID["sync"], YELLOW, monkeypatch).count("Conflict detected:") == 2
    assert painted(SAID["undo"], RED, monkeypatch) == ["take away"]
    assert painted(SAID["conflicts"], YELLOW, monkeypatch) == ["ideas.md (notes)"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted(SAID["planned"], RED, monkeypatch) == []
