"""Tasks about the manifest: init, validate, show, schema, setup."""

from __future__ import annotations

import os
from functools import partial

from bisync.errors import IgnoreError, ManifestError
from bisync.report.documents import setup_document
from bisync.report.grant_words import grants_document
from bisync.report.manifest_words import invalid_document, show_document, show_lines, valid_document
from bisync.report.screen import Screen
from bisync.report.setup_words import ready_lines, setup_lines
from bisync.report.words import init_lines, validate_lines

from ._command import command
from ._consent import consent
from ._consent import show as show_grants
from ._edge import (
    HELP,
    each,
    edge,
    find_manifest,
    finish,
    highest,
    leave,
    needs_value,
    open_app,
    read_manifest,
    say_which,
    where,
)


@command(
    words="manifest",
    help={
        "manifest": "where to write it (default: bisync.yaml here)",
        "provider": "write one that fits this kind of store: basic-memory, s3, rclone or embedded",
        "name": "what the sync is called (default: notes)",
        "dir": "the folder on this machine (default: ~/NAME; of basic-memory the one bm has)",
        "path": "the folder in the store (default: all of it)",
        "bucket": "the bucket (s3)",
        "endpoint": "the store's address, where it is not AWS (s3)",
        "region": "the bucket's region (s3)",
        "aws-profile": "take the keys of this profile of ~/.aws/config (s3)",
        "remote": "the remote of rclone.conf, and a path on it: NAME:PATH (rclone)",
        "storage": "where the server on this machine keeps its files (embedded)",
        "workspace": "the workspace (basic-memory; default: the login's own)",
    },
)
def init(
    c: object,
    manifest: str = "bisync.yaml",
    provider: str | None = None,
    name: str | None = None,
    dir: str | None = None,
    path: str | None = None,
    bucket: str | None = None,
    endpoint: str | None = None,
    region: str | None = None,
    aws_profile: str | None = None,
    remote: str | None = None,
    storage: str | None = None,
    workspace: str | None = None,
) -> None:
    """Write a bisync.yaml to start from.

    With --provider it is a short one that fits a store, else one with every key explained.
    """
    with edge(Screen()) as screen:
        from bisync.files import home_of, named_path
        from bisync.manifest.fitting import Wish, fit, next_commands
        from bisync.manifest.starter import write_starter
        from bisync.report.init_words import fitted_lines

        target = named_path(manifest)
        wish = Wish(
            provider=provider, name=name, dir=dir, path=path, bucket=bucket, endpoint=endpoint, region=region,
            aws_profile=aws_profile, remote=remote, storage=storage, workspace=workspace,
        )  # fmt: skip
        if not wish.given():
            write_starter(target)
            screen.tell(init_lines(target))
            return
        fitted = fit(wish, target, env=os.environ, home=home_of(os.environ), cwd=where())
        write_starter(target, fitted.text)
        screen.tell(fitted_lines(target, fitted, next_commands(fitted, target)))


@command(words="manifest", help={key: HELP[key] for key in ("manifest", "json", "quiet")})
def validate(c: object, manifest: str | None = None, json: bool = False, quiet: bool = False) -> None:
    """Check the manifest; say OK, or every problem with its place."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import validate as action

        found = None
        try:
            found = find_manifest(manifest)
            loaded = read_manifest(manifest)
            say_which(screen, loaded)
            warnings = list(action.run(loaded))
        except (ManifestError, IgnoreError) as error:
            if not json:
                raise
            screen.document(invalid_document(found, error))
            screen.problem(error)
            leave(error.exit_code)
            return
        screen.tell(validate_lines(loaded, warnings))
        screen.document(valid_document(loaded, warnings))


@command(words="only", help={key: HELP[key] for key in ("manifest", "only", "json")})
def show(c: object, manifest: str | None = None, only: list[str] | None = None, json: bool = False) -> None:
    """Print the manifest as it is obeyed, overlay and defaults in it.

    Secrets are the references that they are in the files.
    """
    with edge(Screen(as_json=json)) as screen:
        needs_value(only, "--only")
        from bisync.app import App
        from bisync.manifest.load import select_syncs

        # As its files have it, without what a cloud has said of a tenant.
        loaded = read_manifest(manifest)
        say_which(screen, loaded)
        syncs = select_syncs(loaded, only or ())
        device = App(manifest=loaded, env=dict(os.environ)).device
        screen.verbatim("\n".join(show_lines(loaded, syncs, device)))
        screen.document(show_document(loaded, syncs, device))


@command(
    word="document",
    optional=True,
    help={
        "document": "of what `bisync DOCUMENT --json` prints, error, log-path or watch; default: of the manifest"
    },
)
def schema(c: object, document: str | None = None) -> None:
    """Print the JSON schema of the manifest, or of a document."""
    with edge(Screen()) as screen:
        from json import dumps

        from bisync.actions import schema as action

        screen.verbatim(dumps(action.find(document), indent=2, ensure_ascii=False))


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
        "quiet": HELP["quiet"],
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
    quiet: bool = False,
) -> None:
    """Make everything ready: what it may do, rclone, keys, baseline.

    Shows what the manifest asks for, which you agree to; then rclone, credentials, rclone.conf, ignore file, sync dir,
    baseline. A second run changes nothing.
    """
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import setup as action

        app, syncs = open_app(screen, manifest, only, sync_dir=dir)
        asked = app.standing
        if dry_run:
            show_grants(screen, app, dry_run=True)
        else:
            app = consent(screen, app, yes=yes)
        work = partial(action.run, app, dry_run=dry_run, rotate=rotate, remember_dir=dir is not None)
        results = each(screen, syncs, work, partial(setup_lines, dry_run=dry_run))
        screen.tell(ready_lines(dry_run=dry_run, code=highest(results)))
        finish(screen, results, lambda done: {**setup_document(done), **grants_document(asked)})


COMMANDS = (init, validate, show, schema, setup)
