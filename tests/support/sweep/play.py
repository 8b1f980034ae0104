"""A run in a process of its own, with a fault at one of its moments, and what became of it."""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bisync.actions import setup
from bisync.core.result import Outcome, SyncResult
from bisync.errors import BisyncError
from tests.support.busy import World, prepare, prepare_first
from tests.support.machine import forked
from tests.support.sweep.faults import Deed, strike
from tests.support.sweep.moments import Moment, Series, Watch
from tests.support.world import Device

HANGS_SECONDS = 120.0


class Ended(NamedTuple):
    """How a run ended: as its result says, or by what it raised (a traceback; "Ctrl-C")."""

    exit_code: int
    error: str | None
    left_out: tuple[str, ...] = ()
    idle: bool = False
    raised: str | None = None


class Case(NamedTuple):
    """A fault at a moment, told by its series and number."""

    series: Series
    number: int
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.series} {self.number}"


class Played(NamedTuple):
    """What a child said: the moments it passed (without a case all, else the one), a deed, its end; None: killed."""

    moments: tuple[Moment, ...]
    deed: Deed | None
    ended: Ended | None
    hangs: bool = False


@dataclass(frozen=True)
class Scene:
    """A kind of run, and the world it begins in. `heals`: the runs that follow it, the last one idle."""

    name: str
    world: World
    port: int
    run: Callable[[Device], Ended]
    heals: tuple[Callable[[Device], Ended], ...]


def sync(device: Device) -> Ended:
    return _of(device.sync())


def set_up(device: Device) -> Ended:
    app = device.app().agreed()
    result = setup.run(app, app.manifest.syncs[0])
    failed = [step for step in result.steps if step.state == "failed"]
    error = failed[0].detail if failed else None
    left_out = _of(result.baseline).left_out if result.baseline is not None else ()
    return Ended(result.exit_code, error, left_out)


def _of(result: SyncResult) -> Ended:
    left_out = tuple(f"{one.path}: {one.why}" for one in result.left_out)
    return Ended(result.exit_code, result.error, left_out, result.outcome is Outcome.IDLE)


def scene(name: str, folder: Path) -> Scene:
    """The scene "sync" or "setup", in an empty folder."""
    folder.mkdir()
    if name == "setup":
        world, port = prepare_first(folder)
        return Scene(name, world, port, set_up, (set_up, sync, sync, sync))
    world, port = prepare(folder, rules=True)
    return Scene(name, world, port, sync, (sync, sync, sync))


def play(scene: Scene, case: Case | None) -> Played:
    """The scene's run in a child. Its server is up."""
    source, child = forked(lambda sink: _in_the_child(scene, case, sink))
    said, hangs = _listen(source, child)
    os.waitpid(child, 0)
    rows: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    moments = [_moment(*row["moment"]) for row in rows if "moment" in row]
    deeds = [Deed(*row["deed"]) for row in rows if "deed" in row]
    ends = [Ended(**row["ended"]) for row in rows if "ended" in row]
    return Played(tuple(moments), deeds[0] if deeds else None, ends[0] if ends else None, hangs)


def _moment(number: int, series: Series, words: str, paths: list[str], writes: bool, rclone: bool) -> Moment:
    return Moment(number, series, words, tuple(paths), writes, rclone)


def _listen(source: int, child: int) -> tuple[str, bool]:
    """All that the child says, and whether it had to be killed for taking too long."""
    said, deadline, hangs = bytearray(), time.monotonic() + HANGS_SECONDS, False
    while True:
        ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            hangs, deadline = True, time.monotonic() + 10.0
            os.kill(child, signal.SIGKILL)
            continue
        piece = os.read(source, 1 << 16)
        if not piece:
            os.close(source)
            return said.decode(), hangs
        said += piece


def _in_the_child(scene: Scene, case: Case | None, sink: int) -> None:
    device = scene.world.device

    def say(**row: Any) -> None:
        os.write(sink, (json.dumps(row) + "\n").encode())

    def meet(moment: Moment) -> None:
        if case is None:
            say(moment=moment)
        elif (moment.series, moment.number) == case[:2]:
            say(moment=moment)
            strike(case.fault, moment, scene.world, lambda deed: say(deed=deed))

    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Temporary files may meet a full disk, too.
    (device.home / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(device.home / "tmp")
    Watch(device.home, meet).begin()
    try:
        ended = scene.run(device)
    except KeyboardInterrupt:
        ended = Ended(130, None, raised="Ctrl-C")
    except BisyncError as error:
        # A manifest that cannot be read: the edge has words for it.
        ended = Ended(error.exit_code, error.message)
    except BaseException as error:
        ended = Ended(99, repr(error), raised="".join(traceback.format_exception(error)))
    say(ended=ended._asdict())
    os._exit(0)
