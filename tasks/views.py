"""Tasks that only look: check, status, conflicts, history, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from bisync.report.documents import check_document, conflicts_document, status_document
from bisync.report.screen import Screen, status_table
from bisync.report.words import files, size_text

from ._edge import HELP, each, edge, leave, open_app

if TYPE_CHECKING:
    from bisync.config import Sync

_COMMON = {"manifest": HELP["manifest"], "only": HELP["only"], "json": HELP["json"]}


@task(
    iterable=["only"],
    help={
        **_COMMON,
        "one-way": "files that only the cloud has are fine",
        "download": "compare the contents of files that the cloud has no hash of; fetches them",
    },
)
def check(
    c: Context,
    manifest: str | None = None,
    only: list[str] | None = None,
    one_way: bool = False,
    download: bool = False,
    json: bool = False,
) -> None:
    """Compare the contents of both sides: missing, different, unreadable."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import check as action

        app, syncs = open_app(screen, manifest, only or [])
        results = []

        def work(one: Sync) -> int:
            result = action.run(app, one, one_way=one_way, download=download)
            results.append(result)
            if result.error is not None:
                screen.error(result.error.message, result.error.hint)
                return result.exit_code
            groups = (
                ("differs", result.differ), ("missing here", result.missing_local),
                ("missing in the cloud", result.missing_cloud), ("cannot be read", result.errors),
            )  # fmt: skip
            for word, paths in groups:
                for path in paths:
                    screen.say(f"  {word}: {path}")
            if result.exit_code == 0:
                screen.say(f"✓ Both sides are equal: {result.match} files match")
            else:
                apart = sum(len(paths) for _, paths in groups)
                screen.say(f"✗ {apart} of {apart + result.match} files are not in sync; see: bisync plan")
            if result.by_size_only:
                screen.say(
                    f"  {files(result.by_size_only)} compared by size alone, as the cloud has no hash of them; "
                    "to compare contents: bisync check --download"
                )
            return result.exit_code

        code = each(syncs, screen, work)
        screen.document(check_document(results))
        leave(code)


@task(iterable=["only"], help=_COMMON)
def status(
    c: Context, manifest: str | None = None, only: list[str] | None = None, json: bool = False
) -> None:
    """Show what state every sync is in, and what blocks the next run."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import status as action

        app, syncs = open_app(screen, manifest, only or [])
        found = [action.run(app, one) for one in syncs]
        for one in found:
            screen.show(status_table(one, app.now()))
        screen.document(status_document(found))


@task(iterable=["only"], help=_COMMON)
def conflicts(
    c: Context, manifest: str | None = None, only: list[str] | None = None, json: bool = False
) -> None:
    """List the conflict copies that wait for a decision."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import conflicts as action

        app, syncs = open_app(screen, manifest, only or [])
        groups = [group for one in syncs for group in action.run(app, one)]
        for group in groups:
            screen.say(f"{group.path} ({group.sync})")
            for each_one in group.versions:
                origin = f"  {each_one.origin}" if each_one.origin else ""
                screen.say(f"  {each_one.modified}  {size_text(each_one.size):>10}  {each_one.path}{origin}")
            screen.say(f"  Settle it with: bisync resolve '{group.path}' --keep local|cloud|newer|both")
        if not groups:
            screen.say("No conflicts.")
        screen.document(conflicts_document(groups))
        leave(max((one.exit_code for one in groups), default=0))


@task(
    iterable=["only"],
    help={**_COMMON, "limit": "at most this many runs", "versions": "list what the trash keeps, too"},
)
def history(
    c: Context,
    manifest: str | None = None,
    only: list[str] | None = None,
    limit: int = 20,
    versions: bool = False,
    json: bool = False,
) -> None:
    """Show past runs, and with --versions what restore can bring back."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import history as action

        app, syncs = open_app(screen, manifest, only or [])
        document = []

        def work(one: Sync) -> int:
            found = action.run(app, one, limit=limit, versions=versions)
            runs, kept = found.runs, found.versions
            for entry in runs:
                moved = ", ".join(
                    f"{entry[name]} {name.replace('_', ' ')}"
                    for name in ("uploaded", "downloaded", "deleted_local", "deleted_cloud")
                    if entry.get(name)
                )
                screen.say(
                    f"{entry.get('at')}  {entry.get('run') or '-':<24}  {entry.get('outcome'):<8}"
                    f"  {entry.get('error') or moved or '-'}"
                )
            if not runs:
                screen.say("no runs yet")
            for each_one in kept:
                size = f"{size_text(each_one.size):>10}"
                screen.say(f"  kept ({each_one.side})  {each_one.run}  {size}  {each_one.path}")
            if kept:
                screen.say("  Bring one back with: bisync restore PATH [--run RUN]")
            document.append(
                {
                    "name": one.name,
                    "runs": list(runs),
                    "versions": [
                        {"run": k.run, "side": k.side, "path": k.path, "size": k.size} for k in kept
                    ],
                }
            )
            return 0

        each(syncs, screen, work)
        screen.document({"version": 1, "syncs": document})


@task(iterable=["only"], help=_COMMON)
def doctor(
    c: Context, manifest: str | None = None, only: list[str] | None = None, json: bool = False
) -> None:
    """Check everything that could be wrong here; say the cure of each."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import doctor as action

        app, syncs = open_app(screen, manifest, only or [])
        findings = action.everything(app, syncs)
        for one in findings:
            mark = {"ok": "✓", "warning": "!", "problem": "✗"}[one.level]
            screen.say(f"{mark} {one.about}: {one.text}")
            if one.cure:
                screen.say(f"    → {one.cure}")
        screen.document(
            {
                "version": 1,
                "findings": [
                    {"about": f.about, "level": f.level, "text": f.text, "cure": f.cure} for f in findings
                ],
            }
        )
        leave(max((one.exit_code for one in findings), default=0))


TASKS = (check, status, conflicts, history, doctor)
