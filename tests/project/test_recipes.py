"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the tree. (Without the pictures.)

A code block below a sentence such as "In `FILE`, after the line `LINE`:" is an edit, one of `$` lines is typed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CODE = r"(?:`` ?(?P<{0}2>.+?) ?``|`(?P<{0}>[^`]+)`)"
INSTRUCTION = re.compile(
    rf"(?:Write {CODE.format('new')}|[Aa]t the end of {CODE.format('end')}"
    rf"|[Ii]n {CODE.format('file')}, (?P<where>after|before|instead of) the line {CODE.format('line')}):$"
)
FENCE = re.compile(
    r"^(?P<margin> *)```(?P<language>\w+)\n(?P<code>.*?)^(?P=margin)```$", re.MULTILINE | re.DOTALL
)

# What the recipes do not have typed themselves. (What they add to the core is a guard; all the rest of it minds nothing
# but itself.)
NOTHING_ELSE_MINDS = (
    ".venv/bin/pytest -m pure tests/manifest/test_fitting.py tests/manifest/test_starter.py"
    " tests/project tests/report"
)


class Block(NamedTuple):
    """A code block of a recipe, and the text between the one before and it, on one line."""

    said: str
    language: str
    code: str


def recipes() -> dict[str, list[Block]]:
    """The recipes by their titles."""
    (part,) = re.findall(r"^## Recipes\n(.*?)^## ", TEXT, flags=re.MULTILINE | re.DOTALL)
    titles_and_texts = re.split(r"^### (.+)$", part, flags=re.MULTILINE)[1:]
    return {
        title: list(blocks(text))
        for title, text in zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True)
    }


def blocks(text: str) -> Iterator[Block]:
    end = 0
    for fence in FENCE.finditer(text):
        said = " ".join(text[end : fence.start()].split())
        code = re.sub(rf"^{fence['margin']}", "", fence["code"], flags=re.MULTILINE)
        yield Block(said, fence["language"], code)
        end = fence.end()


def edit(root: Path, block: Block) -> None:
    """Do what a block's sentence says. Lines are found whatever their indentation, if there is just one."""
    match = INSTRUCTION.search(block.said)
    assert match is not None, f"no place for the code below: {block.said}"
    if match["new"]:
        path = root / match["new"]
        assert not path.exists(), path
        path.write_text(block.code, "utf-8")
        return
    path = root / (match["end"] or match["file"])
    lines = path.read_text("utf-8").splitlines(keepends=True)
    if match["end"]:
        lines.append(block.code)
    else:
        wanted = match["line"] or match["line2"]
        (at,) = [number for number, line in enumerate(lines) if " ".join(line.split()) == wanted] or [None]
        assert at is not None, f"{path}: no line {wanted}"
        first, last = {"after": (at + 1, at + 1), "before": (at, at), "instead of": (at, at + 1)}[
            match["where"]
        ]
        lines[first:last] = [block.code]
    path.write_text("".join(lines), "utf-8")


def typed(all_blocks: list[Block]) -> list[str]:
    """The commands, each once, in the order in which they make sense for all recipes at once."""
    lines = [line for one in all_blocks if one.language == "console" for line in one.code.splitlines()]
    commands = list(dict.fromkeys(dedent(line).removeprefix("$ ") for line in lines))
    return sorted(commands, key=lambda command: ("lint" not in command, "docs" not in command))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """This tree as it is now; the pictures are left out, and what Python, ruff and mypy know already is there."""
    root = tmp_path / "tree"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, found.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
            compiled = (ROOT / name).parent.glob(f"__pycache__/{Path(name).stem}.*.pyc")
            for one in compiled if name.endswith(".py") else ():
                target = root / one.relative_to(ROOT)
                target.parent.mkdir(exist_ok=True)
                with suppress(OSError):  # somebody may be writing it anew
                    shutil.copy2(one, target)
    (root / "docs" / "pictures.py").write_text("")
    with suppress(OSError):  # it only spares time, and a mypy may be at work in it
        shutil.copytree(ROOT / ".mypy_cache", root / ".mypy_cache")
    (root / ".venv").symlink_to(sys.prefix)
    return root


def put_together(root: Path) -> None:
    """What an editable install does: tasks, schema and templates are parts of the package."""
    for part in ("tasks", "schema", "templates"):
        (root / "bisync" / part).symlink_to(root / part)


def run(root: Path, command: str) -> None:
    # The virtual environment is that of this very run: nothing to set up.
    argv = [
        part
        for word in shlex.split(command)
        for part in ((word, "-o", ".venv/.ready") if word == "make" else (word,))
    ]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "MAKE", "MFLAGS"))
    }
    ended = subprocess.run(
        argv, cwd=root, env={**kept, "PYTHONPATH": str(root)}, text=True, check=False, timeout=600,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ended.returncode == 0, f"{command}\n{ended.stdout}"


def test_the_recipes_hold_to_the_letter(tree: Path) -> None:
    """All of them in one tree, each step as it is written, then everything that is typed."""
    found = recipes()
    assert list(found) == ["Add a provider", "Add a verb", "Add a manifest key", "Add a guard"]
    every = [block for one in found.values() for block in one]
    for block in every:
        if block.language != "console":
            edit(tree, block)

    commands = typed(every)
    assert commands[0] == "make fmt lint"
    run(tree, commands[0])
    put_together(tree)
    for command in [*commands[1:], NOTHING_ELSE_MINDS]:
        run(tree, command)


@pytest.mark.pure
@pytest.mark.parametrize("title", recipes())
def test_every_recipe_ends_with_what_proves_it(title: str) -> None:
    last = recipes()[title][-1]

    assert last.said.endswith("Prove it:")
    assert last.code.startswith("$ make fmt lint\n")
    assert ".venv/bin/pytest" in last.code


@pytest.mark.pure
def test_a_step_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")

    edit(tmp_path, Block("1. Here. In `a.py`, before the line `two`:", "python", "between\n"))
    assert (tmp_path / "a.py").read_text() == "one\nbetween\ntwo\n"
    with pytest.raises(AssertionError, match="no line three"):
        edit(tmp_path, Block("In `a.py`, after the line `three`:", "python", "x\n"))
    with pytest.raises(AssertionError, match="no place for the code"):
        edit(tmp_path, Block("Somewhere in `a.py`:", "python", "x\n"))
    (tmp_path / "a.py").write_text("two\ntwo\n")
    with pytest.raises(ValueError, match="too many values"):
        edit(tmp_path, Block("In `a.py`, after the line `two`:", "python", "x\n"))
