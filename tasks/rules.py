"""Tasks about ignore rules: explain, filters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from bisync.report.screen import Screen

from ._edge import HELP, each, edge, leave, open_app

if TYPE_CHECKING:
    from bisync.config import Sync


@task(
    positional=["path"],
    iterable=["only", "also"],
    help={
        "path": "the path to explain; a trailing slash means a folder that does not exist",
        "also": "another path (repeatable); `bisync explain A B C` says the same",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "json": HELP["json"],
    },
)
def explain(
    c: Context,
    path: str,
    also: list[str] | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    json: bool = False,
) -> None:
    """Say whether a path is synced, and which line of which ignore file decides."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import explain as action

        app, syncs = open_app(screen, manifest, only or [])
        found = [action.explain(app, syncs, one, Path.cwd()) for one in (path, *(also or []))]
        for one in found:
            why = f"{one.source}:{one.line}: {one.pattern}" if one.source else "no rule speaks about it"
            screen.say(f"{one.path}: {'synced' if one.synced else 'ignored'} ({why})")
        screen.document(
            {
                "version": 1,
                "paths": [
                    {
                        "sync": one.sync, "path": one.path, "synced": one.synced,
                        "source": one.source, "line": one.line, "pattern": one.pattern,
                    }
                    for one in found
                ],
            }
        )  # fmt: skip
        leave(max(one.exit_code for one in found))


@task(iterable=["only"], help={"manifest": HELP["manifest"], "only": HELP["only"]})
def filters(c: Context, manifest: str | None = None, only: list[str] | None = None) -> None:
    """Print the rclone filters each sync runs with."""
    screen = Screen()
    with edge(screen):
        from bisync.actions import explain as action

        app, syncs = open_app(screen, manifest, only or [])

        def work(one: Sync) -> int:
            screen.verbatim(action.filters(app, one).rstrip("\n"))
            return 0

        leave(each(syncs, screen, work))


TASKS = (explain, filters)
