"""Which trees are meant: by flags, by the manifest, or by what was found; and whether they can be."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bisync.config import Migration, OldTree, SecretRef, Sync, WebDav
from bisync.errors import BisyncError, UsageError
from bisync.files import named_path
from bisync.manifest.cloud_address import is_loopback
from bisync.migrate.found import Found, Project, folder_of
from bisync.migrate.trees import Source

_REMOTE = re.compile(r"[A-Za-z0-9_.+@][A-Za-z0-9_.+@ -]*(:[^\0-\x1f]*)?")
USER, PASSWORD, TOKEN = "BISYNC_WEBDAV_USER", "BISYNC_WEBDAV_PASSWORD", "BISYNC_WEBDAV_TOKEN"
"""Environment variables that go with an address on the command line, where no secret may stand."""


def folders(
    trees: Sequence[OldTree],
    sync: Sync,
    state_dir: Path,
    projects: Sequence[Project],
    home_tree: Path | None,
    known: Mapping[str, str] = {},
) -> tuple[Source, ...]:
    """The folders that are meant, as sources. Each project of config.json goes to a folder of its own.

    `known`: where a migration has brought some of them, by their labels: the rest of one goes to the same place, also
    when config.json does not speak of it any more.

    Raises UsageError for one that cannot be a source, BisyncError for one that is not there or empty.
    """
    found: list[Source] = []
    for tree in trees:
        root = _checked(tree.dir, sync, state_dir)
        for other in found:
            if _overlap(root, other.root):
                raise UsageError(f"{root} and {other.root} overlap", hint="name the outer one alone")
        below = _below(root, tree.to if tree.to is not None else known.get(str(root)), projects, home_tree)
        found.append(Source(kind="folder", label=str(root), root=root, below=below))
    return tuple(found)


def _checked(folder: Path, sync: Sync, state_dir: Path) -> Path:
    root = Path(os.path.realpath(folder))
    target = Path(os.path.realpath(sync.dir))
    if root == target:
        raise UsageError(
            f"{folder} is the sync dir itself: its files are in the sync already", hint="type: bisync setup"
        )
    if target in root.parents:
        raise UsageError(f"{folder} lies in the sync dir {sync.dir}: its files are in the sync already",
                         hint="type: bisync sync")  # fmt: skip
    if root in target.parents:
        raise UsageError(
            f"{folder} holds the sync dir {sync.dir}",
            hint="choose a sync dir beside it (syncs.*.dir in the manifest)",
        )
    if _overlap(root, Path(os.path.realpath(state_dir))):
        raise UsageError(f"{folder} overlaps our own state folder {state_dir}", hint="name a folder of notes")
    if not os.path.lexists(folder):
        raise BisyncError(
            f"there is no {folder}", hint="is its disk mounted? See what there is: bisync migrate --dry-run"
        )
    if not root.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name the folder that holds the notes")
    try:
        if next(root.iterdir(), None) is None:
            raise BisyncError(f"{folder} is empty: there is nothing to bring", hint="is its disk mounted?")
    except PermissionError as error:
        raise BisyncError(
            f"{folder} cannot be read: {error.strerror}", hint=f"mend its permissions: {root}"
        ) from None
    return root


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _below(root: Path, to: str | None, projects: Sequence[Project], home_tree: Path | None) -> str:
    """Where a folder goes: where it is said to; a project to its own folder; else to the sync dir itself."""
    if to is not None:
        return f"{to.strip('/')}/" if to.strip("/") else ""
    if home_tree is not None and root == Path(os.path.realpath(home_tree)):
        return ""
    for project in projects:
        if Path(os.path.realpath(project.dir)) == root:
            return folder_of(project)
    return ""


def all_found(found: Found, sync: Sync) -> tuple[OldTree, ...]:
    """What was found of v0.14 that can be moved over: its tree, and projects that lie elsewhere."""
    folders = ([found.home] if found.home is not None else []) + [one.dir for one in found.projects]
    taken = [Path(os.path.realpath(sync.dir))]
    trees = []
    for folder in folders:
        root = Path(os.path.realpath(folder))
        if _holds(root) and not any(_overlap(root, other) for other in taken):
            trees.append(OldTree(dir=folder))
            taken.append(root)
    return tuple(trees)


def _holds(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is not None
    except OSError:
        return False


def server(text: str | None, migration: Migration, env: Mapping[str, str]) -> WebDav | None:
    """The WebDAV server that is meant: by flag, else by the manifest. Raises UsageError for what is none."""
    if text is None:
        return migration.webdav
    if "://" not in text:
        if not _REMOTE.fullmatch(text):
            # Options could stand in it, and among them a password. (It is not repeated here.)
            raise UsageError(
                "--webdav: expected an address, or a remote of rclone.conf as NAME: or NAME:PATH",
                hint="see those it has: rclone listremotes",
            )
        return WebDav(remote=text)
    given = migration.webdav
    if given is not None and given.url is not None and given.url.rstrip("/") == text.rstrip("/"):
        return given
    return address(text, env)


def address(url: str, env: Mapping[str, str]) -> WebDav:
    """An address as it was typed, with what the environment says of its user."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(
            "--webdav: expected an address such as https://dav.example.org/notes, or a remote of rclone.conf"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "--webdav: no user name or password in an address",
            hint=f"set {USER} and {PASSWORD} (or {TOKEN}) in the environment, or migration.webdav in the manifest",
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError("--webdav: neither https nor on this machine: the password would travel in the clear",
                         hint="write https://…")  # fmt: skip

    def ref(name: str) -> SecretRef | None:
        return SecretRef(kind="env", value=name, where="--webdav") if name in env else None

    return WebDav(url=url, user=env.get(USER), password=ref(PASSWORD), token=ref(TOKEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be moved over, before anybody has looked whether it can be. `remove_old`: and the old goes then."""

    folders: tuple[OldTree, ...] = ()
    server: WebDav | None = None
    remove_old: bool = False

    def row(self) -> dict[str, Any]:
        """The same for the journal. (A secret is a reference here.)"""
        folders = [{"dir": str(one.dir), "to": one.to} for one in self.folders]
        server = asdict(self.server) if self.server is not None else None
        return {"folders": folders, "server": server, "remove_old": self.remove_old}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Asked:
        """What `row` has kept."""
        server = row.get("server")
        if server is not None:
            refs = {key: _ref(server[key]) for key in ("password", "token")}
            server = WebDav(**{**server, **refs})
        folders = tuple(OldTree(dir=Path(one["dir"]), to=one["to"]) for one in row.get("folders", ()))
        return cls(folders=folders, server=server, remove_old=bool(row.get("remove_old")))


def _ref(row: Mapping[str, Any] | None) -> SecretRef | None:
    if row is None:
        return None
    value = row["value"] if isinstance(row["value"], str) else tuple(row["value"])
    return SecretRef(kind=row["kind"], value=value, where=row["where"])


def as_typed(folder: str) -> Path:
    """A folder from the command line, absolute."""
    return Path(os.path.abspath(named_path(folder)))  # noqa: PTH100 - links are followed later
