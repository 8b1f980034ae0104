"""The commands as invoke tasks, read from the command line by invoke's own rules."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.tasks import task

from ._commands import COMMANDS


def collection() -> Collection:
    """Every command as a task, in one collection."""
    made = Collection()
    for one in COMMANDS.values():
        word = [one.word] if one.word is not None else []
        lists = [flag.parameter for flag in one.flags() if flag.many]
        made.add_task(task(positional=word, iterable=lists, help=dict(one.help))(one.call))
    return made
