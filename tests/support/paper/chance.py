"""Chance: draws histories, each from its seed, with an eye on what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from bisync.config import Compare, ConflictResolve
from bisync.core.names import to_rclone
from tests.support.paper.game import Game
from tests.support.paper.laws import Broken
from tests.support.paper.steps import (
    Delete,
    Put,
    Remove,
    Rename,
    Rules,
    Settle,
    Step,
    Switch,
    Sync,
    Touch,
    Trouble,
    Write,
)
from tests.support.paper.world import Core

COMPOSED, DECOMPOSED = "\u00e9", "e\u0301"
NAMES = (
    *("a", "b", "a.conflict1", "b.conflict1", "t\tab", COMPOSED, DECOMPOSED),
    *("d", "d/a", "d/b", "d/e/a", "\u00fc/a", "u\u0308/a"),
)
# No rule ignores copies: those of a conflict would stay on one device.
RULES = ("a", "d", "d/a", COMPOSED)
UNREADABLE = ("a", "b", "d/a", "a.conflict1", DECOMPOSED)
RESOLVES = tuple(ConflictResolve)
PRECISIONS = (1, 1_000_000, 1_000_000_000)
STEPS = (6, 18)


@dataclass(frozen=True, slots=True)
class History:
    """A game to play: how each device tells changes, how exactly the store keeps times (ns), what happens."""

    compares: tuple[Compare, ...]
    precision: int
    steps: tuple[Step, ...]

    def play(self, core: Core) -> Played:
        """Play it to its end, or until a law is broken."""
        game = Game(self.compares, self.precision, core)
        try:
            for step in self.steps:
                step.play(game)
        except Broken as error:
            return Played(self, game.plans, error)
        return Played(self, game.plans, None)


@dataclass(frozen=True, slots=True)
class Played:
    """How a history went."""

    history: History
    plans: int
    broken: Broken | None


def draw(seed: int, core: Core) -> Played:
    """The history of this seed, played as it is drawn; it ends at rest, or with a law that is broken."""
    random = Random(seed)
    compares = _compares(random, random.choice((2, 2, 2, 3, 4)))
    # Only a store without hashes is less than exact.
    precision = 1 if Compare.CHECKSUM in compares else random.choice(PRECISIONS)
    game = Game(compares, precision, core)
    chance = Chance(random, game)
    steps: list[Step] = []
    broken = None
    try:
        for _ in range(random.randint(*STEPS)):
            for step in chance.steps():
                steps.append(step)
                step.play(game)
        steps.append(Settle(chance.resolve()))
        steps[-1].play(game)
    except Broken as error:
        broken = error
    return Played(History(compares, precision, tuple(steps)), game.plans, broken)


def _compares(random: Random, count: int) -> tuple[Compare, ...]:
    kind = random.random()
    if kind < 0.5:
        return (Compare.CHECKSUM,) * count
    if kind < 0.75:
        return (Compare.MODTIME,) * count
    return tuple(random.choices((Compare.CHECKSUM, Compare.MODTIME), k=count))


class Chance:
    """Draws what happens next. A history has few names, or nobody would ever meet."""

    def __init__(self, random: Random, game: Game) -> None:
        self.random = random
        self.game = game
        self.names = random.sample(NAMES, random.randint(3, 8))
        self.contents = 0
        # Where times tell the versions apart, no two may have the same.
        by_hash = all(device.compare is Compare.CHECKSUM for device in game.world.devices)
        self.shares_times = by_hash and self.likely(0.2)

    def steps(self) -> list[Step]:
        """One step, or several that belong together."""
        (event,) = self.random.choices(_EVENTS, cum_weights=_WEIGHTS)
        return event(self, self.random.randrange(len(self.game.world.devices)))

    def resolve(self) -> ConflictResolve:
        """Any way to end a conflict."""
        return self.random.choice(RESOLVES)

    def likely(self, odds: float) -> bool:
        """True as often as that."""
        return self.random.random() < odds

    def fresh(self) -> int:
        """A content that nobody has written yet."""
        self.contents += 1
        return self.contents

    def known(self) -> int:
        """A content that somebody has written before."""
        return self.random.randint(1, self.contents) if self.contents else self.fresh()

    def files(self, device: int) -> list[str]:
        """What is on a device."""
        return sorted(self.game.world.devices[device].tree)

    def any_name(self) -> str:
        """Any name of this history."""
        return self.random.choice(self.names)

    def name(self, device: int) -> str:
        """A file of the device if it has any."""
        return self.random.choice(self.files(device) or self.names)

    def path(self) -> str:
        """What the store holds, if anything."""
        return self.random.choice(sorted(self.game.world.store) or [to_rclone(self.any_name())])

    # -- users --------------------------------------------------------------------------------------------

    def edit(self, device: int) -> list[Step]:
        if self.shares_times and self.likely(0.5):
            return [Write(device, self.name(device), self.fresh(), at=1)]
        return self.save(device)

    def save(self, device: int) -> list[Step]:
        back = self.random.choice((0, 0, 0, 5, 50))
        return [Write(device, self.name(device), self.fresh(), back, anew=self.likely(0.3))]

    def create(self, device: int) -> list[Step]:
        return [Write(device, self.any_name(), self.fresh())]

    def restore(self, device: int) -> list[Step]:
        return [Write(device, self.name(device), self.known())]

    def write_alike(self, device: int) -> list[Step]:
        name, content = self.name(device), self.fresh()
        other = (device + 1) % len(self.game.world.devices)
        return [Write(device, name, content), Write(other, name, content)]

    def touch(self, device: int) -> list[Step]:
        return [Touch(device, self.name(device))]

    def delete(self, device: int) -> list[Step]:
        return [Delete(device, self.name(device))]

    def delete_folder(self, device: int) -> list[Step]:
        return [Delete(device, name) for name in self.files(device) if name.startswith("d/")]

    def rename(self, device: int) -> list[Step]:
        return [Rename(device, self.name(device), self.any_name())]

    def respell(self, device: int) -> list[Step]:
        name = self.name(device)
        return [
            Rename(device, name, name.replace(COMPOSED, DECOMPOSED)),
            Rename(device, DECOMPOSED, COMPOSED),
        ]

    def become_folder(self, device: int) -> list[Step]:
        return [Delete(device, "d"), Write(device, "d/a", self.fresh())]

    def become_file(self, device: int) -> list[Step]:
        return [*self.delete_folder(device), Write(device, "d", self.fresh())]

    def clear_up(self, device: int) -> list[Step]:
        """Settle a conflict: remove a copy, or give it the contested name."""
        copies = [name for name in self.files(device) if ".conflict" in name]
        if not copies:
            return self.edit(device)
        copy = self.random.choice(copies)
        if self.likely(0.5):
            return [Delete(device, copy)]
        return [Rename(device, copy, copy.partition(".conflict")[0])]

    # -- the world around ---------------------------------------------------------------------------------

    def put(self, _: int) -> list[Step]:
        path = self.path() if self.likely(0.6) else to_rclone(self.any_name())
        content = self.fresh() if self.likely(0.8) else self.known()
        return [Put(path, content, self.likely(0.85))]

    def remove(self, _: int) -> list[Step]:
        return [Remove(self.path())]

    def rules(self, device: int) -> list[Step]:
        return [Rules(device, tuple(self.random.sample(RULES, self.random.randrange(3))))]

    def switch(self, device: int) -> list[Step]:
        if self.shares_times:
            return self.touch(device)
        return [Switch(device, self.random.choice((Compare.CHECKSUM, Compare.MODTIME)))]

    def trouble(self, device: int) -> list[Step]:
        return [Trouble(device, self.random.choice(("marker", "store", "disk")))]

    # -- runs ---------------------------------------------------------------------------------------------

    def sync(self, device: int) -> list[Step]:
        return [Sync(device, self.resolve(), self.random.choice((None, None, None, 0, 1, 2)))]

    def odd_sync(self, device: int) -> list[Step]:
        closed = (self.random.choice(UNREADABLE),) if self.likely(0.3) else ()
        force, resync, vouched = self.likely(0.3), self.likely(0.3), self.likely(0.7)
        return [Sync(device, self.resolve(), None, force, resync, closed, vouched)]

    def killed_sync(self, device: int) -> list[Step]:
        return [Sync(device, self.resolve(), resync=self.likely(0.1), stop=self.random.randrange(12))]

    def disturbed_sync(self, device: int) -> list[Step]:
        meanwhile = []
        for _ in range(self.random.randint(1, 2)):
            when = self.random.choice((0, 0, self.random.randrange(10)))
            meanwhile += [(when, step) for step in self.random.choice(_MEANWHILE)(self, device)]
        return [Sync(device, self.resolve(), meanwhile=tuple(meanwhile))]

    def settle(self, _: int) -> list[Step]:
        return [Settle(self.resolve())]


_Event = Callable[[Chance, int], list[Step]]
_MEANWHILE: tuple[_Event, ...] = (
    Chance.save,
    Chance.create,
    Chance.delete,
    Chance.rename,
    Chance.put,
    Chance.remove,
)
_ODDS: tuple[tuple[_Event, int], ...] = (
    (Chance.sync, 30),
    (Chance.odd_sync, 8),
    (Chance.killed_sync, 8),
    (Chance.disturbed_sync, 10),
    (Chance.settle, 3),
    (Chance.edit, 22),
    (Chance.create, 6),
    (Chance.restore, 4),
    (Chance.write_alike, 4),
    (Chance.touch, 2),
    (Chance.delete, 9),
    (Chance.delete_folder, 2),
    (Chance.rename, 7),
    (Chance.respell, 2),
    (Chance.become_folder, 3),
    (Chance.become_file, 3),
    (Chance.clear_up, 4),
    (Chance.put, 8),
    (Chance.remove, 3),
    (Chance.rules, 3),
    (Chance.switch, 1),
    (Chance.trouble, 1),
)
_EVENTS = tuple(event for event, _ in _ODDS)
_WEIGHTS = tuple(accumulate(odds for _, odds in _ODDS))
