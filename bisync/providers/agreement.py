"""The section of rclone.conf that `setup` writes for a tenant: is it still the manifest's, and what was it written for?

The note beside it holds digests, no secret and no reference: by them it can be told that something has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from bisync.config import SecretRef
from bisync.core import drift
from bisync.core.drift import Purpose
from bisync.errors import DriftError
from bisync.files import private_dir, write_if_changed
from bisync.rclone import conf
from bisync.stored import Damaged
from bisync.stored import load as load_stored

VERSION = 1
_SHAPE = {"version": int, "reference": str, "buckets": [str]}


def purpose(*, reference: object, bucket: str | None) -> Purpose:
    """For what a tenant's keys are. `reference`: where they come from, in whatever words."""
    return Purpose(_digest(reference), (_digest(bucket),))


def reference_of(*refs: SecretRef | None) -> list[object]:
    """Secret references as what tells them apart, wherever in a manifest they stand."""
    return [None if ref is None else [ref.kind, ref.value] for ref in refs]


def agree(path: Path, name: str, wanted: Mapping[str, str], meant: Purpose, state_dir: Path) -> None:
    """Raise DriftError where the section `name` of the rclone.conf at `path` is not what the manifest says.

    One that is not there is nobody's fault but rclone's to tell: it cannot be used.
    """
    have = conf.read_sections(conf.read(path)).get(name)
    if have is None:
        return
    found = [*drift.differences(have, wanted)]
    other = drift.misuse(_noted(state_dir, name), meant)
    found += [other] if other else []
    if found:
        raise DriftError(
            f"rclone.conf and the manifest do not agree on [{name}]: {'; '.join(found)}",
            hint=f"have it say what the manifest says: bisync setup   (it is in {path}; if two manifests name one "
            "tenant_id, give one of them another)",
        )


def is_for(state_dir: Path, name: str, meant: Purpose) -> bool:
    """Whether the keys in a section were stored for this, as far as is noted."""
    return drift.misuse(_noted(state_dir, name), meant) is None


def note(state_dir: Path, name: str, now: Purpose) -> bool:
    """Write down for what the keys of a section were stored; whether that is news."""
    known = _noted(state_dir, name)
    new = drift.joined(known, now)
    if new == known:
        return False
    place = _place(state_dir, name)
    private_dir(place.parent)
    return write_if_changed(place, json.dumps({"version": VERSION, **new._asdict()}) + "\n")


def _noted(state_dir: Path, name: str) -> Purpose | None:
    try:
        found = load_stored(_place(state_dir, name), _SHAPE)
    except (FileNotFoundError, Damaged):
        return None
    return Purpose(found["reference"], tuple(found["buckets"])) if found["version"] == VERSION else None


def _place(state_dir: Path, name: str) -> Path:
    return state_dir / "bisync-state" / ".sections" / f"{name}.json"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
