"""Tasks that move files or change the cloud: sync, plan, resolve, restore, prune, unlock, demo."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.errors import UsageError
from bisync.report.documents import prune_document, restore_document, sync_document, unlock_document
from bisync.report.lease_words import unlock_lines
from bisync.report.plan_words import plan_file_lines, preview_lines, script_lines
from bisync.report.resolve_words import resolve_all_lines, resolve_lines
from bisync.report.restore_words import (
    coming_lines,
    dry_run_lines,
    question,
    restore_lines,
)
from bisync.report.run_words import sync_lines
from bisync.report.screen import Screen
from bisync.report.words import prune_lines

if TYPE_CHECKING:
    from bisync.app import App
    from bisync.config import Sync

from ._command import command
from ._consent import consent, go_ahead
from ._edge import HELP, JOBS, each, edge, finish, highest, leave, open_app, whole_number
from ._page import HELP_HTML, STDOUT, file_targets, page_target, put_page, tell_problems


@command(
    words="only",
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "profile": "safe, balanced, fast, merge, or one of the manifest's own",
        "dry-run": "say what would be done, do nothing",
        "resync": "make the baseline anew from what both sides hold",
        "max-delete": "allow this many deletions, this once",
        "force": "pass every guard, this once",
        "reveal": "send what ignore rules hid until they changed in the cloud",
        "project": "only this folder of the sync dir; what else has changed waits",
        "no-wait": "do not wait for another device that is syncing: exit with 6",
        "watch": "go on: sync as soon as something changes, here or there, until Ctrl-C",
        "interval": "with --watch: look at the cloud every so many seconds (default: the manifest's)",
        "plan": "carry out exactly the plan in this file (from: bisync plan --out), or refuse",
        "metrics": "write metrics for Prometheus to this file after each run (for its node exporter: *.prom)",
        "verbose": "show every action and all of rclone's words",
        "quiet": HELP["quiet"],
        "json": HELP["json"],
        "jobs": HELP["jobs"],
    },
)
def sync(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    profile: str | None = None,
    dry_run: bool = False,
    resync: bool = False,
    max_delete: int | None = None,
    force: bool = False,
    reveal: bool = False,
    project: str | None = None,
    no_wait: bool = False,
    plan: str | None = None,
    watch: bool = False,
    interval: int | None = None,
    metrics: str | None = None,
    verbose: bool = False,
    quiet: bool = False,
    json: bool = False,
    jobs: int = JOBS,
) -> None:
    """Bring both sides together; say first what will be done."""
    if watch:
        once = {
            "--resync": resync,
            "--max-delete": max_delete is not None,
            "--force": force,
            "--reveal": reveal,
            "--project": project is not None,
            "--plan": plan is not None,
        }
        _watch(
            manifest, only, [flag for flag, given in once.items() if given], interval,
            profile=profile, dry_run=dry_run, no_wait=no_wait, metrics=metrics, verbose=verbose, quiet=quiet, json=json,
            jobs=jobs,
        )  # fmt: skip
        return
    with edge(Screen(as_json=json, verbose=verbose, quiet=quiet)) as screen:
        from bisync.actions import sync as action

        app, syncs = open_app(screen, manifest, only)
        limit = whole_number(max_delete, "--max-delete")
        if interval is not None:
            raise UsageError("--interval is about --watch", hint="as in: bisync sync --watch --interval 30")
        options = action.Options(
            profile=profile,
            resync=resync,
            max_delete=limit,
            force=force,
            dry_run=dry_run,
            reveal=reveal,
            project=_project(project, resync=resync, plan=plan),
            wait=not no_wait,
        )
        if resync and not dry_run:
            app = consent(screen, app, quiet=True)
        syncs, expected = action.planned(app, syncs, plan)
        measured = action.measuring(app, metrics, options)
        results = each(
            screen,
            syncs,
            lambda one: measured(one, lambda: action.run(app, one, options, expected=expected.get(one.name))),
            partial(sync_lines, dry_run=dry_run, verbose=verbose),
            jobs,
        )
        finish(screen, results, sync_document)


def _watch(
    manifest: str | None,
    only: list[str] | None,
    once: list[str],
    interval: int | None,
    *,
    profile: str | None,
    dry_run: bool,
    no_wait: bool,
    metrics: str | None,
    verbose: bool,
    quiet: bool,
    json: bool,
    jobs: int,
) -> None:
    """Sync as soon as something changes. `once`: the flags that were given and are about one run."""
    with edge(Screen(as_json=json, verbose=verbose, quiet=quiet)) as screen:
        from bisync.actions import sync as sync_action
        from bisync.actions import watch as action
        from bisync.report.watch_view import view

        if once:
            raise UsageError(
                f"{', '.join(once)}: about one run, and --watch makes many",
                hint=f"run that once before: bisync sync {' '.join(once)}",
            )
        every = whole_number(interval, "--interval", least=1)
        at_once = whole_number(jobs, "--jobs", least=1) or 1
        eyes = view(as_json=json, verbose=verbose, dry_run=dry_run, quiet=quiet)

        def opened() -> tuple[App, tuple[Sync, ...]]:
            app, syncs = open_app(screen, manifest, only)
            app.profile(syncs[0], profile)
            return replace(app, on_plan=eyes.plan, on_event=eyes.hear), syncs

        options = sync_action.Options(profile=profile, dry_run=dry_run, wait=not no_wait)
        try:
            code = action.run(
                opened, eyes.tell, options=options, interval=every, jobs=at_once,
                measuring=lambda app: sync_action.measuring(app, metrics, options),
            )  # fmt: skip
        finally:
            eyes.close()
        leave(code)


def _project(name: str | None, *, resync: bool, plan: str | None) -> str | None:
    """The folder that `--project` means. Raises UsageError for what is none, and beside what is about everything."""
    if name is None:
        return None
    if resync or plan:
        other = "--resync" if resync else "--plan"
        raise UsageError(
            f"--project does not go with {other}, which is about the whole sync", hint="leave out one"
        )
    folder = name.strip("/")
    if not folder or "/" in folder or folder in (".", ".."):
        raise UsageError(
            f"--project takes the name of a folder right in the sync dir, not {name!r}",
            hint="as in: --project work",
        )
    return folder


@command(
    words="only",
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "profile": "plan with this profile",
        "json": HELP["json"],
        "jobs": HELP["jobs"],
        "out": "write the plan to this file, for: bisync sync --plan FILE",
        "script": "write the plan to this file as a POSIX script that needs only rclone",
        "html": HELP_HTML,
        "verbose": "one line for each change, however many",
        "quiet": HELP["quiet"],
        "exit-code": "exit with 3 where there are changes, with 0 where there is nothing to do",
    },
)
def plan(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    profile: str | None = None,
    json: bool = False,
    out: str | None = None,
    script: str | None = None,
    html: str | None = None,
    verbose: bool = False,
    quiet: bool = False,
    exit_code: bool = False,
    jobs: int = JOBS,
) -> None:
    """Say what the next sync will do, changing nothing."""
    with edge(Screen(as_json=json, verbose=verbose, quiet=quiet)) as screen:
        from bisync.actions import plan as action

        page = page_target(html, as_json=json)
        file_targets((out, script))
        app, syncs = open_app(screen, manifest, only)
        look = partial(action.run, app, profile=profile, scripted=bool(script), with_texts=html is not None)
        words = partial(preview_lines, room=screen.room, verbose=verbose)
        results = each(screen, syncs, look, None if html == STDOUT else words, jobs)
        document = action.document(app, results)
        screen.document(document)
        say = screen.note if html == STDOUT else screen.say
        if html is not None:
            from bisync.report.plan_page import plan_page

            put_page(screen, plan_page(results, document, app.standing), page, syncs)
        if html == STDOUT:
            for one in results:
                tell_problems(screen, words(one))
        if out:
            action.write_plan(out, document)
            for line in plan_file_lines(out):
                say(line)
        if script:
            action.write_script(script, app, results, document)
            for line in script_lines(script):
                say(line)
        leave(highest(results) or (action.CHANGES if exit_code and action.changes(results) else 0))


@command(
    word="path",
    optional=True,
    help={
        "path": "the contested file; with --all a folder or a pattern ('work/**/*.md'), or nothing for all",
        "keep": "local, cloud, newer, both, or merged: what lies under the file's own name",
        "tool": "have this program merge two versions: meld, vimdiff, … (default: $BISYNC_MERGETOOL)",
        "all": "settle every conflict that PATH is about",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "quiet": HELP["quiet"],
    },
)
def resolve(
    c: object,
    path: str | None = None,
    keep: str = "",
    tool: str = "",
    all: bool = False,
    manifest: str | None = None,
    only: list[str] | None = None,
    quiet: bool = False,
) -> None:
    """Settle a conflict: keep one version, the others go to the trash."""
    with edge(Screen(quiet=quiet)) as screen:
        from bisync.actions import conflicts as action
        from bisync.core.printable import typed_path
        from bisync.sync.located import wanted
        from bisync.sync.patterns import EVERYTHING

        if path is None and not all:
            raise UsageError("resolve needs PATH, or --all", hint="see: bisync resolve --help")
        tool = tool or ("" if keep or all else os.environ.get(action.TOOL, ""))
        if tool and (keep or all or path is None):
            raise UsageError(
                "--tool is for one file, without --keep or --all",
                hint="as in: bisync resolve PATH --tool meld",
            )
        if not tool and keep not in action.KEEP:
            named = "" if path is None else f" {typed_path(path)}"
            raise UsageError(
                f"--keep takes one of {', '.join(action.KEEP)}",
                hint=f"as in: bisync resolve{named}{' --all' if all else ''} --keep newer",
            )
        app, syncs = open_app(screen, manifest, only)
        meant = (
            wanted(syncs, path, Path.cwd()) if path is not None else [(sync, EVERYTHING) for sync in syncs]
        )
        if tool:
            screen.tell(resolve_lines(action.merge(app, meant, tool)))
            return
        if not all:
            screen.tell(resolve_lines(action.settle(app, meant, action.KEEP[keep])))
            return
        done = action.settle_all(app, meant, action.KEEP[keep])
        screen.tell(resolve_all_lines(done))
        leave(done.exit_code)


@command(
    word="path",
    optional=True,
    help={
        "path": "the file to bring back, or a folder or a pattern ('work/**/*.md'); with --at nothing for all",
        "run": "the version this run took away (see: bisync history); default: the latest",
        "at": "what was there then: 2h, '3 days ago', 2026-11-22, '2026-11-22 10:15', RFC 3339, or as a run left it",
        "to": "put it into this folder instead of the sync dir",
        "dry-run": "say what would come back, do nothing",
        "yes": "bring back several files without a question",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "quiet": HELP["quiet"],
        "json": HELP["json"],
    },
)
def restore(
    c: object,
    path: str | None = None,
    run: str | None = None,
    at: str | None = None,
    to: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    manifest: str | None = None,
    only: list[str] | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Bring back what runs overwrote or deleted, or as it was then."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import restore as action
        from bisync.files import named_path
        from bisync.sync import moments
        from bisync.sync.located import wanted
        from bisync.sync.patterns import EVERYTHING

        if path is None and at is None:
            raise UsageError("restore needs PATH", hint="see: bisync restore --help")
        if run is not None and at is not None:
            raise UsageError("--run and --at are two ways to say which version", hint="leave out one")
        app, syncs = open_app(screen, manifest, only)
        folder = named_path(to) if to else None
        meant = (
            wanted(syncs, path, Path.cwd()) if path is not None else [(sync, EVERYTHING) for sync in syncs]
        )
        if at is not None:
            found = action.find_at(app, meant, moments.read(at, app.now()), to=folder)
        else:
            found = action.find(app, syncs, meant, run_id=run, to=folder)
        if dry_run:
            screen.tell(dry_run_lines(found))
            screen.document(restore_document(found, dry_run=True))
            return
        if sum(len(one.coming) for one in found) > 1:
            (screen.tell if yes else screen.propose)(coming_lines(found))
            go_ahead(screen, question(found), "several files would come back; nothing was done", yes=yes)
        done = [action.carry_out(app, one) for one in found]
        for one in done:
            screen.tell(restore_lines(one))
        finish(screen, done, restore_document)


@command(
    words="only",
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "yes": "do it: move them to the cloud's trash",
        "quiet": HELP["quiet"],
        "json": HELP["json"],
    },
)
def prune(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    yes: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """List what the cloud holds that is ignored now; remove it (--yes)."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import prune as action

        app, syncs = open_app(screen, manifest, only)
        results = each(screen, syncs, partial(action.prune, app, yes=yes), prune_lines)
        screen.document(prune_document(results))


@command(
    words="only",
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "yes": "do it: remove a lease that is dead",
        "quiet": HELP["quiet"],
        "json": HELP["json"],
    },
)
def unlock(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    yes: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Show who holds the lease of the cloud; remove a dead one (--yes)."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import unlock as action

        app, syncs = open_app(screen, manifest, only)
        results = each(screen, syncs, partial(action.run, app, yes=yes), unlock_lines)
        finish(screen, results, unlock_document)


@command(help={"keep": "leave the temporary home behind and say where it is"})
def demo(c: object, keep: bool = False) -> None:
    """The whole story on an embedded S3 server in a temporary home."""
    with edge(Screen()) as screen:
        from bisync.actions import demo as action

        leave(action.run(screen.verbatim, keep=keep))


COMMANDS = (sync, plan, resolve, restore, prune, unlock, demo)
