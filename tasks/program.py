"""The program `bisync`: the same tasks without invoke's own command in front."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from bisync import __version__
from bisync.errors import disk_error
from bisync.report.screen import Screen
from bisync.report.words import clean

from . import namespace
from ._edge import drop_output

# invoke's own flags that mean something here; the others are about shell commands, and we run none.
_SHOWN = {"--help", "--list", "--version", "--print-completion-script"}


def spread_paths(argv: list[str]) -> list[str]:
    """`explain A B C` as invoke takes it, one positional value a task: `explain A --also B --also C`."""
    if "explain" not in argv[1:]:
        return argv
    start = argv.index("explain") + 1
    out, seen, value_next = argv[:start], 0, False
    for word in argv[start:]:
        if value_next or word.startswith("-"):
            value_next = not value_next and word in ("--manifest", "-m", "--only", "-o", "--also", "-a")
            out.append(word)
            continue
        seen += 1
        out += [word] if seen == 1 else ["--also", word]
    return out


def help_first(argv: list[str]) -> list[str]:
    """`resolve --help` as invoke takes it, which would read `--help` as the path: `--help resolve`."""
    words = argv[1:]
    if len(words) > 1 and words[0] in namespace.task_names and {"--help", "-h"} & set(words):
        return [argv[0], "--help", words[0]]
    return argv


class Bisync(Program):
    """invoke's program with our exit codes: a command line that cannot be meant ends with 2."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        """As `Program.run`; a Ctrl-C before any task began is 130, too, and help that cannot be written 1."""
        self._without_bytecode = sys.dont_write_bytecode
        code: int | str | None = 0
        try:
            super().run(argv, exit=exit)
        except SystemExit as left:
            code = left.code
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
        if code:
            sys.exit(code)

    def execute(self) -> None:
        """Run the tasks."""
        # invoke turns byte code off, for the sake of tasks.py files: then an install that was not compiled
        # (editable, or by uv) would compile the engine anew at every start, 70 ms.
        sys.dont_write_bytecode = self._without_bytecode
        try:
            super().execute()
        except KeyboardInterrupt:
            raise Exit(code=130) from None

    def parse_core_args(self) -> None:
        """Flags of the program itself."""
        try:
            super().parse_core_args()
        except ParseError as error:
            raise _usage(str(error), []) from None

    def parse_tasks(self) -> None:
        """Tasks and their flags."""
        try:
            super().parse_tasks()
        except ParseError as error:
            task = str(error.context.name or "") if error.context else ""
            flags = list(error.context.flags) if error.context else []
            raise _usage(str(error), [*self.collection.task_names, *flags], task) from None
        _refuse_empty_lists(self.argv[1:])

    def parse_cleanup(self) -> None:
        """--help, --list and the like."""
        try:
            super().parse_cleanup()
        except ParseError as error:
            raise _usage(str(error), [str(name) for name in self.collection.task_names]) from None

    def print_help(self) -> None:
        """The tasks, and the few flags of the program itself."""
        print(f"Usage: {self.binary} TASK [--options]      (a task's options: {self.binary} TASK --help)\n")
        rows = self.initial_context.help_tuples()
        self.print_columns([row for row in rows if _SHOWN & set(re.findall(r"--[a-z-]+", row[0]))])
        self.list_tasks()


def _refused(error: OSError) -> int:
    """Say what could not be read or written; nothing to a reader who has gone. The exit code."""
    if not isinstance(error, BrokenPipeError):
        # What is read here is a file of invoke's, which the error names; what is written is stdout.
        failed = "read" if error.filename else "written"
        refused = disk_error(error, where=None, failed=failed, then="run again")
        Screen().error(refused.message, refused.hint)
    return 1


def _refuse_empty_lists(words: list[str]) -> None:
    """invoke lets a repeatable flag without a value pass: `sync --only` would sync everything."""
    for word, following in itertools.pairwise([*words, "-"]):
        if word in ("--only", "-o") and following.startswith("-"):
            raise _usage("Flag <Argument: only> needed value", [])


_UNKNOWN = re.compile(r"No idea what '(.*)' is!")
_NO_VALUE = re.compile(r"Flag <Argument: ([\w-]+).* needed value")
_NO_PLACE = re.compile(r"'(.*)' did not receive required positional arguments: (.*)")


def _usage(said: str, known: Iterable[str], task: str = "") -> Exit:
    """invoke's words for a command line that cannot be meant, in ours."""
    if match := _UNKNOWN.match(said):
        import difflib

        word = match[1]
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        what = (f"{task} has no flag" if task else "no flag") if word.startswith("-") else "no task"
        said = f"{what} {word}" + (f"; did you mean {near[0]}?" if near else "")
        task = task if word.startswith("-") else ""
    elif match := _NO_VALUE.match(said):
        said = f"--{match[1]} needs a value"
    elif match := _NO_PLACE.match(said):
        task, said = match[1], f"{match[1]} needs {match[2].replace(chr(39), '').upper()}"
    return Exit(f"Error: {clean(said)}\n  → see: bisync {task + ' ' if task else ''}--help", code=2)


def main() -> None:
    """Run one or more tasks from the command line."""
    program = Bisync(name="bisync", binary="bisync", namespace=namespace, version=__version__)
    program.run(spread_paths(help_first(sys.argv)))


if __name__ == "__main__":
    main()
