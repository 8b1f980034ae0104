"""A manifest as it is obeyed, and what is wrong with one, for people and for scripts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from bisync.config import Hooks, Manifest, Migration, Profile, Sync, Tenant
    from bisync.errors import BisyncError

# What YAML takes for the text that it is, without quotes; but for words that mean something to some reader of it.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+-]*")
_MEANING = re.compile(r"true|false|null|yes|no|on|off|y|n", re.IGNORECASE)
_NOT_SAID = {"name", "own_address"}
"""What a value knows of itself and no manifest says in that place."""


def show_document(manifest: Manifest, syncs: Sequence[Sync], device: str) -> dict[str, Any]:
    """What `show --json` prints."""
    return {
        "version": 1,
        "files": [str(path) for path in manifest.files],
        "manifest": effective(manifest, syncs, device),
    }


def show_lines(manifest: Manifest, syncs: Sequence[Sync], device: str) -> Iterator[str]:
    """The same as YAML, with what it was read from as a comment."""
    for path in manifest.files:
        yield f"# from {json.dumps(str(path), ensure_ascii=False)[1:-1]}"
    yield from _yaml(effective(manifest, syncs, device), "")


def effective(manifest: Manifest, syncs: Sequence[Sync], device: str) -> dict[str, Any]:
    """The manifest of these syncs that leaves nothing unsaid: the overlay and all defaults are in it.

    Secrets are references, as they are in the files; of an address that is a secret itself only its host is told. The
    built-in profiles that are used stand beside the user's own.
    """
    everything = len(syncs) == len(manifest.syncs)
    tenants = {one.tenant.name for one in syncs}
    profiles = {one.name: one for one in (*manifest.profiles, *(sync.profile for sync in syncs))}
    used = {one.profile.name for one in syncs}
    if everything:
        tenants = {one.name for one in manifest.tenants}
        used |= set(profiles) - _built_in()
    return {
        "version": 1,
        "device": device,
        "tenants": {one.name: _tenant(one) for one in manifest.tenants if one.name in tenants},
        "syncs": {one.name: _sync(one) for one in syncs},
        "profiles": {name: _profile(one) for name, one in profiles.items() if name in used},
        "ignore": list(manifest.ignore),
        "ignore_files": list(manifest.ignore_files),
        "defaults": {"watch_interval": manifest.watch_interval, "keep_days": manifest.keep_days},
        "mount_dir": str(manifest.mount_dir),
        "state_dir": str(manifest.state_dir),
        "rclone": {
            **({} if manifest.rclone_binary is None else {"binary": manifest.rclone_binary}),
            "config": str(manifest.rclone_config),
            "keys": manifest.rclone_keys.value,
        },
        **(_migration(manifest.migration) if everything else {}),
    }


def _built_in() -> set[str]:
    from bisync.config import BUILTIN_PROFILES

    return set(BUILTIN_PROFILES)


def _tenant(one: Tenant) -> dict[str, Any]:
    from bisync.config import S3Tenant

    said: dict[str, Any] = {"provider": one.provider, **_said(one)}
    if isinstance(one, S3Tenant) and one.credentials is None:
        said["credentials"] = "aws"
    return said


def _sync(one: Sync) -> dict[str, Any]:
    hooks, ping = _hooks(one.hooks), _said(one.ping)
    return {
        "tenant": one.tenant.name,
        "dir": str(one.dir),
        "path": one.path,
        "profile": one.profile.name,
        "ignore": list(one.ignore),
        **({"hooks": hooks} if hooks else {}),
        **({"ping": ping} if ping else {}),
    }


def _hooks(hooks: Hooks) -> dict[str, Any]:
    said = _said(hooks)
    commands = {when: listed for when, listed in said.items() if when != "timeout" and listed}
    return {"timeout": hooks.timeout, **commands} if commands else {}


def _profile(one: Profile) -> dict[str, Any]:
    limits = {
        key: "none" if getattr(one, key) is None else getattr(one, key) for key in ("max_delete", "max_new")
    }
    return {**_said(one), **limits}


def _migration(one: Migration) -> dict[str, Any]:
    said = _said(one)
    trees = said.pop("trees")
    if not trees and "webdav" not in said:
        return {}
    if said.get("webdav", {}).get("to") == "":
        del said["webdav"]["to"]  # the sync dir itself, which a manifest says by saying nothing
    return {"migration": {**({"from": trees} if trees else {}), **said}}


def _said(value: Any) -> Any:
    """A value as a manifest says it; what it leaves open is left out."""
    from bisync.config import Address, AwsProfile, SecretRef

    if isinstance(value, SecretRef):
        return {value.kind: value.value if isinstance(value.value, str) else list(value.value)}
    if isinstance(value, AwsProfile):
        return {"aws": value.name}
    if isinstance(value, Address):
        parts = urlsplit(value.url)
        return f"{parts.scheme}://{parts.hostname}/…"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_said(each) for each in value]
    if is_dataclass(value):
        found = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in _NOT_SAID}
        return {name: _said(each) for name, each in found.items() if each is not None}
    return value


def _yaml(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, each in value.items():
        if isinstance(each, dict) and each:
            yield f"{indent}{_scalar(key)}:"
            yield from _yaml(each, f"{indent}  ")
        elif isinstance(each, list) and any(isinstance(one, list | dict) for one in each):
            yield f"{indent}{_scalar(key)}:"
            yield from (f"{indent}  - {_flow(one)}" for one in each)
        else:
            yield f"{indent}{_scalar(key)}: {_flow(each)}"


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and not _MEANING.fullmatch(value):
        return value
    # A string of JSON's is one of YAML's; what cannot be seen is an escape in it.
    return json.dumps(value, ensure_ascii=not value.isprintable())


def valid_document(manifest: Manifest, warnings: Iterable[object]) -> dict[str, Any]:
    """What `validate --json` prints of a manifest without a problem."""
    return {
        "version": 1,
        "manifest": str(manifest.path),
        "valid": True,
        "problems": [],
        "warnings": [str(one) for one in warnings],
        "syncs": [one.name for one in manifest.syncs],
        "tenants": [one.name for one in manifest.tenants],
        "hint": None,
    }


def invalid_document(path: Path | None, error: BisyncError) -> dict[str, Any]:
    """What it prints of one that says something it cannot mean. `path`: where it is, if there is one."""
    from bisync.errors import Fault, ManifestError
    from bisync.report.fault_words import faults_document

    faults = error.faults if isinstance(error, ManifestError) else (Fault(text=error.message),)
    return {
        "version": 1,
        "manifest": None if path is None else str(path),
        "valid": False,
        "problems": faults_document(faults),
        "warnings": [],
        "syncs": [],
        "tenants": [],
        "hint": error.hint,
    }
