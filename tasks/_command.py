"""What a person can type, declared once: the program `bisync` and the tasks of invoke are both made from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

from ._edge import at_work

# One letter means the same flag in every command.
SHORT = {
    "--manifest": "-m",
    "--only": "-o",
    "--profile": "-p",
    "--dry-run": "-n",
    "--force": "-f",
    "--verbose": "-v",
    "--jobs": "-j",
    "--yes": "-y",
    "--quiet": "-q",
}
# What stands for a flag's value where people read of it; else its name.
VALUES = {
    "--profile": "NAME",
    "--name": "NAME",
    "--aws-profile": "NAME",
    "--storage": "FOLDER",
    "--run": "RUN",
    "--path": "PATH",
    "--tool": "PROGRAM",
    "--manifest": "FILE",
    "--only": "SYNC",
    "--max-delete": "COUNT",
    "--plan": "FILE",
    "--document": "NAME",
    "--jobs": "COUNT",
    "--out": "FILE",
    "--script": "FILE",
    "--html": "FILE",
    "--metrics": "FILE",
    "--keep": "VERSION",
    "--to": "FOLDER",
    "--dir": "FOLDER",
    "--limit": "COUNT",
    "--also": "PATH",
    "--tenant": "NAME",
    "--project": "NAME",
    "--interval": "TIME",
    "--at": "WHEN",
    "--from": "FOLDER",
    "--webdav": "SERVER",
}


class Flag(NamedTuple):
    """One flag of a command: the parameter it sets, how it is spelled, what it says of itself.

    `value`: what stands for its value in help; None for a switch. `many`: it may be given again and again.
    """

    parameter: str
    long: str
    short: str | None
    value: str | None
    many: bool
    help: str


class Command:
    """A function that a person can call by name.

    `word`: the parameter that a bare word sets, and that must be given unless it is `optional`. `words`: the parameters
    that further bare words go to, one after the other: `sync notes work` says `sync --only notes --only work`. All are
    flags, too.
    `choices`: all that `word` may be, where that is known.
    """

    def __init__(
        self,
        call: Callable[..., None],
        word: str | None,
        words: tuple[str, ...],
        help: Mapping[str, str],
        choices: tuple[str, ...] = (),
        optional: bool = False,
    ) -> None:
        self.name = call.__name__
        typed = self.name if word is None or optional else f"{self.name} {word.upper()}"
        # A function of the same name and signature, which knows what it was called as.
        self.call = wraps(call)(lambda *given, **named: self._at_work(typed, call, *given, **named))
        self.word = word
        self.words = words
        self.help = help
        self.choices = choices
        self.optional = optional

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.call.__doc__ or "").strip().partition("\n")[0]

    @property
    def details(self) -> tuple[str, ...]:
        """What else there is to say, a paragraph each."""
        _, *more = (self.call.__doc__ or "").strip().split("\n\n")
        return tuple(" ".join(text.split()) for text in more)

    def flags(self) -> tuple[Flag, ...]:
        """Its flags, in the order of the function's parameters; `--path X` says the same as a bare X."""
        found = []
        for name, parameter in inspect.signature(self.call).parameters.items():
            if name == "c":
                continue
            long = "--" + name.strip("_").replace("_", "-")  # `from` is a word of Python's
            many = str(parameter.annotation).startswith("list[")
            value = None if isinstance(parameter.default, bool) else VALUES.get(long, name.strip("_").upper())
            found.append(Flag(name, long, SHORT.get(long), value, many, self.help[long[2:]]))
        return tuple(found)

    def _at_work(self, typed: str, call: Callable[..., None], *given: Any, **named: Any) -> None:
        unsaid = next((flag for flag in self.flags() if named.get(flag.parameter) == ""), None)
        with at_work(typed, unsaid and (unsaid.long, unsaid.value or "")):
            call(*given, **named)

    @property
    def takers(self) -> tuple[Flag, ...]:
        """The flags that further bare words go to, one after the other."""
        flags = {flag.parameter: flag for flag in self.flags()}
        return tuple(flags[name] for name in self.words)


def command(
    *,
    help: Mapping[str, str],
    word: str | None = None,
    words: str | tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
    optional: bool = False,
) -> Callable[[Callable[..., None]], Command]:
    """Declare a command: its name, flags and summary are the function's own name, parameters and docstring.

    Its first parameter, `c`, is what invoke hands over; nothing here makes use of it.
    """
    several = (words,) if isinstance(words, str) else words
    return lambda call: Command(call, word, several, help, choices, optional)
