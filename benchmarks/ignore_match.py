"""What a filter costs rclone per file, and how long it takes to compile.

    python benchmarks/ignore_match.py [TEMPLATES]

Lists a tree of 20,000 files with and without the compiled filter of a few large sets of rules; the
difference is the price of matching. With a folder of *.gitignore files (say, a checkout of
github/gitignore), each of them is compiled, the slowest are listed, and unions of them matched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bisync.errors import IgnoreError
from bisync.ignore import Layer, RuleSet, compile_rules, load_rules, read_ignore_file

FOLDERS = ["notes", "projects/alpha/src/components", "archive/2024/meetings", "research/papers", "a/b/c/d/e"]
SETS = {
    "1000 names": [f"name{number:04d}" for number in range(1000)],
    "1000 extensions": [f"*.ext{number:04d}" for number in range(1000)],
    "10000 names": [f"name-of-a-file-{number:05d}" for number in range(10_000)],
    "only 200 extensions": ["*", "!*/", *(f"!*.e{number:03d}" for number in range(200)), "!*.md"],
    "all but 200 folders": [
        "/*",
        *(f"!/kept{number:03d}" for number in range(200)),
        *(f"!/{folder.partition('/')[0]}" for folder in FOLDERS),
    ],
    "15 x !**/x/**": ["*.md", *(f"!**/folder{number}/**" for number in range(15))],
    "dates": ["????-??-??*", "!2024-*"],
}
UNIONS = [
    ("Python", "Node", "macOS", "JetBrains", "VisualStudioCode"),
    ("VisualStudio",),
    ("Lasal",),
    ("Joomla",),
]


def fill(tree: Path, count: int) -> None:
    for number in range(count):
        folder = tree / FOLDERS[number % len(FOLDERS)] / f"{number // 500:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / f"some note number {number:06d}.md", os.O_CREAT | os.O_WRONLY))


def seconds(rclone: str, tree: Path, filters: Path | None) -> float:
    """The CPU time of one listing, the best of three."""
    command = [rclone, "lsf", "-R", "--files-only", "--config", "/notfound", str(tree)]
    if filters is not None:
        command += ["--filter-from", str(filters)]
    best = float("inf")
    for _ in range(3):
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, used)
    return best


def report(name: str, rules: RuleSet, *, rclone: str, tree: Path, count: int, plain: float) -> None:
    start = time.perf_counter()
    text = compile_rules(rules)
    took = time.perf_counter() - start
    filters = tree.parent / "filters"
    filters.write_text(text)
    cost = (seconds(rclone, tree, filters) - plain) / count
    lines = sum(line.startswith(("-", "+")) for line in text.splitlines())
    print(f"{name:50} {len(rules.rules):6} {lines:6} {len(text):8} {took * 1000:9.0f} {cost * 1e6:9.0f}")


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The price of filters.")
    parser.add_argument("templates", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args(args)
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        raise SystemExit("rclone is not on PATH")
    if options.templates is not None:
        compile_all(options.templates)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        fill(tree, options.files)
        plain = seconds(rclone, tree, None)
        print(f"{'rules':50}  count  lines    bytes  compile ms  match µs/file")
        layers = {name: [Layer(name, lines)] for name, lines in SETS.items()}
        for union in UNIONS if options.templates is not None else ():
            paths = [options.templates / f"{one}.gitignore" for one in union]
            layers["+".join(union)] = [
                Layer(path.name, read_ignore_file(path)) for path in paths if path.exists()
            ]
        for title, found in layers.items():
            rules = load_rules(tree, found)
            report(title, rules, rclone=rclone, tree=tree, count=options.files, plain=plain)
    return 0


def compile_all(folder: Path) -> None:
    times = []
    for path in sorted(folder.rglob("*.gitignore")):
        rules = load_rules(path.parent, [Layer(path.name, read_ignore_file(path))], ())
        start = time.perf_counter()
        try:
            compile_rules(rules)
        except IgnoreError as error:
            print(f"refused: {error}")
        times.append((time.perf_counter() - start, path.name))
    times.sort(reverse=True)
    mean = sum(took for took, _ in times) / len(times)
    slowest = ", ".join(f"{name} {took:.2f} s" for took, name in times[:3])
    print(f"{len(times)} templates: {mean * 1000:.0f} ms on average; slowest: {slowest}")


if __name__ == "__main__":
    sys.exit(main())
