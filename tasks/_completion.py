"""Shell completion: what the last word of a command line may become. `sought` is pure, `answer` looks it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from bisync.core.completing import Kind
from bisync.core.shell_words import in_place_of, joined, typed_so_far

from ._command import Command, Flag
from ._parsing import HELP, OWN, OWN_FLAGS

# What a parameter is the name of, in any command or in one of them; what is not here takes what nobody can know.
KINDS: dict[str, tuple[Kind, ...]] = {
    "only": (Kind.SYNC,),
    "profile": (Kind.PROFILE,),
    "tenant": (Kind.TENANT,),
    "project": (Kind.PROJECT,),
    "run": (Kind.RUN,),
    "log run": (Kind.RUN, Kind.FILE),
    "path": (Kind.FILE,),
    "also": (Kind.FILE,),
    "resolve path": (Kind.CONFLICT,),
    "conflicts path": (Kind.CONFLICT,),
    "init path": (),  # in the store
    "manifest": (Kind.FILE,),
    "plan": (Kind.FILE,),
    "out": (Kind.FILE,),
    "script": (Kind.FILE,),
    "html": (Kind.FILE,),
    "metrics": (Kind.FILE,),
    "to": (Kind.FOLDER,),
    "dir": (Kind.FOLDER,),
    "storage": (Kind.FOLDER,),
    "from_": (Kind.FOLDER,),
}
# What a parameter may be, where there are few.
WORDS: dict[str, dict[str, str]] = {
    "schema document": {
        "manifest": "bisync.yaml",
        "check": "check --json",
        "conflicts": "conflicts --json",
        "diff": "diff --json",
        "doctor": "doctor --json",
        "error": "instead of any other",
        "explain": "explain --json",
        "history": "history --json",
        "log": "log [RUN] --json",
        "log-path": "log PATH --json",
        "migrate": "migrate --json",
        "plan": "plan --json",
        "prune": "prune --json",
        "restore": "restore --json",
        "schedule": "schedule --json",
        "setup": "setup --json",
        "show": "show --json",
        "status": "status --json",
        "sync": "sync --json",
        "undo": "undo --json",
        "unlock": "unlock --json",
        "validate": "validate --json",
        "watch": "sync --watch --json",
    },
    "resolve keep": {
        "local": "this device's version",
        "cloud": "another device's version",
        "newer": "the one that was saved last",
        "both": "both, under names of their own",
        "merged": "what lies under the file's own name",
    },
    "init provider": {
        "basic-memory": "the Basic Memory cloud",
        "s3": "any S3-compatible bucket",
        "rclone": "a remote of rclone.conf",
        "embedded": "a server on this machine",
    },
    "schedule at": {"boot": "before anybody has logged in"},
}
# Several values in one word, with commas between.
LISTED = ("only",)


class Sought(NamedTuple):
    """What a word may become: these words, with what each means, and names of these kinds.

    `head`: what each of them follows in the word itself, such as `--only=` or `notes,`. `taken`: names that are there
    already. `manifest`, `only`: which names are meant.
    """

    words: Mapping[str, str] = {}
    kinds: tuple[Kind, ...] = ()
    head: str = ""
    taken: tuple[str, ...] = ()
    manifest: str | None = None
    only: tuple[str, ...] = ()


class _Line:
    """The words before the one that is completed, as far as they are understood."""

    def __init__(self, before: Sequence[str], commands: Mapping[str, Command]) -> None:
        self.commands = commands
        self.command: Command | None = None
        self.lost = self.helped = self.only_words = False
        self.bare: list[str] = []
        self.given: dict[str, list[str]] = {}
        self.pending: Flag | None = None
        for word in before:
            self._read(word)

    @property
    def flags(self) -> dict[str, Flag]:
        """The flags that may stand here, as they are spelled."""
        among = [self.command] if self.command is not None else list(self.commands.values())
        return {
            spelled: flag
            for one in among
            for flag in one.flags()
            for spelled in (flag.long, flag.short)
            if spelled
        }

    def _read(self, word: str) -> None:
        if self.pending is not None:
            self.given.setdefault(self.pending.parameter, []).append(word)
            self.pending = None
        elif word == "--" and self.command is not None:
            self.only_words = True
        elif word.startswith("-") and not self.only_words:
            self._read_flag(word)
        elif self.command is not None:
            self.bare.append(word)
        elif word == HELP:
            self.helped = True
        elif word in self.commands:
            self.command = self.commands[word]
        else:
            self.lost = True

    def _read_flag(self, word: str) -> None:
        known = self.flags
        if word in ("-h", "--help"):
            self.helped = True
            return
        name, equals, value = word.partition("=")
        spelled = [name] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
        for number, each in enumerate(spelled, 2):
            flag = known.get(each)
            if flag is None:
                return
            attached = value if equals else word[number:]
            if flag.value is None:
                self.given.setdefault(flag.parameter, [])
            elif equals or (not word.startswith("--") and attached):
                self.given.setdefault(flag.parameter, []).append(attached)
                return
            else:
                self.pending = flag

    def next_word(self) -> str | None:
        """The parameter that the next bare word is for; None where there is none."""
        assert self.command is not None
        count = len(self.bare)
        if self.command.word is not None and self.command.word not in self.given:
            if count == 0:
                return self.command.word
            count -= 1
        for taker in self.command.takers:
            if taker.many:
                return taker.parameter
            if taker.parameter not in self.given:
                if count == 0:
                    return taker.parameter
                count -= 1
        return None


def sought(words: Sequence[str], commands: Mapping[str, Command]) -> Sought:
    """What the last of these words, which follow the program's name, may become."""
    *before, last = words or [""]
    line = _Line(before, commands)
    if line.lost:
        return Sought()
    if line.pending is not None:
        return _value(line, line.pending.parameter, last, "")
    tasks = {name: one.summary for name, one in commands.items()}
    if line.helped:
        return Sought(tasks) if line.command is None else Sought()
    if last.startswith("-") and not line.only_words:
        flag, equals, value = last.partition("=")
        if equals:
            known = line.flags.get(flag)
            return _value(line, known.parameter, value, f"{flag}=") if known and known.value else Sought()
        own = (
            dict(zip(OWN, OWN_FLAGS.values(), strict=True))
            if line.command is None
            else {"--help": "all about it"}
        )
        return Sought({**_open_flags(line), **own})
    if line.command is None:
        return Sought({**tasks, HELP: "all about a task"})
    parameter = line.next_word()
    return Sought() if parameter is None else _value(line, parameter, last, "", bare=True)


def _open_flags(line: _Line) -> dict[str, str]:
    """The long flags that may still come."""
    return {
        spelled: flag.help
        for spelled, flag in line.flags.items()
        if spelled == flag.long and (flag.many or flag.parameter not in line.given)
    }


def _value(line: _Line, parameter: str, last: str, head: str, *, bare: bool = False) -> Sought:
    """What a parameter may be. `bare`: without its flag; then a word for syncs may be for files, too."""
    command = line.command
    name = command.name if command is not None else ""
    if command is not None and parameter == command.word and command.choices:
        return Sought(dict.fromkeys(command.choices, ""), head=head)
    kinds = KINDS.get(f"{name} {parameter}", KINDS.get(parameter, ()))
    taken: list[str] = []
    if parameter in LISTED:
        *listed, _ = last.split(",")
        taken = [*listed, *line.given.get(parameter, []), *(line.bare if bare else [])]
        head += "".join(f"{one}," for one in listed)
        if bare and command is not None and any(flag.parameter == "path" for flag in command.flags()):
            kinds = (*kinds, *KINDS.get(f"{name} path", KINDS["path"]))
    return Sought(
        WORDS.get(f"{name} {parameter}", {}),
        kinds,
        head,
        tuple(taken),
        next(iter(line.given.get("manifest", [])[-1:]), None),
        tuple(one for given in line.given.get("only", []) for one in given.split(",")),
    )


def answer(shell: str, words: Sequence[str]) -> None:
    """Print for a shell's script: who completes where there is nothing here (file, folder or -), then a line each.

    A line is the word, and for zsh and fish what it means after a tab. Whatever goes wrong: nothing more, and no word.
    """
    with suppress(Exception):
        print("\n".join(_lines(shell, words)))


def _lines(shell: str, words: Sequence[str]) -> list[str]:
    from ._commands import COMMANDS

    raw = joined(words) if shell == "bash" else list(words)
    typed = [typed_so_far(word) for word in raw] if shell == "bash" else []
    plain = [one.text if one is not None else "" for one in typed] if shell == "bash" else raw
    found = sought(plain, COMMANDS)
    there = {**found.words, **_looked_up(found)}
    for name in found.taken:
        there.pop(name, None)
    otherwise = next((str(kind) for kind in found.kinds if kind in (Kind.FILE, Kind.FOLDER)), "-")
    if shell == "bash":
        placed = [in_place_of(raw[-1] if raw else "", found.head + name) for name in there]
        return [otherwise, *(f"{each}" for each in placed if each is not None)]
    return [
        otherwise,
        *(f"{found.head}{name}" + (f"\t{said}" if said else "") for name, said in there.items()),
    ]


def _looked_up(found: Sought) -> Mapping[str, str]:
    """Names of this machine."""
    kinds = [kind for kind in found.kinds if kind not in (Kind.FILE, Kind.FOLDER)]
    if not kinds:
        return {}
    import os
    from pathlib import Path

    from bisync.actions import complete
    from bisync.files import named_path

    manifest = named_path(found.manifest) if found.manifest else None
    return complete.names(kinds, manifest, found.only, env=os.environ, cwd=Path.cwd(), home=Path.home())
