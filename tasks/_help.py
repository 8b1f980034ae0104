"""Help in words: lines for a terminal of some width, made from what commands declare. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from ._command import Command, Flag
from ._guide import examples, grouped
from ._parsing import OWN_FLAGS

# A column of text that is narrower than this is none: it stands below its name.
NARROW = 24
WIDE = 100


def overview(commands: Mapping[str, Command], width: int) -> Iterator[str]:
    """The commands by what they are for, and the few flags of the program itself."""
    yield from folded("Usage: bisync TASK [WORDS] [FLAGS]", width, "  ")
    for title, names in grouped(list(commands)).items():
        yield ""
        yield f"{title}:"
        yield from columns({name: commands[name].summary for name in names}, width, left=15)
    yield ""
    yield "Flags:"
    yield from columns(OWN_FLAGS, width)
    yield ""
    more = "All flags of a task, with examples: bisync help TASK. All of it on one page: man bisync."
    yield from folded(more, width)


def listing(commands: Mapping[str, Command], width: int) -> Iterator[str]:
    """The commands in the order people meet them, one a line; in full where it is no terminal."""
    yield from columns({name: one.summary for name, one in commands.items()}, width)


def about(command: Command, width: int) -> Iterator[str]:
    """All about one command: what it takes, what it does, its flags, and how people type it."""
    yield from folded(f"Usage: {usage(command)}", width, "  ")
    yield ""
    for text in (command.summary, *command.details):
        yield from folded(text, width)
        yield ""
    yield from columns({spelled(flag, command): flag.help for flag in shown(command)}, width)
    lines = examples(command.name)
    if lines:
        yield ""
        yield "For example:"
        yield from (f"  {line}" for line in lines)


def usage(command: Command) -> str:
    """How it is typed, with the words that it takes."""
    text = f"bisync {command.name}"
    if command.word is not None:
        text += f" [{command.word.upper()}]" if command.optional else f" {command.word.upper()}"
    for taker in command.takers:
        text += f" [{taker.value}{' ...' if taker.many else ''}]"
    return f"{text} [FLAGS]" if command.flags() else text


def shown(command: Command) -> list[Flag]:
    """What it takes: its word, which is a flag, too, first."""
    return sorted(command.flags(), key=lambda flag: flag.parameter != command.word)


def spelled(flag: Flag, command: Command) -> str:
    """A flag with its letter and what stands for its value; the word of a command as it stands in its usage."""
    if flag.parameter == command.word:
        return flag.parameter.upper()
    letter = f"{flag.short}, " if flag.short is not None else "    "
    return f"{letter}{flag.long}" + (f" {flag.value}" if flag.value is not None else "")


def folded(text: str, width: int, more: str = "") -> list[str]:
    """A paragraph. `more` comes before each line but the first. No word is divided."""
    return textwrap.wrap(
        text,
        min(max(width, 20), WIDE),
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def columns(rows: Mapping[str, str], width: int, *, left: int = 0) -> Iterator[str]:
    """Two columns, the right one folded where the terminal ends; below the left one where there is no room beside it.

    `left`: so wide is the left one at least.
    """
    left = max(left, *(len(name) + 4 for name in rows))
    room = min(width, WIDE) - left
    for name, text in rows.items():
        if room >= NARROW:
            first, *rest = folded(text, room) or [""]
            yield (f"  {name}".ljust(left) + first).rstrip()
            yield from (" " * left + line for line in rest)
        else:
            yield f"  {name.strip()}"
            yield from (f"      {line}" for line in folded(text, width - 6))
