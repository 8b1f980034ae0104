"""The shape of the engine: who may import whom, and who alone may know what. Laws by folder.

Each law is a function of a tree of modules, so that it can be held against a made-up one, too: a law that
nothing can break holds nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the bottom up. A module may import from its own room and from the floors below; rooms that share a
# floor may import from each other as long as no circle comes of it.
FLOORS = (
    # values, and one small thing of the outside each
    "errors config events files process programs render secret stored templates",
    # decisions: values in, values out
    "core",
    # the outside, one room for each thing
    "manifest ignore rclone",
    "state locks providers",
    # the wiring, one run, what starts runs
    "app",
    "sync",
    "watch migrate schedule",
    # one verb a file, the words of its results, the door
    "actions",
    "report",
    "tasks schema",
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
# The modules beside the rooms; everything else lies in one.
GROUND_FLOOR = {"__init__", "__main__", "app", *FLOORS[0].split()} - {"templates"}

# All that a decision may need besides other decisions: nothing here knows the disk, the clock or a process.
HARMLESS = {
    "__future__", "bisect", "collections", "dataclasses", "difflib", "enum", "functools", "hashlib", "itertools",
    "math", "re", "shlex", "typing", "unicodedata",
}  # fmt: skip


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


class House:
    """The modules below a folder, by the names they are imported by."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def modules(self) -> dict[str, Path]:
        found = {}
        for top, package in (
            ("bisync", ""),
            ("tasks", "bisync."),
            ("schema", "bisync."),
            ("templates", "bisync."),
        ):
            for path in sorted((self.root / top).rglob("*.py")):
                parts = path.relative_to(self.root).with_suffix("").parts
                found[package + ".".join(parts).removesuffix(".__init__")] = path
        return found

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """What each module imports, also in its functions and for the type checker, as dotted names."""
        return {name: self.imported(name) for name in self.modules}

    def imported(self, name: str) -> set[str]:
        """`from a import b` is a.b where that is a module."""
        found = set()
        for node in import_nodes(self.modules[name]):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
                continue
            module = imported_from(name, self.modules[name], node)
            for alias in node.names:
                full = f"{module}.{alias.name}"
                is_module = full in self.modules or (module == "bisync" and alias.name in FLOOR_OF)
                found.add(full if is_module else module)
        return found

    def ours(self, name: str) -> set[str]:
        """Those that are modules of ours. (The package itself holds the version, nothing else.)"""
        return {one for one in self.imports[name] if one.startswith("bisync.")}

    def where(self, name: str) -> str:
        return self.modules[name].relative_to(self.root).as_posix()


def import_nodes(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def imported_from(name: str, path: Path, node: ast.ImportFrom) -> str:
    """The module an import names, spelled out where it is written relative to the module's package."""
    if not node.level:
        return node.module or ""
    package = name.split(".")
    up = node.level - (path.name == "__init__.py")
    package = package[: len(package) - up]
    return ".".join([*package, *([node.module] if node.module else [])])


def room(name: str) -> str:
    """The folder a module lies in, or its own name on the ground floor. `python -m bisync` is the door, too."""
    part = name.removeprefix("bisync.").partition(".")[0]
    return "tasks" if part == "__main__" else part


# -- the laws -------------------------------------------------------------------------------------------


def strangers(house: House) -> list[str]:
    """Every module lies in a room that has a floor; beside the rooms lie the few that need none."""
    return [
        f"{house.where(name)}: no room of ours"
        for name, path in house.modules.items()
        if name != "bisync"
        and (
            room(name) not in FLOOR_OF
            or (path.parent == house.root / "bisync" and path.stem not in GROUND_FLOOR)
        )
    ]


def upward_imports(house: House) -> list[str]:
    """Imports point downwards."""
    return [
        f"{name} -> {other}"
        for name in house.modules
        if name != "bisync"
        for other in sorted(house.ours(name))
        if room(other) != room(name)
        and FLOOR_OF.get(room(other), len(FLOORS)) > FLOOR_OF.get(room(name), len(FLOORS))
    ]


def circles(house: House) -> list[str]:
    """Neither modules nor rooms import each other in a circle."""
    modules = {name: house.ours(name) & house.modules.keys() - {name} for name in house.modules}
    rooms: dict[str, set[str]] = {}
    for name in house.modules:
        rooms.setdefault(room(name), set()).update({room(other) for other in house.ours(name)} - {room(name)})
    found = []
    for graph in (modules, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            found.append(" -> ".join(error.args[1]))
    return found


def impure_decisions(house: House) -> list[str]:
    """core/ imports itself, three leaves, and what cannot touch anything outside."""
    allowed = {"bisync.errors", "bisync.config", "bisync.events"}
    return [
        f"{name} -> {other}"
        for name in house.modules
        if room(name) == "core"
        for other in sorted(house.imports[name] - allowed)
        if room(other) != "core" and other.partition(".")[0] not in HARMLESS
    ]


def actions_in_actions(house: House) -> list[str]:
    """No verb is done by way of another."""
    return [
        f"{name} -> {other}"
        for name in house.modules
        if room(name) == "actions"
        for other in sorted(house.ours(name))
        if room(other) == "actions" and other not in ("bisync.actions", name)
    ]


def relative_imports(house: House) -> list[str]:
    """Imports are absolute; but for the tasks, which in a checkout are found as `tasks`, too."""
    return [
        f"{house.where(name)}:{node.lineno}: import relative to the package"
        for name, path in house.modules.items()
        if not name.startswith("bisync.tasks")
        for node in import_nodes(path)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def borrowed_libraries(house: House) -> list[str]:
    """One room for each library that is somebody's own business."""
    return [
        f"{house.where(name)} imports {library}"
        for library, place in PLACES.items()
        for name in house.modules
        if library in {one.partition(".")[0] for one in house.imports[name]}
        and not house.where(name).startswith(place)
    ]


PLACES = {
    "invoke": "tasks/",
    "rich": "bisync/report/",
    "jinja2": "bisync/render.py",
    "jsonschema": "bisync/manifest/schema_check.py",
}


def words_of_the_engine(house: House) -> list[str]:
    """Only the report prints and only the door exits."""
    loud = {
        "print", "exit", "quit", "sys.exit", "os._exit", "input", "sys.stdout.write", "sys.stderr.write",
    }  # fmt: skip
    return [
        f"{house.where(name)}:{node.lineno}: {ast.unparse(node)[:60]}"
        for name, path in house.modules.items()
        if room(name) not in ("report", "tasks", "schema")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in loud
    ]


def ways_past_the_screen(house: House) -> list[str]:
    """In the report one module has the streams and makes consoles: there names are cleaned."""
    return [
        f"{house.where(name)}:{node.lineno}: {ast.unparse(node)[:60]}"
        for name, path in house.modules.items()
        if room(name) == "report" and path.name != "stream.py"
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "input"))
        or (isinstance(node, ast.Attribute) and node.attr == "write")
        or (
            (isinstance(node, ast.ImportFrom) and node.module in ("rich.console", "rich.text", "rich"))
            and not {alias.name for alias in node.names} <= {"Group", "RenderableType"}
        )
    ]


# What comes right before a word of a command to type.
BEFORE_A_WORD = re.compile(
    r"\b(?:bisync (?:[a-z]+ )?(?:[^;,:()]* )?|rclone [a-z][^;,:()]* |(?:chmod|rm|mv) [^;,:()]*)\Z"
)
# What needs no quotes: names that the schema keeps to letters, numbers, and words of our own.
IS_PLAIN = re.compile(r"(?:typed|quote|typed_path|_typed|interval_text|max)\(|(?:.*\.)?name\Z")
OUR_WORDS = {
    "again", "flag", "other", "hidden", "what", "aside", "_at_work.get()", "plan.deletions", "-outcome.code",
    "wrong.command", "__version__", "' '.join(once)",
}  # fmt: skip


def unquoted_words(house: House) -> list[str]:
    """In a command to type every name and path is quoted: `typed` in bisync/core/printable.py."""
    found = []
    for name, path in house.modules.items():
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.JoinedStr):
                continue
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += str(part.value)
                    continue
                value = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
                if BEFORE_A_WORD.search(before) and value not in OUR_WORDS and not IS_PLAIN.match(value):
                    found.append(f"{house.where(name)}:{node.lineno}: {value}")
                before += "X"
    return found


LAWS: tuple[Callable[[House], list[str]], ...] = (
    strangers,
    upward_imports,
    circles,
    impure_decisions,
    actions_in_actions,
    relative_imports,
    borrowed_libraries,
    words_of_the_engine,
    ways_past_the_screen,
    unquoted_words,
)


@pytest.mark.pure
@pytest.mark.parametrize("law", LAWS)
def test_the_law_holds(law: Callable[[House], list[str]]) -> None:
    assert law(House(ROOT)) == []


@pytest.mark.pure
def test_all_of_the_tree_is_looked_at() -> None:
    house = House(ROOT)

    assert {"bisync.app", "bisync.core.plan", "bisync.actions.sync", "bisync.tasks.runs"} <= set(
        house.modules
    )
    assert "bisync.core.reconcile" in house.ours("bisync.core.plan")
    assert "bisync.report.screen" in house.ours("bisync.tasks._edge")
    for library, place in PLACES.items():
        assert any(
            library in {one.partition(".")[0] for one in house.imports[name]}
            for name in house.modules
            if house.where(name).startswith(place)
        ), library


IN_ORDER = {
    "bisync/__init__.py": '__version__ = "1"\n',
    "bisync/errors.py": "",
    "bisync/app.py": "from bisync.rclone import program\nfrom bisync.state import runs\n",
    "bisync/core/plan.py": "import re\nfrom bisync import errors\nfrom bisync.core import change\n",
    "bisync/core/change.py": "from enum import StrEnum\n",
    "bisync/rclone/program.py": "import os\nfrom bisync.core import plan\n",
    "bisync/state/runs.py": "from bisync.rclone.program import Rclone\n",
    "bisync/sync/run.py": "from bisync.app import App\n",
    "bisync/actions/sync.py": "from bisync.sync import run\n",
    "bisync/report/stream.py": "from rich.console import Console\n\nprint()\n",
    "tasks/runs.py": "import invoke\nfrom bisync.actions import sync\n\nfrom ._edge import edge\n",
    "tasks/_edge.py": "import sys\n\nsys.exit(1)\n",
}


def house_with(root: Path, files: dict[str, str]) -> House:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(root)


@pytest.mark.pure
def test_a_house_in_order_breaks_no_law(tmp_path: Path) -> None:
    house = house_with(tmp_path, IN_ORDER)

    assert [breach for law in LAWS for breach in law(house)] == []


@pytest.mark.pure
@pytest.mark.parametrize(
    ("law", "wrong"),
    [
        (strangers, {"bisync/helpers.py": ""}),
        (strangers, {"bisync/core.py": ""}),
        (strangers, {"bisync/misc/thing.py": ""}),
        (upward_imports, {"bisync/core/guard.py": "from bisync.rclone import program\n"}),
        (upward_imports, {"bisync/rclone/log.py": "import bisync.state.runs\n"}),
        (upward_imports, {"bisync/state/paths.py": "def f():\n    from bisync import app\n"}),
        (upward_imports, {"bisync/sync/hooks.py": "from bisync.actions.sync import run\n"}),
        (
            upward_imports,
            {"bisync/actions/plan.py": "if TYPE_CHECKING:\n    from bisync.report import screen\n"},
        ),
        (upward_imports, {"bisync/report/words.py": "from bisync.tasks import runs\n"}),
        (upward_imports, {"bisync/errors.py": "from .core import plan\n"}),
        (circles, {"bisync/core/change.py": "from bisync.core.plan import Plan\n"}),
        (
            circles,
            {
                "bisync/providers/s3.py": "from bisync.state import paths\n",
                "bisync/state/runs.py": "from bisync.providers import base\n",
            },
        ),
        (impure_decisions, {"bisync/core/guard.py": "import os\n"}),
        (impure_decisions, {"bisync/core/guard.py": "from datetime import datetime\n"}),
        (impure_decisions, {"bisync/core/guard.py": "from bisync.files import atomic_write\n"}),
        (actions_in_actions, {"bisync/actions/plan.py": "from bisync.actions import sync\n"}),
        (relative_imports, {"bisync/core/guard.py": "from . import plan\n"}),
        (relative_imports, {"bisync/sync/hooks.py": "def f():\n    from ..core.plan import Plan\n"}),
        (borrowed_libraries, {"bisync/actions/plan.py": "from rich.table import Table\n"}),
        (borrowed_libraries, {"bisync/report/words.py": "import jinja2\n"}),
        (words_of_the_engine, {"bisync/sync/hooks.py": "print(1)\n"}),
        (unquoted_words, {"bisync/report/words.py": "f'see: bisync restore {path}'\n"}),
        (unquoted_words, {"bisync/report/words.py": "f'mend it: chmod 600 {path}'\n"}),
        (ways_past_the_screen, {"bisync/report/words.py": "print(1)\n"}),
        (ways_past_the_screen, {"bisync/report/words.py": "import sys\n\nsys.stderr.write(name)\n"}),
        (ways_past_the_screen, {"bisync/report/words.py": "from rich.console import Console, Group\n"}),
        (words_of_the_engine, {"bisync/actions/plan.py": "import sys\n\nsys.exit(1)\n"}),
    ],
)
def test_the_law_bites(law: Callable[[House], list[str]], wrong: dict[str, str], tmp_path: Path) -> None:
    assert law(house_with(tmp_path, {**IN_ORDER, **wrong}))


@pytest.mark.pure
def test_relative_imports_count() -> None:
    """`from . import rules` in a room is an import of that room, and `from .. import x` one of its parent."""
    nodes = {
        text: ast.parse(text).body[0] for text in ("from . import a", "from .b import c", "from ..d import e")
    }
    places = {
        "bisync.room.one": Path("bisync/room/one.py"),
        "bisync.room": Path("bisync/room/__init__.py"),
    }
    found = {
        name: [imported_from(name, path, node) for node in nodes.values() if isinstance(node, ast.ImportFrom)]
        for name, path in places.items()
    }

    assert found == {
        "bisync.room.one": ["bisync.room", "bisync.room.b", "bisync.d"],
        "bisync.room": ["bisync.room", "bisync.room.b", "bisync.d"],
    }
