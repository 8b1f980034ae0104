"""Do 100,000 files below an ignored folder cost anything? Nothing should look at them.

    python benchmarks/ignore_walk.py [--kept 10000] [--ignored 100000]

Lists a tree without and with the ignored files, by the walk and by rclone with the compiled filter,
and prints the ratio of the CPU times, ours and rclone's (best of seven: other load only adds).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bisync.ignore import Layer, compile_filters, walk

PATTERNS = [
    ".git", "node_modules", "__pycache__", "*.pyc", ".venv", "venv", ".DS_Store", "*.log", ".env",
    "dist/", "build/", "*.tmp", ".cache/", ".idea/", "Thumbs.db", "*~",
]  # fmt: skip


def fill(folder: Path, files: int, per_folder: int = 100) -> None:
    for number in range(files):
        if number % per_folder == 0:
            inner = folder / f"package-{number // per_folder:04d}"
            inner.mkdir(parents=True)
        os.close(os.open(inner / f"file-{number:06d}.md", os.O_CREAT | os.O_WRONLY))


def best(work: Callable[[], int], expected: int) -> float:
    times = []
    for _ in range(7):
        start = sum(os.times()[:4])
        found = work()
        times.append(sum(os.times()[:4]) - start)
        if found != expected:
            raise SystemExit(f"listed {found} files instead of {expected}")
    return min(times)


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The price of ignored files in listings.")
    parser.add_argument("--kept", type=int, default=10_000)
    parser.add_argument("--ignored", type=int, default=100_000)
    options = parser.parse_args(args)
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        raise SystemExit("rclone is not on PATH")
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        filters = Path(name) / "filters"
        fill(tree / "notes", options.kept)
        filters.write_text(compile_filters(tree, PATTERNS))

        def by_walk() -> int:
            return len(walk(tree, [Layer("patterns", PATTERNS)]).entries)

        def by_rclone() -> int:
            command = [str(rclone), "lsf", "-R", "--files-only", "--config", "/notfound"]
            command += ["--filter-from", str(filters), str(tree)]
            done = subprocess.run(command, check=True, capture_output=True)
            return done.stdout.count(b"\n")

        before = {work.__name__: best(work, options.kept) for work in (by_walk, by_rclone)}
        fill(tree / "node_modules", options.ignored)
        after = {work.__name__: best(work, options.kept) for work in (by_walk, by_rclone)}
    print(f"{options.kept} files kept, then {options.ignored} more below node_modules/")
    for way, alone in before.items():
        ratio = after[way] / alone
        print(f"{way:10} {alone * 1000:7.0f} ms  {after[way] * 1000:7.0f} ms  ratio {ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
