"""Two devices, a foreign program and chance, on any kind of remote.

    python -m tests.support.kinds_game --seeds 1-10 --steps 40 --kinds sftp,webdav
    python -m tests.support.kinds_game --seeds 1 --kills 10

All texts have one size, and devices put times back: nothing but what the remote can tell shows an edit. What must hold:
no run fails, after things have calmed down devices and remote are equal, and every version that a sync has seen is
somewhere: in the trees, in a conflict copy or in a trash; but for one that users and the foreign program have
overwritten wherever it was.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bisync.core.result import SyncResult
from tests.support import short_lease
from tests.support.kinds import KINDS, Kinds, kinds_of_remotes
from tests.support.torture import await_free, rclones_of
from tests.support.world import Device

NAMES = ("a.md", "b.md", "d/c.md", "d/e/f.md")
# What lists the second of its clock cannot tell two programs that save within one.
APART = 1.1


class Lost(AssertionError):
    """Something did not hold."""


class Game:
    """The game on a folder of its own of one remote."""

    def __init__(self, kinds: Kinds, kind: str, home: Path, seed: int, *, profile: str = "safe") -> None:
        self.chance = random.Random(seed)
        self.kinds, self.kind, self.path = kinds, kind, f"game-{seed}"
        self.home = home
        self.devices = [
            kinds.device(home / name, kind, self.path, profile=profile) for name in ("one", "two")
        ]
        self.versions = 0
        self.at_stake: set[str] = set()
        for device in self.devices:
            device.setup()

    def step(self) -> None:
        """One thing happens."""
        device = self.chance.choice(self.devices)
        here = sorted(device.tree())
        deed = self.chance.choice(
            ("edit", "edit", "edit", "new", "delete", "rename", "foreign", "sync", "sync")
        )
        if deed in ("edit", "delete", "rename") and not here:
            deed = "new"
        gone = None
        match deed:
            case "edit":
                file = device.notes / self.chance.choice(here)
                gone, before = file.read_text(), file.stat()
                file.write_text(self.text())
                if self.chance.random() < 0.5:
                    os.utime(file, ns=(before.st_mtime_ns, before.st_mtime_ns))
            case "new":
                name = self.chance.choice(NAMES)
                gone = device.tree().get(name)
                with suppress(OSError):  # a file where a folder is needed
                    device.write(name, self.text())
            case "delete":
                file = device.notes / self.chance.choice(here)
                gone = file.read_text()
                file.unlink()
            case "rename":
                target = device.notes / f"r{self.chance.randrange(4)}.md"
                if not target.exists():
                    (device.notes / self.chance.choice(here)).rename(target)
            case "foreign":
                time.sleep(APART)
                name = self.chance.choice(NAMES)
                gone = self.kinds.tree(self.kind, self.path).get(name)
                self.kinds.put(self.kind, name, self.text(), self.path)
                time.sleep(APART)
            case "sync":
                self.sync(device)
        if gone in self.at_stake and gone not in self._anywhere():
            self.at_stake.discard(gone)

    def text(self) -> str:
        self.versions += 1
        return f"v{self.versions:06d}"

    def sync(self, device: Device) -> SyncResult:
        before = {*device.tree().values()}
        result = device.sync()
        if result.error is not None or result.left_out:
            raise Lost(f"{self.kind}: a run ended badly: {result}")
        self.at_stake |= before
        return result

    def settle(self) -> None:
        """Things calm down. Raises Lost where something does not hold."""
        for _ in range(6):
            ended = [self.sync(device) for device in self.devices]
            if all(one.outcome == "idle" for one in ended):
                break
        else:
            raise Lost(f"{self.kind}: it does not come to rest: {ended}")
        one, two = (device.tree() for device in self.devices)
        there = self.kinds.tree(self.kind, self.path)
        if not one == two == there:
            raise Lost(f"{self.kind}: not equal:\n{one}\n{two}\n{there}")
        gone = self.at_stake - self._anywhere()
        if gone:
            raise Lost(f"{self.kind}: lost: {sorted(gone)}")

    def _anywhere(self) -> set[str]:
        trees = [device.tree().values() for device in self.devices]
        return {*self._kept()}.union(*trees)

    def _kept(self) -> Iterator[str]:
        folder = Path(tempfile.mkdtemp(dir=self.home))
        self.kinds.rclone("copy", f"{self.kind}:{self.path}", str(folder))
        for root in (folder, *(device.state / "trash" for device in self.devices)):
            for file in root.rglob("*"):
                if file.is_file():
                    yield file.read_text()


def play(kinds: Kinds, kind: str, home: Path, seed: int, steps: int) -> Game:
    """One game to its end. Raises Lost."""
    game = Game(kinds, kind, home, seed)
    for _ in range(steps):
        game.step()
    game.settle()
    return game


def kill(kinds: Kinds, kind: str, home: Path, seed: int, count: int, *, files: int = 200) -> int:
    """kill -9 at `count` random moments of runs that send `files` files. The next run must do it all. Raises Lost.

    How many of them died before they were done.
    """
    chance = random.Random(seed)
    one, two = (kinds.device(home / name, kind, f"kills-{seed}") for name in ("one", "two"))
    one.program = short_lease.NAME
    died, length = 0, 3.0
    with short_lease.shortened():
        for device in (one, two):
            device.setup()
        for moment in range(count):
            for number in range(files):
                one.write(f"d{number % 5}/n{number:03d}.md", f"round {moment:03d}, note {number:03d}")
            process = one.popen("sync", "--force", start_new_session=True)
            began = time.monotonic()
            try:
                process.wait(chance.uniform(0.3, length))
                length = 0.5 + time.monotonic() - began
            except subprocess.TimeoutExpired:
                died += 1
            children = rclones_of(process.pid)
            for pid in chance.choice([[process.pid], children, [process.pid, *children]]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.communicate(timeout=120)
            await_free(one)
            for device in (one, one, two, one):
                result = device.sync(force=True)
                if result.error is not None or result.left_out or result.conflicts:
                    raise Lost(f"{kind}: kill {moment}: {result}")
            if result.outcome != "idle":
                raise Lost(f"{kind}: kill {moment}: it does not come to rest: {result}")
            if not one.tree() == two.tree() == kinds.tree(kind, f"kills-{seed}"):
                raise Lost(f"{kind}: kill {moment}: not equal")
            if not all(text.startswith(f"round {moment:03d}") for text in one.tree().values()):
                raise Lost(f"{kind}: kill {moment}: an old version is back")
    return died


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", default="1-10")
    asked.add_argument("--steps", type=int, default=40)
    asked.add_argument("--kinds", default=",".join(KINDS))
    asked.add_argument("--kills", type=int, help="instead: this many kill -9 of a run that sends 200 files")
    said = asked.parse_args()
    first, _, last = said.seeds.partition("-")
    wanted = said.kinds.split(",")
    bad = 0
    with (
        tempfile.TemporaryDirectory(prefix="bisync-kinds-") as folder,
        kinds_of_remotes(Path(folder, "remotes"), wanted) as kinds,
    ):
        for kind in wanted:
            for seed in range(int(first), int(last or first) + 1):
                try:
                    home = Path(folder, f"{kind}-{seed}")
                    if said.kills is not None:
                        died = kill(kinds, kind, home, seed, said.kills)
                        print(f"{kind} {seed}: {died} of {said.kills} in the middle, none lost", flush=True)
                        continue
                    game = play(kinds, kind, home, seed, said.steps)
                    print(f"{kind} {seed}: {len(game.at_stake)} versions at stake, none lost", flush=True)
                except Lost as problem:
                    bad += 1
                    print(f"{kind} {seed}: {problem}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
