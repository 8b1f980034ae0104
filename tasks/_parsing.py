"""A command line as what it asks for. Pure: nothing is run, printed or looked at."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ._command import Command


class Call(NamedTuple):
    """Run a command with these parameters."""

    command: Command
    given: dict[str, Any]


class Help(NamedTuple):
    """Say all about a command; None: what commands there are."""

    command: Command | None


class Listing(NamedTuple):
    """The commands, one a line."""


class Version(NamedTuple):
    """The version."""


class Complete(NamedTuple):
    """What the last of these words of a command line may become, for a shell."""

    shell: str
    words: tuple[str, ...]


Asked = Call | Help | Listing | Version | Complete

# What the program itself knows, before any command, and what stands for a value.
OWN_FLAGS = {
    "-h, --help [TASK]": "this; all about a task: bisync help TASK, or bisync TASK -h",
    "-l, --list": "the tasks, one a line",
    "-V, --version": "the version",
}
OWN = {"--help": "-h", "--list": "-l", "--version": "-V"}
HELP = "help"
# What shells ask, and what programs made with invoke have for that script. Not for people.
COMPLETE = "--complete"
SCRIPT = "--print-completion-script"


class Usage(Exception):
    """A command line that cannot be meant: what is wrong with it, and the command it was for."""

    def __init__(self, said: str, command: str = "") -> None:
        super().__init__(said)
        self.command = command


def asked(words: Sequence[str], commands: Mapping[str, Command]) -> Asked:
    """What the words after the program's name ask for. Raises Usage.

    Flags of a command may stand before its name, too.
    """
    if words and words[0] == COMPLETE:
        return Complete(words[1] if len(words) > 1 else "", tuple(words[2:]))
    takes = values_of(commands)
    early: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        own = next((long for long, short in OWN.items() if word in (long, short)), None)
        if own is not None:
            return _own(own, rest, commands)
        if flag == SCRIPT:
            return asked(["completion", *([value] if equals else []), *rest], commands)
        early.append(word)
        if _takes_next(word, takes):
            if not rest:
                raise Usage(f"{word} needs a value")
            early.append(rest.pop(0))
    if not rest:
        if early:
            raise Usage(f"{early[0]} is for a task, and none is named")
        return Help(None)
    name, *rest = rest
    if name == HELP:
        return _own("--help", rest, commands)
    command = named(name, commands)
    if {"-h", "--help"} & set(rest[: rest.index("--")] if "--" in rest else rest):
        return Help(command)
    return Call(command, parameters(command, [*early, *rest]))


def _own(flag: str, rest: Sequence[str], commands: Mapping[str, Command]) -> Asked:
    if flag == "--help":
        about = next((word for word in rest if not word.startswith("-") and word != HELP), None)
        return Help(None if about is None else named(about, commands))
    return Version() if flag == "--version" else Listing()


def named(word: str, commands: Mapping[str, Command]) -> Command:
    """The command of that name. Raises Usage."""
    if not word:
        raise Usage("an empty word is no task")
    if word not in commands:
        raise Usage(f"no task {word}" + _near(word, [*commands, HELP]))
    return commands[word]


def values_of(commands: Mapping[str, Command]) -> dict[str, bool]:
    """Every flag of any command as it is spelled, and whether a value follows it.

    Without those that are a switch in one command and take a value in another: they stand after its name.
    """
    takes: dict[str, set[bool]] = {}
    for command in commands.values():
        for flag in command.flags():
            for spelled in filter(None, (flag.long, flag.short)):
                takes.setdefault(spelled, set()).add(flag.value is not None)
    return {spelled: kinds.pop() for spelled, kinds in takes.items() if len(kinds) == 1}


def _takes_next(word: str, takes: Mapping[str, bool]) -> bool:
    """Whether a flag's value is the next word. Raises Usage for a flag that no command has."""
    if word.startswith("--"):
        flag, equals, _ = word.partition("=")
        if flag not in takes:
            raise Usage(f"no flag {flag}" + _near(flag, [*OWN, *takes]))
        return takes[flag] and not equals
    for number, letter in enumerate(word[1:], 2):
        if f"-{letter}" not in takes:
            raise Usage(f"no flag -{letter}")
        if takes[f"-{letter}"]:
            return number == len(word)
    if word == "-":
        raise Usage("no flag -")
    return False


class _Parser(argparse.ArgumentParser):
    """The flags and words of one command, by argparse's rules, without its abbreviations."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"bisync {command.name}", add_help=False, allow_abbrev=False, exit_on_error=False
        )
        self.command = command
        self.add_argument("words", nargs="*")
        for flag in command.flags():
            how: dict[str, Any] = {"action": "store_true"} if flag.value is None else {"metavar": flag.value}
            if flag.many:
                how["action"] = "append"
            spelled = [flag.short, flag.long] if flag.short is not None else [flag.long]
            self.add_argument(*spelled, dest=flag.parameter, default=argparse.SUPPRESS, **how)

    def error(self, message: str) -> NoReturn:
        """What argparse found wrong."""
        raise Usage(message, self.command.name)


def parameters(command: Command, words: Sequence[str]) -> dict[str, Any]:
    """The parameters of a command by the words that are for it: its flags, and bare words for `word` and `words`.

    Raises Usage.
    """
    end = words.index("--") if "--" in words else len(words)
    try:
        found, unknown = _Parser(command).parse_known_intermixed_args(words[:end])
    except argparse.ArgumentError as error:
        flag = (error.argument_name or "").rpartition("/")[2]
        needs = "needs a value" if "expected" in error.message else "takes no value"
        raise Usage(f"{flag} {needs}", command.name) from None
    if unknown:
        word = unknown[0].partition("=")[0]
        known = [flag.long for flag in command.flags()]
        raise Usage(f"{command.name} has no flag {word}" + _near(word, known), command.name)
    given = vars(found)
    bare: list[str] = [*given.pop("words"), *words[end + 1 :]]
    if command.word is not None and command.word not in given:
        if bare:
            given[command.word] = bare.pop(0)
        elif not command.optional:
            raise Usage(f"{command.name} needs {command.word.upper()}", command.name)
    for taker in command.takers:
        if bare and taker.many:
            given[taker.parameter] = [*given.get(taker.parameter, []), *bare]
            bare = []
        elif bare and taker.parameter not in given:
            given[taker.parameter] = bare.pop(0)
    if bare:
        raise Usage(f"{command.name} does not know what to do with {bare[0]!r}", command.name)
    return given


def _near(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as the end of a sentence; nothing where none is close."""
    from bisync.core.closest import closest  # only who has made a mistake needs it

    bare = {each.lstrip("-"): each for each in known}
    near = closest(word.lstrip("-"), bare)
    return f"; did you mean {bare[near]}?" if near is not None else ""
