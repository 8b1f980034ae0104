"""Tasks about the vendor's cloud: login, logout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.report.screen import Screen
from bisync.report.stream import on_terminal

from ._command import command
from ._edge import HELP, edge, leave, read_manifest

if TYPE_CHECKING:
    from bisync.config import Manifest


@command(
    words="tenant",
    help={
        "manifest": HELP["manifest"],
        "tenant": "the manifest's tenant to log in for, where they are at several addresses",
        "no-browser": "only show the address and the code",
    },
)
def login(
    c: object, manifest: str | None = None, tenant: str | None = None, no_browser: bool = False
) -> None:
    """Log in to the Basic Memory cloud, by a code for your browser."""
    with edge(Screen()) as screen:
        from bisync import events
        from bisync.actions import login as action
        from bisync.providers.basic_memory import browser
        from bisync.report.cloud_words import code_lines, logged_in_lines

        user = action.environment(os.environ, Path.home())
        url, workspace = action.address_of(_manifest(manifest), tenant, user)
        wanted = not no_browser and browser.is_wanted(os.environ, terminal=on_terminal(sys.stdout))
        result = action.run(
            url,
            workspace,
            user,
            open_browser=wanted,
            on_code=lambda code, opened: screen.tell(code_lines(code, url, opened=opened)),
            waiting=lambda text: screen.hear("login", events.Step(text)),
        )
        screen.tell(logged_in_lines(result))
        leave(result.exit_code)


@command(help={"manifest": HELP["manifest"]})
def logout(c: object, manifest: str | None = None) -> None:
    """Forget the login and the keys it has brought; say what stays."""
    with edge(Screen()) as screen:
        from bisync import providers
        from bisync.actions import login as action
        from bisync.report.cloud_words import logged_out_lines

        found = _manifest(manifest)
        known = providers.recognised(found) if found is not None else None
        screen.tell(logged_out_lines(action.forget(known, action.environment(os.environ, Path.home()))))


def _manifest(path: str | None) -> Manifest | None:
    """The manifest; None where there is none and none was named. Raises ManifestError for a wrong one."""
    from bisync.manifest.load import NotFound

    try:
        return read_manifest(path)
    except NotFound:
        if path is not None:
            raise
        return None


COMMANDS = (login, logout)
