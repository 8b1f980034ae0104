"""Every state that a world can come to, breadth first: the shortest way to a fault is found, or there is none."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import NamedTuple

from tests.support.lease.world import State, World


class Found(NamedTuple):
    """What a search saw. `depth`: how far it went; `whole`: no state was left out; `way`: to the fault."""

    states: int
    depth: int
    whole: bool
    seconds: float
    fault: str = ""
    way: tuple[str, ...] = ()


def search(world: World, start: State, *, depth: int | None = None) -> Found:
    """Look at all states that can be reached from `start`, at most so many steps away."""
    began = time.monotonic()
    first = _key(start)
    came: dict[int, tuple[int, str]] = {hash(first): (0, "")}
    frontier, far = [start], 0
    while frontier and (depth is None or far < depth):
        far += 1
        found = []
        for state in frontier:
            here = hash(_key(state))
            for words, after, wrong in world.steps(state):
                there = hash(_key(after))
                if fault := wrong or world.wrong(after):
                    way = (*_way(came, here), words)
                    return Found(len(came), far, False, time.monotonic() - began, fault, way)
                if there not in came:
                    came[there] = (here, words)
                    found.append(after)
        frontier = found
    return Found(len(came), far, not frontier, time.monotonic() - began)


def _way(came: dict[int, tuple[int, str]], state: int) -> tuple[str, ...]:
    words = []
    while came[state][1]:
        state, said = came[state]
        words.append(said)
    return tuple(reversed(words))


def _key(state: State) -> Hashable:
    """Tells states apart. (What a device says or hears hashes as its fields alone.)"""
    return (
        tuple((one, type(one.command), type(one.reply)) for one in state.devices),
        tuple((one, type(one.command)) for one in state.requests),
        state.objects,
        state.left,
    )
