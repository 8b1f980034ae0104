"""One action on one path: what a plan is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple


class Action(StrEnum):
    """What happens to one path."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE_LOCAL = "delete_local"
    DELETE_CLOUD = "delete_cloud"
    RENAME = "rename"
    CONFLICT = "conflict"
    MERGE = "merge"
    REGISTER_PROJECT = "register_project"


Winner = Literal["local", "cloud", "both", "folder"]


class Merging(NamedTuple):
    """A merged text: how many edits went into it, its bytes, and their MD5 (hex), as plans name contents."""

    hunks: int
    size: int
    md5: str


class Change(NamedTuple):
    """One action on one path. `size` in bytes of what travels or goes.

    For a conflict: who wins the name, and the names of the copies kept beside it, the local version's
    first. `replaces`: a file of that name is there already on the receiving side. `unhashed`: the cloud's
    version has no hash, so bisync takes files of one size for equal and cannot be left with it. The winner
    "folder": the name is a file on `side` alone and a folder on the other; the file makes room. A rename
    was made on `side`, from `path` to `to`; the other side follows. `merged`: what both versions of a text become.
    """

    action: Action
    path: str
    size: int
    why: str
    winner: Winner | None = None
    copies: tuple[str, ...] = ()
    replaces: bool = False
    side: Literal["local", "cloud"] | None = None
    unhashed: bool = False
    to: str | None = None
    merged: Merging | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The names it is about: one, of a rename two."""
        return (self.path,) if self.to is None else (self.path, self.to)

    @property
    def lands_here(self) -> bool:
        """Whether it changes a name in the sync dir."""
        return self.action in (Action.DOWNLOAD, Action.DELETE_LOCAL, Action.CONFLICT, Action.MERGE) or (
            self.action is Action.RENAME and self.side == "cloud"
        )
