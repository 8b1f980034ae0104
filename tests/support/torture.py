"""Three devices, a bucket and chance: edits, deletions, renames, ignore changes and kills, and a foreign writer.

    python -m tests.support.torture --steps 5000 --seed 1
    python -m tests.support.torture --kills 20

The foreign writer works in the bucket itself. Users and the foreign writer act between runs, and in runs between
the look at both sides and the first write. Devices start one after the other, or several at nearly the same time.

What must hold: after things have calmed down all devices and the bucket are equal, and every version a
user or the foreign writer ever handed to a sync is somewhere: in the trees, in a conflict copy or in a trash.
Two of the devices merge edits, and the third has the newer version win; what went into a merge is in a trash, whole.
A version that its own user overwrote before any sync had finished with it is the user's loss, not ours; so is one
that the foreign writer took out of the bucket when nobody else had it.
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
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bisync.actions import setup as setup_action
from bisync.actions import sync as sync_action
from bisync.app import App
from bisync.core.change import Change
from bisync.core.result import Outcome, SyncResult
from bisync.locks.machine import is_held
from bisync.manifest.load import load
from tests.support import short_lease
from tests.support.deeds import Foreigner, Player, Stakes, Users
from tests.support.world import S3, Device, serve_s3

PASSED_BY = " changed while the run was at work; the next one has it"


class Torture:
    """The game: one `step` after the other, `settle` to check."""

    def __init__(self, home: Path, server: S3, seed: int, *, log: bool = False) -> None:
        self.random = random.Random(seed)
        self.server = server
        self.kills = self.syncs = self.disturbed = self.together = 0
        self.stumbles: Counter[str] = Counter()
        self.log = log
        self.stakes = Stakes(server)
        self.users = Users(self.random, self.stakes, self.say)
        self.foreigner = Foreigner(self.random, self.stakes, self.say)
        self.players = self.stakes.players
        self.players += [self._player(home / name) for name in ("one", "two", "three")]
        self.merges = 0

    def _player(self, home: Path) -> Player:
        base = "balanced" if home.name == "two" else "merge"
        device = Device(
            home, self.server, profile="anything", program=short_lease.NAME,
            extra=f"profiles:\n  anything: {{extends: {base}, max_delete: none}}\n",
        )  # fmt: skip
        env = device.environment
        app = App(manifest=load(home / "bisync.yaml", env=env, home=home), env=env).agreed()
        result = setup_action.run(app, app.manifest.syncs[0])
        assert result.exit_code == 0, result
        return Player(device, app)

    @property
    def required(self) -> set[str]:
        """The versions that must be somewhere."""
        return self.stakes.required

    def say(self, who: str, text: str) -> None:
        if self.log:
            print(f"  {who}: {text}", flush=True)

    def step(self) -> None:
        player = self.random.choice(self.players)
        roll = self.random.random()
        if roll < 0.52:
            self.users.act(player)
        elif roll < 0.60:
            self.foreigner.act()
        elif roll < 0.62:
            self.users.change_rules(player)
        elif roll < 0.75:
            self.sync(player)
        elif roll < 0.80:
            self.sync_together()
        elif roll < 0.965:
            self.sync(player, disturbed=True)
        else:
            self.kill(player)

    def sync(self, player: Player, *, disturbed: bool = False, reveal: bool = False) -> SyncResult:
        """A run. `disturbed`: things happen when both sides have been looked at and nothing has been written yet.

        `reveal`: what waits may go to the cloud.

        What is written then is at stake at once: this run must not lose it, whatever it makes of it.
        """
        stakes = self.stakes
        player.pending |= set(player.files().values())
        stakes.offered, stakes.fresh = self.synced_there(player), set()
        app = replace(player.app, on_plan=self.meanwhile(player)) if disturbed else player.app
        result = self.run(app, reveal=reveal)
        self.syncs += 1
        self.disturbed += disturbed
        self.merges += result.merged
        counts = (
            result.uploaded,
            result.downloaded,
            result.deleted_local,
            result.deleted_cloud,
            result.renamed,
            result.merged,
        )
        self.say(
            player.device.home.name,
            f"sync {result.mode} {result.outcome} {counts} {result.conflicts} {result.left_out} {result.error}",
        )
        if disturbed:
            lost = stakes.fresh - stakes.somewhere() if stakes.fresh else set()
            assert not lost, f"lost at once: {sorted(lost)}"
            if result.error is not None:
                self.stumbles[result.error] += 1
                return result
        assert result.error is None, result
        self.account(player, result, stakes.offered)
        return result

    def sync_together(self) -> None:
        """Runs of several devices that start when they like. One that loses its lease is mended by the next."""
        players = self.random.sample(self.players, self.random.randrange(2, len(self.players) + 1))
        delays = [self.random.choice([0, 0, 0.1, 0.3, 0.6]) for _ in players]
        offered = [self.synced_there(player) for player in players]
        for player in players:
            player.pending |= set(player.files().values())
        self.say("several", ", ".join(player.device.home.name for player in players))

        def begin(player: Player, delay: float) -> SyncResult:
            time.sleep(delay)
            return self.run(player.app)

        with ThreadPoolExecutor(len(players)) as pool:
            results = list(pool.map(begin, players, delays))
        self.syncs += len(players)
        self.together += len(players)
        for player, result, seen in zip(players, results, offered, strict=True):
            if result.error is None:
                self.account(player, result, seen)
            else:
                self.stumbles[result.error] += 1

    def account(self, player: Player, result: SyncResult, offered: set[str]) -> None:
        """After a run that ended well: what it was handed, here and in the cloud (`offered`), is at stake."""
        # Rules that came with this run may say that a file is its device's own business from now on.
        ignored = player.on_disk() - set(player.files().values())
        # What such rules hid until then is synced no sooner than its user says the word, or writes it anew; what
        # changed under the run's hands is the next one's. Either is named.
        waits = {one.path for one in result.left_out if one.waits}
        waits |= {note.removesuffix(PASSED_BY) for note in result.notes if note.endswith(PASSED_BY)}
        held = {text for path, text in player.files().items() if path in waits}
        self.stakes.required |= player.pending - ignored - held
        self.stakes.required |= offered - self.ignored_there(player)
        player.pending &= held

    def run(self, app: App, *, reveal: bool = False) -> SyncResult:
        options = sync_action.Options(reveal=reveal)
        result = sync_action.run(app, app.manifest.syncs[0], options)
        if result.outcome is Outcome.REFUSED and "every file changed" in (result.error or ""):
            result = sync_action.run(app, app.manifest.syncs[0], replace(options, force=True))
        return result

    def meanwhile(self, player: Player) -> Callable[[str, tuple[Change, ...]], None]:
        """What users and the foreign writer do in the moment after the look."""

        def on_plan(_sync: str, _changes: tuple[Change, ...]) -> None:
            self.say(player.device.home.name, "(in a run:")
            for _ in range(self.random.randrange(1, 4)):
                if self.random.random() < 0.5:
                    self.foreigner.act()
                else:
                    self.users.act(player)
            self.say(player.device.home.name, ")")

        return on_plan

    def synced_there(self, player: Player) -> set[str]:
        """Every content in the bucket that this player's rules do not ignore."""
        return set(self.bucket().values()) - self.ignored_there(player)

    def ignored_there(self, player: Player) -> set[str]:
        """Every content in the bucket that this player's rules ignore."""
        rules = player.rules()
        return {text for path, text in self.bucket().items() if rules.decide(path, False).ignored}

    def kill(self, player: Player) -> None:
        """A run that dies at a random moment: we, rclone, or both."""
        player.pending |= set(player.files().values())
        process = player.device.popen("sync", start_new_session=True)
        delay = self.random.uniform(0.1, 1.0)
        whom = self.random.choice(["us", "rclone", "both"])
        self.say(player.device.home.name, f"kill {whom} after {delay:.2f}")
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
        """Run syncs until nothing moves and nothing waits, then check."""
        for _ in range(12):
            quiet = [self.sync(player, reveal=True).outcome is Outcome.IDLE for player in self.players]
            if all(quiet):
                break
        else:
            raise AssertionError("the devices never come to rest")
        one, *others = (player.files() for player in self.players)
        for other in others:
            assert one == other, f"the devices differ: {differences(one, other)}"
        rules = self.players[0].rules()
        cloud = {path: text for path, text in self.bucket().items() if not rules.decide(path, False).ignored}
        assert cloud == one, f"the bucket differs: {differences(cloud, one)}"
        self.check_versions()

    def bucket(self) -> dict[str, str]:
        return self.stakes.bucket()

    def check_versions(self) -> None:
        self.stakes.check()


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
    with serve_s3(home / "cloud") as server, short_lease.shortened():
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
    with serve_s3(home / "cloud") as server, short_lease.shortened():
        game = Torture(home, server, seed)
        player, other, *_ = game.players
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
        f"{game.disturbed} of them disturbed, {game.together} beside others, {game.merges} merges, "
        f"{len(game.required)} of {game.stakes.count} versions at stake, none lost, {time.monotonic() - began:.0f} s"
    )
    for error, count in game.stumbles.most_common():
        print(f"  {count} disturbed or late run(s) failed, and the next one mended it: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
