"""Tasks about ignore rules: explain, filters."""

from __future__ import annotations

from pathlib import Path

from bisync.report.documents import explain_document
from bisync.report.screen import Screen
from bisync.report.words import explain_lines

from ._command import command
from ._edge import HELP, edge, finish, headed, needs_value, open_app


@command(
    word="path",
    words="also",
    help={
        "path": "the path to explain; a trailing slash means a folder that does not exist",
        "also": "another path (repeatable); `bisync explain A B C` says the same",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "json": HELP["json"],
    },
)
def explain(
    c: object,
    path: str,
    also: list[str] | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    json: bool = False,
) -> None:
    """Say whether a path is synced, and which ignore rule decides."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import explain as action

        needs_value(also, "--also")
        app, syncs = open_app(screen, manifest, only)
        found = [action.explain(app, syncs, one, Path.cwd()) for one in (path, *(also or []))]
        screen.tell(explain_lines(found))
        finish(screen, found, explain_document)


@command(words="only", help={"manifest": HELP["manifest"], "only": HELP["only"]})
def filters(c: object, manifest: str | None = None, only: list[str] | None = None) -> None:
    """Print the rclone filters each sync runs with."""
    with edge(Screen()) as screen:
        from bisync.actions import explain as action

        app, syncs = open_app(screen, manifest, only)
        for one in headed(screen, syncs):
            screen.verbatim(action.filters(app, one).rstrip("\n"))


COMMANDS = (explain, filters)
