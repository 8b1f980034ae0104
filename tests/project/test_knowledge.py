"""What one room alone knows: rclone's flags and words; and what no start of the program loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from bisync.tasks._commands import COMMANDS
from bisync.tasks._parsing import COMPLETE, OWN, SCRIPT

from bisync.rclone.troubles import TROUBLES
from tests.project.test_rooms import IN_ORDER, ROOT, House, house_with, room, tree_of
from tests.support.world import rclone_path

# -- rclone's flags -------------------------------------------------------------------------------------


def rclone_flags() -> set[str]:
    """Every flag of the real rclone, from its own help."""
    found: set[str] = set()
    for command in (("help", "flags"), ("bisync", "--help"), ("check", "--help"), ("lsjson", "--help")):
        ran = subprocess.run(
            [str(rclone_path()), *command], capture_output=True, text=True, check=True, timeout=60
        )
        found |= set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", ran.stdout))
    assert {"--resync", "--filters-file", "--backup-dir1", "--use-json-log"} <= found
    return found


def test_only_one_room_knows_rclones_flags() -> None:
    flags = rclone_flags()
    house = House(ROOT)
    offenders = [
        f"{house.where(name)}:{node.lineno}: {node.value}"
        for name, path in house.modules.items()
        if room(name) != "rclone"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and node.value in flags
        if not (room(name) == "tasks" and node.value in our_own_flags())
    ]

    assert offenders == []


# What only rclone says, writes or is called by: its listings and locks, its environment, its complaints.
RCLONES_WORDS = re.compile(
    r"RCLONE_(CONFIG_|AUTH|SKIP|LOCAL)|bisync listing|\.lst|\.lck|local__|\.md5|"
    + "|".join([*(re.sub(r"\?P<\w+>", "?:", one.says) for one in TROUBLES), "not equal in listing"])
)


def rclones_words(house: House) -> list[str]:
    """Only rclone/ knows what rclone says; everywhere else it is an event, a value or an error of ours."""
    return [
        f"{house.where(name)}:{node.lineno}: {node.value[:60]}"
        for name, path in house.modules.items()
        if room(name) != "rclone"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings(path)
        if RCLONES_WORDS.search(node.value)
    ]


@cache
def docstrings(path: Path) -> set[ast.AST]:
    """The texts that only people read."""
    return {
        node.value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


@pytest.mark.pure
def test_only_one_room_knows_rclones_words() -> None:
    assert rclones_words(House(ROOT)) == []


@pytest.mark.pure
@pytest.mark.parametrize(
    "wrong", ['PATH = "x.path1.lst"\n', 'ENV = f"RCLONE_CONFIG_{1}"\n', 'if "StatusCode: 403" in text: ...\n']
)
def test_another_room_that_knows_them_is_found(tmp_path: Path, wrong: str) -> None:
    assert rclones_words(house_with(tmp_path, {**IN_ORDER, "bisync/sync/hooks.py": wrong}))


@cache
def our_own_flags() -> set[str]:
    """Flags of our own tasks, some of which rclone happens to have as well."""
    return {COMPLETE, SCRIPT, *OWN, *(flag.long for one in COMMANDS.values() for flag in one.flags())}


# -- start-up -------------------------------------------------------------------------------------------

HEAVY = (
    "invoke",
    "rich",
    "jsonschema",
    "jinja2",
    "httpx",
    "bisync.app",
    "bisync.manifest.load",
    "bisync.core.plan",
)


def loaded_at_start() -> set[str]:
    """Every module that is there once the program has been imported."""
    code = "import sys, bisync.tasks.program; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stdout.split())


@pytest.mark.pure
def test_the_program_starts_without_what_only_some_tasks_need() -> None:
    loaded = loaded_at_start()

    assert loaded & set(HEAVY) == set()
    assert {room(name) for name in loaded if name.startswith("bisync.")} == {"errors", "report", "tasks"}
