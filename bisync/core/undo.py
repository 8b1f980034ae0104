"""What it takes to have both sides as they were before one run, where they still are as it left them. Pure.

A run is known by what both sides held of each path before and after it. What has been edited, moved or deleted since,
here or in the cloud, is somebody's work by now: it is left alone and named, and so is what nobody has any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action
from bisync.core.conflict_names import AT_THE_END, CopyNames, Naming, beside
from bisync.core.deeds import Decision, Deed, Kind, Left, Version, holds, is_aside
from bisync.core.did import CONTESTED, SETTLED, Did, holds_here, holds_there, is_same
from bisync.core.printable import typed, typed_path
from bisync.core.reconcile import Hidden, cloud_changed, local_changed, no_file_here
from bisync.core.snapshot import (
    OCCUPIED,
    BaseFile,
    CloudSnapshot,
    LocalFile,
    LocalSnapshot,
)

_DELETED = (Action.DELETE_LOCAL, Action.DELETE_CLOUD)
_KNOWN = frozenset([*_DELETED, Action.UPLOAD, Action.DOWNLOAD, Action.RENAME, Action.MERGE, SETTLED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What runs did after the one that is taken back. `runs`: which one changed a path (a key) last.

    `all_named`: there is no other path that they may have changed.
    """

    runs: Mapping[str, str] = field(default_factory=dict)
    all_named: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Both sides as they are, and how what they hold is told from what they held (`baseline`).

    `is_ignored`: the rules ignore a file of this path. `is_rules`: it is an ignore file. `naming`: what conflict copies
    are called.
    """

    baseline: Mapping[str, BaseFile]
    local: LocalSnapshot
    cloud: CloudSnapshot
    compare: Compare
    is_ignored: Callable[[str], bool] = lambda path: False
    is_rules: Callable[[str], bool] = lambda path: False
    naming: Naming = AT_THE_END


def decide(
    run: str,
    did: Iterable[Did],
    present: Present,
    kept: Mapping[str, Sequence[Version]],
    since: Since | None = None,
) -> Decision:
    """What takes back what `run` did: each path as a whole or not at all. `kept`: what its trashes have, by path."""
    return _Deciding(run, present, kept, since or Since()).all(did)


Stands = Literal["before", "after"]


class _Deciding:
    """One decision, as far as it has come."""

    def __init__(
        self, run: str, present: Present, kept: Mapping[str, Sequence[Version]], since: Since
    ) -> None:
        self._run = run
        self._kept = kept
        self._since = since
        self._now = present
        taken = {*present.local.files, *present.cloud.files, *present.local.occupied}
        self._copies = CopyNames(taken, present.naming)
        self._hidden_here = Hidden(present.local, present.local.left_out)
        self._hidden_there = Hidden(present.local, present.cloud.left_out)
        self._left: list[Left] = []
        self._already: list[str] = []

    def all(self, did: Iterable[Did]) -> Decision:
        found = [deed for one in did for deed in self._taken_back(one)]
        deeds = self._without_clashes(found)
        return Decision(
            deeds=tuple(sorted(deeds, key=lambda deed: deed.path)),
            left=tuple(sorted(set(self._left))),
            already=tuple(sorted(self._already)),
        )

    # -- one path -----------------------------------------------------------------------------------

    def _taken_back(self, did: Did) -> Sequence[Deed]:
        """The deeds for what the run did to one path; none where it is left alone, or is as before."""
        why = self._out_of_bounds(did)
        if why is not None:
            return self._leave(did.paths[-1], why, self._cure(did))
        if not did.known:
            why = self._unknown(did)
            if why is not None:
                return self._leave(did.paths[-1], why, self._restore(did.path))
            did = self._as_it_is(did)
        if did.what == Action.MERGE:
            return self._unmerged(did)
        if did.to is not None:
            return self._renamed_back(did, did.to)
        return self._put_back(did.path, did.before, did.after, known=did.known)

    def _put_back(
        self, path: str, before: BaseFile | None, after: BaseFile | None, *, known: bool = True
    ) -> Sequence[Deed]:
        here, there = self._stand(path, before, after)
        if not known:
            # Nobody knows how it was before.
            here, there = (None if one == "before" else one for one in (here, there))
        if here == there == "before":
            self._already.append(path)
            return ()
        why = self._changed_since(path, after, here, there)
        if why is not None:
            return self._leave(path, why, self._restore(path))
        file = self._now.local.files.get(path)
        if here == "before":
            return [Deed(Kind.FOLLOW, path, self._name(path, before), 0 if file is None else file.size)]
        if before is None and known:
            assert file is not None
            return [Deed(Kind.TAKE_AWAY, path, file.name, file.size)]
        return self._brought_back(path, before, file)

    def _brought_back(self, path: str, before: BaseFile | None, file: LocalFile | None) -> Sequence[Deed]:
        kept = self._kept.get(path, ())
        version = next((one for one in sorted(kept, key=_first) if holds(one, before)), None)
        if version is None:
            why = (
                "what the trash has of it is not the version from before that run"
                if kept
                else "its old version is in no trash any more, or cannot be read there"
                if before is not None
                else "no trash has an old version of it; whether it was new then was not written down"
            )
            return self._leave(path, why, self._log(path))
        obstacle = OCCUPIED if path in self._now.local.occupied else no_file_here(path, self._now.local)
        if obstacle is not None:
            return self._leave(path, obstacle, f"{self._restore(path)} --to FOLDER")
        name = file.name if file is not None else self._name(path, before, version)
        return [
            Deed(
                Kind.BRING_BACK, path, name, version.size,
                replaces=file is not None, version=version, before=before,
            )
        ]  # fmt: skip

    def _unmerged(self, did: Did) -> Sequence[Deed]:
        """Both versions of which the run made one text, beside each other: what it would have done without merging."""
        path = did.path
        here, there = self._stand(path, did.before, did.after)
        file = self._now.local.files.get(path)
        why = self._changed_since(path, did.after, here, there)
        if why is not None or file is None or "before" in (here, there):
            return self._leave(
                path, why or "it is what it was before either side was edited", self._restore(path)
            )
        kept = self._kept.get(path, ())
        ours = next((one for one in kept if one.side == "local" and not is_aside(one)), None)
        theirs = next((one for one in kept if one.side == "cloud" or is_aside(one)), None)
        if ours is None or theirs is None:
            why = "one of the two versions that it was merged of is in no trash any more, or cannot be read there"
            return self._leave(path, why, self._restore(path))
        copy = self._copies.take(path)
        name = beside(file.name, path, copy)
        return [
            Deed(Kind.BRING_BACK, path, file.name, ours.size, replaces=True, version=ours),
            Deed(Kind.BRING_BACK, names.key(copy), name, theirs.size, version=theirs),
        ]

    def _renamed_back(self, did: Did, to: str) -> Sequence[Deed]:
        """A file that the run renamed from `did.path` to `to` gets its name back, if it still is the same there."""
        old, new = self._stand(did.path, did.before, None), self._stand(to, None, did.after)
        if {*old, *new} == {"before"}:
            self._already += did.paths
            return ()
        # Gone from its new name and not back under the old one: somebody has deleted it.
        new = _still(new[0], old[0]), _still(new[1], old[1])
        why = self._changed_since(to, did.after, *new)
        if why is not None:
            return self._leave(to, why, self._log(to))
        why = self._changed_since(did.path, None, *old)
        if why is None:
            why = no_file_here(did.path, self._now.local)
        if why is None and did.path in self._now.local.occupied:
            why = OCCUPIED
        if why is not None:
            return self._leave(to, _formerly(did.path, why), self._log(to))
        here = self._now.local.files.get(to)
        if old[0] == "after" and here is not None:
            name = self._name(did.path, did.before)
            return [Deed(Kind.RENAME_BACK, to, here.name, here.size, to=did.path, to_name=name)]
        return [
            *self._put_back(did.path, did.before, None),
            *self._put_back(to, None, did.after),
        ]

    # -- how it stands ------------------------------------------------------------------------------

    def _stand(
        self, path: str, before: BaseFile | None, after: BaseFile | None
    ) -> tuple[Stands | None, Stands | None]:
        """Whether a path is as before the run or as after it, here and in the cloud; None: neither."""
        base = self._now.baseline.get(path)
        is_known = is_same(base, after)
        here, there = self._now.local.files.get(path), self._now.cloud.files.get(path)
        return (
            "after" if is_known and _unchanged(base, here, local_changed, self._now.compare)
            else "before" if holds_here(here, before) else None,
            "after" if is_known and _unchanged(base, there, cloud_changed, self._now.compare)
            else "before" if holds_there(there, before, self._now.compare) else None,
        )  # fmt: skip

    def _changed_since(
        self, path: str, after: BaseFile | None, here: Stands | None, there: Stands | None
    ) -> str | None:
        """Why a path is not as the run left it; None where it is, or is as before it."""
        base = self._now.baseline.get(path)
        if not is_same(base, after):
            later = self._since.runs.get(path)
            by = f"by run {later}" if later is not None else "since that run"
            if base is not None:
                return f"it was changed {by}" if after is not None else f"a file of its name came {by}"
            return f"it was deleted or renamed {by}" if later is not None else "it is not what that run left"
        if here is None:
            return _moved(after is not None, self._now.local.files.get(path) is not None, "here")
        if there is None:
            return _moved(after is not None, self._now.cloud.files.get(path) is not None, "in the cloud")
        return None

    def _out_of_bounds(self, did: Did) -> str | None:
        """Why nothing is done about a path, however it stands."""
        if did.what == CONTESTED:
            return "that run met a conflict of it"
        if did.what not in _KNOWN:
            return f"what that run did to it ({did.what}) cannot be taken back"
        for path in did.paths:
            if self._now.is_rules(path):
                return "it is an ignore file, which decides what is synced at all"
            if path in self._hidden_here or path in self._hidden_there:
                return self._why_hidden(path)
            if self._now.is_ignored(path):
                return "the rules ignore it now"
        return None

    def _why_hidden(self, path: str) -> str:
        for one in (*self._now.local.left_out, *self._now.cloud.left_out):
            if names.key(one.path) == path:
                return one.why
        return "it lies in a folder that is left out"

    def _unknown(self, did: Did) -> str | None:
        """Why a path of a run of which only names are known is left alone."""
        for path in did.paths:
            if path in self._since.runs:
                return f"it was changed by run {self._since.runs[path]}"
        if not self._since.all_named:
            return "whether it was changed since was not written down"
        if did.what == Action.RENAME and did.to is None:
            return "its new name was not written down"
        if (did.what in _DELETED) is (did.paths[-1] in self._now.baseline):
            return "it is not what that run left"
        return None

    def _as_it_is(self, did: Did) -> Did:
        """As if it had been written down: no run has touched it since, so the baseline says what it left."""
        after = self._now.baseline.get(did.paths[-1])
        return did._replace(after=after, before=after if did.to is not None else None)

    # -- together -----------------------------------------------------------------------------------

    def _without_clashes(self, deeds: Collection[Deed]) -> list[Deed]:
        """The deeds without those for which a file would have to be where a folder is, or stays, or the other way."""
        kept = list(deeds)
        while True:
            there = self._files_after(kept)
            folders = {folder for path in there for folder in names.parents(path)}
            blocked = [
                deed
                for deed in kept
                if (path := deed.comes) is not None
                and (path in folders or not there.isdisjoint(names.parents(path)))
            ]
            if not blocked:
                return kept
            for deed in blocked:
                path = deed.comes or deed.path
                what = "a folder of its name is there" if path in folders else "its folder is a file now"
                if deed.to is not None:
                    self._leave(deed.path, _formerly(path, what), self._log(deed.path))
                else:
                    self._leave(path, what, f"{self._restore(path)} --to FOLDER")
            kept = [deed for deed in kept if deed not in blocked]

    def _files_after(self, deeds: Iterable[Deed]) -> set[str]:
        found = {*self._now.local.files, *self._now.cloud.files}
        for deed in deeds:
            if deed.kind is Kind.FOLLOW:
                if deed.path not in self._now.local.files:
                    found.discard(deed.path)
            elif deed.comes != deed.path:
                found.discard(deed.path)
        return found.union(deed.comes for deed in deeds if deed.comes is not None)

    # -- words --------------------------------------------------------------------------------------

    def _leave(self, path: str, why: str, next: str | None) -> Sequence[Deed]:
        self._left.append(Left(path, why, next))
        return ()

    def _name(self, path: str, before: BaseFile | None, version: Version | None = None) -> str:
        """What a file that comes back is called here."""
        if before is not None and before.names is not None:
            return names.from_rclone(before.names[0])
        return names.from_rclone(path) if version is None or before is not None else version.name

    def _cure(self, did: Did) -> str | None:
        path = did.paths[-1]
        if did.what == CONTESTED and any(one.startswith(f"{path}.conflict") for one in self._now.local.files):
            return f"bisync resolve {typed_path(names.from_rclone(path))} --keep local|cloud|newer|both"
        return self._restore(did.path) if self._kept.get(did.path) else self._log(path)

    def _restore(self, path: str) -> str:
        if not self._kept.get(path):
            return self._log(path)
        return f"bisync restore {typed_path(names.from_rclone(path))} --run {typed(self._run)}"

    def _log(self, path: str) -> str:
        return f"bisync log {typed_path(names.from_rclone(path))}"


def _still(new: Stands | None, old: Stands | None) -> Stands | None:
    return None if (old, new) == ("after", "before") else new


def _formerly(path: str, why: str) -> str:
    return f"it was called {path} before that run: {why}"


def _moved(was_there: bool, is_there: bool, where: str) -> str:
    if not was_there:
        return f"a file of its name is {where} now"
    return f"it was edited {where} since" if is_there else f"it was deleted or renamed {where} since"


def _unchanged(
    base: BaseFile | None,
    file: Any,
    changed: Callable[[BaseFile, Any, Compare], bool],
    compare: Compare,
) -> bool:
    if base is None or file is None:
        return base is None and file is None
    return not changed(base, file, compare)


def _first(version: Version) -> tuple[bool, bool]:
    """What lies here comes first, then what is known to be right."""
    return version.side != "local", version.md5 is None
