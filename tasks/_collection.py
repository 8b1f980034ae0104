"""The commands as invoke tasks, read from the command line by invoke's own rules.

But for two of them, which end in a traceback or do more than they were told, and for the letters of flags, which invoke
deals out by who comes first (`-d` was another flag in every task): see `_Task`.
"""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task, task

from ._command import SHORT
from ._commands import COMMANDS


class _Repeated(Argument):
    """A flag to be given again and again: None where it was not given, an empty list where it had no value.

    invoke takes the one for the other. That a flag takes a value it asks once it has come to the flag, not before.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._value = None

    @property
    def takes_value(self) -> bool:
        if self._value is None:
            self._value = []
        return True


class _Task(Task[Any]):
    """A task whose numbers and repeated flags are judged at our edge, where every other way in has them judged."""

    def arg_opts(self, name: str, default: str, taken_names: set[str]) -> dict[str, Any]:
        """How invoke makes an argument of a parameter, with the letter that it has in the program, too, or none."""
        how = super().arg_opts(name, default, taken_names)
        letter = SHORT.get(f"--{how['names'][0]}")
        return how if letter is None else {**how, "names": [*how["names"], letter[1:]]}

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments as invoke makes them of a function's parameters, with values that tell what was typed."""
        made = []
        for each in super().get_arguments(ignore_unknown_help):
            if each.kind is int:
                each.kind = str  # int() of any word would end in a traceback
            many = each.kind is list
            how = {"names": each.names, "kind": list, "help": each.help, "attr_name": each.attr_name}
            made.append(_Repeated(**how) if many else each)
        return made


def collection() -> Collection:
    """Every command as a task, in one collection."""
    made = Collection()
    for one in COMMANDS.values():
        word = [one.word] if one.word is not None else []
        lists = [flag.parameter for flag in one.flags() if flag.many]
        as_task = task(
            positional=word, iterable=lists, help=dict(one.help), auto_shortflags=False, klass=_Task
        )
        made.add_task(as_task(one.call))
    return made
