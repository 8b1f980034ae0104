"""Where v0.14 keeps things, and what else points at a WebDAV server: looked for, never changed here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bisync import stored
from bisync.core import names
from bisync.errors import ManifestError, RcloneError, StateError
from bisync.files import named_path
from bisync.manifest.cloud_address import places
from bisync.rclone import conf

HOME_TREE = "~/basic-memory"


class Find(NamedTuple):
    """Something that was found. `what` as its kind is called, `place` where it is, `note` what it is about."""

    what: Literal["tree", "project", "webdav remote", "webdav mount", "webdav mount entry"]
    place: str
    note: str


class Project(NamedTuple):
    """A project of config.json: its name, its folder, and the file that says so."""

    name: str
    dir: Path
    config: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was found. `home`: the tree of v0.14, where there is one."""

    home: Path | None
    projects: tuple[Project, ...]
    others: tuple[Find, ...]


def look(state_dir: Path, rclone_config: Path, env: Mapping[str, str], home: Path) -> Found:
    """Look where things of v0.14 may be. Raises ManifestError for a config.json that is none."""
    tree = home / named_path(env.get("BASIC_MEMORY_HOME") or str(home / HOME_TREE[2:]))
    projects = projects_of(state_dir, env, home)
    return Found(
        home=tree if tree.is_dir() else None,
        projects=tuple(one for one in projects if one.dir.is_dir()),
        others=(*_remotes(rclone_config), *_mounts()),
    )


def projects_of(state_dir: Path, env: Mapping[str, str], home: Path) -> tuple[Project, ...]:
    """The projects that config.json names, each with its folder on this machine (v0.14: name and path).

    Raises ManifestError for a file that is no JSON.
    """
    found: dict[str, Project] = {}
    for path in dict.fromkeys((state_dir / "config.json", *places("config.json", env, home))):
        for name, value in _read(path).items():
            text = value.get("path") if isinstance(value, dict) else value
            if (
                isinstance(text, str)
                and text
                and not (isinstance(value, dict) and value.get("mode") == "cloud")
            ):
                folder = home / named_path(text)
                found.setdefault(name, Project(name, folder, path))
    return tuple(found.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        # Part of it is another program's, whose numbers may be as they like.
        data = json.loads(stored.read(path).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ManifestError([f"{path}: cannot be read: {error.strerror}"]) from None
    except StateError as error:
        raise ManifestError([error.message], hint=error.hint) from None
    except (ValueError, RecursionError):
        raise ManifestError([f"{path}: is not JSON"]) from None
    projects = data.get("projects") if isinstance(data, dict) else None
    return projects if isinstance(projects, dict) else {}


def folder_of(project: Project) -> str:
    """The folder of the sync dir that a project gets: its name where that can be one, else what its own is called."""
    name = project.name
    fits = name not in ("", ".", "..") and "/" not in name and names.obstacle(name) is None
    return f"{name if fits and not names.is_too_long(name) else project.dir.name}/"


def _remotes(path: Path) -> list[Find]:
    try:
        sections = conf.read_sections(conf.read(path))
    except (OSError, RcloneError):
        return []
    return [
        Find("webdav remote", f"{name}:", f"[{name}] in {path}: {_bare(values.get('url', 'no address'))}")
        for name, values in sections.items()
        if values.get("type") == "webdav"
    ]


def _mounts() -> list[Find]:
    """Desktop and davfs2 mounts, and the lines that make them (mount.davfs(8))."""
    found = []
    for line in _lines("/proc/mounts"):
        device, _, rest = line.partition(" ")
        point, _, kind = rest.partition(" ")
        if re.match(r"(fuse\.)?(davfs2?|rclone)\b", kind) and ("dav" in kind or "dav" in device):
            found.append(Find("webdav mount", _unescaped(point), f"mounted from {_bare(_unescaped(device))}"))
    for line in _lines("/etc/fstab"):
        words = line.split()
        if len(words) > 2 and not line.startswith("#") and words[2] == "davfs":
            found.append(
                Find("webdav mount entry", words[1], f"a line of /etc/fstab mounts it from {words[0]}")
            )
    desktop = Path(f"/run/user/{os.getuid()}/gvfs")
    try:
        shares = sorted(one.name for one in desktop.iterdir() if one.name.startswith("dav"))
    except OSError:
        shares = []
    found += [Find("webdav mount", str(desktop / one), "mounted by the desktop") for one in shares]
    return found


def _bare(address: str) -> str:
    """An address without the user and the password that may stand in it."""
    return re.sub(r"//[^/]*@", "//", address)


def _unescaped(text: str) -> str:
    """A field of /proc/mounts (proc(5): blanks and the like as octal numbers)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []
