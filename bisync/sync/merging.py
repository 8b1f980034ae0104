"""Texts that both sides edited: the three versions of them brought together, when a run is planned and when it merges.

What was planned is merged again from what lies there by then, and has to come to the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.app import Session
from bisync.config import ConflictResolve
from bisync.core import merge, names
from bisync.core.change import Change, Merging
from bisync.core.conflict_names import original_of
from bisync.core.snapshot import BaseFile, Baseline
from bisync.core.waiting import names_rules
from bisync.rclone.argv import copy_argv
from bisync.rclone.diagnosis import failure, troubled_files
from bisync.rclone.program import name_list
from bisync.state.contents import Contents, Known
from bisync.sync import texts

if TYPE_CHECKING:
    from bisync.core.reconcile import Comparison
    from bisync.sync.observe import Observation

CHANGING = "it is changing just now"


def bases(session: Session, found: Comparison, known: Mapping[str, BaseFile]) -> dict[str, bytes]:
    """Of the contested paths those whose last agreed text is kept, and that text. None where nothing is to be merged.

    Ignore files are never merged: what the versions of one ignore is ignored until a person has settled it.
    """
    if session.profile.conflict_resolve is not ConflictResolve.MERGE or not found.conflicts:
        return {}
    kept, rules = Contents.read(session.state.contents), frozenset(session.app.manifest.ignore_files)
    before = {}
    for one in found.conflicts:
        base = known.get(one.path)
        text = kept.text(one.path, base.md5) if base is not None else None
        if text is not None and not names_rules(one.path, rules):
            before[one.path] = text
    return before


def merged(
    session: Session, seen: Observation, paths: Sequence[str], before: Mapping[str, bytes]
) -> dict[str, Merging | str]:
    """What the two versions of each path and its text of `before` come to, or why to nothing.

    The cloud's versions are fetched by one rclone into a private folder. Raises RcloneError.
    """
    if not paths:
        return {}
    found: dict[str, Merging | str] = {}
    with tempfile.TemporaryDirectory(prefix="bisync-") as folder:
        with name_list(seen.cloud.files[path].name for path in paths) as listed:
            # A listing may lie about sizes: then it stops.
            size = sum(seen.cloud.files[path].size for path in paths)
            argv = copy_argv(
                session.remote.fs, folder, listed, profile=session.profile, at_most=2 * size + merge.LARGEST
            )
            outcome = session.rclone.run(argv, remote=session.remote)
        if outcome.code != 0 and not troubled_files(outcome):
            raise failure(argv, outcome, session.remote)
        for path in paths:
            there = seen.cloud.files[path]
            ours = texts.here(session.sync.dir, seen.local.files[path].name).content
            theirs = texts.here(Path(folder), names.from_rclone(there.name)).content
            if ours is None or theirs is None or len(theirs) != there.size:
                found[path] = CHANGING
                continue
            made = merge.merge(before[path], ours, theirs)
            found[path] = made.merging or made.why
    return found


def again(session: Session, change: Change, base: BaseFile | None, name: str, staged: Path) -> bytes | None:
    """What was planned to become of the file `name` here and of the fetched version, merged from what they hold now.

    None where that is no longer what the plan says of it (`change`). `base`: the file as both sides had it.
    """
    ours = texts.here(session.sync.dir, name).content
    theirs = texts.here(staged.parent, staged.name).content
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
        content = texts.here(session.sync.dir, name).content
        if content is not None and merge.md5(content) == base.md5:
            known[path] = Known(base.md5, kept.keep(content) if merge.is_text(content) else None)
    extensions = session.sync.keeps_extensions
    contested = {original_of(path, extensions=extensions) for path in made.files if ".conflict" in path}
    # What a person merges by, as long as copies wait for one.
    known |= {path: one for path, one in kept.known.items() if path in contested and path not in known}
    if known != kept.known:
        kept.write(known)
