"""What it takes to have both sides as they were before one run, where they still are as it left them. Pure.

A run is known by what both sides held of each path before and after it. What has been edited, moved or deleted since,
here or in the cloud, is somebody's work by now: it is left alone and named, and so is what nobody has any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from bisync.config import Compare
from bisync.core import names
from bisync.core.change import Action
from bisync.core.did import CONTESTED, SETTLED, Did, holds_here, holds_there, is_same
from bisync.core.printable import typed, typed_path
from bisync.core.reconcile import Hidden, cloud_changed, local_changed, no_file_here
from bisync.core.snapshot import (
    OCCUPIED,
    BaseFile,
    CloudSnapshot,
    LocalFile,
    LocalSnapshot,
    Stamp,
)

_DELETED = (Action.DELETE_LOCAL, Action.DELETE_CLOUD)
_KNOWN = frozenset([*_DELETED, Action.UPLOAD, Action.DOWNLOAD, Action.RENAME, SETTLED])


class Version(NamedTuple):
    """A version that a trash keeps of the run: on which side, below the run's folder there; size in bytes.

    `md5` None: nobody has read it. `mtime_ns`: the time that it will have once it is back, as far as it is known.
    """

    side: Literal["local", "cloud"]
    name: str
    size: int
    md5: str | None
    mtime_ns: int | None


class Kind(StrEnum):
    """What is done to a path here; the cloud follows."""

    BRING_BACK = "bring_back"
    TAKE_AWAY = "take_away"
    RENAME_BACK = "rename_back"
    FOLLOW = "follow"


class Deed(NamedTuple):
    """What is done to one path (a key), called `name` here. `size` of what comes or goes, in bytes.

    `version`: what comes back, where it `replaces` what lies here; it should hold what `before` says. A file gets its
    old name `to` back, which is spelled `to_name` here. `FOLLOW`: it is as before here, and the cloud is not yet.
    """

    kind: Kind
    path: str
    name: str
    size: int
    replaces: bool = False
    version: Version | None = None
    before: BaseFile | None = None
    to: str | None = None
    to_name: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The names it is about."""
        return (self.path,) if self.to is None else (self.path, self.to)

    @property
    def comes(self) -> str | None:
        """The path that has a file by it which had none, if any."""
        return self.to if self.to is not None else self.path if self.kind is Kind.BRING_BACK else None


class Left(NamedTuple):
    """A path that is left alone, why, and a command that helps on, where there is one."""

    path: str
    why: str
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done here and what is left alone, by path. `already`: both sides are as before there (keys)."""

    deeds: tuple[Deed, ...] = ()
    left: tuple[Left, ...] = ()
    already: tuple[str, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        """The paths that a run which carries it out is about (keys)."""
        return frozenset(path for deed in self.deeds for path in deed.paths)


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

    `is_ignored`: the rules ignore a file of this path. `is_rules`: it is an ignore file.
    """

    baseline: Mapping[str, BaseFile]
    local: LocalSnapshot
    cloud: CloudSnapshot
    compare: Compare
    is_ignored: Callable[[str], bool] = lambda path: False
    is_rules: Callable[[str], bool] = lambda path: False


def decide(
    run: str,
    did: Iterable[Did],
    present: Present,
    kept: Mapping[str, Sequence[Version]],
    since: Since | None = None,
) -> Decision:
    """What takes back what `run` did: each path as a whole or not at all. `kept`: what its trashes have, by path."""
    return _Deciding(run, present, kept, since or Since()).all(did)


def with_deeds(local: LocalSnapshot, deeds: Iterable[Deed]) -> LocalSnapshot:
    """The local side as these deeds will leave it; what comes back is read then, and vouched for by nobody yet."""
    files = dict(local.files)
    coming: dict[str, LocalFile] = {}
    for deed in deeds:
        if deed.kind is Kind.TAKE_AWAY:
            del files[deed.path]
        elif deed.to is not None and deed.to_name is not None:
            coming[deed.to] = files.pop(deed.path)._replace(name=deed.to_name)
        elif deed.version is not None:
            md5 = deed.version.md5 or (deed.before.md5 if deed.before is not None else None)
            stamp = Stamp(deed.version.mtime_ns or 0, 0, 0)
            coming[deed.path] = LocalFile(deed.name, deed.version.size, stamp, md5)
    return local._replace(files=files | coming)


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


def holds(version: Version, before: BaseFile | None) -> bool:
    """Whether a kept version may be what was there before; None: nobody knows what that was."""
    if before is None:
        return True
    return version.size == before.size and (None in (version.md5, before.md5) or version.md5 == before.md5)


def _first(version: Version) -> tuple[bool, bool]:
    """What lies here comes first, then what is known to be right."""
    return version.side != "local", version.md5 is None
