"""What remotes of rclone.conf can do, as it was found out: a note for each, while it leads to the same place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from bisync.core.abilities import Abilities
from bisync.files import private_dir, write_if_changed
from bisync.stored import MOST, Damaged
from bisync.stored import load as load_stored

VERSION = 1
_CAN = {
    "hashes": bool,
    "slow_hashes": bool,
    "precision_ns": (None, int),
    "asks_each": bool,
    "stored_tells": bool,
    "own_times": bool,
    "keeps_versions": bool,
    "is_bucket": bool,
    "folds_case": bool,
    "proved": bool,
}
_SHAPE = {"version": int, "remote": str, "address": str, "rclone": str, "fs": str, "can": _CAN}


class About(NamedTuple):
    """What a note is about: the remote as the manifest has it, where rclone.conf says it is, and which rclone asked.

    `rclone` None: whichever.
    """

    remote: str
    address: str
    rclone: str | None


class Found(NamedTuple):
    """The remote as rclone spells it without its aliases, and what it can do."""

    fs: str
    can: Abilities


def load(state_dir: Path, about: About) -> Found | None:
    """What is noted of a remote; None where nothing is that still holds. Raises StateError, OSError."""
    if not about.address:
        return None  # where it is nobody can tell: it may be another one by now
    try:
        note = load_stored(_place(state_dir, about.remote), _SHAPE)
    except (FileNotFoundError, Damaged):
        return None  # it is asked again
    precision = note["can"]["precision_ns"]
    if note["version"] != VERSION or (precision is not None and not 0 < precision < MOST):
        return None
    if about != (note["remote"], note["address"], about.rclone and note["rclone"]):
        return None
    return Found(note["fs"], Abilities(**note["can"]))


def save(state_dir: Path, about: About, found: Found) -> None:
    """Note what a remote can do. Raises OSError."""
    if not about.address:
        return
    place = _place(state_dir, about.remote)
    private_dir(place.parent)
    note = {"version": VERSION, **about._asdict(), "fs": found.fs, "can": asdict(found.can)}
    write_if_changed(place, json.dumps(note) + "\n")


def _place(state_dir: Path, remote: str) -> Path:
    name = hashlib.sha256(remote.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return state_dir / "bisync-state" / ".remotes" / f"{name}.json"
