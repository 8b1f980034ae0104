"""Tasks about what was there before: migrate."""

from __future__ import annotations

from bisync.errors import UsageError
from bisync.report.migrate_words import migrate_document, migrate_lines, sources_table
from bisync.report.screen import Screen

from ._command import command
from ._consent import consent
from ._edge import HELP, edge, leave, needs_value, open_app


@command(
    words="from_",
    help={
        "from": "a folder to move over (repeatable; default: the manifest's migration)",
        "webdav": "a WebDAV server to move over from: its address, or a remote of rclone.conf",
        "manifest": HELP["manifest"],
        "only": "the sync that it goes to",
        "dry-run": "look, and say what would be done; change nothing",
        "undo": "take the migration back: the sync dir and the configuration as they were before",
        "remove-old": "once all is verified: take the old remote out of rclone.conf, point config.json there",
        "yes": "move over all folders that were found, where none is named",
        "verbose": "show every file",
        "quiet": HELP["quiet"],
        "json": HELP["json"],
    },
)
def migrate(
    c: object,
    from_: list[str] | None = None,
    webdav: str | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    dry_run: bool = False,
    undo: bool = False,
    remove_old: bool = False,
    yes: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Move over what was there before: folders, v0.14, WebDAV.

    Folders of notes, the projects of basic-memory v0.14, a WebDAV server. Stop it when you like, and type it again.
    """
    with edge(Screen(as_json=json, verbose=verbose, quiet=quiet)) as screen:
        from pathlib import Path

        from bisync.actions import migrate as verb

        needs_value(from_, "--from")
        app, syncs = open_app(screen, manifest, only)
        sync = verb.into(syncs, app.manifest.migration, only)
        if undo and (from_ or webdav or remove_old or yes):
            raise UsageError("--undo takes back a whole migration", hint="type: bisync migrate --undo")
        if undo:
            done = verb.take_back(app, sync, dry_run=dry_run)
        else:
            done = verb.migrate(
                app, sync, Path.home(), trees=from_ or (), server=webdav, all_found=yes, remove_old=remove_old,
                dry_run=dry_run, on_look=lambda looked: screen.show(sources_table(looked)),
                agree=lambda app: consent(screen, app, quiet=True, yes=yes, for_now=dry_run),
            )  # fmt: skip
        screen.tell(migrate_lines(done, verbose=verbose))
        screen.document(migrate_document(done))
        leave(done.exit_code)


COMMANDS = (migrate,)
