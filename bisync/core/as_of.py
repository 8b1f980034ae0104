"""What a sync held at a time: which version of each path, and where that is now. Pure; paths are keys.

A run that overwrites or deletes a file keeps it. So the version of a path at a time is the one that was kept by the
first run after it that took it away; a path that no run has touched since is as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Version(NamedTuple):
    """A version in a trash: by which run, on which side, as it is spelled there.

    `written`: when its file was last written to, in seconds since the epoch; None where nobody says.
    """

    run: str
    side: Literal["local", "cloud"]
    name: str
    written: float | None = None


@dataclass(frozen=True, slots=True)
class Did:
    """What one run did. `recorded`: the history has it; else it is known by what it kept alone (`restore`, `resolve`).

    `came`: what it brought to a side, new or over an older version. `renamed`: from the old name to the new one.
    `contested`: paths that both sides had changed, also where the edits became one. `whole`: all that it took away is
    still kept, so what is not kept was not there before.
    """

    run: str
    came: Collection[str] = ()
    went: Collection[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    contested: Collection[str] = ()
    recorded: bool = True
    whole: bool = True

    def names(self, path: str) -> bool:
        """Whether the history says that it changed a path, or gave a file that name."""
        return (
            path in self.came or path in self.went or path in self.contested or path in self.renamed.values()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """How to have back what was there at a time. All paths are sorted.

    `back`: the version that each path had. `under`: what was renamed since and not changed: the name that it has here
    now. `same`: what no run has touched since, and lies here. `not_there`: what lies here and was not there then.
    `gone`: what was there then, or may have been, and is not kept. `unsynced`: what was changed or deleted here and no
    run has seen that yet: nothing older is kept of it.
    """

    back: Mapping[str, Version]
    under: Mapping[str, str]
    same: tuple[str, ...]
    not_there: tuple[str, ...]
    gone: tuple[str, ...]
    unsynced: tuple[str, ...]


Kept = Mapping[tuple[str, str], Sequence[Version]]
"""What is kept, by run and path: one version, or one of each side."""


def as_of(
    runs: Sequence[Did],
    since: int,
    kept: Kept,
    *,
    here: Collection[str],
    unlike: Collection[str] = (),
    missing: Collection[str] = (),
    at: float | None = None,
) -> Then:
    """What a sync held before `runs[since:]`, of all its runs in their order.

    `here`: the paths that lie here now. `unlike`: those that are not as the last run left them, or that it left none
    of. `missing`: those that it left and are not here. `at`: the time that is meant, in seconds since the epoch: what
    was written later than that and no run has seen was not the version then.
    """
    look = _Look(runs, since, kept, at)
    back: dict[str, Version] = {}
    under: dict[str, str] = {}
    rest: dict[str, set[str]] = {name: set() for name in ("same", "not_there", "gone", "unsynced")}
    for path in sorted({*look.touched, *here, *missing}):
        found = look.before(path)
        if isinstance(found, Version):
            back[path] = found
        elif found == "gone":
            rest["gone"].add(path)
        elif found == "not there":
            if path in here:
                rest["not_there"].add(path)
        elif found != path:
            # It was renamed, and not changed by a run since.
            if found in here and found not in unlike:
                under[path] = found
            else:
                rest["unsynced"].add(path)
        elif path in missing or path in unlike:
            rest["unsynced"].add(path)
        elif path in here:
            rest["same"].add(path)
    sorted_rest = {name: tuple(sorted(paths)) for name, paths in rest.items()}
    return Then(back=back, under=under, **sorted_rest)


def _is_later(written: float | None, at: float | None) -> bool:
    return at is not None and written is not None and written > at


class _Look:
    """The runs, by the paths they touched."""

    def __init__(self, runs: Sequence[Did], since: int, kept: Kept, at: float | None) -> None:
        self._runs, self._since, self._kept, self._at = runs, since, kept, at
        taken: dict[str, list[str]] = {}
        for run, path in kept:
            taken.setdefault(run, []).append(path)
        self._touching: dict[str, list[int]] = {}
        for number, did in enumerate(runs):
            named = {*did.came, *did.went, *did.contested, *did.renamed, *did.renamed.values()}
            for path in {*named, *taken.get(did.run, ())}:
                self._touching.setdefault(path, []).append(number)
        self.touched = {path for path, numbers in self._touching.items() if numbers[-1] >= since}

    def before(self, path: str) -> Version | str:
        """The version of a path before the runs since then; "not there" or "gone"; else its name now."""
        name, number, unseen = path, self._since, False
        while True:
            touching = next((one for one in self._touching.get(name, ()) if one >= number), None)
            if touching is None:
                return name
            number, did = touching, self._runs[touching]
            if name in did.renamed:
                name = did.renamed[name]
            elif (did.recorded or not unseen) and (version := self._taken(did, name, number)) is not None:
                return version
            elif did.names(name):
                return self._not_kept(did, name, number)
            else:
                unseen = True
            number += 1

    def _taken(self, did: Did, name: str, number: int) -> Version | None:
        """What a run took away under a name; None for nothing.

        None also for what both sides had changed by then, unless what lay here is older than the time that is meant;
        and for what no run had seen, where it is younger, or nothing of this name was there by the history: what a
        restore brings has the time of old.
        """
        versions = {one.side: one for one in self._kept.get((did.run, name), ())}
        local, cloud = versions.get("local"), versions.get("cloud")
        is_younger = local is not None and _is_later(local.written, self._at)
        if name in did.contested:
            return None if is_younger else local
        if local is None or (cloud is not None and is_younger):
            return cloud
        if did.recorded:
            return local
        return None if is_younger or self._existed(name, number) is False else local

    def _not_kept(self, did: Did, name: str, number: int) -> Literal["not there", "gone"]:
        """A run changed what has this name and kept nothing of it: because there was nothing?"""
        if name in did.went:
            return "gone"
        existed = self._existed(name, number)
        if existed is None:
            is_new = name in did.renamed.values() or (did.whole and name not in did.contested)
            return "not there" if is_new else "gone"
        return "gone" if existed else "not there"

    def _existed(self, name: str, number: int) -> bool | None:
        """Whether a file of this name was there before a run, by what earlier ones did to it; None: nobody knows."""
        for earlier in reversed(self._touching[name]):
            if earlier >= number:
                continue
            did = self._runs[earlier]
            if name in did.came or name in did.contested or name in did.renamed.values():
                return True
            if name in did.went or name in did.renamed:
                return False
        return None
