"""What a ping says of a run that did not end well. Pure."""

from __future__ import annotations

import re

from bisync.core.counting import counted
from bisync.core.printable import printable
from bisync.core.result import SyncResult

# So many characters of what went wrong are passed on.
LENGTH = 500
# What is said of a hook goes on with its command and its last words, which are nobody else's business.
_HOOK = re.compile(r"(?P<brief>[^:]*: the [a-z_]+ hook [^:]*):.*", re.DOTALL)


def failure_text(result: SyncResult) -> str:
    """What went wrong, on one short line: the message, without anything that a hook has said."""
    problem = result.error
    if problem is None:
        hooks = [note for note in result.notes if _HOOK.fullmatch(note)]
        left_out = len(result.left_out)
        problem = (
            hooks[0]
            if hooks
            else f"{counted(left_out, 'file')} left out"
            if left_out
            else "it did not end well"
        )
    return shortened(
        f"{result.name}: {result.outcome.value} (exit code {result.exit_code}): {brief(problem)}"
    )


def brief(message: str) -> str:
    """An error's message for others."""
    match = _HOOK.fullmatch(message)
    return match["brief"] if match is not None else message


def shortened(text: str) -> str:
    """Text on one line of bearable length."""
    text = printable(text)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"
