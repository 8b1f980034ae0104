"""The shape of the engine: who may import whom, and who alone may know what."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from bisync.tasks import namespace
from invoke.program import Program

from tests.world import rclone_path

ROOT = Path(__file__).parent.parent
ENGINE = sorted((ROOT / "bisync").rglob("*.py"))
TASKS = sorted((ROOT / "tasks").glob("*.py"))
SHIPPED = [
    *ENGINE,
    *TASKS,
    *sorted((ROOT / "schema").glob("*.py")),
    *sorted((ROOT / "templates").glob("*.py")),
]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in ENGINE
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Everything below `if TYPE_CHECKING:`."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found |= set(ast.walk(node))
    return found


def import_nodes(path: Path, *, types: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import of a file, also in its functions. `types`: those for the type checker alone, too."""
    tree = tree_of(path)
    hidden = set() if types else for_types_only(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in hidden:
            yield node


def imported(path: Path, *, types: bool = False) -> set[str]:
    """The modules a file imports, as dotted names; `from a import b` is a.b where that is a module."""
    found = set()
    for node in import_nodes(path, types=types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        module = imported_from(path, node)
        for alias in node.names:
            full = f"{module}.{alias.name}"
            found.add(full if full in MODULES else module)
    return found


def imported_from(path: Path, node: ast.ImportFrom) -> str:
    """The module an import names, spelled out where it is written relative to the file's package."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def test_relative_imports_count() -> None:
    """`from . import rules` in bisync/ is an import of bisync.rules, and `from .. import x` one of its parent."""
    nodes = {
        text: ast.parse(text).body[0] for text in ("from . import a", "from .b import c", "from ..d import e")
    }
    found = {
        text: imported_from(ROOT / "bisync" / "room" / "one.py", node)
        for text, node in nodes.items()
        if isinstance(node, ast.ImportFrom)
    }

    assert found == {
        "from . import a": "bisync.room",
        "from .b import c": "bisync.room.b",
        "from ..d import e": "bisync.d",
    }


def engine_imports(path: Path) -> set[str]:
    """The engine's modules that a file imports."""
    return {name for name in imported(path) if name in MODULES and name != "bisync"}


def test_imports_have_no_cycle() -> None:
    order = list(
        TopologicalSorter({name: engine_imports(path) for name, path in MODULES.items()}).static_order()
    )

    assert set(order) >= {"bisync.app", "bisync.plan", "bisync.actions.sync"}


# From the bottom up. A module may import from its own room (without cycles) and from those below.
ROOMS = (
    # values and rules, without the outside world
    "errors config snapshot names events conflicts result plan files",
    # one adapter for each outside thing
    "source reading schemacheck tenants rules manifest bmconfig secrets render ignore process lock state listing"
    " baseline rclone rclone_binary rcloneconf swap hooks providers",
    # the way through: wiring, observe, guard, apply, record
    "app observe guard commands apply trash record prepare plandoc script",
    # one verb a file
    "actions",
)


def room(name: str) -> int | None:
    part = name.removeprefix("bisync.").partition(".")[0]
    return next((number for number, parts in enumerate(ROOMS) if part in parts.split()), None)


def test_imports_point_downwards() -> None:
    upwards = []
    for name, path in MODULES.items():
        mine = room(name)
        if mine is None:
            continue
        for other in engine_imports(path):
            theirs = room(other)
            if theirs is None or theirs > mine:
                upwards.append(f"{name} -> {other}")

    assert upwards == []


def test_every_engine_module_has_a_room() -> None:
    outside = {"bisync", "bisync.__main__", "bisync.report"}

    assert {name for name in MODULES if room(name) is None} == outside


def test_the_decisions_touch_nothing_outside() -> None:
    """Planning, guarding and the reading of events are functions of values."""
    outside = {
        "os",
        "subprocess",
        "socket",
        "pathlib",
        "tempfile",
        "shutil",
        "time",
        "datetime",
        "random",
        "httpx",
    }
    for name in ("plan", "guard", "events", "conflicts", "snapshot", "names"):
        assert not imported(ROOT / "bisync" / f"{name}.py") & outside, name


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("invoke", "tasks/"),
        ("rich", "bisync/report.py"),
        ("jinja2", "bisync/render.py"),
        ("jsonschema", "bisync/schemacheck.py"),
    ],
)
def test_one_room_knows_a_library(library: str, allowed: str) -> None:
    knows = {
        path.relative_to(ROOT).as_posix()
        for path in SHIPPED
        if library in {name.partition(".")[0] for name in imported(path, types=True)}
    }

    assert knows
    assert {name for name in knows if not name.startswith(allowed)} == set()


def test_the_engine_does_not_import_its_edge() -> None:
    above = {"bisync.report", "bisync.tasks"}
    for path in ENGINE:
        if path.name not in ("report.py", "__main__.py"):
            assert not {n for n in imported(path) if n.startswith(tuple(above))}, path


def test_no_action_imports_another_but_setup_which_ends_in_a_sync() -> None:
    found = {
        (path.stem, name)
        for path in (ROOT / "bisync" / "actions").glob("*.py")
        for name in engine_imports(path)
        if name.startswith("bisync.actions.")
    }

    assert found <= {("setup", "bisync.actions.sync")}


def test_the_engine_never_prints_and_never_exits() -> None:
    offenders = []
    for path in ENGINE:
        if path.name in ("report.py", "__main__.py"):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print", "exit", "quit", "sys.exit", "os._exit", "input",
                "sys.stdout.write", "sys.stderr.write",
            ):  # fmt: skip
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:60]}")

    assert offenders == []


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


def test_only_one_module_knows_rclones_flags() -> None:
    flags = rclone_flags()
    offenders = []
    for path in SHIPPED:
        if path == ROOT / "bisync" / "rclone.py":
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and node.value in flags and not _is_our_own(path, node.value):
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}")

    assert offenders == []


def _is_our_own(path: Path, flag: str) -> bool:
    """Flags of our own tasks and of other programs, which rclone happens to have as well."""
    if path.parent.name == "tasks":
        ours = [
            *Program(namespace=namespace).core_args(),
            *(a for t in namespace.tasks.values() for a in t.get_arguments()),
        ]
        return flag in {f"--{name}" for argument in ours for name in argument.names}
    others = {
        "rclone_binary.py": {"--config", "--quiet", "--version"}
    }  # it is asked before it is known to be rclone
    return flag in others.get(path.name, set())


HEAVY = (
    "rich",
    "jsonschema",
    "jinja2",
    "httpx",
    "bisync.app",
    "bisync.manifest",
    "bisync.plan",
)


def test_the_program_starts_without_what_only_some_tasks_need() -> None:
    code = "import sys, bisync.tasks.program; print(' '.join(m for m in sys.argv[1:] if m in sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True, timeout=60
    )

    assert ran.stdout.split() == []
