"""Moving over by chance: random trees come together, undisturbed in one world and with kill -9 in its twin.

    python -m tests.support.moving --seeds 1-20

Each seed makes folders of notes, a project of config.json, a WebDAV server, a sync dir and a cloud: names, contents
and times are drawn from small sets, so that much of it is the same, and much of it is not. In the twin the migration
is killed at random moments of every step, and begun again until it ends.

What must hold: both worlds end with the same trees, names and contents, here and in the cloud, and verified; nothing
that any of the sides held is lost; one more run changes nothing; and `--undo` leaves the twin's sync dir and
configuration as they were, to the byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from bisync.tasks import program

from bisync.core.migration import STEPS
from bisync.core.result import SetupStep
from bisync.migrate import run as migrating
from tests.support import short_lease
from tests.support.dav import Dav, serve_rclone
from tests.support.machine import everything, forked
from tests.support.torture import rclones_of
from tests.support.world import BUCKET, S3, Device, serve_s3

NAMES = [
    "a.md",
    "b.md",
    "A.md",
    "d/a.md",
    "d/e.md",
    "d/g/h.md",
    "m",
    "m/n.md",
    "i j.md",
    "ü.md",
    "u\u0308.md",
    "o\u0308/x.md",
    ".hidden",
    "k.log",
    "d/l.log",
    "a.md.conflict1",
    "zero",
    "big.bin",
]
FOLDERS = ["leer", "d/leer/tief", "b.md"]
TIMES = [1_000_000_000.0, 1_100_000_000.0, 1_200_000_000.5, 1_200_000_000.75]
RULES = "*.log\n"
# What a migration and its undo leave behind, and what is no configuration.
NOT_BEFORE = (
    "/.basic-memory/bisync-state",
    "/.basic-memory/cache",
    "/rclone-versions.json",
    ".backup",
    "/.local/",
)
# What a kill leaves of a file that was being written.
_LEFT = re.compile(r"[.](?:rclone[.]conf|config[.]json|[.]bmignore.*)[.][a-z0-9_]{8}")

Tree = dict[str, tuple[bytes, float] | None]
"""Files with content and time; None: a folder."""


def grow(chance: random.Random, share: float) -> Tree:
    """A tree by chance. A name that is a file here can be a folder elsewhere, never both in one."""
    tree: Tree = {}
    for name in [*NAMES, *FOLDERS]:
        if chance.random() > share:
            continue
        above = {str(one) for one in Path(name).parents}
        if above & tree.keys() or any(other.startswith(f"{name}/") for other in tree):
            continue
        tree[name] = None if name in FOLDERS else (_content(chance, name), chance.choice(TIMES))
    if chance.random() < 0.4:
        tree[".bmignore"] = (RULES.encode(), chance.choice(TIMES))
    return tree


def _content(chance: random.Random, name: str) -> bytes:
    if name == "zero":
        return b""
    version = b"version %d of %s\n" % (chance.randrange(4), name.lower().encode()[:1])
    return version * (20_000 if name == "big.bin" else 1)


def plant(root: Path, tree: Tree) -> None:
    """Make a tree on disk."""
    root.mkdir(parents=True, exist_ok=True)
    for name, what in tree.items():
        path = root / name
        if what is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(what[0])
        os.utime(path, (what[1], what[1]))


@dataclass
class Scene:
    """What a seed has made: the same for both worlds."""

    seed: int
    old: Tree
    project: Tree
    dav: Tree
    here: Tree
    cloud: Tree
    known: bool
    remove_old: bool
    by_name: bool

    @classmethod
    def of(cls, seed: int) -> Scene:
        chance = random.Random(seed)
        shares = [chance.choice([0.2, 0.5, 0.8]) for _ in range(5)]
        trees = [grow(chance, share) for share in shares]
        for tree in trees[3:]:
            tree.pop("u\u0308.md" if "ü.md" in tree else "", None)  # one path of a sync in two spellings
        for tree in trees[:3]:
            tree.setdefault("there.md", (b"always there\n", TIMES[0]))
        yes = [chance.random() < 0.5 for _ in range(3)]
        old, project, dav, here, cloud = trees
        known, remove_old, by_name = yes
        return cls(seed, old, project, dav, here, cloud, known, remove_old, by_name)


@dataclass
class World:
    """One of the two: a device, its folder in the cloud, what is typed."""

    scene: Scene
    device: Device
    server: S3
    dav: Dav
    before: dict[str, tuple[object, ...]] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        home = self.device.home
        flags = ["--remove-old"] if self.scene.remove_old else []
        server = "olddav:" if self.scene.by_name else self.dav.url
        return ["migrate", "--json", "--from", str(home / "old"), "--from", str(home / "projects/one"),
                "--webdav", server, *flags]  # fmt: skip

    def make(self) -> None:
        """All that there is before the migration."""
        scene, home = self.scene, self.device.home
        plant(home / "old", scene.old)
        plant(home / "projects/one", scene.project)
        state = home / ".basic-memory"
        state.mkdir(exist_ok=True)
        names = {"one": str(home / "projects/one"), "other": str(home / "elsewhere")}
        (state / "config.json").write_text(
            json.dumps({"projects": names, "default_project": "one"}, indent=2)
        )
        if scene.by_name:
            conf = home / ".config/rclone/rclone.conf"
            conf.parent.mkdir(parents=True, exist_ok=True)
            conf.write_text(f"# mine\n{self.dav.section('olddav')}\n[other]\ntype = local\n")
            conf.chmod(0o600)
        with tempfile.TemporaryDirectory() as folder:
            plant(Path(folder), scene.cloud)
            self.server.rclone("copy", folder, f"s3:{BUCKET}/{home.name}")
        if scene.known:
            self.device.setup()
            result = self.device.sync()
            assert result.error is None, result
        for name, what in scene.here.items():
            path = self.device.notes / name
            occupied = path.is_dir() or any(one.is_file() for one in path.parents if one != self.device.notes)
            if not occupied:
                plant(self.device.notes, {name: what})
        self.before = self.everything()

    def everything(self) -> dict[str, tuple[object, ...]]:
        """The home to the byte, but for what a migration may leave behind."""
        found = everything(self.device.home)
        notes = str(self.device.notes)
        return {
            path: one
            if path.startswith(notes)
            else (one[0], one[-1])  # config files come back with another time
            for path, one in found.items()
            if not any(part in path for part in NOT_BEFORE)
            and not _LEFT.fullmatch(Path(path).name)
            and (path.startswith(notes) or one[0] != "folder")
        }

    def here(self) -> dict[str, bytes | None]:
        """The sync dir: files, and folders without any."""
        return _tree(self.device.notes)

    def cloud(self) -> dict[str, bytes | None]:
        """The cloud, as the server has it on its own disk."""
        assert self.server.folder is not None
        return _tree(self.server.folder / BUCKET / self.device.home.name)

    def trash(self) -> set[bytes | None]:
        """The contents of all that runs have replaced, here and in the cloud."""
        assert self.server.folder is not None
        there = self.server.folder / BUCKET / self.device.home.name / ".basic-memory" / "trash"
        local = self.device.home.glob(".basic-memory/bisync-state/*/*/trash")
        return {one.read_bytes() for top in (there, *local) for one in top.rglob("*") if one.is_file()}

    def run(self, *argv: str, kill: tuple[str, float] | None = None) -> tuple[int, str, str]:
        """The program in a fork; its exit code (less than 0: the signal) and what it said.

        `kill`: the step in which it is killed with all that it started, and after how many seconds.
        """
        home = self.device.home
        said, times = home.parent / f"{home.name}.out", home.parent / f"{home.name}.times"

        def work(_: int) -> None:
            os.setsid()
            with said.open("wb") as out, said.with_suffix(".err").open("wb") as err:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
            sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - until it ends
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            os.chdir(home)
            os.environ.clear()
            os.environ.update(self.device.environment)
            sys.argv = ["bisync", *argv]
            code = 1
            try:
                with short_lease.shortened(), _watched(kill, times):
                    program.main()
            except SystemExit as end:
                code = int(end.code or 0) if isinstance(end.code, int | None) else 1
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

        pipe, child = forked(work)
        os.close(pipe)
        _, status = os.waitpid(child, 0)
        if kill is None and times.exists():
            self.times = json.loads(times.read_text())
        return os.waitstatus_to_exitcode(status), said.read_text(), said.with_suffix(".err").read_text()


def _tree(root: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] == ".basic-memory":
            continue
        if path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


@contextmanager
def _watched(kill: tuple[str, float] | None, times: Path) -> Iterator[None]:
    """Steps that note how long they take, or in one of which everything dies."""
    steps = migrating.Moving.steps
    took: dict[str, float] = {}

    def watched(self: migrating.Moving) -> Iterator[tuple[str, Callable[[], SetupStep]]]:
        for name, step in steps(self):
            if kill is not None and kill[0] == name:
                timer = threading.Timer(kill[1], _die)
                timer.daemon = True
                timer.start()
            began = time.monotonic()
            yield name, step
            took[name] = time.monotonic() - began
            times.write_text(json.dumps(took))

    with mock.patch.object(migrating.Moving, "steps", watched):
        yield


def _die() -> None:
    for pid in [*rclones_of(os.getpid()), os.getpid()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class Game:
    """One seed in two worlds. `deaths`: how often it died in which step."""

    def __init__(self, folder: Path, server: S3, dav: Dav, seed: int, kills: int) -> None:
        self.scene = Scene.of(seed)
        self.chance = random.Random(seed * 1000 + 1)
        self.kills = kills
        self.deaths: Counter[str] = Counter()
        tree = dav.below(f"seed{seed}")
        plant(tree.folder, self.scene.dav)
        self.one, self.twin = (
            World(
                self.scene,
                Device(folder / f"{name}{seed}", server, sync_extra=f"    path: {name}{seed}\n"),
                server,
                tree,
            )
            for name in ("calm", "twin")
        )
        for world in (self.one, self.twin):
            world.device.env |= dav.env

    def play(self) -> None:
        """Raises AssertionError with what does not hold."""
        for world in (self.one, self.twin):
            world.make()
        self._end(self.one)
        self._kept(self.one)
        self._disturbed()
        self._end(self.twin)
        assert self.twin.here() == self.one.here(), _differ(
            "the sync dirs", self.one.here(), self.twin.here()
        )
        assert self.twin.cloud() == self.one.cloud(), _differ(
            "the clouds", self.one.cloud(), self.twin.cloud()
        )
        self._again()
        self._undone()

    def _disturbed(self) -> None:
        """Die in every step, some of them more than once, and begin again."""
        steps = list(STEPS)
        steps += [self.chance.choice(STEPS) for _ in range(max(0, self.kills - len(steps)))]
        if self.kills < len(STEPS):
            steps = self.chance.sample(STEPS, self.kills)
        for step in sorted(steps, key=STEPS.index):
            after = self.chance.uniform(0, self.one.times.get(step, 0.1))
            code, out, err = self.twin.run(*self.twin.argv, kill=(step, after))
            if code == -signal.SIGKILL:
                self.deaths[step] += 1
            else:
                assert code == 0, f"killed in {step} after {after:.3f} s:\n{out}\n{err}"

    def _end(self, world: World) -> None:
        code, out, err = world.run(*world.argv)
        assert code == 0, f"{world.device.home.name}: exit {code}\n{out}\n{err}"
        said = json.loads(out)
        assert [one["state"] for one in said["steps"] if one["step"] == "verify"] == ["ok"], out

    def _kept(self, world: World) -> None:
        """Every content that a source had is in the sync dir now, but for what rules ignore.

        What lost where the sync dir met the cloud may be in a trash.
        """
        scene = world.scene
        ruled = any(
            ".bmignore" in tree for tree in (scene.old, scene.project, scene.dav, scene.here, scene.cloud)
        )
        there = set(world.here().values())
        for tree in (scene.old, scene.project, scene.dav, scene.here, scene.cloud):
            for name, what in tree.items():
                occupied = tree is scene.here and not (world.device.notes / name).exists()
                # It was synced, and its user wrote over it.
                occupied |= tree is scene.cloud and scene.known and _key(name) in map(_key, scene.here)
                ignored = name.endswith(".log") and ruled
                if what is not None and not ignored and not occupied:
                    kept = there | world.trash() if tree in (scene.here, scene.cloud) else there
                    assert what[0] in kept, f"lost: {name}: {what[0][:40]!r}"

    def _again(self) -> None:
        """One more run changes nothing."""
        home, cloud = everything(self.twin.device.home), self.twin.cloud()
        self._end(self.twin)
        again = everything(self.twin.device.home)
        changed = [
            path
            for path in home.keys() | again.keys()
            if home.get(path) != again.get(path) and Path(path).name != "lock"  # it says who had it last
        ]
        assert not changed, f"one more run changed {sorted(changed)}"
        assert self.twin.cloud() == cloud

    def _undone(self) -> None:
        code, out, err = self.twin.run("migrate", "--undo", "--json")
        assert code == 0, f"undo: exit {code}\n{out}\n{err}"
        now, before = self.twin.everything(), self.twin.before
        differ = {path: (before.get(path), now.get(path)) for path in before.keys() | now.keys()
                  if before.get(path) != now.get(path)}  # fmt: skip
        assert not differ, f"not as before: {differ}"


def _differ(what: str, one: dict[str, bytes | None], two: dict[str, bytes | None]) -> str:
    missing = object()
    rows = [
        f"{path}: {_short(one.get(path, missing))} | {_short(two.get(path, missing))}"
        for path in sorted(one.keys() | two.keys())
        if one.get(path, missing) != two.get(path, missing)
    ]
    return f"{what} differ (calm | twin):\n" + "\n".join(rows)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _short(one: object) -> str:
    return repr(one[:30]) if isinstance(one, bytes) else "a folder" if one is None else "nothing"


def play(seeds: list[int], kills: int, *, log: bool = False) -> Counter[str]:
    """Whole games; how often a migration died in which step. Raises AssertionError with the seed and its world."""
    folder = Path(tempfile.mkdtemp(prefix="bisync-moving-"))
    deaths: Counter[str] = Counter()
    with serve_s3(folder / "cloud") as server, serve_rclone(folder / "dav") as dav:
        for seed in seeds:
            began = time.monotonic()
            game = Game(folder, server, dav, seed, kills)
            try:
                game.play()
            except BaseException as error:
                error.add_note(f"seed {seed}; the worlds are in {folder}")
                raise
            deaths += game.deaths
            if log:
                took = time.monotonic() - began
                print(
                    f"seed {seed}: {game.deaths.total()} deaths, equal in the end, {took:.0f} s", flush=True
                )
    shutil.rmtree(folder)
    return deaths


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="1-20", help="as in 1-20, or 7")
    parser.add_argument("--kills", type=int, default=14, help="for each seed; less than 7: not in every step")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    deaths = play(list(range(int(first), int(last or first) + 1)), arguments.kills, log=True)
    print(f"{deaths.total()} deaths: " + ", ".join(f"{count} in {step}" for step, count in deaths.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
