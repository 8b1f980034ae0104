"""kill -9 at every step of a run that does everything a run can do: the next one heals by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bisync.actions import plan
from bisync.core.change import Change
from bisync.core.result import Outcome
from bisync.rclone import listings
from bisync.state import baseline, runs
from bisync.sync import recover, swap, trash
from bisync.sync.apply import Execution
from tests.support.bare import accepts
from tests.support.busy import GONE, World, decided, prepare
from tests.support.machine import forked
from tests.support.world import Device, serve_s3

# What ends a step of a run, and a sign of it.
STEPS: tuple[tuple[Any, str], ...] = (
    (runs, "open_journal"), (recover, "sweep"), (Execution, "_take_one"), (swap, "take_away"), (os, "link"),
    (swap, "place"), (swap, "empty_hold"), (baseline, "save"), (listings, "write_if_changed"), (runs, "close_journal"),
    (trash, "expire"), (runs, "append_history"),
)  # fmt: skip
KINDS = {
    "Fetch", "DeleteHere", "StepAside", "PutIn", "Settle", "Send", "DeleteThere", "RenameThere", "MoveHere",
    "MoveOneThere", "MoveThere", "RunBisync",
}  # fmt: skip
# What a step that works here ends with.
ENDS_HERE = ("take_away", "place")


def in_a_child(device: Device, die_at: int | None) -> list[str]:
    """The steps of a run in a process of its own, which kills itself at the end of step `die_at`."""
    source, child = forked(lambda sink: _run_and_die(device, sink, die_at))
    with os.fdopen(source) as stream:
        steps = stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    if die_at is None:
        assert status == 0, f"the run failed after {steps}"
    else:
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"it lived on after {steps}"
    return steps


def _run_and_die(device: Device, sink: int, die_at: int | None) -> None:
    passed, last = 0, ""

    def ended(step: str) -> None:
        nonlocal passed, last
        if last in ENDS_HERE and step.startswith("_take_one"):
            step = f"{last} in {step}"  # nothing has moved since
        elif passed == die_at:
            os.write(sink, f"{step}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            passed += 1
        os.write(sink, f"{step}\n".encode())
        last = step

    for owner, name in STEPS:
        _watch(owner, name, ended)
    result = device.sync()
    os._exit(0 if result.error is None else 2)


def _watch(owner: Any, name: str, ended: Callable[[str], None]) -> None:
    """Have a function say when it has ended."""
    real = getattr(owner, name)

    def watched(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        ended(f"{name} {type(given[1]).__name__}" if name == "_take_one" else name)
        return result

    setattr(owner, name, watched)


def heal(world: World, port: int, die_at: int, wanted: dict[str, str]) -> str:
    """Kill a run at a step and check the next ones; the step."""
    device = world.device
    world.restore()
    with serve_s3(world.cloud, port=port):
        at_stake = {*device.tree().values(), *world.there().values()}
        step = f"{die_at}: {in_a_child(device, die_at)[-1]}"
        planned, heard = foretold(device), []
        result = device.sync(app=device.app(on_plan=lambda sync, changes: heard.append(changes)))
        assert result.error is None, f"killed at step {step}: {result}"
        if planned is not None:
            assert heard == [planned], f"killed at step {step}: the plan said otherwise"
        again = device.sync()
        assert again.outcome is Outcome.IDLE, f"killed at step {step}: {again}"
        here, there = device.tree(), world.there()
        assert {path: text for path, text in here.items() if path not in world.ignored} == there, (
            f"killed at step {step}"
        )
        assert not GONE & here.keys(), f"killed at step {step}: came back: {GONE & here.keys()}"
        assert decided(here) == decided(wanted), f"killed at step {step}"
        assert set(wanted.values()) == set(here.values()), f"killed at step {step}"
        left = [name for name in ("hold", "staging") if (device.notes / ".basic-memory" / name).exists()]
        assert not left, f"killed at step {step}: left behind: {left}"
        lost = at_stake - world.versions()
        assert not lost, f"killed at step {step}: lost: {lost}"
        assert accepts(device), f"killed at step {step}: bisync does not accept the listings"
    return step


def foretold(device: Device) -> tuple[Change, ...] | None:
    """What `plan` says of the next run, and that it writes nothing; None where rules come first and it may differ."""
    before = every_file(device.home)
    app = device.app()
    result = plan.run(app, app.manifest.syncs[0])
    assert result.prepared is not None, result.error
    assert every_file(device.home) == before
    return (
        None
        if any("ignore rules" in note for note in result.prepared.notes)
        else result.prepared.plan.changes
    )


def every_file(top: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with inode and ctime. A cache is no state."""
    return {
        str(path): (path.lstat().st_ino, path.lstat().st_ctime_ns)
        for path in top.rglob("*")
        if path.is_file() and "cache" not in path.parts
    }


def undisturbed(world: World, port: int) -> tuple[list[str], dict[str, str]]:
    """The steps of the run when it is left alone, and the tree it makes."""
    world.restore()
    with serve_s3(world.cloud, port=port):
        steps = in_a_child(world.device, None)
        tree = world.device.tree()
        assert world.device.sync().outcome is Outcome.IDLE
    kinds = {step.rpartition("_take_one ")[2] for step in steps if "_take_one" in step}
    assert kinds == KINDS
    return [step for step in steps if " in " not in step], tree


@pytest.mark.parametrize("part", [0, 1])
def test_kill_9_at_every_step_needs_no_human(tmp_path: Path, part: int) -> None:
    world, port = prepare(tmp_path, rules=False)
    steps, wanted = undisturbed(world, port)
    for number in range(part, len(steps), 2):
        heal(world, port, number, wanted)


def test_kill_9_while_ignore_rules_come_first(tmp_path: Path) -> None:
    world, port = prepare(tmp_path, rules=True)
    steps, wanted = undisturbed(world, port)
    # One journal for the rules that come first, one for the rest.
    _, first = (number for number, step in enumerate(steps) if step == "open_journal")
    assert first > 3
    for number in range(first + 1):
        heal(world, port, number, wanted)
        assert "secret.draft" not in world.there()
