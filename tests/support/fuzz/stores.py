"""Readers of what is said of stores: rclone's last words on one, and how a bucket is listed."""

from __future__ import annotations

import json
from pathlib import Path

from bisync.core.abilities import Abilities
from bisync.providers import listed_names
from bisync.rclone import diagnosis, log
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote

WORDS = (
    b"2026/11/29 10:43:55 NOTICE: nas: No host key validation is being performed.\n"
    b'2026/11/29 10:47:50 CRITICAL: Failed to create file system for "nas:x/": failed to make remote ":webdav,'
    b'url=""http://u:p@h"",pass=""hunter2"":x" to wrap: Propfind "http://[::1]:5/x": dial tcp [::1]:5: no\n'
    b"Enter configuration password:\n"
)
SAMPLE = json.dumps({"version": 1, "store": "s", "said": dict(listed_names.ENCODED)}).encode()
NAME = "bisync-state/.sections/one.listing.json"


def words(path: Path) -> None:
    """One line, whatever rclone said, of a remote of the user's and of one of ours."""
    events = [log.parse(line) for line in path.read_bytes().decode(errors="replace").split("\n")]
    seen = tuple(event for event in events if event is not None)
    for fs in ("nas:x/", "basic-memory-team:x/"):
        remote = Remote(fs=fs, can=Abilities(), label=fs)
        error = diagnosis.failure(("rclone", "lsf"), Finished(1, "", seen, Path("/c")), remote)
        assert error.hint and "\n" not in error.message and len(error.message) < 1000


def listing(path: Path) -> None:
    """What is noted is one of the answers that there are, or nothing."""
    said = listed_names.noted(path.parents[2], "one", "s")
    assert said in ({}, listed_names.ENCODED, listed_names.PLAIN)
