"""What is done in a sync dir to have paths as they were before a run, and by which versions of the trash. Values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from bisync.core.snapshot import BaseFile, LocalFile, LocalSnapshot, Stamp


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


def holds(version: Version, before: BaseFile | None) -> bool:
    """Whether a kept version may be what was there before; None: nobody knows what that was."""
    if before is None:
        return True
    return version.size == before.size and (None in (version.md5, before.md5) or version.md5 == before.md5)


def is_aside(version: Version) -> bool:
    """Whether a trash here keeps it beside the version that was here: the cloud's, where the cloud keeps none."""
    return version.side == "local" and version.name.endswith("~")
