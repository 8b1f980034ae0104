"""What can happen: each step is a plain value that plays itself.

A step whose subject is not there does nothing, so that any selection of a history's steps is a history, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bisync.config import Compare, ConflictResolve
from bisync.core.names import key
from bisync.core.plan import Mode
from bisync.core.snapshot import Stamp
from tests.support.paper.game import Game
from tests.support.paper.laws import Broken, Law
from tests.support.paper.world import File, Object, is_blocked, is_folder, is_ignored


@dataclass(frozen=True, slots=True)
class Write:
    """A user saves a file, in place or `anew` under its name.

    Its modification time lies `back` moments in the past, or is the moment `at`, which others may share.
    """

    device: int
    name: str
    content: int
    back: int = 0
    at: int | None = None
    anew: bool = False

    def play(self, game: Game) -> None:
        """Save it where the disk can have such a file."""
        device = game.device(self.device)
        if is_folder(device.tree, self.name) or is_blocked(device.tree, self.name):
            return
        mtime = game.world.mtime(self.back, self.at)
        now = game.world.tick()
        old = device.tree.get(self.name)
        inode = now if self.anew or old is None else old.stamp.inode
        game.write(device, self.name, File(self.content, Stamp(mtime, now, inode)))


@dataclass(frozen=True, slots=True)
class Touch:
    """A user saves a file as it is."""

    device: int
    name: str

    def play(self, game: Game) -> None:
        """Write the same content again."""
        file = game.device(self.device).tree.get(self.name)
        if file is not None:
            Write(self.device, self.name, file.content).play(game)


@dataclass(frozen=True, slots=True)
class Delete:
    """A user deletes a file."""

    device: int
    name: str

    def play(self, game: Game) -> None:
        """Delete it if it is there."""
        device = game.device(self.device)
        if self.name in device.tree:
            game.remove(device, self.name)


@dataclass(frozen=True, slots=True)
class Rename:
    """A user renames a file: over another one maybe, or into a folder that takes its place."""

    device: int
    old: str
    new: str

    def play(self, game: Game) -> None:
        """Rename it if it is there and the disk can have the new name."""
        device = game.device(self.device)
        others = device.tree.keys() - {self.old}
        if self.old not in device.tree or self.old == self.new:
            return
        if not is_folder(others, self.new) and not is_blocked(others, self.new):
            game.move(device, self.old, self.new)


@dataclass(frozen=True, slots=True)
class Put:
    """Another program writes straight into the store; not `hashed`: in parts. `path` as rclone spells it."""

    path: str
    content: int
    hashed: bool = True

    def play(self, game: Game) -> None:
        """Put it there, under the name the store has for it."""
        world, path = game.world, key(self.path)
        name = world.store[path].name if path in world.store else self.path
        mtime = world.kept_time(world.mtime())
        game.put(path, Object(name, self.content, mtime, world.tick(), self.hashed))


@dataclass(frozen=True, slots=True)
class Remove:
    """Another program deletes straight in the store."""

    path: str

    def play(self, game: Game) -> None:
        """Delete it if it is there."""
        game.put(key(self.path), None)


@dataclass(frozen=True, slots=True)
class Rules:
    """A device ignores other files than before."""

    device: int
    rules: tuple[str, ...]

    def play(self, game: Game) -> None:
        """Give the device its new rules; whatever either rules name merges like new files some day."""
        device = game.device(self.device)
        either = device.rules + self.rules
        game.forget({path for path, _ in game.gone if is_ignored(path, either)})
        device.rules = self.rules


@dataclass(frozen=True, slots=True)
class Switch:
    """A device tells changes in another way from now on."""

    device: int
    compare: Compare

    def play(self, game: Game) -> None:
        """Set it; the next run brings it about."""
        game.device(self.device).compare = self.compare


@dataclass(frozen=True, slots=True)
class Trouble:
    """A device's marker is gone, or the store's, or its folder lies on another disk."""

    device: int
    what: Literal["marker", "store", "disk"]

    def play(self, game: Game) -> None:
        """Make it so."""
        device = game.device(self.device)
        match self.what:
            case "marker":
                device.marker = False
            case "store":
                game.world.store_marker = False
            case "disk":
                device.disk += 1


@dataclass(frozen=True, slots=True)
class Sync:
    """A run. `stop`: killed before this change. `meanwhile`: what happens before which of its changes.

    `unreadable`: files and folders that it cannot read. Not `vouched`: it came too soon after every edit to
    vouch for a stamp.
    """

    device: int
    resolve: ConflictResolve = ConflictResolve.NEWER
    max_delete: int | None = None
    force: bool = False
    resync: bool = False
    unreadable: tuple[str, ...] = ()
    vouched: bool = True
    stop: int | None = None
    meanwhile: tuple[tuple[int, Step], ...] = ()

    def play(self, game: Game) -> None:
        """Run it, whatever comes of it."""
        game.sync(self)


@dataclass(frozen=True, slots=True)
class Settle:
    """All devices run in turns until nothing moves: whatever was promised must be so then."""

    resolve: ConflictResolve = ConflictResolve.NEWER

    def play(self, game: Game) -> None:
        """Run until every device is idle in one round. Raises Broken when that takes too long."""
        numbers = range(len(game.world.devices))
        rounds = len(numbers) + 3
        for _ in range(rounds):
            plans = [game.sync(Sync(number, self.resolve, force=True)) for number in numbers]
            if all(plan is not None and plan.mode is Mode.IDLE for plan in plans):
                break
        else:
            raise Broken(Law.REST, f"no rest after {rounds} rounds: {plans[-1]}")
        game.check_rest([plan for plan in plans if plan is not None])


Step = Write | Touch | Delete | Rename | Put | Remove | Rules | Switch | Trouble | Sync | Settle
"""Anything that can happen."""
