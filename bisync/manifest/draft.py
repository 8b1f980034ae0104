"""A manifest as it is read: perhaps wrong anywhere, its paths not yet expanded, its gaps not yet filled.

`Reading` answers questions about the document without raising, and collects problems with their places;
`Draft` is what the document says once config.json and our own defaults have filled its gaps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bisync.config import DEFAULT_KEEP_DAYS, DEFAULT_PROFILE, DEFAULT_WATCH_INTERVAL
from bisync.errors import ManifestError
from bisync.manifest import bm_config, cloud_address
from bisync.manifest.document import Document, KeyPath, Place, Problem, dotted

DEFAULT_SYNC_DIR = "~/basic-memory-cloud-sync"
DEFAULT_MOUNT_DIR = "~/basic-memory-cloud"
DEFAULT_STATE_DIR = "~/.basic-memory"
DEFAULT_RCLONE_CONFIG = "~/.config/rclone/rclone.conf"


@dataclass(slots=True, kw_only=True)
class Reading:
    """A document that may be wrong anywhere, asked without fear: what is not as expected is None.

    `files`: those it was read from, the manifest first.
    """

    document: Document
    files: tuple[Path, ...]
    env: Mapping[str, str]
    home: Path
    problems: list[Problem]
    sync_dir: str | None = None
    _paths: dict[KeyPath, Path | None] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The manifest's."""
        return self.files[0].parent

    def report(self, path: KeyPath, text: str, *, place: Place | None = None, at_key: bool = False) -> None:
        """Note a problem at `path`: of what stands there, or (`at_key`) of the key itself.

        Where neither is written down, its place is that of the nearest key that is.
        """
        written = path
        while written not in self.document.places:
            written = written[:-1]
        found = self.document.places[written]
        if written == path and not at_key:
            found = self.document.values.get(path, found)
        self.problems.append(Problem(place or found, path, text))

    def get(self, *path: str | int) -> Any:
        value = self.document.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def mapping(self, *path: str | int) -> dict[str, Any]:
        value = self.get(*path)
        return value if isinstance(value, dict) else {}

    def text(self, *path: str | int) -> str | None:
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def local_path(self, *path: str | int) -> Path | None:
        """The path written at `path`, expanded and absolute; None (reported once) when it cannot be."""
        if path not in self._paths:
            text = self.text(*path)
            self._paths[path] = None if not text else self._expanded(text, path)
        return self._paths[path]

    def _expanded(self, text: str, path: KeyPath) -> Path | None:
        try:
            return expand(text, env=self.env, home=self.home, folder=self.folder)
        except ValueError as error:
            self.report(path, str(error))
            return None


def expand(text: str, *, env: Mapping[str, str], home: Path, folder: Path) -> Path:
    """`text` as an absolute path: `${VAR}` and `${VAR:-default}` first, then `~`; relative to `folder`.

    Raises ValueError, with words for the user, for an unset variable, for one without braces, which would make a
    folder of that name, and for what cannot be a path.
    """
    bare = re.search(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)", text)
    if bare is not None:
        name = bare["name"]
        instead = "~ or ${HOME}" if name == "HOME" else f"${{{name}}}"
        raise ValueError(
            f"${name} is not expanded; write {instead} (or ${{DOLLAR:-$}}{name} for a folder of that name)"
        )
    full = from_home(_with_variables(text, env), home)
    if re.search("[\x00-\x1f\x7f]", full):
        raise ValueError("a path has no line breaks or other control characters")
    if full.startswith("~"):
        raise ValueError(
            "another user's home is not expanded; write the path out (or ./~ for a folder of that name)"
        )
    return Path(os.path.normpath(folder / full))


def _with_variables(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            raise ValueError("write ${NAME} or ${NAME:-default}")
        # As in a shell: `:-` stands in for an empty variable too, and without it an empty one is a slip.
        if env.get(name):
            return env[name]
        if default is None:
            raise ValueError(
                f"the environment variable {name} is not set; type: export {name}=PATH, or write a default:"
                f" ${{{name}:-PATH}}"
            )
        return default

    return re.sub(r"\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|)", value, text)


def from_home(text: str, home: Path) -> str:
    return str(home) + text[1:] if text == "~" or text.startswith("~/") else text


@dataclass(slots=True, kw_only=True)
class Folder:
    """Where one sync's folder is, the key that says so, and the place if that is not in the manifest."""

    sync: str
    path: Path
    shown: str
    key: KeyPath
    place: Place | None = None

    @property
    def real(self) -> Path:
        return Path(os.path.realpath(self.path))


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the manifest says once defaults have filled its gaps; as far as it makes sense."""

    syncs: dict[str, dict[str, Any]]
    folders: dict[str, Folder]
    profile: str
    profile_place: Place | None
    watch_interval: int
    keep_days: int
    cloud: cloud_address.Address
    mount_dir: Path
    state_dir: Path
    rclone_config: Path

    @classmethod
    def of(cls, reading: Reading) -> Draft:
        """Fill the gaps from config.json where it speaks, else with our defaults; report its problems."""
        home = reading.home

        def path(default: str, *keys: str) -> Path:
            return reading.local_path(*keys) or Path(from_home(default, home))

        state_dir = path(DEFAULT_STATE_DIR, "state_dir")
        config_json = state_dir / "config.json"
        shared = _shared(reading, config_json)
        beside = Place(str(config_json))
        own_json = cloud_address.find("config.json", reading.env, home)
        own = shared if own_json == config_json else _shared(reading, own_json)

        profile, profile_place = reading.text("defaults", "profile"), None
        if profile is None and shared.default_profile is not None:
            profile, profile_place = shared.default_profile, beside
        # As rclone reads it: relative to where we are, not to the manifest.
        rclone_config = reading.env.get("RCLONE_CONFIG") and os.path.abspath(reading.env["RCLONE_CONFIG"])  # noqa: PTH100
        syncs = _syncs(reading)
        return cls(
            syncs=syncs,
            folders=_folders(reading, syncs, shared.sync_dir, beside),
            profile=profile or DEFAULT_PROFILE,
            profile_place=profile_place,
            watch_interval=reading.get("defaults", "watch_interval")
            or shared.auto_sync_interval
            or DEFAULT_WATCH_INTERVAL,
            keep_days=reading.get("defaults", "keep_days") or DEFAULT_KEEP_DAYS,
            cloud=cloud_address.address(reading.env, own, own_json, shared, config_json),
            mount_dir=path(DEFAULT_MOUNT_DIR, "mount_dir"),
            state_dir=state_dir,
            rclone_config=path(rclone_config or DEFAULT_RCLONE_CONFIG, "rclone", "config"),
        )


def _shared(reading: Reading, path: Path) -> bm_config.SharedConfig:
    """What a config.json says; its problems are the manifest's."""
    try:
        return bm_config.read(path)
    except ManifestError as error:
        for text in error.problems:
            place, _, rest = text.partition(": ")
            reading.problems.append(Problem(Place(place), (), rest))
        return bm_config.SharedConfig()


def _syncs(reading: Reading) -> dict[str, dict[str, Any]]:
    """The syncs as written; of a manifest without any and one tenant, the one that goes without saying."""
    written = reading.mapping("syncs")
    if written:
        return {name: sync for name, sync in written.items() if isinstance(sync, dict)}
    tenants = list(reading.mapping("tenants"))
    if len(tenants) == 1:
        return {tenants[0]: {"tenant": tenants[0]}}
    if len(tenants) > 1 and reading.get("syncs") in (None, {}):
        reading.report(
            ("syncs",), f"missing; say which folder goes where: NAME: {{tenant: {tenants[0]}, dir: PATH}}"
        )
    return {}


def _folders(
    reading: Reading, syncs: dict[str, dict[str, Any]], sync_dir: str | None, beside: Place
) -> dict[str, Folder]:
    """The syncs' folders. A single sync without one takes --dir, then config.json's, then our default."""
    folders: dict[str, Folder] = {}
    for name, sync in syncs.items():
        key: KeyPath = ("syncs", name, "dir")
        place = None
        if "dir" in sync:
            path, shown = reading.local_path(*key), sync["dir"]
            if reading.sync_dir is not None:
                reading.report(
                    (), f"has no effect: {dotted(key)} is in the manifest; change it there", place=_DIR
                )
        elif len(syncs) > 1:
            path, shown = None, ""
            text = 'needs "dir": the folder on this machine (one for each of several syncs)'
            reading.report(key[:2], text, at_key=True)
        elif reading.sync_dir is not None:
            key, place, shown = (), _DIR, reading.sync_dir
            path = _lent_path(reading, shown, key, place, Path.cwd())
        elif sync_dir is not None:
            key, place, shown = ("bisync_config", "sync_dir"), beside, sync_dir
            path = _lent_path(reading, shown, key, place, reading.home)
        else:
            path, shown = Path(from_home(DEFAULT_SYNC_DIR, reading.home)), DEFAULT_SYNC_DIR
        if path is not None:
            folders[name] = Folder(sync=name, path=path, shown=shown, key=key, place=place)
    return folders


_DIR = Place("--dir")


def _lent_path(reading: Reading, text: str, key: KeyPath, place: Place, folder: Path) -> Path | None:
    try:
        return expand(text, env=reading.env, home=reading.home, folder=folder)
    except ValueError as error:
        reading.report(key, str(error), place=place)
        return None


def remote_path(text: str) -> str:
    """`text` without slashes at its ends. Raises ValueError for what could lead out of the bucket."""
    path = text.strip("/")
    if path and any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError('no "..", "." or "//" in it; write the folders below the root, such as notes/work')
    if re.search("[\x00-\x1f\x7f]", path):
        raise ValueError("no line breaks or other control characters in it")
    return path


def is_path(binary: str) -> bool:
    return "/" in binary or binary.startswith(("~", "${"))
