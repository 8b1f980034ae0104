"""Two devices that watch, and two users who edit by chance, at the same time.

    python -m tests.support.duet --edits 500 --seed 1
    python -m tests.support.duet --edits 300 --troubles

`--troubles`: meanwhile the server is killed and comes back, the manifest is broken and mended, ignore rules change, and
watches are hung up, frozen and killed. (Leases last seconds then.)

In the end both devices and the bucket must be equal, and every version must be somewhere: in the trees, in a conflict
copy or in a trash. A version that its own user replaced before it had reached the bucket is the user's loss;
also one that was just on its way there: rclone removes what it has sent of a file that is gone when it compares.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from tests.support import short_lease
from tests.support.world import BUCKET, S3, Device, serve_s3

NAMES = ("a.md", "b.md", "c.md", "d/e.md", "d/f.md", "g/h.md")
REST_SECONDS = 120.0
ON_ITS_WAY_SECONDS = 3.0


def begun(device: Device, log: TextIO, *argv: str) -> subprocess.Popen[str]:
    """`bisync sync --watch` on this device; what it says goes to `log`."""
    return subprocess.Popen(
        [sys.executable, "-m", device.program, "sync", "--watch", *argv], cwd=device.home, env=device.environment,
        text=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip


@contextmanager
def watching(device: Device, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """`bisync sync --watch` on this device, told to end with the block; what it says goes to `watch.log`."""
    with (device.home / "watch.log").open("a") as log:
        process = begun(device, log, *argv)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def said(device: Device) -> str:
    """What its watch has said so far."""
    return (device.home / "watch.log").read_text()


def until(what: str, holds: object, *devices: Device, seconds: float = 60.0) -> float:
    """Wait until `holds()`; after how many seconds it did. Raises AssertionError with what the watches said."""
    assert callable(holds)
    began = time.monotonic()
    while not holds():
        told = "\n".join(said(one) for one in devices)
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s\n{told}"
        time.sleep(0.02)
    return time.monotonic() - began


def _below(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path.read_text()
        except FileNotFoundError:
            continue  # gone at this moment
    return found


class Duet:
    """The game. `server` keeps its bucket in a folder."""

    def __init__(self, home: Path, server: S3, seed: int, *, troubled: bool = False) -> None:
        self.random = random.Random(seed)
        assert server.folder is not None
        self.bucket = server.folder / BUCKET
        self.devices = [
            Device(
                home / name,
                server,
                extra=f"device: {name}\nprofiles:\n  any: {{max_delete: none}}\n",
                profile="any",
                program=short_lease.NAME if troubled else "bisync",
            )
            for name in ("laptop", "desktop")
        ]
        for one in self.devices:
            one.setup()
        self.count = 0
        self.versions: set[str] = set()
        self.on_their_way: list[tuple[float, str]] = []

    def edit(self) -> None:
        """One user does one thing."""
        self._arrived()
        device = self.random.choice(self.devices)
        path = device.notes / self.random.choice(NAMES)
        roll = self.random.random()
        if roll < 0.8 or not path.exists():
            self.count += 1
            text = f"version {self.count:06d} by {device.home.name}\n"
            self.versions.add(text)
            self.log(f"{text.strip()} as {path.name}")
            self._replace(device, path)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.saving")
            beside.write_text(text)
            beside.replace(path)
        elif roll < 0.9:
            self.log(f"{device.home.name} deletes {path.name}")
            self._replace(device, path)
            path.unlink(missing_ok=True)
        else:
            other = device.notes / self.random.choice(NAMES)
            if path != other:
                self.log(f"{device.home.name} renames {path.name} to {other.name}")
                self._replace(device, other)
                other.parent.mkdir(parents=True, exist_ok=True)
                try:
                    path.rename(other)
                except FileNotFoundError:
                    return  # the other user has deleted it

    def _replace(self, device: Device, path: Path) -> None:
        """Its user takes away what lies there; their own loss if nobody else has it yet."""
        try:
            text = path.read_text()
        except FileNotFoundError:
            return
        if f"by {device.home.name}\n" not in text:
            return
        if text not in _below(self.bucket).values():
            self.versions.discard(text)
            self.log(f"  and takes {text.strip()} away, which nobody else has")
        elif hashlib.md5(text.encode()).hexdigest() not in (device.state / "baseline.json").read_text():
            self.on_their_way.append((time.monotonic() + ON_ITS_WAY_SECONDS, text))

    def _arrived(self) -> None:
        """Of what was on its way when its user took it away: what the bucket still has is at stake, the rest is not."""
        there = set(_below(self.bucket).values()) if self.on_their_way else set()
        for _, text in self.on_their_way:
            if text not in there:
                self.versions.discard(text)
                self.log(f"  {text.strip()} did not arrive")
        now = time.monotonic()
        self.on_their_way = [one for one in self.on_their_way if one[1] in there and one[0] > now]

    def log(self, words: str) -> None:
        """Note what a user does."""
        with (self.bucket.parent.parent / "users.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')}.{int(time.time() * 1000) % 1000:03} {words}\n")

    def rest(self) -> None:
        """Until all is equal, and stays so."""
        self._arrived()
        deadline = time.monotonic() + REST_SECONDS
        equal_since: float | None = None
        while equal_since is None or time.monotonic() < equal_since + 3.0:
            trees = [self._tree(one.notes) for one in self.devices] + [self._tree(self.bucket)]
            if trees[0] != trees[1] or trees[0] != trees[2]:
                equal_since = None
            elif equal_since is None:
                equal_since = time.monotonic()
            if time.monotonic() > deadline:
                told = "\n".join(said(one) for one in self.devices)
                raise AssertionError(f"they never are equal: {trees}\n{told}")
            time.sleep(0.2)

    def _tree(self, folder: Path) -> dict[str, str]:
        found = _below(folder).items()
        ours = (".basic-memory/", "my.log")  # the log is ignored
        return {path: text for path, text in found if not path.startswith(ours)}

    def lost(self) -> set[str]:
        """The versions that are nowhere."""
        kept = set(_below(self.bucket).values())
        for one in self.devices:
            kept |= set(_below(one.notes).values()) | set(_below(one.state / "trash").values())
        return self.versions - kept


class Watches:
    """The watches of the devices, which can be killed and started again."""

    def __init__(self, game: Duet, stack: ExitStack, *argv: str) -> None:
        self._argv = argv
        self.under_way: list[subprocess.Popen[str]] = []
        stack.callback(self._end)
        for one in game.devices:
            self.start(one)

    def start(self, device: Device) -> None:
        """Begin to watch on this device."""
        with (device.home / "watch.log").open("a") as log:
            self.under_way.append(begun(device, log, *self._argv))
        until("it watches", lambda: "watching notes" in said(device), device)

    def _end(self) -> None:
        for one in self.under_way:
            if one.poll() is None:
                one.terminate()
                one.wait(60)


def troubles(game: Duet, server: S3, watches: Watches, stack: ExitStack) -> Iterator[bool]:
    """One trouble after the other; users go on in between. True when all have been."""
    laptop, desktop = game.devices
    good = (laptop.home / "bisync.yaml").read_text()
    while True:
        assert server.process is not None and server.folder is not None
        server.process.kill()
        server.process.wait()
        yield False
        port = int(server.endpoint.rpartition(":")[2])
        server.process = stack.enter_context(serve_s3(server.folder, port=port)).process
        yield False
        (laptop.notes / ".bmignore").write_text("*.log\nbuild/\n")
        (laptop.notes / "my.log").write_text("never to leave\n")
        yield False
        laptop.write_manifest(good + "nonsense: [")
        yield False
        laptop.write_manifest(good)
        yield False
        watches.under_way[0].send_signal(signal.SIGHUP)
        yield False
        watches.under_way[1].send_signal(signal.SIGSTOP)
        yield False
        watches.under_way[1].send_signal(signal.SIGCONT)
        yield False
        killed = watches.under_way.pop()
        killed.kill()
        killed.wait()
        watches.start(desktop)
        yield True


def play(
    edits: int, seed: int, *, interval: int = 10, troubled: bool = False, folder: Path | None = None
) -> Duet:
    """A whole game. Raises AssertionError where something is lost, or they do not come to rest.

    `folder`: where all of it lies, and stays.
    """
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bisync-duet-")))
        server = stack.enter_context(serve_s3(home / "cloud"))
        game = Duet(home, server, seed, troubled=troubled)
        watches = Watches(game, stack, "--interval", str(interval))
        next_trouble = troubles(game, server, watches, stack) if troubled else None
        for number in range(edits):
            game.edit()
            time.sleep(game.random.choice([0, 0.05, 0.2, 0.5, 1.0]))
            if next_trouble is not None and number % 12 == 11:
                next(next_trouble)
        while next_trouble is not None and not next(next_trouble):
            time.sleep(2)
        game.rest()
        if troubled:
            assert "my.log" not in _below(game.bucket)
        lost = game.lost()
        assert not lost, f"seed {seed}: lost: {sorted(lost)}\n" + "\n".join(said(one) for one in game.devices)
        return game


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. 0: nothing was lost, and all ended equal."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.duet", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--troubles", action="store_true")
    parser.add_argument("--folder", type=Path, help="an empty one, in which all that was played with stays")
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    game = play(arguments.edits, arguments.seed, troubled=arguments.troubles, folder=arguments.folder)
    print(
        f"{arguments.edits} edits, {len(game.versions)} versions at stake, none lost, all ended equal; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
