"""Random trees and ignore files: git says what is ignored, everything of ours must agree.

    python -m tests.ignore.differential --cases 20000 --seed 1 [--no-s3] [--jobs 2]

For each case the truth is asked from git, file by file and folder by folder. Held against it are the
real rclone with the compiled filter on the local tree, the same through `rclone serve s3` with and
without --fast-list, the walk, and `RuleSet.decide` with the line it names (`git check-ignore -v`).

Three things are outside the comparison, each for a reason:
- git before 2.52 reads `lit**/x` otherwise than its manual; it is given the documented meaning,
  written `lit*/x`, in its copy of the ignore files.
- `?` and `[...]` take one byte in git and one character here: names and classes in random cases are
  ASCII where a pattern has one of these.
- `rclone serve s3` shows control characters and their pictures (U+2409 for a tab) otherwise than a
  real store: trees with such names are compared locally only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisync.errors import IgnoreError
from bisync.ignore import Layer, RuleSet, compile_rules, read_ignore_file, walk
from bisync.ignore.re2 import PICTURES, QUOTE
from tests.ignore.cases import Case, random_case

RCLONE = os.environ.get("RCLONE") or shutil.which(
    "rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
)
SHOWN = {**PICTURES, **{char: QUOTE + char for char in (QUOTE, *PICTURES.values())}}


@dataclass(frozen=True)
class Truth:
    """What git says: paths of ignored files and folders, and the line that decides about each path."""

    ignored: frozenset[str]
    lines: dict[str, tuple[str, int, str]]


# --- git ------------------------------------------------------------------------------------------

GIT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C.UTF-8",
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
}
FUSED_STARS = re.compile(r"^(!?[^*?\[\\]*[^*?\[\\/!])\*\*+(?=/|\\/| *\r?$)")


def documented(line: str) -> str:
    """`lit**/x` as git's manual has it, for a git that has a bug there (before 2.52)."""
    if "/" not in line.removeprefix("!").rstrip(" \r").rstrip("/") or line.startswith("#"):
        return line
    return FUSED_STARS.sub(r"\1*", line)


class Git:
    """An empty repository, and questions to it about work trees anywhere."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "empty.git"
        self.outside = folder / "outside"
        self.settings = ("-c", f"core.excludesFile={self.outside}", "-c", "core.ignoreCase=false")
        subprocess.run(["git", "init", "-q", "--bare", self.repository], check=True, env=GIT)

    def run(self, tree: Path, *args: str, data: bytes | None = None, codes: Sequence[int] = (0,)) -> bytes:
        done = subprocess.run(
            ["git", f"--git-dir={self.repository}", f"--work-tree={tree}", *self.settings, *args],
            input=data, cwd=tree, env=GIT, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode not in codes:
            raise RuntimeError(f"git {args}: {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def truth(self, case: Case, tree: Path) -> Truth:
        """Ask about the tree, whose ignore files `.gitignore` are written for the asking."""
        self.outside.write_text("".join(f"{documented(line)}\n" for line in case.outside), newline="")
        starts: dict[str, int] = {}
        for folder in {**case.inside, **case.second}:
            lines = [*case.inside.get(folder, ()), *case.second.get(folder, ())]
            starts[folder] = len(case.inside.get(folder, ()))
            text = "".join(f"{documented(line)}\n" for line in lines)
            (tree / folder / ".gitignore").write_text(text, newline="")
        kept = set(_names(self.run(tree, "ls-files", "--others", "--exclude-standard", "-z")))
        paths = [*tree_files(tree), *tree_folders(tree)]
        data = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
        answer = self.run(
            tree, "check-ignore", "-v", "-n", "-z", "--no-index", "--stdin", data=data, codes=(0, 1)
        )
        fields = _names(answer)
        lines_of: dict[str, tuple[str, int, str]] = {}
        ignored = set()
        for source, number, pattern, path in zip(
            fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=True
        ):
            if not source:
                continue
            if not pattern.startswith("!"):
                ignored.add(path)
            if source == str(self.outside):
                lines_of[path] = ("outside", int(number), pattern)
            else:
                folder = source.rpartition("/")[0]
                own = starts[folder]
                name = ".gitignore" if int(number) <= own else ".bmignore"
                line = int(number) if int(number) <= own else int(number) - own
                lines_of[path] = (f"{folder}/{name}" if folder else name, line, pattern)
        files = set(tree_files(tree))
        if files - kept != files & ignored:
            # they are two ways through git's code; a case where they differ judges nobody
            raise RuntimeError(f"git disagrees with itself: {sorted((files - kept) ^ (files & ignored))}")
        return Truth(frozenset(ignored), lines_of)


def _names(data: bytes) -> list[str]:
    return [one.decode("utf-8", "surrogateescape") for one in data.split(b"\0")[:-1]]


def tree_files(tree: Path) -> list[str]:
    return [f"{folder}{name}" for folder, _, files in _tree(tree) for name in files]


def tree_folders(tree: Path) -> list[str]:
    return [f"{folder}{name}" for folder, folders, _ in _tree(tree) for name in folders]


def _tree(tree: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, folders, files in os.walk(tree):
        inner = os.path.relpath(folder, tree)
        yield ("" if inner == "." else f"{inner}/"), folders, files


# --- rclone ----------------------------------------------------------------------------------------


class Rclone:
    """Two long-lived rclones: one that answers listings, one that serves `folder` as S3."""

    def __init__(self, folder: Path) -> None:
        assert RCLONE, "rclone is not on PATH"
        self.folder = folder
        self.filters = folder.parent / f"{folder.name}.filters"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "RCLONE_CONFIG": "/notfound",
        }
        self.children: list[subprocess.Popen[bytes]] = []
        self.control = self._start(["rcd", "--rc-no-auth", "--rc-addr", "127.0.0.1:0"])
        self.store = self._start(
            ["serve", "s3", "--addr", "127.0.0.1:0", "--dir-cache-time", "0", str(folder)]
        )
        self.connection = http.client.HTTPConnection(self.control, timeout=60)

    def _start(self, args: list[str]) -> str:
        """Start a server; return its host:port, which it tells in its log."""
        log = self.folder.parent / f"{self.folder.name}.{args[0]}.log"
        with log.open("wb") as stream:
            child = subprocess.Popen([str(RCLONE), *args], stderr=stream, env=self.environment)
        self.children.append(child)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.search(r"http://(127\.0\.0\.1:[0-9]+)", log.read_text())
            if found:
                return found[1]
            time.sleep(0.02)
        raise RuntimeError(f"rclone {args[0]} does not start: {log.read_text()}")

    def close(self) -> None:
        self.connection.close()
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def listing(self, fs: Any, text: str, fast: bool = False) -> set[str]:
        """All that passes the filter, folders with a closing slash."""
        self.filters.write_text(text)
        request = {
            "fs": fs,
            "remote": "",
            "opt": {"recurse": True, "noModTime": True, "noMimeType": True},
            "_config": {"UseListR": fast},
            "_filter": {"FilterFrom": [str(self.filters)]},
        }
        self.connection.request(
            "POST", "/operations/list", json.dumps(request), {"Content-Type": "application/json"}
        )
        response = self.connection.getresponse()
        data = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(data["error"])
        return {one["Path"] + "/" * one["IsDir"] for one in data["list"]}

    def local(self, tree: Path, text: str) -> set[str]:
        return self.listing(str(tree), text)

    def cloud(self, tree: Path, text: str, fast: bool) -> set[str]:
        keys = {"access_key_id": "x", "secret_access_key": "y"}
        where = f"{tree.parent.name}/{tree.name}/"
        fs = {"type": "s3", "provider": "Rclone", "endpoint": f"http://{self.store}", "_root": where, **keys}
        return {path for path in self.listing(fs, text, fast) if not path.endswith("/")}


def shown(path: str) -> str:
    """A real path as rclone shows it."""
    return "".join(SHOWN.get(char, char) for char in path)


# --- judging ----------------------------------------------------------------------------------------


class Bench:
    """Where cases are tried: a folder, a git and an rclone."""

    def __init__(self, folder: Path, s3: bool = True) -> None:
        self.bucket = folder / "root" / "bucket"
        self.bucket.mkdir(parents=True)
        self.git = Git(folder)
        self.rclone = Rclone(folder / "root")
        self.s3 = s3
        self.count = 0
        self.refused = 0

    def close(self) -> None:
        self.rclone.close()

    def differences(self, case: Case) -> list[str]:
        """Every disagreement with git about this case, in words."""
        self.count += 1
        tree = self.bucket / str(self.count)
        try:
            return list(self._differences(case, tree))
        finally:
            shutil.rmtree(tree)

    def _differences(self, case: Case, tree: Path) -> Iterator[str]:
        tree.mkdir()
        for path in case.files:
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        for folder in {**case.inside, **case.second}:
            for name in (".gitignore", ".bmignore") if case.second else (".gitignore",):
                (tree / folder).mkdir(parents=True, exist_ok=True)
                (tree / folder / name).touch()
        truth = self.git.truth(case, tree)
        for name, texts in (
            (".gitignore", {**dict.fromkeys(case.second, ()), **case.inside}),
            (".bmignore", case.second),
        ):
            for folder, lines in texts.items():
                (tree / folder / name).write_text("".join(f"{line}\n" for line in lines), newline="")
        files, folders = set(tree_files(tree)), set(tree_folders(tree))
        kept = {path for path in files if path not in truth.ignored}
        kept_folders = {f"{path}/" for path in folders if path not in truth.ignored}

        outside = tree.parent.parent.parent / "ours"
        outside.write_text("".join(f"{line}\n" for line in case.outside), newline="")
        found = walk(tree, [Layer("outside", read_ignore_file(outside))], (".gitignore", ".bmignore"))
        yield from compared("walk", {entry.path for entry in found.entries}, kept)
        yield from compared("walk, folders", {f"{path}/" for path in found.folders}, kept_folders)
        yield from lines_differ(found.rules, truth, files, folders)

        try:
            text = compile_rules(found.rules)
        except IgnoreError:
            self.refused += 1
            return
        expected = {shown(path) for path in kept | kept_folders}
        yield from compared("rclone, local", self.rclone.local(tree, text), expected)
        if self.s3 and not case.only_local:
            for fast in (False, True):
                name = "rclone, S3 fast-list" if fast else "rclone, S3"
                yield from compared(name, self.rclone.cloud(tree, text, fast), kept)


def compared(who: str, passed: set[str], expected: set[str]) -> Iterator[str]:
    if leaks := sorted(passed - expected):
        yield f"{who}: lets through {leaks}"
    if lost := sorted(expected - passed):
        yield f"{who}: loses {lost}"


def lines_differ(rules: RuleSet, truth: Truth, files: set[str], folders: set[str]) -> Iterator[str]:
    for path in sorted(files | folders):
        decision = rules.decide(path, path in folders)
        rule = decision.rule
        mine = (rule.source, rule.line) if rule else None
        line = truth.lines.get(path)
        if decision.ignored != (path in truth.ignored) or mine != (line and line[:2]):
            yield f"decide: {path!r} by {rule and (rule.place, rule.text)}, git: {line}"


# --- the command ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bench(s3: bool = True) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="ignore-") as folder:
        one = Bench(Path(folder), s3)
        try:
            yield one
        finally:
            one.close()


def run(seeds: Sequence[int], s3: bool = True) -> tuple[int, int, list[tuple[int, list[str]]]]:
    """Try these cases -> how many were tried, how many refused, and the wrong ones by seed."""
    wrong = []
    with bench(s3) as one:
        for seed in seeds:
            try:
                found = one.differences(random_case(seed))
            except RuntimeError as error:  # rclone refuses the filter, or git disagrees with itself
                found = [str(error)[:300]]
            if found:
                wrong.append((seed, found))
        return one.count, one.refused, wrong


def run_many(
    seeds: Sequence[int], s3: bool, jobs: int, progress: bool = False
) -> tuple[int, int, list[tuple[int, list[str]]]]:
    """As `run`, spread over processes."""
    slices = (
        [seeds[at : at + 250] for at in range(0, len(seeds), 250)]
        if len(seeds) > 500
        else [seeds[at::jobs] for at in range(jobs)]
    )
    tried, refused = 0, 0
    wrong: list[tuple[int, list[str]]] = []
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for count, given_up, found in pool.map(run, slices, [s3] * len(slices)):
            tried, refused = tried + count, refused + given_up
            wrong.extend(found)
            if progress:
                for seed, words in found:
                    print(f"case {seed}: {random_case(seed)}", *words, sep="\n    ")
                print(f"{tried} cases, {len(wrong)} wrong, {refused} refused", flush=True)
    return tried, refused, wrong


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare everything that reads ignore rules with git.")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="the first case; the others follow it")
    parser.add_argument("--no-s3", action="store_true", help="the local tree only")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(args)
    seeds = range(options.seed, options.seed + options.cases)
    start = time.monotonic()
    tried, refused, wrong = run_many(seeds, not options.no_s3, options.jobs, progress=True)
    where = "local" if options.no_s3 else "local, S3 and S3 with --fast-list"
    print(
        f"{tried} cases in {time.monotonic() - start:.0f} s ({where}): {len(wrong)} wrong, {refused} refused"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
