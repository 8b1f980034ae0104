"""What manifests were granted, in the user's home: a file for each, by its real path. No secret stands in it.

It lies where no manifest can move it. Whatever is odd about it counts as no grant: then somebody is asked again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from bisync.config import Manifest
from bisync.core.grants import Capability, Defaults, Record, Standing, capabilities, compare
from bisync.core.printable import typed
from bisync.errors import BisyncError, StateError, disk_error
from bisync.files import atomic_write, home_of, home_state, private_dir
from bisync.state import last_manifest
from bisync.stored import fits, moment, open_plain, parse, whose

VERSION = 1
LARGEST = 4 << 20
_SHAPE = {"version": int, "manifest": str, "at": str, "digest": str, "granted": [{"key": str, "sha256": str}]}


def file_of(manifest: Manifest, env: Mapping[str, str]) -> Path:
    """Where the grant of a manifest is written down."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(manifest.path))).hexdigest()
    return home_state(env) / "grants" / f"{name}.json"


def key(capability: Capability) -> str:
    """The digest of a capability."""
    return hashlib.sha256(repr(capability.form).encode("utf-8", "surrogateescape")).hexdigest()


# Somebody has made it so (a link, a folder, no permission); everything else is the disk's doing.
_SET_SO = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})


def asked(manifest: Manifest, env: Mapping[str, str]) -> tuple[Capability, ...]:
    """What a manifest asks for beyond what its user's own home and environment say."""
    home = home_of(env)
    config = env.get("RCLONE_CONFIG")
    defaults = Defaults(
        state_dir=str(home / ".basic-memory"),
        rclone_config=os.path.abspath(config) if config else str(home / ".config" / "rclone" / "rclone.conf"),  # noqa: PTH100
    )
    return capabilities(manifest, defaults)


def standing(manifest: Manifest, env: Mapping[str, str]) -> Standing:
    """How what a manifest asks for stands beside what it was granted. Raises BisyncError where the disk fails."""
    wanted = asked(manifest, env)
    try:
        return compare(wanted, key, _load(file_of(manifest, env), manifest))
    except (ValueError, StateError) as problem:
        return Standing(asked=wanted, new=wanted, trouble=str(problem))


def grant(manifest: Manifest, env: Mapping[str, str], at: datetime) -> None:
    """Write down that all a manifest asks for is granted, in place of what was before. Raises BisyncError."""
    path = file_of(manifest, env)
    wanted = asked(manifest, env)
    document = {
        "version": VERSION,
        "manifest": os.path.realpath(manifest.path),
        "at": at.isoformat(timespec="seconds"),
        "digest": _digest([key(one) for one in wanted]),
        "granted": [{"kind": one.kind.value, "key": one.where, "sha256": key(one)} for one in wanted],
    }
    text = json.dumps(document, indent=1) + "\n"
    try:
        folder = private_dir(path.parent)
        problem = whose(folder.stat())
        if problem is not None:
            raise BisyncError(
                f"{folder} {problem}: what is granted there could be anybody's word",
                hint=f"make it yours alone: chmod 700 {typed(folder)}",
            )
        if path.is_symlink():
            path.unlink()  # what it leads to is no place of ours
        atomic_write(path, text)
        last_manifest.note(manifest.path, env)
    except OSError as error:
        raise disk_error(error, where=path, then="type: bisync setup") from None


def _load(path: Path, manifest: Manifest) -> Record | None:
    """What was written down; None where nothing was. Raises ValueError or StateError, in words, for what is no word."""
    raw = _read(path)
    if raw is None:
        return None
    try:
        found = parse(raw)
    except ValueError:
        raise ValueError(f"{path} is damaged") from None
    if not fits(found, _SHAPE) or found["version"] != VERSION or moment(found["at"]) is None:
        raise ValueError(f"{path} is damaged")
    keys = [one["sha256"] for one in found["granted"]]
    if found["digest"] != _digest(keys):
        raise ValueError(f"{path} is damaged")
    if found["manifest"] != os.path.realpath(manifest.path):
        raise ValueError(f"{path} is about another manifest")
    places = frozenset(one["key"] for one in found["granted"])
    return Record(at=found["at"], keys=frozenset(keys), places=places)


def _read(path: Path) -> bytes | None:
    """The bytes of a file that nobody else can have written. Raises as `_load`."""
    try:
        problem = whose(path.parent.stat())
        if problem is not None:
            raise ValueError(f"{path.parent} {problem}")
        with os.fdopen(open_plain(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _SET_SO:
            raise disk_error(error, where=path, failed="read", then="run again") from None
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(raw) > LARGEST:
        raise ValueError(f"{path} is no file of ours")
    return raw


def _digest(keys: list[str]) -> str:
    return "sha256:" + hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
