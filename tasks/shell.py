"""Tasks for the shell: completion."""

from __future__ import annotations

from bisync.errors import UsageError
from bisync.report.screen import Screen

from ._command import command
from ._edge import edge

SHELLS = ("bash", "zsh", "fish")


@command(word="shell", choices=SHELLS, help={"shell": "bash, zsh or fish"})
def completion(c: object, shell: str) -> None:
    """Print completion for bash, zsh or fish: tasks, flags, your names."""
    with edge(Screen()) as screen:
        from ._shells import SCRIPTS

        if shell not in SHELLS:
            raise UsageError(
                f"no completion for {shell}; there is bash, zsh and fish",
                hint="as in: bisync completion bash",
            )
        screen.verbatim(SCRIPTS[shell].rstrip("\n"))


COMMANDS = (completion,)
