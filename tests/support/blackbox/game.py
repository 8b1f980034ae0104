"""One game: what happens is drawn by chance, written down, and judged whenever all devices are at rest."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import short_lease
from tests.support.blackbox.history import CLOUD, Calm, Command, Deed, History
from tests.support.blackbox.judge import verdicts
from tests.support.blackbox.moves import RULES, Foreigner, Users
from tests.support.blackbox.places import OURS, Bucket, Laptop, look
from tests.support.ready import Begun
from tests.support.torture import await_free, rclones_of
from tests.support.world import S3, SECRET, Device, serve_moto, serve_s3

PROFILES = ("safe", "balanced", "fast", "stamps", "elder")
OWN_PROFILES = """\
profiles:
  stamps: {extends: balanced, compare: modtime}
  elder: {extends: safe, conflict_resolve: older}
"""
CALM_EVERY = 60
ROUNDS = 8
LIMIT = 180


class Played(NamedTuple):
    """How a game went. `wrong`: the laws that were broken, in words; the world is kept then."""

    seed: int
    told: str
    wrong: list[str]
    reasons: Counter[str]


class Game:
    """The world, and what can happen in it."""

    def __init__(self, home: Path, server: S3, seed: int, *, log: Path | None) -> None:
        chance = random.Random(f"{seed}")
        self.home, self.server, self.seed = home, server, seed
        self.log = log / f"{seed}.log" if log is not None else None
        self.history = History()
        self.under_way: list[Deed] | None = None
        self.laptops = [
            Laptop(name, self._device(name, profile), self.history, self.note)
            for name, profile in zip(("ann", "bob", "cid"), chance.sample(PROFILES, 3), strict=True)
        ]
        self.bucket = Bucket(server, self.history, self.note)
        self.users = Users(self.history)
        self.foreigner = Foreigner(self.history, self.bucket)
        self.reasons: Counter[str] = Counter()
        for laptop in self.laptops:
            if chance.random() < 0.8:
                self.users.hide(laptop, chance)

    def _device(self, name: str, profile: str) -> Device:
        # Who comes after a device that was killed waits for seconds, not minutes.
        program = short_lease.NAME
        device = Device(self.home / name, self.server, profile=profile, extra=OWN_PROFILES, program=program)
        device.notes.mkdir()
        return device

    def note(self, deed: Deed) -> None:
        """Write a deed down: beside the run that is under way, if one is."""
        self.say(f"{deed}")
        if self.under_way is None:
            self.history.events.append(deed)
        else:
            self.under_way.append(deed)

    def say(self, text: str) -> None:
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as stream:
                stream.write(f"{text}\n")

    # -- what happens -----------------------------------------------------------------------------

    def step(self, number: int) -> None:
        chance = random.Random(f"{self.seed}-{number}")
        laptop = chance.choice(self.laptops)
        roll = chance.random()
        if roll < 0.52:
            self.users.act(laptop, chance)
        elif roll < 0.66:
            self.foreigner.act(chance)
        elif not laptop.joined:
            self.join(laptop)
        elif roll < 0.80:
            self.command(laptop, "sync", "--json")
        elif roll < 0.88:
            self.disturbed(laptop, chance)
        elif roll < 0.935:
            self.killed(laptop, chance)
        elif roll < 0.965:
            self.command(laptop, "plan", "--json")
            self.command(laptop, "sync", "--json")
        elif roll < 0.995:
            self.other_command(laptop, chance)
        else:
            self.move_house(laptop)

    def join(self, laptop: Laptop) -> None:
        laptop.joined = True
        self.command(laptop, "setup", joins=True)

    def move_house(self, laptop: Laptop) -> None:
        """The user goes on with the notes on a new computer, which knows nothing of the old one's state."""
        old = laptop.device
        laptop.old_homes.append(old.home)
        laptop.device = self._device(f"{laptop.name}-{len(laptop.old_homes)}", old.profile)
        shutil.copytree(
            old.notes, laptop.root, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(OURS)
        )
        self.note(Deed(laptop.name, "move house", "", frees=laptop.name))
        self.command(laptop, "setup", joins=True)

    def other_command(self, laptop: Laptop, chance: random.Random) -> None:
        """What a user types between runs: settle a conflict, bring something back, or just look."""
        roll = chance.random()
        copies = sorted(path for path in laptop.tree() if ".conflict" in path and RULES not in path)
        if roll < 0.4 and copies:
            path = chance.choice(copies)
            keep = chance.choice(("newer", "both", "local", "cloud"))
            self.command(laptop, "resolve", "--path", path.partition(".conflict")[0], "--keep", keep)
        elif roll < 0.6:
            path = chance.choice(("a.md", "b.md", "d", "m", "m/n.md", "d/a.md"))
            self.command(laptop, "restore", "--path", path)
        else:
            self.command(laptop, chance.choice(("check", "status", "conflicts", "doctor")), "--json")

    def disturbed(self, laptop: Laptop, chance: random.Random) -> None:
        """A run in which its user, and somebody in the bucket, go on working."""
        before = look(self.laptops, self.bucket)
        self.under_way = []
        process = laptop.device.popen("sync", "--json", start_new_session=True)
        theirs: set[str] = set()
        for _ in range(chance.randrange(1, 5)):
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, 0.35))
            if chance.random() < 0.65:
                self.users.act(laptop, chance, theirs)
            else:
                # What the run may be writing itself is nobody else's in the time of a request (docs/a-run.md).
                ours = {path for deed in self.under_way for path in (deed.path, deed.moved) if path}
                here, there = laptop.tree(), self.bucket.tree()
                equal = {path for path, text in here.items() if there.get(path) == text} - ours
                self.foreigner.act(chance, equal)
                theirs |= {deed.path for deed in self.under_way if deed.who == CLOUD}
        self.finish(laptop, process, ("sync", "--json"), "disturbed", before)

    def killed(self, laptop: Laptop, chance: random.Random) -> None:
        before = look(self.laptops, self.bucket)
        self.under_way = []
        process = laptop.device.popen("sync", "--json", start_new_session=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.1, 1.1))
        whom = chance.choice(("us", "rclone", "both", "int", "term"))
        children = rclones_of(process.pid)
        if whom in ("int", "term"):
            process.send_signal(signal.SIGINT if whom == "int" else signal.SIGTERM)
        for pid in {"us": [process.pid], "rclone": children, "both": [process.pid, *children]}.get(whom, []):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.finish(laptop, process, ("sync", "--json"), f"kill {whom}", before)

    def command(self, laptop: Laptop, *argv: str, joins: bool = False) -> Command:
        before = look(self.laptops, self.bucket)
        self.under_way = []
        process = laptop.device.popen(*argv, start_new_session=True)
        return self.finish(laptop, process, argv, "", before, joins=joins)

    def finish(
        self,
        laptop: Laptop,
        process: Begun,
        argv: tuple[str, ...],
        fate: str,
        before: Any,
        *,
        joins: bool = False,
    ) -> Command:
        out, err = process.communicate(timeout=LIMIT)
        await_free(laptop.device)
        assert SECRET not in out + err, "the secret key was printed"
        assert self.under_way is not None
        command = Command(
            laptop.name, argv, fate, process.wait(), out + err, _told(out), before,
            look(self.laptops, self.bucket), tuple(self.under_way), joins,
        )  # fmt: skip
        self.under_way = None
        self.history.events.append(command)
        self.say(f"{laptop.name} {argv} {fate} -> {command.code} {out + err if argv[0] != 'plan' else ''}")
        return command

    # -- what must hold ----------------------------------------------------------------------------

    def settle(self) -> list[str]:
        """Run syncs until nothing moves, and judge."""
        for laptop in self.laptops:
            if not laptop.joined:
                self.join(laptop)
        for _ in range(ROUNDS):
            runs = [self.command(laptop, "sync", "--json") for laptop in self.laptops]
            if not any(_moved(run) for run in runs):
                break
        else:
            return ["the devices never come to rest", *verdicts(self.history)]
        left_out = {}
        for laptop, run in zip(self.laptops, runs, strict=True):
            entries = run.told.get("left_out", [])
            left_out[laptop.name] = tuple(entry["path"] for entry in entries)
            self.reasons.update(entry["why"] for entry in entries)
        sight = look(self.laptops, self.bucket)
        synced = {laptop.name: self._synced(laptop, sight.of(CLOUD)) for laptop in self.laptops}
        self.history.events.append(Calm(sight, synced, left_out))
        return verdicts(self.history)

    def _synced(self, laptop: Laptop, there: dict[str, str]) -> frozenset[str]:
        """What the device says it syncs, of all that is anywhere."""
        paths = sorted(path for path in laptop.tree().keys() | there.keys() if _can_be_here(path))
        paths = [path for path in paths if "\n" not in path]
        said = laptop.device.run("explain", "--json", "--", *paths, expect=None)
        assert said.code in (0, 3), said.err
        return frozenset(one["path"] for one in said.json["paths"] if one["synced"])


def _can_be_here(path: str) -> bool:
    parts = path.split("/")
    return not {"", ".", ".."} & set(parts) and all(len(part.encode()) < 256 for part in parts)


def _told(out: str) -> dict[str, Any]:
    """What `--json` said of the one sync there is; empty where it said something else."""
    try:
        document = json.loads(out)
    except ValueError:
        return {}
    syncs = document.get("syncs") if isinstance(document, dict) else None
    return syncs[0] if isinstance(syncs, list) and syncs else {}


def _moved(run: Command) -> bool:
    counted = ("uploaded", "downloaded", "deleted_local", "deleted_cloud", "renamed")
    return any(run.told.get(name) for name in counted) or bool(run.told.get("conflicts"))


def play(seed: int, steps: int, *, log: Path | None = None) -> Played:
    """A whole game, to its end or until a law is broken."""
    home = Path(tempfile.mkdtemp(prefix="bisync-blackbox-"))
    began = time.monotonic()
    with serve_moto() if seed % 2 else serve_s3(home / "cloud") as server:
        game = Game(home, server, seed, log=log)
        wrong: list[str] = []
        number = 0
        while number < steps and not wrong:
            number += 1
            try:
                game.step(number)
            except subprocess.TimeoutExpired as error:
                wrong = [f"HANGS: {error}"]
                break
            if number % CALM_EVERY == 0 or number == steps:
                wrong = game.settle()
    commands = [event for event in game.history.events if isinstance(event, Command)]
    told = (
        f"{number} steps, {len(commands)} commands, {sum(one.killed for one in commands)} killed, "
        f"{sum(one.fate == 'disturbed' for one in commands)} disturbed, {len(game.history.written)} contents, "
        f"{len(game.history.secrets)} secrets, in {time.monotonic() - began:.0f} s"
    )
    if wrong:
        return Played(seed, f"{told}: WRONG by step {number}; the world is in {home}", wrong, game.reasons)
    shutil.rmtree(home)
    return Played(seed, f"{told}: nothing lost, risen or leaked", wrong, game.reasons)
