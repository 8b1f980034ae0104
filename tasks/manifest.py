"""Tasks about the manifest: init, validate, setup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from bisync.report.documents import setup_document
from bisync.report.screen import Screen
from bisync.report.words import setup_lines

from ._edge import HELP, each, edge, leave, open_app, read_manifest

if TYPE_CHECKING:
    from bisync.config import Sync


@task(help={"manifest": "where to write it (default: bisync.yaml here)"})
def init(c: Context, manifest: str = "bisync.yaml") -> None:
    """Write a commented bisync.yaml to start from."""
    screen = Screen()
    with edge(screen):
        from bisync.manifest.starter import write_starter

        path = Path(manifest).expanduser()
        write_starter(path)
        screen.say(f"✓ Wrote {path}: edit it, then type: bisync validate")


@task(help={"manifest": HELP["manifest"]})
def validate(c: Context, manifest: str | None = None) -> None:
    """Check the manifest; say OK, or every problem with its place."""
    screen = Screen()
    with edge(screen):
        from bisync.actions import validate as action

        loaded = read_manifest(manifest)
        for warning in action.run(loaded):
            screen.say(f"warning: {warning}")
        screen.say(f"OK: {loaded.path} ({len(loaded.syncs)} syncs, {len(loaded.tenants)} tenants)")


@task(
    iterable=["only"],
    help={
        "manifest": HELP["manifest"],
        "dir": "the sync dir from now on (kept in config.json, shared with bm)",
        "only": HELP["only"],
        "dry-run": "say what would change, change nothing",
        "rotate": "resolve the credentials again, also when the old ones still work",
        "json": HELP["json"],
    },
)
def setup(
    c: Context,
    manifest: str | None = None,
    dir: str | None = None,
    only: list[str] | None = None,
    dry_run: bool = False,
    rotate: bool = False,
    json: bool = False,
) -> None:
    """Make everything ready: rclone, credentials, rclone.conf, ignore file, sync dir, baseline."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import setup as action

        app, syncs = open_app(screen, manifest, only or [], sync_dir=dir)
        results = []

        def work(sync: Sync) -> int:
            result = action.run(app, sync, dry_run=dry_run, rotate=rotate, remember_dir=dir is not None)
            results.append(result)
            for line in setup_lines(result, dry_run=dry_run):
                screen.say(line)
            for step in result.steps:
                if step.state == "failed":
                    screen.error(step.detail, step.hint)
            return result.exit_code

        code = each(syncs, screen, work)
        screen.document(setup_document(results))
        if dry_run:
            screen.say("Nothing was changed (dry run).")
        elif not code:
            screen.say("Ready. Next: bisync sync")
        leave(code)


TASKS = (init, validate, setup)
