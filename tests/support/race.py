"""Devices that edit the same note and sync at once, through a network that delays, doubles and cuts.

    python -m tests.support.race --trials 200 --seed 1
    python -m tests.support.race --store rclone --devices 3
    python -m tests.support.race --endpoint http://127.0.0.1:17010 --key-id acct0:u --secret SECRET

After each trial every version must be in all trees, in the note or its conflict copies, and no two runs may have
written to the bucket at once: the proxies before the server have seen when each request came.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bisync.core.result import Outcome
from tests.support.proxy import Delay, Double, Drop, Proxy, Request, Status, proxied
from tests.support.ready import Begun
from tests.support.world import BUCKET, S3, Device, serve_moto, serve_s3

NAMES = ("laptop", "desktop", "phone")
WRITES = ("PUT", "COPY", "DELETE", "POST")
FAULTS = (None, Delay(0.3), Double(), Drop(), Drop(after=True), Status(500), Status(503, "SlowDown"))
STARTS = (0, 0, 0, 0.1, 0.3, 0.6)
ROUNDS = 6


def is_lease(request: Request) -> bool:
    """Whether a request is about a lease, and not about files."""
    return "/.basic-memory/lease." in request.path


def wrote(proxy: Proxy) -> list[Request]:
    """Requests that changed files of the sync."""
    return [one for one in proxy.seen if one.kind in WRITES and not is_lease(one)]


@contextmanager
def store(kind: str, folder: Path) -> Iterator[S3]:
    """A server that honours conditional creation (moto), or one that does not (rclone serve s3)."""
    with ExitStack() as stack:
        yield stack.enter_context(serve_moto() if kind == "moto" else serve_s3(folder / "cloud"))


class Devices:
    """Devices, each behind a proxy of its own, set up with one note that all know, and one for each of `races`."""

    def __init__(self, folder: Path, proxies: Sequence[Proxy], *, races: int = 0, **options: Any) -> None:
        self.proxies = proxies
        self.all = [
            Device(folder / name, proxy.s3, extra=f"device: {name}\n", **options)
            for name, proxy in zip(NAMES, proxies, strict=False)
        ]
        self.a, self.b = self.all[:2]
        self.a.setup()
        self.a.write("note.md", "first\n")
        for number in range(1, races + 1):
            self.a.write(f"race{number}.md", "first\n")
        assert self.a.sync().outcome is Outcome.DONE
        for one in self.all[1:]:
            one.setup()
        for proxy in proxies:
            proxy.reset()

    def settle(self) -> dict[str, str]:
        """Sync until all are equal; the tree they agree on."""
        for _ in range(ROUNDS):
            for one in self.all:
                result = one.sync()
                assert result.error is None, result
            if all(one.tree() == self.a.tree() for one in self.all):
                break
        for one in self.all:
            assert one.tree() == self.a.tree()
        return self.a.tree()


def ended(process: Begun, *, timeout: float = 120) -> tuple[int, str]:
    """Its exit code and all that it said."""
    out, err = process.communicate(timeout=timeout)
    return process.wait(), out + err


def race(devices: Devices, number: int, chance: random.Random) -> list[int]:
    """All edit the same note, that of the race `number`, and start, together or not quite. Their exit codes.

    Raises AssertionError where a version is lost, or two runs wrote at once.
    """
    texts = {}
    for one in devices.all:
        texts[one.home.name] = f"{number} {one.home.name} {'x' * chance.randrange(60)}\n"
        one.write(f"race{number}.md", texts[one.home.name])
    for proxy in devices.proxies:
        proxy.reset()
        what = chance.choice(FAULTS)
        if what is not None:
            proxy.on(chance.choice(["PUT", "LIST", "*"]), what, path=chance.choice(["", "/lease."]), times=1)
    processes = []
    for one in devices.all:
        processes.append(one.popen("sync"))
        time.sleep(chance.choice(STARTS))
    said = [ended(one) for one in processes]
    spans = sorted((found[0].at, found[-1].at) for found in map(wrote, devices.proxies) if found)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end < start, f"trial {number}: two runs wrote at once: {said}"
    for proxy in devices.proxies:
        proxy.clear()
    tree = devices.settle()
    assert set(texts.values()) <= set(tree.values()), f"trial {number}: lost: {texts} {tree} {said}"
    return [code for code, _ in said]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. 0: nothing was lost, and no two wrote at once."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.race", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--devices", type=int, default=2, choices=(2, 3))
    parser.add_argument("--store", choices=("moto", "rclone"), default="moto")
    parser.add_argument("--endpoint", help="an S3 server on this machine that is running, instead of --store")
    parser.add_argument("--key-id", default="")
    parser.add_argument("--secret", default="")
    arguments = parser.parse_args(argv)
    began, chance, codes = time.monotonic(), random.Random(arguments.seed), Counter[int]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bisync-race-")))
        if arguments.endpoint:
            server = S3(arguments.endpoint, None, "Other", None, arguments.key_id, arguments.secret)
            server.rclone("mkdir", f"s3:{BUCKET}")
            server.rclone("delete", f"s3:{BUCKET}")
        else:
            server = stack.enter_context(store(arguments.store, folder))
        proxies = [stack.enter_context(proxied(server)) for _ in range(arguments.devices)]
        devices = Devices(folder, proxies, races=arguments.trials)
        for number in range(1, arguments.trials + 1):
            codes.update(race(devices, number, chance))
            if number % 10 == 0:
                print(f"{number} of {arguments.trials} trials, {time.monotonic() - began:.0f} s", flush=True)
    ends = ", ".join(f"{times} with {code}" for code, times in sorted(codes.items()))
    print(f"{arguments.trials} trials, no version lost, no two runs wrote at once; runs ended: {ends}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
