"""Cases for the differential test: written ones, and ones made by chance from a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bisync.ignore.re2 import PICTURES, QUOTE

RCLONE = os.environ.get("RCLONE") or shutil.which(
    "rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
)
SHOWN = {**PICTURES, **{char: QUOTE + char for char in (QUOTE, *PICTURES.values())}}


@dataclass(frozen=True)
class Case:
    """A tree (paths of files), rules from outside, and ignore files by folder ("" or "a/b")."""

    files: tuple[str, ...]
    outside: tuple[str, ...] = ()
    inside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    second: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Rules of a second ignore file, stronger than the first in the same folder."""

    @property
    def only_local(self) -> bool:
        return any(char in SHOWN for path in (*self.files, *self.inside, *self.second) for char in path)


# --- making cases -------------------------------------------------------------------------------------

NAMES = [
    "a",
    "b",
    "c",
    "ab",
    "abc",
    "foo",
    "bar",
    "foobar",
    "foo.md",
    "keep.md",
    "x.log",
    ".env",
    ".hidden",
    ".a",
    "a.b.c",
    "A",
    "Foo",
    "z",
    "1",
    "12",
    "-dash",
    "--rm",
    "README",
    "x.tmp",
    "build",
    "data",
    "(p)",
    "[x]",
    "{a,b}",
    "{{z}}",
    "a+b",
    "a$",
    "^a",
    "a|b",
    "~",
    "a,b",
    "#h",
    "!n",
    "%41",
    "@",
    "=",
    "'",
    '"',
    "<t>",
    "a;b",
    "a&b",
    "**",
    "*",
    "?",
    "a*b",
    "a?b",
]
ODD_NAMES = [
    "a b",
    " lead",
    "trail ",
    "a  b",
    "back\\slash",
    "\\",
    "é",
    "日本",
    "e\u0301",
    "a\u00a0",
    "\U0001f600",
    "nb\u2003x",
]
VIEWED_NAMES = ["t\tab", "Icon\r", "n\nl", "\x7f", "\u2409", "a\u2421", "\x01", "x\u2409y"]
HARD = Path(__file__).parents[1] / "cases" / "ignore" / "hard.json"


def hard_cases() -> dict[str, Case]:
    """The table of hand-made cases, by name."""
    table = json.loads(HARD.read_text())
    found = {}
    for one in table["cases"]:
        assert one["name"] not in found, one["name"]
        inside = {folder: tuple(lines) for folder, lines in one.get("inside", {}).items()}
        second = {folder: tuple(lines) for folder, lines in one.get("second", {}).items()}
        files = (*table["common"], *one.get("files", ()))
        found[one["name"]] = Case(files, tuple(one["rules"]), inside, second)
    return found


ODD_LINES = sorted(
    {line for case in hard_cases().values() for line in case.outside if line.isascii() and len(line) < 60}
)


def random_case(seed: int) -> Case:
    """A small tree and rules that collide with it. `seed` fixes everything."""
    rng = random.Random(seed)
    pool = rng.sample(NAMES, rng.randint(3, 7))
    if rng.random() < 0.3:
        pool += rng.sample(ODD_NAMES, 2)
    if rng.random() < 0.04:
        pool += rng.sample(VIEWED_NAMES, 2)
    rng.shuffle(pool)
    folders = [""]
    for _ in range(rng.randint(1, 5)):
        folders.append(f"{rng.choice(folders)}{rng.choice(pool)}/")
    names = [*pool, *(f"{rng.choice(pool)}{rng.choice(['.md', '.log', 'a', 'b', ''])}" for _ in range(3))]
    taken = {folder.rstrip("/") for folder in folders}
    files = {f"{rng.choice(folders)}{rng.choice(names)}" for _ in range(rng.randint(6, 24))} - taken
    paths = sorted(files | {folder + "f" for folder in folders})
    ascii_only = all(path.isascii() for path in paths)

    def lines(count: int) -> tuple[str, ...]:
        made = [random_line(rng, [*paths, *sorted(taken - {""})], pool) for _ in range(count)]
        return tuple(line for line in made if ascii_only or not set("?[") & set(line))

    outside = lines(rng.choice([0, 1, 2, 3, 5, 8]))
    inside, second = {}, {}
    for folder in sorted({rng.choice(folders).rstrip("/") for _ in range(rng.choice([0, 1, 1, 2, 3]))}):
        inside[folder] = lines(rng.randint(1, 5))
        if rng.random() < 0.15:
            second[folder] = lines(rng.randint(1, 3))
    return Case(tuple(paths), outside, inside, second)


def random_line(rng: random.Random, paths: Sequence[str], pool: Sequence[str]) -> str:
    if rng.random() < 0.22:
        line = rng.choice(ODD_LINES)
    else:
        parts = rng.choice(paths).split("/") if rng.random() < 0.6 else [rng.choice(pool)]
        if rng.random() < 0.5:
            parts = parts[rng.randrange(len(parts)) :][: rng.randint(1, 3)]
        parts = [blurred(rng, part) for part in parts]
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            parts.insert(rng.randint(0, len(parts)), rng.choice(["**", "*", "**", "***"]))
        line = "/".join(parts).replace("\n", "*")
        line = rng.choice(["", "", "/", "**/"]) + line + rng.choice(["", "", "", "/", "/*", "/**", " ", "*"])
    negate = rng.random() < 0.3 and not line.startswith("!")
    return "!" + line if negate else line


def blurred(rng: random.Random, name: str) -> str:
    """A pattern that may match `name`: parts of it replaced, the rest escaped (or not)."""
    kind = rng.random()
    if kind < 0.45:
        return escaped(rng, name)
    if kind < 0.55:
        return "*" + escaped(rng, name[rng.randint(0, len(name)) :])
    if kind < 0.65:
        return escaped(rng, name[: rng.randint(0, len(name))]) + "*"
    if kind < 0.7:
        return rng.choice(["*", "**", "?" * len(name), "*" + name[:1] + "*", "*.*"])
    made = []
    for char in name:
        chance = rng.random()
        if chance < 0.08:
            made.append("?")
        elif chance < 0.16:
            made.append(rng.choice(["*", "**"]))
        elif chance < 0.26 and char not in "]\\!^-[" and char.isascii():
            made.append(
                rng.choice(
                    [
                        f"[{char}]",
                        f"[!{char}]",
                        f"[{char}x]",
                        f"[^x{char}y]",
                        "[a-z]",
                        f"[!-{char}]",
                        "[[:alnum:]]",
                    ]
                )
            )
        elif chance < 0.3:
            continue
        else:
            made.append(escaped(rng, char))
    return "".join(made) or "*"


def escaped(rng: random.Random, text: str) -> str:
    always = rng.random() < 0.8
    return "".join("\\" + char if always and char in "*?[\\!# " else char for char in text)
