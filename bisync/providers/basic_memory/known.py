"""What the vendor's API has said about a tenant, remembered: which bucket is its own, and which projects it has.

So a sync needs the API for what is new alone, and everything that only looks works without a network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from bisync.config import BasicMemoryTenant
from bisync.core.projects import Project
from bisync.files import atomic_write, private_dir
from bisync.stored import Damaged, Fields
from bisync.stored import load as load_stored

VERSION = 1
_TEXT = (None, str)
_SHAPE = {
    "version": int,
    "tenant_id": str,
    "bucket": str,
    "asked_at": str,
    **{f"{key}?": _TEXT for key in ("generation", "workspace", "workspace_id", "health", "refused_at")},
    "subscribed?": (None, bool),
    "projects?": (None, [(Fields((str, str)), Fields((str, str, _TEXT)))]),
    "pointed_out?": [str],
}


class Generation(StrEnum):
    """Which routes a host has: those of 0.15, or those since 0.18.1 (`proxy/v2`)."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`asked_at`: RFC 3339. `workspace`: its slug, and its tenant id where requests have to name it.

    `refused_at`: when the store refused keys that had just been made. `projects` None: never listed. `pointed_out`:
    folders whose name is not their project's, which were named once.
    """

    tenant_id: str
    bucket: str
    asked_at: str
    generation: str | None = None
    workspace: str | None = None
    workspace_id: str | None = None
    subscribed: bool | None = None
    health: str | None = None
    refused_at: str | None = None
    projects: tuple[Project, ...] | None = None
    pointed_out: tuple[str, ...] = ()


def place(tenant: BasicMemoryTenant, state_dir: Path) -> Path:
    """Where it is written. Another address, workspace or token may be another tenant."""
    token = (tenant.token.kind, tenant.token.value) if tenant.token is not None else None
    text = json.dumps([tenant.api_url, tenant.workspace, token])
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return state_dir / "bisync-state" / ".clouds" / f"{name}.json"


def load(tenant: BasicMemoryTenant, state_dir: Path) -> Known | None:
    """What is known of a tenant; None where nobody has asked yet, or the file is none of ours."""
    try:
        found = load_stored(place(tenant, state_dir), _SHAPE)
        # One of another version may know more; the cloud can be asked again.
        return _of(found) if found.pop("version") == VERSION else None
    except (FileNotFoundError, Damaged, TypeError):
        return None


def _of(found: Mapping[str, Any]) -> Known:
    listed = found.get("projects")
    projects = None if listed is None else tuple(Project(*one) for one in listed)
    told = {**found, "projects": projects, "pointed_out": tuple(found.get("pointed_out", ()))}
    return Known(**told)


def save(tenant: BasicMemoryTenant, state_dir: Path, known: Known) -> None:
    """Remember it."""
    path = place(tenant, state_dir)
    private_dir(path.parent)
    atomic_write(path, json.dumps({"version": VERSION, **asdict(known)}, indent=1) + "\n")


def recognised(tenant: BasicMemoryTenant, known: Known | None) -> BasicMemoryTenant:
    """The tenant with what is known of it."""
    return tenant if known is None else replace(tenant, tenant_id=known.tenant_id, bucket=known.bucket)
