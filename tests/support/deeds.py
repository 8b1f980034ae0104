"""What users do to their files and a foreign writer to the bucket, by chance; and which versions are at stake.

A version is at stake from the first sync that looked at it and ended well. It is no longer when its last copy
goes by a deed: the foreign writer, who keeps nothing, took one away, and then somebody the other.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bisync import ignore
from bisync.app import App
from bisync.core.metadata import MARKER_PATH
from tests.support.world import BUCKET, S3, Device

NAMES = [
    "a.md",
    "A.md",
    "b.md",
    "c.md",
    "d/e.md",
    "d/f.md",
    "d/g/h.md",
    "i j.md",
    "k.log",
    "d/l.log",
    "ü.md",
    "m",
    "m/n.md",
    "p/q/e.md",
]
FOLDERS = ["d", "D", "d/g", "d/p", "m", "M", "p", "p/d", "p/q", "p/q/m", "d [x]"]
# Of a text: edits of two that are not next to each other can be merged.
PARAGRAPHS = 5
RULES = ["*.log", "d/g/", "*.md.conflict1", "!k.log", "i*", "# nothing"]


@dataclass
class Player:
    """One device and what its user has at stake."""

    device: Device
    app: App
    pending: set[str] = field(default_factory=set)

    @property
    def root(self) -> Path:
        return self.device.notes

    def files(self) -> dict[str, str]:
        """What is synced here: path to content. What a killed run has moved aside counts: the next one puts it back."""
        sync = self.app.manifest.syncs[0]
        tree = ignore.walk(self.root, self.app.layers(sync), self.app.manifest.ignore_files)
        return {
            entry.path: (self.root / tree.held.get(entry.path, entry.path)).read_text()
            for entry in tree.entries
            if entry.kind is ignore.Kind.FILE and entry.path != MARKER_PATH
        }

    def rules(self) -> ignore.RuleSet:
        layers = self.app.layers(self.app.manifest.syncs[0])
        return ignore.load_rules(self.root, layers, self.app.manifest.ignore_files)

    def on_disk(self) -> set[str]:
        """Every content in the sync dir, ignored or not."""
        return {path.read_text() for path in below(self.root)}

    def everything(self) -> set[str]:
        """Every content on this device: tree, working folders and trash."""
        found = set()
        for folder in (self.root, self.device.state / "trash"):
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    found.add(path.read_text())
        return found


@dataclass
class Stakes:
    """Which versions there are, and which of them no sync may lose.

    `offered`: what the run under way saw in the cloud. `fresh`: what was written since it looked. `destroyed`: what
    the foreign writer took out of the bucket. `touched`: what the deed under way takes from somewhere.
    """

    server: S3
    players: list[Player] = field(default_factory=list)
    count: int = 0
    required: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    destroyed: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    @property
    def top(self) -> Path:
        assert self.server.folder is not None
        return self.server.folder / BUCKET

    def version(self, author: str, path: Path) -> str:
        """A new content for the file at a path: one paragraph of what it holds is another, or all are."""
        self.count += 1
        said = f"version {self.count:06d} by {author}"
        paragraphs = path.read_text().removesuffix("\n").split("\n\n") if path.is_file() else []
        if len(paragraphs) == PARAGRAPHS:
            paragraphs[self.count % PARAGRAPHS] = said
        else:
            paragraphs = [f"{said}, {number}" for number in range(PARAGRAPHS)]
        text = "\n\n".join(paragraphs) + "\n"
        self.fresh.add(text)
        return text

    def forget(self, player: Player, path: Path) -> None:
        """Its user destroys this content; before any sync has finished with it that is the user's own loss."""
        if path.is_file():
            text = path.read_text()
            player.pending.discard(text)
            self.touched.add(text)
            self.fresh.discard(text)

    def carry(self, player: Player, path: Path) -> None:
        """Its user gives a file or folder another name: a run under way need not send it, and must not lose it."""
        for file in [path] if path.is_file() else below(path):
            text = file.read_text()
            player.pending.discard(text)
            self.fresh.add(text)

    def destroy(self, path: str) -> None:
        """The foreign writer destroys the object `path`."""
        there = self.top / path
        if there.is_file():
            text = there.read_text()
            self.fresh.discard(text)
            self.offered.discard(text)
            self.touched.add(text)
            self.destroyed.add(text)

    def forgive(self) -> None:
        """After a deed: what it has brought to an end, where the foreign writer did it or had begun it."""
        if at_stake := self.touched & self.required & self.destroyed:
            self.required -= at_stake - self.somewhere()
        self.touched.clear()

    def bucket(self, *, metadata: bool = False) -> dict[str, str]:
        return {
            str(path.relative_to(self.top)): path.read_text() for path in below(self.top, metadata=metadata)
        }

    def somewhere(self) -> set[str]:
        """Every content there is: in the bucket and its trash, and on the devices."""
        return set(self.bucket(metadata=True).values()).union(*(each.everything() for each in self.players))

    def check(self) -> None:
        lost = self.required - self.somewhere()
        assert not lost, f"lost: {sorted(lost)[:10]}"


class Users:
    """What a user does to the files of a device."""

    def __init__(self, chance: random.Random, stakes: Stakes, say: Callable[[str, str], None]) -> None:
        self.random = chance
        self.stakes = stakes
        self._say = say

    def say(self, player: Player, text: str) -> None:
        self._say(player.device.home.name, text)

    def act(self, player: Player) -> None:
        """Some deed."""
        deeds = [self.edit, self.delete, self.rename, self.rename_folder, self.exchange, self.respell]
        self.random.choices(deeds, (42, 10, 6, 4, 3, 2))[0](player)
        self.stakes.forgive()

    def edit(self, player: Player) -> None:
        path = player.root / self.random.choice(NAMES)
        if any(parent.is_file() for parent in path.parents) or path.is_dir():
            return
        self.save(player, path)

    def save(self, player: Player, path: Path) -> None:
        """Give a file a new content."""
        text = self.stakes.version(player.device.home.name, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.stakes.forget(player, path)
        self.say(player, f"edit {_shown(player, path)} -> {self.stakes.count}")
        if self.random.random() < 0.5:
            path.write_text(text)
        else:  # as editors do
            beside = path.with_name(".swap.tmp")
            beside.write_text(text)
            beside.replace(path)
        if self.random.random() < 0.5:
            then = time.time() - self.random.randrange(100_000)
            os.utime(path, (then, then))

    def pick(self, player: Player) -> Path | None:
        # What a killed run has moved aside, its user does not see.
        files = [path for path in sorted(player.files()) if (player.root / path).is_file()]
        return player.root / self.random.choice(files) if files else None

    def delete(self, player: Player) -> None:
        path = self.pick(player)
        if path is not None:
            self.stakes.forget(player, path)
            self.say(player, f"delete {_shown(player, path)}")
            path.unlink()

    def rename(self, player: Player) -> None:
        """One file; sometimes it is edited in the same breath."""
        path = self.pick(player)
        target = player.root / self.random.choice(NAMES)
        if path is None or path.name == ".bmignore":
            return
        edited = self.random.random() < 0.25
        if self._move(player, path, target) and edited:
            self.save(player, target)

    def rename_folder(self, player: Player) -> None:
        """A folder, also into another one; sometimes a file in it is edited in the same breath."""
        there = [player.root / name for name in FOLDERS if (player.root / name).is_dir()]
        if not there:
            return
        path, target = self.random.choice(there), player.root / self.random.choice(FOLDERS)
        edited = self.random.random() < 0.25
        if not target.is_relative_to(path) and self._move(player, path, target) and edited:
            files = sorted(below(target))
            if files:
                self.save(player, self.random.choice(files))

    def exchange(self, player: Player) -> None:
        """Two files swap their names, or the first takes the second's name and that another one."""
        one, other = self.pick(player), self.pick(player)
        if one is None or other is None or one == other or ".bmignore" in (one.name, other.name):
            return
        away = player.root / self.random.choice(NAMES)
        if self.random.random() < 0.5:
            away = other.with_name(".away.tmp")
        if self._move(player, other, away) and self._move(player, one, other) and away.suffix == ".tmp":
            self._move(player, away, one)

    def respell(self, player: Player) -> None:
        """Only the case of a file's or folder's name changes."""
        path = self.pick(player)
        if path is None or path.name == ".bmignore":
            return
        if path.parent != player.root and self.random.random() < 0.5:
            path = path.parent
        self._move(player, path, path.with_name(path.name.swapcase()))

    def _move(self, player: Player, path: Path, target: Path) -> bool:
        """Whether `path` could be called `target`; the user overwrites nothing by it."""
        if os.path.lexists(target) or any(parent.is_file() for parent in target.parents):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        self.say(player, f"rename {_shown(player, path)} {_shown(player, target)}")
        self.stakes.carry(player, path)
        path.rename(target)
        return True

    def change_rules(self, player: Player) -> None:
        rules = self.random.sample(RULES, self.random.randrange(3))
        self.stakes.count += 1
        path = player.root / ".bmignore"
        self.stakes.forget(player, path)
        self.say(player, f"rules {rules}")
        path.write_text("\n".join([*rules, f"# rules {self.stakes.count}", ""]))
        self.stakes.forgive()


class Foreigner:
    """Somebody who works in the bucket itself, follows no protocol and keeps nothing."""

    def __init__(self, chance: random.Random, stakes: Stakes, say: Callable[[str, str], None]) -> None:
        self.random = chance
        self.stakes = stakes
        self._say = say

    def say(self, text: str) -> None:
        self._say("foreigner", text)

    def act(self) -> None:
        """Some deed."""
        deeds = [self.put, self.overwrite, self.delete, self.rename, self.rename_folder]
        self.random.choices(deeds, (4, 4, 3, 3, 2))[0]()
        self.stakes.forgive()

    def put(self) -> None:
        self.write(self.random.choice(NAMES))

    def overwrite(self) -> None:
        name = self.pick()
        if name is not None:
            self.write(name)

    def pick(self) -> str | None:
        found = sorted(name for name in self.stakes.bucket() if name != ".bmignore")
        return self.random.choice(found) if found else None

    def delete(self) -> None:
        name = self.pick()
        if name is not None:
            self.say(f"delete {name}")
            self.stakes.destroy(name)
            self.stakes.server.delete(name)

    def rename(self) -> None:
        name, target = self.pick(), self.random.choice(NAMES)
        if name is not None:
            self._move(name, target)

    def rename_folder(self) -> None:
        there = [name for name in FOLDERS if below(self.stakes.top / name)]
        target = self.random.choice(FOLDERS)
        if there:
            name = self.random.choice(there)
            if not target.startswith(f"{name}/") and not below(self.stakes.top / target):
                self._move(name, target)

    def write(self, name: str) -> None:
        """Give an object a new content, where this server can have one of this name."""
        if self._is_free(name, but_for=name):
            text = self.stakes.version("foreigner", self.stakes.top / name)
            self.say(f"put {name} -> {self.stakes.count}")
            self.stakes.destroy(name)
            self.stakes.server.put(name, text)

    def _move(self, name: str, target: str) -> None:
        if name != target and self._is_free(target):
            self.say(f"rename {name} {target}")
            self.stakes.server.rclone("moveto", f"s3:{BUCKET}/{name}", f"s3:{BUCKET}/{target}")

    def _is_free(self, name: str, *, but_for: str = "") -> bool:
        """Whether an object can have this name; this server's objects are files of a disk."""
        path = self.stakes.top / name
        above = [parent for parent in path.parents if parent.is_relative_to(self.stakes.top)]
        return not (any(parent.is_file() for parent in above) or below(path) or path.is_dir()) and (
            name == but_for or not path.exists()
        )


def below(folder: Path, *, metadata: bool = False) -> list[Path]:
    """Every file below a folder, our own metadata left out, and what is no object.

    `rclone serve s3` leaves a hidden file where a client was killed while it sent one.
    """
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (metadata or ".basic-memory" not in path.parts)
        if not path.name.startswith(".rclone_temp_")
    ]


def _shown(player: Player, path: Path) -> str:
    return str(path.relative_to(player.root))
