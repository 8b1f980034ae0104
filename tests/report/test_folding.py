"""Lines on a terminal that is narrower than they are: words stay whole, and so does every command to type."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from bisync.report.folding import cells, folded

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
# A command in a message of ours.
COMMAND = re.compile(r"(?::|→) (bisync [^;,.()'\"$]+?)(?=[;,.()]|$)")


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("short", 40, ["short"]),
        ("", 40, [""]),
        (
            "one two three four five six seven eight nine",
            20,
            ["one two three four", "  five six seven", "  eight nine"],
        ),
        (
            "  → look at them: bisync plan --only notes; then, if you mean it: bisync sync --only notes --force",
            40,
            [
                "  → look at them:",
                "      bisync plan --only notes; then, if",
                "      you mean it:",
                "      bisync sync --only notes --force",
            ],
        ),
        (
            "✓ Sync completed - 2 files uploaded, 1 conflict (see: bisync conflicts)",
            40,
            ["✓ Sync completed - 2 files uploaded, 1", "  conflict (see: bisync conflicts)"],
        ),
        (
            "type: bisync restore 'my notes, all; of them (old).md' --run 20261122T101500Z-3f2a7c",
            40,
            ["type:", "  bisync restore 'my notes, all; of them (old).md' --run 20261122T101500Z-3f2a7c"],
        ),
        ("a" * 50, 40, ["a" * 50]),
        ("  upload  " + "b" * 50 + "  (new here)", 40, ["  upload", f"    {'b' * 50}", "    (new here)"]),
        ("  upload       a.md  (new here)", 40, ["  upload       a.md  (new here)"]),
        ("漢字漢字漢字漢字 漢字漢字漢字漢字", 20, ["漢字漢字漢字漢字", "  漢字漢字漢字漢字"]),
        ("words that a terminal breaks itself", 10, ["words that a terminal breaks itself"]),
    ],
)  # fmt: skip
def test_how_a_line_is_broken(text: str, columns: int, lines: list[str]) -> None:
    assert folded(text, columns) == lines


def texts() -> list[str]:
    """Every text of ours that has a command to type in it; what is put into it as a word."""
    found = set()
    for path in (*(ROOT / "bisync").rglob("*.py"), *(ROOT / "tasks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.add(
                    "".join(one.value if isinstance(one, ast.Constant) else "WORD" for one in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                found.add(node.value)
    return sorted(text for text in found if COMMAND.search(f"→ {text}"))


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_command_of_ours_is_broken_and_no_word_is_lost(columns: int) -> None:
    ours = texts()
    assert len(ours) > 100
    for text in ours:
        line = f"  → {text}"
        broken = folded(line, columns)

        assert " ".join(" ".join(broken).split()) == " ".join(line.split()), text
        for command in COMMAND.findall(line):
            assert any(command.strip() in each for each in broken), (text, command, broken)
        for each in broken:
            assert cells(each) <= columns or COMMAND.search(f"→ {each.strip()}") or " " not in each.strip(), (
                broken
            )
