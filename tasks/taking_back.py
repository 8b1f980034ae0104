"""The task that takes back what a run did: undo."""

from __future__ import annotations

from bisync.report.documents import undo_document
from bisync.report.screen import Screen
from bisync.report.undo_words import NEEDS_YES, QUESTION, undo_plan_lines, undone_lines

from ._command import command
from ._consent import go_ahead
from ._edge import HELP, edge, finish, open_app, whole_number


@command(
    words="run",
    help={
        "run": "this run, or how its id begins (see: bisync history); default: the newest that changed anything",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "dry-run": "say what would be done, do nothing",
        "yes": "do it without a question",
        "max-delete": "allow this many deletions, this once",
        "force": "pass every guard, this once",
        "quiet": HELP["quiet"],
        "json": HELP["json"],
    },
)
def undo(
    c: object,
    run: str | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    dry_run: bool = False,
    yes: bool = False,
    max_delete: int | None = None,
    force: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Take back what a run did, here and in the cloud.

    What has changed since is left alone, and named.
    """
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import undo as action

        app, syncs = open_app(screen, manifest, only)
        limit = whole_number(max_delete, "--max-delete")
        named = action.find(app, syncs, run)
        found = action.look(app, named, max_delete=limit, force=force, dry_run=dry_run)
        screen.tell(undo_plan_lines(found, dry_run=dry_run))
        if found.decision.deeds and found.error is None and not dry_run:
            if (json or quiet) and not yes:
                screen.propose(undo_plan_lines(found))
            go_ahead(screen, QUESTION, NEEDS_YES, yes=yes)
            found = action.carry_out(app, named, found, max_delete=limit, force=force)
            screen.tell(undone_lines(found))
        finish(screen, [found], undo_document)


COMMANDS = (undo,)
