"""The program `bisync`: reads the command line, runs one command, and ends with its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from bisync import __version__
from bisync.errors import disk_error
from bisync.report.screen import Screen

from ._command import Command
from ._commands import COMMANDS
from ._edge import drop_output

_FRONT = {
    "-h, --help [COMMAND]": "this, or all about a command",
    "-l, --list": "the commands, one a line",
    "-V, --version": "the version",
    "-m, --manifest FILE": "the same before the command as after it",
    "--print-completion-script SHELL": "completion for bash, zsh or fish",
}
FRONT_FLAGS = ("--help", "--list", "--version", "--manifest", "--print-completion-script")


class _Usage(Exception):
    """A command line that cannot be meant: what is wrong with it, and the command it was for."""

    def __init__(self, said: str, command: str = "") -> None:
        super().__init__(said)
        self.command = command


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
        raise _Usage(message, self.command.name)


def _parsed(command: Command, words: Sequence[str]) -> dict[str, Any]:
    """The parameters of a command from the words after its name. Raises _Usage."""
    end = words.index("--") if "--" in words else len(words)
    try:
        found, unknown = _Parser(command).parse_known_intermixed_args(words[:end])
    except argparse.ArgumentError as error:
        flag = (error.argument_name or "").rpartition("/")[2]
        needs = "needs a value" if "expected" in error.message else "takes no value"
        raise _Usage(f"{flag} {needs}", command.name) from None
    if unknown:
        word = unknown[0].partition("=")[0]
        known = [flag.long for flag in command.flags()]
        raise _Usage(f"{command.name} has no flag {word}" + _near(word, known), command.name)
    given = vars(found)
    bare: list[str] = [*given.pop("words"), *words[end + 1 :]]
    if command.word is not None and command.word not in given:
        if bare:
            given[command.word] = bare.pop(0)
        elif not command.optional:
            raise _Usage(f"{command.name} needs {command.word.upper()}", command.name)
    for taker in command.takers:
        if bare and taker.many:
            given[taker.parameter] = [*given.get(taker.parameter, []), *bare]
            bare = []
        elif bare and taker.parameter not in given:
            given[taker.parameter] = bare.pop(0)
    if bare:
        raise _Usage(f"{command.name} does not know what to do with {bare[0]!r}", command.name)
    return given


def _near(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as the end of a sentence; nothing where none is close."""
    import difflib

    bare = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(word.lstrip("-"), bare, n=1, cutoff=0.6)
    return f"; did you mean {bare[near[0]]}?" if near else ""


def _named(word: str) -> Command:
    if word not in COMMANDS:
        raise _Usage(f"no task {word}" + _near(word, COMMANDS))
    return COMMANDS[word]


def _front(words: list[str]) -> None:
    """Do what the command line says. Raises _Usage, or SystemExit with the command's exit code."""
    manifest: list[str] = []
    while words and words[0].startswith("-"):
        flag, equals, value = words.pop(0).partition("=")
        if flag in ("-h", "--help"):
            _help(words)
        elif flag in ("-l", "--list"):
            _columns({name: one.summary for name, one in COMMANDS.items()})
        elif flag in ("-V", "--version"):
            print(f"bisync {__version__}")
        elif flag in ("-m", "--manifest", "--print-completion-script"):
            if not equals and not words:
                raise _Usage(f"{flag} needs a value")
            value = value if equals else words.pop(0)
            if flag != "--print-completion-script":
                manifest = ["--manifest", value]
                continue
            _print_script(value)
        elif flag == "--complete":
            from ._completion import candidates

            print("\n".join(candidates(COMMANDS, FRONT_FLAGS, words)))
        else:
            raise _Usage(f"no flag {flag}" + _near(flag, FRONT_FLAGS))
        return
    if not words:
        _help([])
        return
    command = _named(words.pop(0))
    if {"-h", "--help"} & set(words[: words.index("--")] if "--" in words else words):
        _help([command.name])
        return
    if manifest and not any(flag.long == "--manifest" for flag in command.flags()):
        raise _Usage(f"{command.name} has no flag --manifest", command.name)
    command.call(None, **_parsed(command, [*manifest, *words]))


def _help(words: Sequence[str]) -> None:
    """All about the command named, or the commands and the few flags of the program itself."""
    if not words:
        print("Usage: bisync COMMAND [--options]      (a command's options: bisync COMMAND --help)\n")
        _columns(_FRONT)
        print("\nCommands:\n")
        _columns({name: one.summary for name, one in COMMANDS.items()})
        return
    command = _named(words[0])
    usage, rows = f"bisync {command.name}", {}
    if command.word is not None:
        usage += f" [{command.word.upper()}]" if command.optional else f" {command.word.upper()}"
        rows[command.word.upper()] = command.help[command.word]
    for taker in command.takers:
        usage += f" [{taker.value}{' ...' if taker.many else ''}]"
    print(f"Usage: {usage} [--options]\n\n{command.summary}\n")
    for flag in command.flags():
        if flag.parameter == command.word:
            continue
        spelled = f"{flag.short}, {flag.long}" if flag.short is not None else f"    {flag.long}"
        rows[spelled + (f" {flag.value}" if flag.value is not None else "")] = flag.help
    _columns(rows)


def _columns(rows: dict[str, str]) -> None:
    """Two columns, the right one folded where the terminal ends."""
    import shutil
    import textwrap

    left = max(map(len, rows)) + 5
    width = max(shutil.get_terminal_size().columns - left, 30)
    for name, text in rows.items():
        first, *more = textwrap.wrap(text, width) or [""]
        print(f"  {name}".ljust(left) + first)
        for line in more:
            print(" " * left + line)


def _print_script(shell: str) -> None:
    from ._completion import SCRIPTS

    if shell not in SCRIPTS:
        raise _Usage(f"no completion for {shell}; there is bash, zsh and fish")
    print(SCRIPTS[shell], end="")


def _refused(error: OSError) -> int:
    """Say what could not be written; nothing to a reader who has gone. The exit code."""
    if not isinstance(error, BrokenPipeError):
        refused = disk_error(error, where=None, failed="written", then="run again")
        Screen().error(refused.message, refused.hint)
    return 1


def run(words: Sequence[str]) -> int:
    """What the words of a command line ask for; the exit code: docs/commands.md."""
    code = 0
    try:
        _front(list(words))
    except _Usage as wrong:
        place = f"bisync {wrong.command} --help" if wrong.command else "bisync --help"
        Screen().error(str(wrong), f"see: {place}")
        code = 2
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        code = _refused(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = code or _refused(error)
        drop_output()
    return code


def _let_threads_end() -> None:
    """Wait for threads that are no daemons, as Python itself does at its end: a login may just be refreshed."""
    import threading

    for each in threading.enumerate():
        if each is not threading.main_thread() and not each.daemon:
            each.join()


def main() -> NoReturn:
    """The program itself."""
    code = run(sys.argv[1:])
    try:
        _let_threads_end()
    except KeyboardInterrupt:
        code = 130
    if sys.stderr is not None:
        sys.stderr.flush()
    # Everything is closed and written by now: to take apart what is in memory, file by file, helps nobody (60 ms
    # at 10,000 files).
    os._exit(code)


if __name__ == "__main__":
    main()
