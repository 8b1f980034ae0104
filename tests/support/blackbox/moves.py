"""What users and a foreigner do, by chance. Each move is drawn anew from its own number, so any may be left out."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Set
from pathlib import Path

from tests.support.blackbox.history import CLOUD, Deed, History
from tests.support.blackbox.places import Bucket, Laptop

NAMES = (
    "a.md", "b.md", "c.md", "d/a.md", "d/b.md", "d/e/c.md", "d/e/x y.md", "m", "m/n.md", "m/o/p.md", "Ünï.md",
    "it's {a,b} [c]*.md", "back\\slash.md", " lead.md", "#hash.md", "-dash.md", "q/1.md", "q/2.md", "q/3.md",
    "a.conflict1.md", "~$doc.docx.md",
)  # fmt: skip
FOLDERS = ("d", "d/e", "m", "q", "r", "r/s", "d [x]")
ODD_HERE = ("line\nbreak.md", "mine.bisync-partial", "U\u0308.md", "d/.bisync-marker", "\x01.md")
ODD_THERE = (
    "/abs.md", "a//c.md", "./dot.md", "d/../up.md", "d/", "tail/", ".bmignore/x.md", "d/.bmignore/y.md",
    "long-" + "x" * 300 + ".md", "deep/" * 180 + "x.md", "theirs.md.bisync-partial", "d/.bisync-marker",
    "U\u0308.md", "end .md ", "back\\slash.md",
)  # fmt: skip
RULES = ".bmignore"
STRONG = ("*.key\n", "*.key\n*.tmp\n", "*.key\nd/e/\n", "*.tmp\n*.key\n")
# Not those that rules may hide: in a store that keeps files and folders a file cannot take the place of one.
FLEETING = ("m", "q", "m/o")
SOMETIMES_HIDDEN = "d/e/"
WEAK = ("*.tmp\n", "*.key\n!*.key\n", "", "d/e/\n", "*.ke\n")


class Users:
    """What the user of a device does. `busy`: paths that others are at just now; these are left alone."""

    def __init__(self, history: History) -> None:
        self.history = history

    def act(self, user: Laptop, chance: random.Random, busy: Set[str] = frozenset()) -> None:
        moves: list[tuple[int, Callable[..., None]]] = [
            (30, self.save), (8, self.save_same_size), (10, self.delete), (8, self.rename), (4, self.rename_folder),
            (3, self.delete_folder), (3, self.turn_over), (3, self.swap), (3, self.touch), (2, self.odd),
            (2, self.link), (6, self.secret), (4, self.rules), (3, self.copy), (2, self.case),
        ]  # fmt: skip
        move = chance.choices([each for _, each in moves], [weight for weight, _ in moves])[0]
        move(user, chance, busy)

    def _pick(self, user: Laptop, chance: random.Random, busy: Set[str]) -> str | None:
        names = sorted(
            path
            for path in user.tree()
            if path not in busy and not path.endswith((".key", RULES)) and RULES not in path
        )
        return chance.choice(names) if names else None

    def save(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        path = chance.choice(NAMES)
        if path in busy or not user.is_free(path) or (user.root / path).is_symlink():
            return
        mtime = time.time() - chance.randrange(200_000) if chance.random() < 0.3 else None
        text = self.history.new(user.name, length=300_000 if chance.random() < 0.05 else 0)
        user.write(path, text, how=chance.choice(["in place", "replacing"]), mtime=mtime)

    def save_same_size(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        path = self._pick(user, chance, busy)
        if path is not None and (size := (user.root / path).stat().st_size) >= 40:
            user.write(path, self.history.new(user.name, length=size))

    def delete(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        path = self._pick(user, chance, busy)
        if path is not None:
            user.delete(path)

    def delete_folder(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        """All of its files, and the folder where nothing else is left in it."""
        folder = chance.choice(FOLDERS)
        inside = [path for path in user.tree() if path.startswith(f"{folder}/")]
        if any(path in busy or path.endswith((".key", RULES)) for path in inside):
            return
        for path in inside:
            user.delete(path)
        _drop_empty(user.root / folder)

    def turn_over(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        """A folder becomes a file, or a file a folder."""
        if busy:
            return
        folder = chance.choice(FLEETING)
        if (user.root / folder).is_dir():
            inside = [path for path in user.tree() if path.startswith(f"{folder}/")]
            if any(path.endswith((".key", RULES)) for path in inside):
                return
            for path in inside:
                user.delete(path)
            _drop_empty(user.root / folder)
            if user.is_free(folder):
                user.write(folder, self.history.new(user.name))
        elif (user.root / folder).is_file() and not (user.root / folder).is_symlink():
            user.delete(folder)
            user.write(f"{folder}/in.md", self.history.new(user.name))

    def rename(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        old, new = self._pick(user, chance, busy), chance.choice(NAMES)
        if old is not None and new not in busy and not os.path.lexists(user.root / new) and user.is_free(new):
            user.rename(old, new)

    def rename_folder(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        old, new = chance.choice(FOLDERS), chance.choice(FOLDERS)
        inside = [path for path in user.tree() if path.startswith(f"{old}/")]
        if new == old or new.startswith(f"{old}/") or any(path in busy for path in inside):
            return
        if any(path.endswith(RULES) for path in inside):
            return  # to move rules is to change them
        if (user.root / old).is_dir() and not os.path.lexists(user.root / new) and user.is_free(new):
            user.rename(old, new)

    def swap(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        one, other = self._pick(user, chance, busy), self._pick(user, chance, busy)
        if one is not None and other is not None and one != other and not busy:
            user.rename(one, "away.md")
            user.rename(other, one)
            user.rename("away.md", other)

    def case(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        old = self._pick(user, chance, busy)
        if old is None or not old.isascii():
            return
        new = old.swapcase()
        if not os.path.lexists(user.root / new) and user.is_free(new):
            user.rename(old, new)

    def copy(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        old, new = self._pick(user, chance, busy), chance.choice(NAMES)
        text = user.files.read(user.root / old) if old is not None else None
        if (
            text is not None
            and new not in busy
            and not os.path.lexists(user.root / new)
            and user.is_free(new)
        ):
            user.write(new, text)

    def touch(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        path = self._pick(user, chance, busy)
        if path is not None:
            text = user.files.read(user.root / path)
            now = time.time() - chance.randrange(1000)
            os.utime(user.root / path, (now, now))
            user.note(Deed(user.name, "touch", path, took=text, put=text))

    def odd(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        path = chance.choice(ODD_HERE)
        if user.is_free(path) and not (user.root / path).is_symlink():
            user.write(path, self.history.new(user.name))

    def link(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        """A link where nothing is: dangling, to a file, or to a folder elsewhere."""
        path = chance.choice(("link.md", "d/link", "r", "c.md"))
        target = user.root / path
        if os.path.lexists(target) and target.is_symlink():
            target.unlink()
        elif not os.path.lexists(target) and user.is_free(path) and path not in busy:
            target.parent.mkdir(parents=True, exist_ok=True)
            outside = user.device.home / "outside"
            outside.mkdir(exist_ok=True)
            target.symlink_to(chance.choice([outside, user.device.home / "nowhere", user.root / "a.md"]))

    def secret(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        """A file that the rules here hide, by the one file of rules there is."""
        folder = chance.choice(("", "d/", "m/", "q/"))
        path = f"{folder}{chance.choice('xyz')}.key"
        rules = user.files.read(user.root / RULES)
        others = [one for one in user.tree() if folder and one.startswith(f"{folder}{RULES}")]
        if rules is None or rules.partition("# ")[0] not in _heads(STRONG) or others:
            return
        if user.is_free(path) and not os.path.lexists(user.root / path):
            user.write(path, self.history.new(user.name, secret=True))

    def hide(self, user: Laptop, chance: random.Random) -> None:
        user.write(RULES, _rules(self.history, user.name, chance.choice(STRONG)))

    def rules(self, user: Laptop, chance: random.Random, busy: Set[str]) -> None:
        """Change what is ignored here; whoever weakens it frees the secrets of this device."""
        if busy or not user.is_free(RULES) or (user.root / RULES).is_symlink():
            return
        if chance.random() < 0.75:
            self.hide(user, chance)
            return
        user.note(Deed(user.name, "free", RULES, frees=user.name))
        if chance.random() < 0.3:
            user.delete(RULES)
        else:
            user.write(RULES, _rules(self.history, user.name, chance.choice(WEAK)))


class Foreigner:
    """Somebody with the keys of the bucket, who knows nothing of us or means no good."""

    def __init__(self, history: History, bucket: Bucket) -> None:
        self.history = history
        self.bucket = bucket

    def act(self, chance: random.Random, only: Set[str] | None = None) -> None:
        """Some deed. `only`: the keys that may be touched, while a run is under way."""
        there = self.bucket.tree()
        if only is not None:
            keys = sorted(only & there.keys())
            if keys and (key := chance.choice(keys)) and not key.endswith(RULES):
                if chance.random() < 0.7:
                    self.bucket.put(key, self.history.new(CLOUD), there[key])
                else:
                    self.bucket.delete(key, there[key])
            return
        moves: list[tuple[int, Callable[..., None]]] = [
            (8, self.put), (8, self.overwrite), (6, self.delete), (5, self.move), (2, self.move_folder), (5, self.odd),
            (8, self.rules), (3, self.in_parts),
        ]  # fmt: skip
        chance.choices([each for _, each in moves], [weight for weight, _ in moves])[0](there, chance)

    def put(self, there: dict[str, str], chance: random.Random) -> None:
        key = chance.choice(NAMES)
        self.bucket.put(key, self.history.new(CLOUD), there.get(key))

    def overwrite(self, there: dict[str, str], chance: random.Random) -> None:
        keys = _plain(there)
        if keys:
            key = chance.choice(keys)
            size = len(there[key].encode()) if chance.random() < 0.5 else 0
            self.bucket.put(key, self.history.new(CLOUD, length=size), there[key])

    def in_parts(self, there: dict[str, str], chance: random.Random) -> None:
        key = chance.choice(NAMES)
        self.bucket.put(key, self.history.new(CLOUD), there.get(key), in_parts=True)

    def delete(self, there: dict[str, str], chance: random.Random) -> None:
        keys = sorted(there)
        if keys and (key := chance.choice(keys)) is not None:
            self.bucket.delete(key, there[key])

    def move(self, there: dict[str, str], chance: random.Random) -> None:
        keys, to = _plain(there), chance.choice(NAMES)
        if keys and to not in there:
            key = chance.choice(keys)
            self.bucket.move(key, to, there[key])

    def move_folder(self, there: dict[str, str], chance: random.Random) -> None:
        old, new = chance.choice(FOLDERS), chance.choice(FOLDERS)
        inside = [key for key in there if key.startswith(f"{old}/") and len(key) > len(old) + 1]
        if old == new or new.startswith(f"{old}/") or any(key.startswith(f"{new}/") for key in there):
            return
        for key in inside:
            self.bucket.move(key, new + key.removeprefix(old), there[key])

    def odd(self, there: dict[str, str], chance: random.Random) -> None:
        key = chance.choice(ODD_THERE)
        self.bucket.put(key, self.history.new(CLOUD), there.get(key))

    def rules(self, there: dict[str, str], chance: random.Random) -> None:
        """Whatever makes rules weaker, moves them or takes them away."""
        key = chance.choice((RULES, RULES, RULES, "d/.bmignore", ".bmignore.conflict1"))
        roll = chance.random()
        if key in there and roll < 0.25:
            self.bucket.delete(key, there[key])
        elif key in there and roll < 0.4 and "d/.bmignore" not in there:
            self.bucket.move(key, "d/.bmignore", there[key])
        else:
            text = chance.choice(WEAK if chance.random() < 0.7 else STRONG)
            self.bucket.put(key, _rules(self.history, CLOUD, text), there.get(key))


def _drop_empty(folder: Path) -> None:
    """Remove a folder with those in it, where no files are left."""
    for where, _, _ in os.walk(folder, topdown=False):
        if not any(Path(where).iterdir()):
            Path(where).rmdir()


def _rules(history: History, who: str, rules: str) -> str:
    """A content for an ignore file that there has never been, with these rules."""
    text = f"{rules}# {history.new(who)}"
    history.written.add(text)
    return text


def _heads(rules: tuple[str, ...]) -> set[str]:
    return {one.partition("# ")[0] for one in rules}


def _plain(there: dict[str, str]) -> list[str]:
    return sorted(key for key in there if key in NAMES)
