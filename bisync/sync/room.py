"""Where a file is to go there may be a folder of its name, of which a plan says nothing: it holds no file of the sync.

It is empty, or what it holds is ignored or left out. A server may answer a file for its name by removing it with all
that it holds, as rclone has it remove what an upload that failed may have left (WebDAV). So it is looked for before,
by a listing: by its name not every remote tells a folder from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bisync.app import Session
from bisync.config import Compare
from bisync.core import names
from bisync.rclone import filters
from bisync.rclone.argv import folders_argv, inside_argv, remove_empty_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import read_tree
from bisync.rclone.program import name_list
from bisync.sync.steps import MakeRoom

if TYPE_CHECKING:
    from bisync.sync.undertaking import Undertaking

# For more names than that all folders of the remote are listed: a rule for each is slow.
ASKED = 100
OCCUPIED_THERE = "a folder in the cloud has its name, and it is not empty"


def make(done: Undertaking, step: MakeRoom) -> None:
    """Remove the folders that lie where these files are to go, as far as they hold nothing but folders.

    The run goes without a file whose place is taken. Raises RcloneError.
    """
    remote = done.session.remote
    found = _folders(done.session, done.prepared.compare, step.names)
    for change, name in zip(step.changes, step.names, strict=True):
        filled = found.get(_alike(done.session, name))
        if filled is None:
            continue
        if not filled:
            argv = remove_empty_argv(f"{remote.fs}{name}")
            filled = done.attempt(argv, count=False).code != 0
        if filled:
            done.go_without(change, OCCUPIED_THERE)


def _folders(session: Session, compare: Compare, wanted: Sequence[str]) -> dict[str, bool]:
    """Which of these names folders have there, as they are compared; and whether a file lies in one, at any depth."""
    remote = session.remote
    if len(wanted) > ASKED:
        _, folders = _listed(session, folders_argv(remote))
        known = {_alike(session, folder) for folder in folders}
        wanted = [name for name in wanted if _alike(session, name) in known]
    if not wanted:
        return {}
    with name_list(filters.inside(name) for name in wanted) as rules:
        files, folders = _listed(session, inside_argv(remote, rules, compare=compare))
    filled = {_alike(session, folder) for file in files for folder in names.parents(file)}
    there = filled | {_alike(session, folder) for folder in folders}
    return {key: key in filled for name in wanted if (key := _alike(session, name)) in there}


def _listed(session: Session, argv: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Files and folders of a listing."""
    outcome = session.rclone.run(argv, remote=session.remote)
    if outcome.code == 3:
        return [], []  # not even its folder is there
    if outcome.code != 0:
        raise failure(argv, outcome, session.remote)
    files, folders = read_tree(outcome.stdout)
    return [one.path for one in files], folders


def _alike(session: Session, name: str) -> str:
    """What names have in common that the remote takes for one."""
    key = names.key(name)
    return key.casefold() if session.remote.can.folds_case else key
