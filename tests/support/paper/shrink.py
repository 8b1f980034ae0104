"""The shortest history that still breaks a law, and how it is written in a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from enum import Enum
from itertools import permutations

from tests.support.paper.chance import History, Played
from tests.support.paper.laws import Law
from tests.support.paper.steps import Delete, Rename, Settle, Step, Sync, Write
from tests.support.paper.world import Core

NEW = 1000
"""A content that no drawn history has."""


def shrink(history: History, law: Law, core: Core) -> Played:
    """A history as short as can be that breaks the same law: fewer steps, then simpler ones."""
    best = history.play(core)
    size = len(history.steps)
    while size:
        for smaller in _smaller(best.history, size):
            played = smaller.play(core)
            if played.broken is not None and played.broken.law is law:
                best = played
                size = min(size, len(smaller.steps))
                break
        else:
            size //= 2
    return best


def _smaller(history: History, size: int) -> Iterator[History]:
    """The history without `size` steps in a row; at last with one step less and a rest, or something simpler."""
    steps = history.steps
    for start in range(0, len(steps), size):
        yield replace(history, steps=steps[:start] + steps[start + size :])
    if size > 1:
        return
    for one, other in permutations(range(len(steps)), 2):
        calmed = [*steps]
        calmed[other] = Settle()
        del calmed[one]
        yield replace(history, steps=tuple(calmed))
    for number, step in enumerate(steps):
        for simpler in _simpler(step):
            yield replace(history, steps=(*steps[:number], simpler, *steps[number + 1 :]))
    if len(history.compares) > 1:
        yield replace(history, compares=history.compares[:-1])
    if history.precision > 1:
        yield replace(history, precision=1)


def _simpler(step: Step) -> Iterator[Step]:
    """The step with one field as it is by default, or half a rename, or less that happens meanwhile."""
    for each in fields(step):
        if each.default is not MISSING and getattr(step, each.name) != each.default:
            yield replace(step, **{each.name: each.default})
    if isinstance(step, Rename):
        yield Delete(step.device, step.old)
        yield Write(step.device, step.new, NEW)
    if isinstance(step, Sync):
        for number in range(len(step.meanwhile)):
            yield replace(step, meanwhile=step.meanwhile[:number] + step.meanwhile[number + 1 :])


def in_words(history: History) -> str:
    """The history as a test has it."""
    steps = "".join(f"        {_word(step)},\n" for step in history.steps)
    return f"History(\n    {_word(history.compares)},\n    {history.precision},\n    (\n{steps}    ),\n)"


def _word(value: object) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        inside = ", ".join(map(_word, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if not isinstance(value, Step):
        return ascii(value)
    words = []
    for each in fields(value):
        word = _word(getattr(value, each.name))
        if each.default is MISSING:
            words.append(word)
        elif getattr(value, each.name) != each.default:
            words.append(f"{each.name}={word}")
    return f"{type(value).__name__}({', '.join(words)})"
