"""Situations around the program: another user, a full disk, what a tree looked like, who still runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOBODY = 65534


def everything(*roots: Path) -> dict[str, tuple[object, ...]]:
    """Every file, link and folder below `roots`: content, mode, and when a file was last written."""
    found: dict[str, tuple[object, ...]] = {}
    for root in roots:
        for path in sorted([root, *root.rglob("*")]):
            stat = path.lstat()
            if path.is_symlink():
                found[str(path)] = ("link", str(path.readlink()))
            elif path.is_file():
                found[str(path)] = (path.read_bytes(), stat.st_mtime_ns, stat.st_mode)
            else:
                found[str(path)] = ("folder", stat.st_mode)
    return found


def but_grants(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """The same without what was written down of a user's word: it is given before anything is done."""
    return {path: seen for path, seen in found.items() if "/.local" not in path}


def as_ordinary_user(home: Path) -> list[str]:
    """What to put before a command so that file modes mean something to it: root passes every mode.

    The home and all in it become that user's. Nothing is needed when the suite itself is no root.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root passes every file mode, and there is no setpriv to become somebody else")
    for path in [home, *home.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for path in home.parents:
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(path.stat().st_mode | 0o055)  # pytest keeps its temporary folders to itself
    return [setpriv, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own at `folder`, of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up all of a disk; the file that does."""
    filler = folder / "filler.bin"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"x" * 4096)
    return filler


def processes(naming: str) -> list[int]:
    """The processes whose command line or environment names this (proc(5)); ourselves left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                running = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                continue
            if running and naming.encode() in seen:
                found.append(int(entry.name))
    return found


def forked(work: Callable[[int], object]) -> tuple[int, int]:
    """Have a child of this process do `work`, which is given a pipe to write to; our end of it, and the child."""
    source, sink = os.pipe()
    with warnings.catch_warnings():
        # Whoever else has threads here: the child uses none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.close(source)
            work(sink)
        finally:
            os._exit(1)
    os.close(sink)
    return source, child
