"""Tasks about the manifest: init, validate, setup."""

from __future__ import annotations

from functools import partial

from bisync.report.documents import setup_document
from bisync.report.grant_words import grants_document
from bisync.report.screen import Screen
from bisync.report.setup_words import ready_lines, setup_lines
from bisync.report.words import init_lines, validate_lines

from ._command import command
from ._consent import consent, show
from ._edge import HELP, each, edge, finish, highest, open_app, read_manifest, say_which


@command(words="manifest", help={"manifest": "where to write it (default: bisync.yaml here)"})
def init(c: object, manifest: str = "bisync.yaml") -> None:
    """Write a commented bisync.yaml to start from."""
    with edge(Screen()) as screen:
        from bisync.files import named_path
        from bisync.manifest.starter import write_starter

        path = named_path(manifest)
        write_starter(path)
        screen.tell(init_lines(path))


@command(words="manifest", help={"manifest": HELP["manifest"]})
def validate(c: object, manifest: str | None = None) -> None:
    """Check the manifest; say OK, or every problem with its place."""
    with edge(Screen()) as screen:
        from bisync.actions import validate as action

        loaded = read_manifest(manifest)
        say_which(screen, loaded)
        screen.tell(validate_lines(loaded, action.run(loaded)))


@command(
    words="only",
    help={
        "manifest": HELP["manifest"],
        "dir": "the sync dir from now on (kept in config.json, shared with bm)",
        "only": HELP["only"],
        "dry-run": "say what would change, change nothing",
        "rotate": "resolve the credentials again, also when the old ones still work",
        "yes": "agree to what the manifest asks for, without a question",
        "json": HELP["json"],
    },
)
def setup(
    c: object,
    manifest: str | None = None,
    dir: str | None = None,
    only: list[str] | None = None,
    dry_run: bool = False,
    rotate: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make everything ready: grant, rclone, credentials, rclone.conf, ignore file, sync dir, baseline."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import setup as action

        app, syncs = open_app(screen, manifest, only, sync_dir=dir)
        asked = app.standing
        if dry_run:
            show(screen, app, dry_run=True)
        else:
            app = consent(screen, app, yes=yes)
        work = partial(action.run, app, dry_run=dry_run, rotate=rotate, remember_dir=dir is not None)
        results = each(screen, syncs, work, partial(setup_lines, dry_run=dry_run))
        screen.tell(ready_lines(dry_run=dry_run, code=highest(results)))
        finish(screen, results, lambda done: {**setup_document(done), **grants_document(asked)})


COMMANDS = (init, validate, setup)
