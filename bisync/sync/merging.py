"""Texts that both sides edited: the three versions of them brought together, when a run is planned and when it merges.

What was planned is merged again from what lies there by then, and has to come to the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.app import Session
from bisync.config import ConflictResolve
from bisync.core import merge, names
from bisync.core.change import Change, Merging
from bisync.core.conflict_names import judged_as
from bisync.core.snapshot import BaseFile, Baseline
from bisync.core.waiting import names_rules
from bisync.rclone.argv import copy_argv
from bisync.rclone.diagnosis import failure, troubled_files
from bisync.rclone.program import name_list
from bisync.state.contents import Contents, Known
from bisync.sync import inside

if TYPE_CHECKING:
    from bisync.core.reconcile import Comparison
    from bisync.sync.observe import Observation

NO_BASE = "the version that both sides had is not known"
CHANGING = "it is changing just now"


def bases(session: Session, found: Comparison, known: Mapping[str, BaseFile]) -> dict[str, bytes]:
    """Of the contested paths those whose last agreed text is kept, and that text. None where nothing is to be merged.

    Ignore files are never merged: what the versions of one ignore is ignored until a person has settled it.
    """
    if session.profile.conflict_resolve is not ConflictResolve.MERGE or not found.conflicts:
        return {}
    kept, rules = Contents.read(session.state.contents), frozenset(session.app.manifest.ignore_files)
    texts = {}
    for one in found.conflicts:
        base = known.get(one.path)
        text = kept.text(one.path, base.md5) if base is not None else None
        if text is not None and not names_rules(one.path, rules):
            texts[one.path] = text
    return texts


def merged(
    session: Session, seen: Observation, paths: Sequence[str], texts: Mapping[str, bytes]
) -> dict[str, Merging | str]:
    """What the two versions of each path and its text of before come to, or why to nothing.

    The cloud's versions are fetched by one rclone into a private folder. Raises RcloneError.
    """
    if not paths:
        return {}
    found: dict[str, Merging | str] = {}
    with tempfile.TemporaryDirectory(prefix="bisync-") as folder:
        with name_list(seen.cloud.files[path].name for path in paths) as listed:
            argv = copy_argv(session.remote.fs, folder, listed, profile=session.profile)
            outcome = session.rclone.run(argv, remote=session.remote)
        if outcome.code != 0 and not troubled_files(outcome):
            raise failure(argv, outcome, session.remote)
        for path in paths:
            there = seen.cloud.files[path]
            ours = _here(session.sync.dir, seen.local.files[path].name)
            theirs = _read(Path(folder) / names.from_rclone(there.name))
            if ours is None or theirs is None or len(theirs) != there.size:
                found[path] = CHANGING
                continue
            made = merge.merge(texts[path], ours, theirs)
            found[path] = made.merging or made.why
    return found


def again(session: Session, change: Change, base: BaseFile | None, name: str, staged: Path) -> bytes | None:
    """What was planned to become of the file `name` here and of the fetched version, merged from what they hold now.

    None where that is no longer what the plan says of it (`change`). `base`: the file as both sides had it.
    """
    ours, theirs = _here(session.sync.dir, name), _read(staged)
    return None if ours is None or theirs is None else foreseen(session, change, base, ours, theirs)


def foreseen(
    session: Session, change: Change, base: BaseFile | None, ours: bytes, theirs: bytes
) -> bytes | None:
    """What is planned to become of these two versions; None where they make something else. `base`: as for `again`."""
    text = None if base is None else Contents.read(session.state.contents).text(change.path, base.md5)
    if text is None:
        return None
    made = merge.merge(text, ours, theirs)
    return made.text if made.merging == change.merged else None


def remember(session: Session, made: Baseline) -> None:
    """Keep the texts that both sides hold alike by now, where edits of them are merged, and none elsewhere.

    What a file holds is kept where it is what the baseline says of it. Raises OSError.
    """
    if ConflictResolve.MERGE not in (
        session.profile.conflict_resolve,
        session.sync.profile.conflict_resolve,
    ):
        Contents(session.state.contents, {}).drop()
        return
    kept = Contents.read(session.state.contents)
    known: dict[str, Known] = {}
    for path, base in made.files.items():
        if base.md5 is None or base.size > merge.LARGEST:
            continue
        before = kept.known.get(path)
        if before is not None and before.md5 == base.md5:
            known[path] = before
            continue
        name = names.from_rclone(base.names[0] if base.names else path)
        content = _here(session.sync.dir, name)
        if content is not None and merge.md5(content) == base.md5:
            known[path] = Known(base.md5, kept.keep(content) if merge.is_text(content) else None)
    contested = {judged_as(path) for path in made.files if judged_as(path) != path}
    # What a person merges by, as long as copies wait for one.
    known |= {path: one for path, one in kept.known.items() if path in contested and path not in known}
    if known != kept.known:
        kept.write(known)


def _here(root: Path, name: str) -> bytes | None:
    """What a file of the sync dir holds; None where it cannot be read, is too large, or lies behind a link."""
    try:
        with inside.at(root, name) as path:
            return _read(path)
    except (inside.InTheWay, OSError):
        return None


def _read(path: Path) -> bytes | None:
    try:
        with os.fdopen(
            os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
        ) as stream:
            content = stream.read(merge.LARGEST + 1)
    except OSError:
        return None
    return content if len(content) <= merge.LARGEST else None
