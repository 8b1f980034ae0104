"""A small file is written to a remote, read back, moved and removed: what of its promises a remote keeps.

It lies in our own folder there, which no sync touches. What a killed trial leaves is a few bytes in it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bisync.core.abilities import Abilities, Seen, Trial, kept_precision, proved
from bisync.core.metadata import TRIALS
from bisync.errors import RcloneError
from bisync.rclone.argv import (
    RESIDENT_ENV,
    File,
    copy_one_argv,
    delete_one_argv,
    few_files_argv,
    list_trial_argv,
    move_argv,
)
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import parse_time, read_listing
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote

# An odd second, and digits down to the ns: whatever is cut off shows.
TOLD_NS = 1_111_111_111_123_456_789
TEXTS = (b"By this bisync sees what a remote keeps. 1\n", b"By this bisync sees what a remote keeps. 2\n")
# Stores tell the time in seconds.
APART = 1.1


def tried(rclone: Rclone, remote: Remote, sleep: Callable[[float], None] = time.sleep) -> Abilities:
    """What `remote` can do, of what it promises. Raises RcloneError where nothing can be written or read there."""
    name = f"trial.{secrets.token_hex(8)}"
    folder = replace(remote, fs=remote.below(TRIALS) + "/")
    with TemporaryDirectory(prefix="bisync-") as here:
        source = Path(here, name)
        moved = False
        try:
            first = again = _stored(rclone, folder, source, TEXTS[0], {})
            if remote.can.asks_each or kept_precision(TOLD_NS, first.own_ns) is None:
                sleep(APART)
                again = _stored(rclone, folder, source, TEXTS[1], {})
            folded = _folds_case(rclone, folder, f"{name}.case")
            leased = _stored(rclone, folder, source, TEXTS[0], RESIDENT_ENV)
            if remote.can.keeps_versions:
                argv = move_argv(File(folder.fs, name), File(folder.fs, f"{name}.moved"))
                moved = rclone.run(argv, remote=folder).code == 0
        finally:
            for one in (name, f"{name}.moved"):
                rclone.run(delete_one_argv(File(folder.fs, one)), remote=folder)
    md5 = hashlib.md5(TEXTS[0], usedforsecurity=False).hexdigest()
    return proved(remote.can, Trial(md5, TOLD_NS, first, again, leased, moved, folded))


def _folds_case(rclone: Rclone, folder: Remote, name: str) -> bool:
    """Whether two files whose names differ in case alone are one there. (To look for one need not find the other.)"""
    if folder.can.is_bucket or folder.can.folds_case:
        return folder.can.folds_case  # a key of a bucket is one string of bytes
    both = (name, name.upper())
    with TemporaryDirectory(prefix="bisync-") as here:
        source = Path(here, name)
        source.write_bytes(TEXTS[0])
        try:
            for one in both:
                rclone.check(copy_one_argv(File(here, name), File(folder.fs, one)), remote=folder)
            listed = read_listing(rclone.check(few_files_argv(folder.fs), remote=folder).stdout)
        finally:
            for one in both:
                rclone.run(delete_one_argv(File(folder.fs, one)), remote=folder)
    return len({one.path for one in listed}.intersection(both)) < len(both)


def _stored(rclone: Rclone, folder: Remote, source: Path, text: bytes, env: Mapping[str, str]) -> Seen:
    """The file as it is listed once this text was written."""
    source.write_bytes(text)
    os.utime(source, ns=(TOLD_NS, TOLD_NS))
    asked = replace(folder, env={**folder.env, **env})
    argv = copy_one_argv(File(str(source.parent), source.name), File(folder.fs, source.name))
    outcome = rclone.run(argv, remote=asked)
    if outcome.code != 0:
        raise failure(argv, outcome, folder)
    return _listed(rclone, folder, source.name)


def _listed(rclone: Rclone, folder: Remote, name: str) -> Seen:
    """The file as both kinds of listing have it."""
    found = []
    for stored in (False, True):
        argv = list_trial_argv(folder, name, stored=stored)
        outcome = rclone.run(argv, remote=folder)
        if outcome.code != 0:
            raise failure(argv, outcome, folder)
        found += read_listing(outcome.stdout)
    if len(found) != 2:
        raise RcloneError(
            f"{folder.label}: what was written there is not listed: {name}",
            hint="run again: bisync setup; if that stays so, this remote cannot be used",
        )
    own, other = found
    return Seen(own.md5, parse_time(own.modtime), parse_time(other.modtime))
