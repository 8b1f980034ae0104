"""Tasks that only look: check, diff, status, conflicts, history, log, doctor."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bisync.report.conflict_words import conflicts_lines
from bisync.report.documents import (
    check_document,
    conflicts_document,
    doctor_document,
    history_document,
    status_document,
)
from bisync.report.history_words import history_lines
from bisync.report.log_words import followed_document, followed_lines, log_document, log_lines
from bisync.report.screen import Screen, status_table
from bisync.report.status_words import status_lines
from bisync.report.words import check_lines, doctor_lines

from ._command import command
from ._edge import HELP, JOBS, each, edge, finish, needs_value, open_about, open_app, whole_number
from ._page import HELP_HTML, STDOUT, page_target, put_page

_COMMON = {"manifest": HELP["manifest"], "only": HELP["only"], "json": HELP["json"]}


@command(
    words="only",
    help={
        **_COMMON,
        "path": HELP["path"],
        "one-way": "files that only the cloud has are fine",
        "download": "compare the contents of files that the cloud has no hash of; fetches them",
        "jobs": HELP["jobs"],
        "quiet": HELP["quiet"],
    },
)
def check(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    path: str | None = None,
    one_way: bool = False,
    download: bool = False,
    quiet: bool = False,
    json: bool = False,
    jobs: int = JOBS,
) -> None:
    """Compare what both sides hold: missing, different, unreadable."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import check as action

        app, about = open_about(screen, manifest, only, path)
        meant = {sync.name: wanted for sync, wanted in about}
        syncs = [sync for sync, _ in about]
        found = each(
            screen,
            syncs,
            lambda one: action.run(app, one, one_way=one_way, download=download, wanted=meant[one.name]),
            check_lines if len(syncs) == 1 or None in meant.values() else None,
            jobs,
        )
        results = action.about(found)
        if len(syncs) > 1 and None not in meant.values():
            for one in results:
                screen.tell(check_lines(one))
        finish(screen, results, check_document)


@command(
    words="path",
    help={
        "path": "only this file, folder or pattern (repeatable; default: everything)",
        **_COMMON,
        "jobs": HELP["jobs"],
    },
)
def diff(
    c: object,
    path: list[str] | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    json: bool = False,
    jobs: int = JOBS,
) -> None:
    """Show what the next sync will change in texts, on both sides."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import diff as action
        from bisync.report.diff_words import diff_document, diff_lines

        needs_value(path, "--path")
        app, syncs = open_app(screen, manifest, only)
        chosen, meant = action.meant(syncs, path or [], Path.cwd())
        look = partial(action.run, app, meant=meant)
        results = each(screen, chosen, look, partial(diff_lines, narrowed=bool(path)), jobs)
        finish(screen, results, diff_document)


@command(
    words="only",
    help={
        **_COMMON,
        "verbose": "all about every sync, where there are several",
        "quiet": HELP["quiet"],
        "html": HELP_HTML,
        "jobs": HELP["jobs"],
    },
)
def status(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    verbose: bool = False,
    quiet: bool = False,
    json: bool = False,
    html: str | None = None,
    jobs: int = JOBS,
) -> None:
    """Show what state every sync is in, and what blocks the next run."""
    with edge(Screen(as_json=json, verbose=verbose, quiet=quiet)) as screen:
        from bisync.actions import status as action

        page = page_target(html, as_json=json)
        app, syncs = open_app(screen, manifest, only)
        look = partial(action.run, app, asked=action.ask(app, syncs))
        found = each(screen, syncs, look, None, jobs)
        if quiet or (len(found) > 1 and not verbose):
            screen.tell(status_lines(found, app.now()) if html != STDOUT else ())
        elif html != STDOUT:
            for one in found:
                screen.show(status_table(one, app.now()))
        screen.document(status_document(found))
        if html is not None:
            from bisync.actions import history as past
            from bisync.report.status_page import status_page

            put_page(screen, status_page(found, [past.run(app, one) for one in syncs]), page, syncs)


@command(
    words="only",
    help={**_COMMON, "path": HELP["path"], "diff": "show what is different in the versions of a file"},
)
def conflicts(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    path: str | None = None,
    diff: bool = False,
    json: bool = False,
) -> None:
    """List the conflict copies that wait for a decision."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import conflicts as action

        app, about = open_about(screen, manifest, only, path)
        groups = action.waiting(app, about)
        if diff:
            groups = action.with_texts([sync for sync, _ in about], groups)
        word = next((wanted.word for _, wanted in about if wanted is not None), None)
        screen.tell(conflicts_lines(groups, word))
        finish(screen, groups, conflicts_document)


@command(
    words="only",
    help={**_COMMON, "limit": "at most this many runs", "versions": "list what the trash keeps, too"},
)
def history(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    limit: int = 20,
    versions: bool = False,
    json: bool = False,
) -> None:
    """Show past runs, and with --versions what restore can bring back."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import history as action

        app, syncs = open_app(screen, manifest, only)
        at_most = whole_number(limit, "--limit", least=1)
        look = partial(action.run, app, limit=at_most, versions=versions)
        screen.document(history_document(each(screen, syncs, look, history_lines)))


@command(words="only", help={**_COMMON, "quiet": HELP["quiet"]})
def doctor(
    c: object,
    manifest: str | None = None,
    only: list[str] | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Check everything that could be wrong here; say the cure of each."""
    with edge(Screen(as_json=json, quiet=quiet)) as screen:
        from bisync.actions import doctor as action

        app, syncs = open_app(screen, manifest, only)
        findings = action.everything(app, syncs)
        screen.tell(doctor_lines(findings))
        finish(screen, findings, doctor_document)


@command(
    words=("run", "path"),
    help={
        **_COMMON,
        "run": "this run, or how its id begins (see: bisync history)",
        "path": "what runs did to this file, below this folder, or to what fits this pattern",
    },
)
def log(
    c: object,
    run: str | None = None,
    path: str | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
    json: bool = False,
) -> None:
    """Show what a run did, path by path, or what happened to PATH.

    Without RUN and PATH it is the last run that had something to do.
    """
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import log as action

        if run and path is None and not action.is_run(run):
            run, path = None, run
        app, syncs = open_app(screen, manifest, only)
        if path is not None:
            followed = action.follow(app, syncs, path, Path.cwd(), run=run)
            for each_one in followed:
                screen.tell(followed_lines(each_one))
            screen.document(followed_document(followed))
            return
        found = action.find(app, syncs, run)
        for one in found:
            screen.tell(log_lines(one))
        screen.document(log_document(found))


COMMANDS = (check, diff, status, conflicts, history, log, doctor)
