"""Shell completion: what a shell asks, and the script that makes it ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ._command import Command

SCRIPTS = {
    "bash": """\
_bisync() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=($(compgen -W "$(bisync --complete "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "$word"))
}
complete -o default -F _bisync bisync
""",
    "zsh": """\
_bisync() {
    compadd -- ${(f)"$(bisync --complete "${(@)words[2,CURRENT]}")"} || _files
}
compdef _bisync bisync
""",
    "fish": """\
complete -c bisync -a '(bisync --complete (commandline -opc)[2..] (commandline -ct))'
""",
}


def candidates(commands: Mapping[str, Command], front: Sequence[str], words: Sequence[str]) -> list[str]:
    """What the last of `words` may become: a command, a flag of the one before it, or a word that it takes.

    `front`: the flags before any command.
    """
    *before, last = words or [""]
    named = next((commands[word] for word in before if word in commands), None)
    if named is None:
        found = [*commands, *front] if last.startswith("-") else list(commands)
    elif last.startswith("-"):
        found = [flag.long for flag in named.flags()]
    else:
        found = [] if set(named.choices) & set(before) else list(named.choices)
    return [each for each in found if each.startswith(last)]
