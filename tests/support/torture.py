"""Two devices, a bucket and chance: random edits, deletions, renames, ignore changes and kills.

    python -m tests.support.torture --steps 5000 --seed 1
    python -m tests.support.torture --kills 20

What must hold: after things have calmed down both devices and the bucket are equal, and every version a
user ever handed to a sync is somewhere: in the trees, in a conflict copy or in a trash.
A version that its own user overwrote before any sync had finished with it is the user's loss, not ours.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bisync import ignore
from bisync.actions import setup as setup_action
from bisync.actions import sync as sync_action
from bisync.app import App
from bisync.core.metadata import MARKER_PATH
from bisync.core.result import Outcome, SyncResult
from bisync.locks.machine import is_held
from bisync.manifest.load import load
from tests.support.world import S3, Device, serve_s3

NAMES = [
    "a.md",
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
]
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

    def rules_text(self) -> str:
        path = self.root / ".bmignore"
        return path.read_text() if path.is_file() else ""

    def files(self) -> dict[str, str]:
        """What is synced here: path to content."""
        sync = self.app.manifest.syncs[0]
        tree = ignore.walk(self.root, self.app.layers(sync), self.app.manifest.ignore_files)
        return {
            entry.path: (self.root / entry.path).read_text()
            for entry in tree.entries
            if entry.kind is ignore.Kind.FILE and entry.path != MARKER_PATH
        }

    def on_disk(self) -> set[str]:
        """Every content in the sync dir, ignored or not."""
        files = (
            path for path in self.root.rglob("*") if path.is_file() and ".basic-memory" not in path.parts
        )
        return {path.read_text() for path in files}

    def everything(self) -> set[str]:
        """Every content on this device: tree, working folders and trash."""
        found = set()
        for folder in (self.root, self.device.state / "trash"):
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    found.add(path.read_text())
        return found


class Torture:
    """The game: one `step` after the other, `settle` to check."""

    def __init__(self, home: Path, server: S3, seed: int, *, log: bool = False) -> None:
        self.random = random.Random(seed)
        self.server = server
        self.count = 0
        self.required: set[str] = set()
        self.kills = self.syncs = 0
        self.log = log
        self.players = [self._player(home / name) for name in ("one", "two")]

    def _player(self, home: Path) -> Player:
        device = Device(
            home, self.server, profile="anything", extra="profiles:\n  anything: {max_delete: none}\n"
        )
        env = device.environment
        app = App(manifest=load(home / "bisync.yaml", env=env, home=home), env=env)
        result = setup_action.run(app, app.manifest.syncs[0])
        assert result.exit_code == 0, result
        return Player(device, app)

    # -- what users do ------------------------------------------------------------------------------

    def step(self) -> None:
        player = self.random.choice(self.players)
        roll = self.random.random()
        if roll < 0.42:
            self.edit(player)
        elif roll < 0.52:
            self.delete(player)
        elif roll < 0.60:
            self.rename(player)
        elif roll < 0.625:
            self.change_rules(player)
        elif roll < 0.965:
            self.sync(player)
        else:
            self.kill(player)

    def say(self, player: Player, text: str) -> None:
        if self.log:
            print(f"  {player.device.home.name}: {text}", flush=True)

    def forget(self, player: Player, path: Path) -> None:
        """The user destroys this content before any sync has finished with it."""
        if path.is_file():
            player.pending.discard(path.read_text())

    def edit(self, player: Player) -> None:
        path = player.root / self.random.choice(NAMES)
        if any(parent.is_file() for parent in path.parents) or path.is_dir():
            return
        self.count += 1
        text = f"version {self.count:06d} by {player.device.home.name}\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.forget(player, path)
        self.say(player, f"edit {path.name} -> {self.count}")
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
        files = sorted(player.files())
        return player.root / self.random.choice(files) if files else None

    def delete(self, player: Player) -> None:
        path = self.pick(player)
        if path is not None:
            self.forget(player, path)
            self.say(player, f"delete {path.name}")
            path.unlink()

    def rename(self, player: Player) -> None:
        path = self.pick(player)
        target = player.root / self.random.choice(NAMES)
        if path is None or path.name == ".bmignore" or target.exists():
            return
        if any(parent.is_file() for parent in target.parents):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        self.say(player, f"rename {path.name} {target.name}")
        path.rename(target)

    def change_rules(self, player: Player) -> None:
        self.count += 1
        rules = self.random.sample(RULES, self.random.randrange(3))
        self.forget(player, player.root / ".bmignore")
        self.say(player, f"rules {rules}")
        (player.root / ".bmignore").write_text("\n".join([*rules, f"# rules {self.count}", ""]))

    # -- syncs --------------------------------------------------------------------------------------

    def sync(self, player: Player) -> SyncResult:
        before = player.files()
        options = sync_action.Options()
        result = sync_action.run(player.app, player.app.manifest.syncs[0], options)
        if result.outcome is Outcome.REFUSED and "every file changed" in (result.error or ""):
            result = sync_action.run(
                player.app, player.app.manifest.syncs[0], sync_action.Options(force=True)
            )
        self.syncs += 1
        counts = (result.uploaded, result.downloaded, result.deleted_local, result.deleted_cloud)
        self.say(
            player,
            f"sync {result.mode} {result.outcome} {counts} {result.conflicts} {result.left_out} {result.error}",
        )
        assert result.error is None, result
        # Rules that came with this run may say that a file is its device's own business from now on.
        synced = set(player.files().values())
        ignored = player.on_disk() - synced
        self.required |= (set(before.values()) | player.pending) - ignored
        player.pending.clear()
        return result

    def kill(self, player: Player) -> None:
        """A run that dies at a random moment: we, rclone, or both."""
        player.pending |= set(player.files().values())
        process = player.device.popen("sync", start_new_session=True)
        delay = self.random.uniform(0.1, 1.0)
        whom = self.random.choice(["us", "rclone", "both"])
        self.say(player, f"kill {whom} after {delay:.2f}")
        self.kills += 1
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        children = rclones_of(process.pid)
        if whom in ("us", "both"):
            process.kill()
        if whom in ("rclone", "both"):
            for child in children:
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        process.communicate(timeout=60)
        await_free(player.device)

    # -- what must hold -----------------------------------------------------------------------------

    def settle(self) -> None:
        """Run syncs until nothing moves, then check."""
        for _ in range(12):
            quiet = [self.sync(player).outcome is Outcome.IDLE for player in self.players]
            if all(quiet):
                break
        else:
            raise AssertionError("the devices never come to rest")
        one, two = (player.files() for player in self.players)
        assert one == two, f"the devices differ: {differences(one, two)}"
        rules = ignore.load_rules(
            self.players[0].root, self.players[0].app.layers(self.players[0].app.manifest.syncs[0])
        )
        bucket = self.bucket()
        cloud = {path: text for path, text in bucket.items() if not rules.decide(path, False).ignored}
        assert cloud == one, f"the bucket differs: {differences(cloud, one)}"
        self.check_versions()

    def bucket(self, *, metadata: bool = False) -> dict[str, str]:
        assert self.server.folder is not None
        top = self.server.folder / "notes-bucket"
        return {
            str(path.relative_to(top)): path.read_text()
            for path in top.rglob("*")
            if path.is_file() and (metadata or ".basic-memory" not in path.parts)
        }

    def check_versions(self) -> None:
        somewhere = set(self.bucket(metadata=True).values())
        for player in self.players:
            somewhere |= player.everything()
        lost = self.required - somewhere
        assert not lost, f"lost: {sorted(lost)[:10]}"


def differences(one: dict[str, str], two: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {
        path: (one.get(path), two.get(path))
        for path in one.keys() | two.keys()
        if one.get(path) != two.get(path)
    }


def rclones_of(pid: int) -> list[int]:
    """The rclone processes below a process (proc(5))."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *rclones_of(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def await_free(device: Device) -> None:
    """Until no run holds the lock: an orphaned rclone, also one started while we looked, holds it to its end."""
    deadline = time.monotonic() + 60
    while is_held(device.state / "lock"):
        assert time.monotonic() < deadline, "the lock is never released"
        time.sleep(0.02)


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} does not end")


def play(seed: int, steps: int, *, settle_every: int = 100, log: bool = False) -> Torture:
    """A whole game. Raises AssertionError with the step at which something was lost."""
    home = Path(tempfile.mkdtemp(prefix="bisync-torture-"))
    with serve_s3(home / "cloud") as server:
        game = Torture(home, server, seed, log=log)
        for number in range(1, steps + 1):
            try:
                game.step()
                if number % settle_every == 0 or number == steps:
                    game.settle()
            except BaseException as error:
                error.add_note(f"seed {seed}, step {number}; the world is in {home}")
                raise
    shutil.rmtree(home)
    return game


def kill_moments(count: int, seed: int, *, files: int = 200) -> int:
    """kill -9 at `count` random moments of runs that move `files` files; the next run must do it all.

    How many of them died before they were done.
    """
    chance = random.Random(seed)
    home = Path(tempfile.mkdtemp(prefix="bisync-kills-"))
    died = 0
    with serve_s3(home / "cloud") as server:
        game = Torture(home, server, seed)
        player, other = game.players
        length = 2.0
        for moment in range(count):
            for number in range(files):
                (player.root / f"n{number:03d}.md").write_text(f"round {moment}, note {number}")
            process = player.device.popen("sync", "--force", start_new_session=True)
            began = time.monotonic()
            try:
                process.wait(chance.uniform(0.2, length))
                length = 0.5 + time.monotonic() - began
            except subprocess.TimeoutExpired:
                died += 1
            children = rclones_of(process.pid)
            for pid in chance.choice([[process.pid], children, [process.pid, *children]]):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.communicate(timeout=60)
            await_free(player.device)
            result = sync_action.run(
                player.app, player.app.manifest.syncs[0], sync_action.Options(force=True)
            )
            assert result.error is None, f"moment {moment}: {result}"
            assert game.bucket() == player.files(), f"moment {moment}"
        sync_action.run(other.app, other.app.manifest.syncs[0], sync_action.Options(force=True))
        assert other.files() == player.files()
    shutil.rmtree(home)
    return died


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", action="store_true")
    parser.add_argument("--kills", type=int, help="instead: this many kill -9 of a run with 200 files")
    arguments = parser.parse_args()
    began = time.monotonic()
    if arguments.kills is not None:
        died = kill_moments(arguments.kills, arguments.seed)
        print(f"{arguments.kills} kills, {died} in the middle of a run: every next run healed by itself")
        return 0
    game = play(arguments.seed, arguments.steps, log=arguments.log)
    print(
        f"seed {arguments.seed}: {arguments.steps} steps, {game.syncs} syncs, {game.kills} kills, "
        f"{len(game.required)} versions, none lost, {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
