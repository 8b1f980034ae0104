"""Every file of every source, by its content: in the sync dir and in the cloud, or with a reason why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from bisync.app import App
from bisync.config import Sync
from bisync.core import names
from bisync.core.conflict_names import judged_as
from bisync.core.migration import path_key
from bisync.migrate import trees
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Source
from bisync.rclone.argv import list_argv
from bisync.rclone.output import Listed, read_listing
from bisync.state.migration import Entry
from bisync.sync.hashing import file_md5


class Missing(NamedTuple):
    """A file of a source that is not where it should be, and what is the matter."""

    source: str
    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """`here`, `cloud`: how many files were found there. `apart`: those that stay here, with the reason."""

    here: int
    cloud: int
    apart: tuple[tuple[str, str], ...]
    missing: tuple[Missing, ...]
    by_size: bool


def check(
    app: App,
    sync: Sync,
    sources: Sequence[tuple[Source, Mapping[str, Entry]]],
    left_out: Mapping[str, str],
    pace: Pace,
) -> Verified:
    """Look for every file of the sources by its content. `left_out`: paths that the run could not send, and why.

    Raises BisyncError where one of the sides cannot be looked at.
    """
    found = trees.here(sync.dir)
    places = _by_name(found.files)
    cloud, hashes = _cloud(app, sync)
    reader = _Reader(sync.dir, found.files, pace)
    rules = app.rules(sync)
    sums = {"here": 0, "cloud": 0}
    apart: dict[str, str] = {}
    missing: list[Missing] = []
    for source, files in sources:
        pace.expect(sum(one.size for one in files.values()), len(files))
        for path, one in files.items():
            at = next(
                (each for each in _places(places, source.below + path) if reader.holds(each, one)), None
            )
            there = next(
                (each for each in _places(cloud, source.below + path) if _is_it(each, one, hashes=hashes)),
                None,
            )
            pace.done()
            sums["here"] += at is not None
            sums["cloud"] += there is not None
            if at is None and there is None:
                missing.append(Missing(source.label, path, "it is neither in the sync dir nor in the cloud"))
            elif there is None and at is not None:
                why = left_out.get(path_key(at)) or names.obstacle(at)
                decision = rules.decide(at, False)
                if decision.ignored:
                    why = f"ignored in the sync dir by {decision.rule.place if decision.rule else 'a rule'}"
                if why is None:
                    missing.append(Missing(source.label, path, "it is in the sync dir, but not in the cloud"))
                else:
                    apart[at] = why
    return Verified(
        here=sums["here"],
        cloud=sums["cloud"],
        apart=tuple(sorted(apart.items())),
        missing=tuple(missing),
        by_size=not hashes,
    )


Place = TypeVar("Place")


def _places(named: Mapping[str, Sequence[Place]], path: str) -> list[Place]:
    """Where a file may be: under its name, or as a conflict copy of it; a copy that gave way is another copy."""
    keys = dict.fromkeys((path_key(path), path_key(judged_as(path))))
    return [each for key in keys for each in named.get(key, ())]


def _by_name(files: Mapping[str, Entry]) -> dict[str, list[str]]:
    """Files and their conflict copies, by the key of the name that they have or contest."""
    found: dict[str, list[str]] = {}
    for path in sorted(files, key=len):
        for key in dict.fromkeys((path_key(path), path_key(judged_as(path)))):
            found.setdefault(key, []).append(path)
    return found


def _cloud(app: App, sync: Sync) -> tuple[dict[str, list[Listed]], bool]:
    """What the cloud holds, by the same keys; and whether its listings carry contents."""
    with app.session(sync) as session:
        argv = list_argv(session.remote, compare=session.compare)
        listed = read_listing(session.rclone.check(argv, remote=session.remote).stdout)
        hashes = session.remote.hashes
    found: dict[str, list[Listed]] = {}
    for one in listed:
        for key in dict.fromkeys((names.key(one.path), names.key(judged_as(one.path)))):
            found.setdefault(key, []).append(one)
    return found, hashes


def _is_it(there: Listed, one: Entry, *, hashes: bool) -> bool:
    """Whether an object is the file: by its MD5, or by its size where none is known of it."""
    if there.md5 is not None and hashes:
        return there.md5 == one.md5
    return there.size == one.size


class _Reader:
    """Reads files of the sync dir, each once."""

    def __init__(self, root: Path, files: Mapping[str, Entry], pace: Pace) -> None:
        self._root = root
        self._files = files
        self._pace = pace
        self._known: dict[str, str | None] = {}

    def holds(self, path: str, one: Entry) -> bool:
        """Whether the file has that content."""
        if self._files[path].size != one.size:
            return False
        if path not in self._known:
            try:
                self._known[path] = file_md5(self._root / path, self._pace.add, size=one.size)
            except OSError:
                self._known[path] = None
        return self._known[path] is not None and self._known[path] == one.md5
