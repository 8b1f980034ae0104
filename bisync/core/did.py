"""What one run did to the paths of a sync, as it wrote it down itself, or as its line in the history names it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.reconcile import cloud_changed, same_time
from bisync.core.snapshot import BaseFile, CloudFile, LocalFile

SETTLED = "settled"
"""What a run did to a path that it changed here alone: the cloud was as it should be."""
CONTESTED = "conflict"
# What a line of the history calls what plans call otherwise.
_KINDS = {
    "uploaded": Action.UPLOAD,
    "downloaded": Action.DOWNLOAD,
    "deleted_local": Action.DELETE_LOCAL,
    "deleted_cloud": Action.DELETE_CLOUD,
    "renamed": Action.RENAME,
    "conflicts": CONTESTED,
}


class Did(NamedTuple):
    """What a run did to one path (a key), and what both sides held of it before and afterwards.

    `what`: as plans call it, `SETTLED`, `CONTESTED`, or a word of a later version. A rename went from `path` to `to`.
    `known` False: nobody wrote down what they held, and `before` and `after` say nothing.
    """

    what: str
    path: str
    before: BaseFile | None = None
    after: BaseFile | None = None
    to: str | None = None
    known: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """The names it is about: one, of a rename two."""
        return (self.path,) if self.to is None else (self.path, self.to)


def has_changed(entry: Mapping[str, Any]) -> bool:
    """Whether the run of a line of the history changed anything."""
    counted = ("uploaded", "downloaded", "deleted_local", "deleted_cloud", "renamed", "merged", "more_paths")
    return any(entry.get(key) for key in (*counted, "conflicts", "paths"))


def noted(
    planned: Iterable[Change],
    moved: Collection[str],
    before: Mapping[str, BaseFile],
    after: Mapping[str, BaseFile],
    here: Iterable[str] = (),
) -> Iterator[Did]:
    """What a run notes down of what it did: the planned changes that came about.

    `moved`: the paths that it has seen itself change. `before`, `after`: what both sides held. `here`: paths that it
    had changed here before there was a plan.
    """
    about = set[str]()
    for change in planned:
        about.update(change.paths)
        held, holds = before.get(change.path), after.get(change.paths[-1])
        if change.path in moved or (change.to is None and not is_same(held, holds)):
            what = CONTESTED if change.winner is not None else change.action.value
            yield Did(what, change.path, held, holds, change.to)
    for path in sorted(set(here) - about):
        yield Did(SETTLED, path, before.get(path), after.get(path))


def told(entry: Mapping[str, Any], own: Iterable[Did]) -> list[Did]:
    """What a run did: as it noted it down on its `own`, and what its line in the history names beside that.

    Of a conflict it is the contested path alone; its copies are part of it.
    """
    found = {did.path: did for did in own}
    about = {path for did in found.values() for path in did.paths}
    for what, path, to in _named(entry):
        if path not in about:
            found[path] = Did(what, path, to=to, known=False)
    for conflict in entry.get("conflicts") or ():
        for path in map(names.key, conflict["copies"]):
            found.pop(path, None)
        path = names.key(conflict["path"])
        found[path] = Did(CONTESTED, path)
    return [found[path] for path in sorted(found)]


def _named(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """What a line of the history names: what was done, the path (a key), and its new name."""
    for kind, named in (entry.get("paths") or {}).items():
        for one in named:
            path, to = (one["path"], one["to"]) if isinstance(one, Mapping) else (one, None)
            yield _KINDS.get(kind, kind), names.key(path), None if to is None else names.key(to)


def names_all(entry: Mapping[str, Any]) -> bool:
    """Whether a line of the history names every path that its run changed. (That of a killed one names none.)"""
    ended = "uploaded" in entry or entry.get("outcome") in ("idle", "refused")
    return ended and not entry.get("more_paths") and ("paths" in entry or not has_changed(entry))


def is_same(one: BaseFile | None, other: BaseFile | None) -> bool:
    """Whether two records speak of one content."""
    if one is None or other is None:
        return one is other
    if one.md5 is not None and other.md5 is not None:
        return (one.size, one.md5) == (other.size, other.md5)
    return (
        one.size == other.size
        and one.local_mtime_ns == other.local_mtime_ns
        and same_time(one.cloud_mtime_ns, other.cloud_mtime_ns)
    )


def holds_here(file: LocalFile | None, before: BaseFile | None) -> bool:
    """Whether a file here is what both sides held once; None: no file."""
    if file is None or before is None:
        return file is None and before is None
    if file.md5 is not None and before.md5 is not None:
        return (file.size, file.md5) == (before.size, before.md5)
    return file.size == before.size and file.stamp.mtime_ns == before.local_mtime_ns


def holds_there(file: CloudFile | None, before: BaseFile | None, compare: Compare) -> bool:
    """Whether a file in the cloud is what both sides held once; None: no file."""
    if file is None or before is None:
        return file is None and before is None
    return not cloud_changed(before, file, compare)
