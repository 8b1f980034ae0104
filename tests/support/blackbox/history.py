"""What happened, in the order in which it did, and what was seen where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

CLOUD = "cloud"
"""The bucket, among the names of devices."""


class Place(NamedTuple):
    """Where a content lies: a device or the cloud, and the path there."""

    who: str
    path: str


class Sight(NamedTuple):
    """Everything that lay anywhere at one moment, content by place. `kept`: in a trash, or in a run's folders."""

    live: dict[Place, str]
    kept: frozenset[str]
    kept_in_cloud: frozenset[str]

    def of(self, who: str) -> dict[str, str]:
        """The tree of a device or the cloud: content by path."""
        return {place.path: text for place, text in self.live.items() if place.who == who}

    def all(self) -> set[str]:
        return {*self.live.values(), *self.kept, *self.kept_in_cloud}

    def cloud(self) -> set[str]:
        return {*self.of(CLOUD).values(), *self.kept_in_cloud}


@dataclass(frozen=True, slots=True)
class Deed:
    """What a user or the foreigner did at one place. `took` lay there before; `put` lies there now.

    `moved`: `took` lies under the name `moved` now. `frees`: whose secrets may be seen from now on.
    """

    who: str
    what: str
    path: str
    took: str | None = None
    put: str | None = None
    moved: str | None = None
    frees: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the program, and what was seen before and after it. `fate`: how it was meddled with."""

    who: str
    argv: tuple[str, ...]
    fate: str
    code: int
    said: str
    told: dict[str, Any]
    before: Sight
    after: Sight
    meanwhile: tuple[Deed, ...] = ()
    joins: bool = False

    @property
    def killed(self) -> bool:
        return self.fate.startswith("kill")

    @property
    def went_well(self) -> bool:
        """It came to its end, whatever it had to leave out."""
        return self.fate in ("", "disturbed") and self.code in (0, 1) and self.told.get("outcome") != "failed"


@dataclass(frozen=True, slots=True)
class Calm:
    """All devices are at rest. `synced`: which paths each of them says that it syncs."""

    sight: Sight
    synced: dict[str, frozenset[str]]
    left_out: dict[str, tuple[str, ...]]


@dataclass
class History:
    """The whole game so far. `secrets`: contents that nobody may see, by whose they are."""

    events: list[Deed | Command | Calm] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    unhashed: set[str] = field(default_factory=set)

    def new(self, who: str, *, length: int = 0, secret: bool = False) -> str:
        """A content that there has never been, at least `length` long."""
        text = f"{len(self.written):06d} by {who}\n".ljust(length, ".")
        self.written.add(text)
        if secret:
            self.secrets[text] = who
        return text
