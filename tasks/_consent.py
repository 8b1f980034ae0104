"""Questions to whoever is at the terminal.

The great one is: may this manifest do what it asks for? Whoever types `setup` says yes to it, once it was shown.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bisync.errors import Declined, NotGranted, UsageError
from bisync.report.grant_words import QUESTION, declined_hint, grant_lines
from bisync.report.heed import Heed
from bisync.report.stream import on_terminal

if TYPE_CHECKING:
    from bisync.app import App
    from bisync.report.screen import Screen


def consent(
    screen: Screen, app: App, *, yes: bool = False, quiet: bool = False, for_now: bool = False
) -> App:
    """The app once its user has agreed to what its manifest asks for; what is new was shown, and is written down.

    A person at a terminal is asked where programs are new, or anything after an earlier grant. `yes`: without a
    question. `quiet`: nothing is said where nothing is new. `for_now`: it holds for this once.

    Raises NotGranted where the answer is no.
    """
    standing = app.standing
    if not (quiet and standing.holds):
        show(screen, app)
    if standing.holds:
        return app
    somebody = on_terminal(sys.stdin) and on_terminal(sys.stderr)
    if standing.needs_a_word and somebody and not yes and not screen.ask(QUESTION):
        raise NotGranted(
            f"{app.manifest.path} is not granted what it asks for; nothing was done",
            hint=declined_hint(app.manifest.path),
        )
    return app.agreed(for_now=for_now)


def go_ahead(screen: Screen, question: str, otherwise: str, *, yes: bool) -> None:
    """Go on with what was shown: `yes`, or somebody at a terminal says so.

    Raises UsageError (`otherwise`) where nobody is there, and Declined where the answer is no.
    """
    if yes:
        return
    if not (on_terminal(sys.stdin) and on_terminal(sys.stderr)):
        raise UsageError(otherwise, hint="to go on, type the same with --yes; to look alone, with --dry-run")
    if not screen.ask(question):
        raise Declined("nothing was done")


def show(screen: Screen, app: App, *, dry_run: bool = False) -> None:
    """What the manifest may do, or would be allowed to; beside the document where there is one."""
    new = not app.standing.holds
    for line in grant_lines(app.manifest.path, app.standing, dry_run=dry_run):
        if screen.as_json:
            screen.note(line)
        else:
            screen.say(Heed(line) if new else line)
