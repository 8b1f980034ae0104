"""Tasks that move files: sync, plan, resolve, restore, prune, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task

from bisync.errors import UsageError
from bisync.report.documents import sync_document
from bisync.report.screen import Screen
from bisync.report.words import files, plan_lines, plan_summary, size_text, sync_lines

from ._edge import HELP, each, edge, leave, open_app

if TYPE_CHECKING:
    from bisync.actions.plan import PlanResult
    from bisync.config import Sync


@task(
    iterable=["only"],
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "profile": "safe, balanced, fast, or one of the manifest's own",
        "dry-run": "say what would be done, do nothing",
        "resync": "make the baseline anew from what both sides hold",
        "max-delete": "allow this many deletions, this once",
        "force": "pass every guard, this once",
        "plan": "carry out exactly the plan in this file (from: bisync plan --out), or refuse",
        "verbose": "show every action and all of rclone's words",
        "json": HELP["json"],
    },
)
def sync(
    c: Context,
    manifest: str | None = None,
    only: list[str] | None = None,
    profile: str | None = None,
    dry_run: bool = False,
    resync: bool = False,
    max_delete: int | None = None,
    force: bool = False,
    plan: str | None = None,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Bring both sides together; say first what will be done."""
    screen = Screen(as_json=json, verbose=verbose)
    with edge(screen):
        from bisync.actions import sync as action

        app, syncs = open_app(screen, manifest, only or [])
        limit = _whole_number(max_delete, "--max-delete")
        options = action.Options(
            profile=profile, resync=resync, max_delete=limit, force=force, dry_run=dry_run
        )
        syncs, expected = action.planned(app, syncs, plan)
        results = []

        def work(one: Sync) -> int:
            result = action.run(app, one, options, expected=expected.get(one.name))
            results.append(result)
            if dry_run and result.error is None:
                screen.say(f"{one.name}: {plan_summary(result.preview)}")
                for line in plan_lines(result.preview, limit=None):
                    screen.say(line)
                screen.say("Nothing was changed (dry run).")
            else:
                if dry_run:
                    screen.plan(one.name, result.preview)
                for line in sync_lines(result):
                    screen.say(line)
            if result.error is not None:
                screen.error(result.error, result.hint)
            return result.exit_code

        code = each(syncs, screen, work)
        screen.document(sync_document(results))
        leave(code)


def _whole_number(value: Any, flag: str) -> int | None:
    """invoke hands a flag without a typed default over as text."""
    if value is None:
        return None
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise UsageError(f"{flag} takes a whole number of files, not {value!r}", hint=f"as in: {flag} 30")
    return number


@task(
    iterable=["only"],
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "profile": "plan with this profile",
        "json": HELP["json"],
        "out": "write the plan to this file, for: bisync sync --plan FILE",
        "script": "write the plan to this file as a POSIX script that needs only rclone",
    },
)
def plan(
    c: Context,
    manifest: str | None = None,
    only: list[str] | None = None,
    profile: str | None = None,
    json: bool = False,
    out: str | None = None,
    script: str | None = None,
) -> None:
    """Say what the next sync will do, changing nothing."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import plan as action

        app, syncs = open_app(screen, manifest, only or [])
        results: list[PlanResult] = []

        def work(one: Sync) -> int:
            result = action.run(app, one, profile=profile, scripted=bool(script))
            results.append(result)
            _show_plan(screen, result)
            return result.exit_code

        code = each(syncs, screen, work)
        document = action.document(app, results)
        screen.document(document)
        if out:
            action.write_plan(out, document)
            screen.say(f"Plan written. Carry it out with: bisync sync --plan {out}")
        if script:
            action.write_script(script, app, results, document)
            screen.say(f"Script written: {script}")
        leave(code)


def _show_plan(screen: Screen, result: PlanResult) -> None:
    if result.prepared is None:
        assert result.error is not None
        screen.error(result.error.message, result.error.hint)
        return
    plan = result.prepared.plan
    screen.say(f"{result.name} ({plan.mode.value}): {plan_summary(plan.changes)}")
    for line in plan_lines(plan.changes, limit=None):
        screen.say(line)
    for note in result.prepared.notes:
        screen.say(f"Note: {note}")
    for one in plan.left_out:
        screen.say(f"Left out: {one.path}: {one.why}")
    for verdict in result.prepared.verdicts:
        if not verdict.passed:
            screen.error(verdict.message, verdict.hint)


@task(
    positional=["path"],
    iterable=["only"],
    help={
        "path": "the contested file, relative to the sync dir",
        "keep": "local, cloud, newer or both",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
    },
)
def resolve(
    c: Context, path: str, keep: str = "", manifest: str | None = None, only: list[str] | None = None
) -> None:
    """Settle a conflict: keep one version under the file's name, the others go to the trash."""
    screen = Screen()
    with edge(screen):
        from bisync.actions import conflicts as action

        if keep not in action.KEEP:
            raise UsageError(
                f"--keep takes one of {', '.join(action.KEEP)}",
                hint=f"as in: bisync resolve {path} --keep newer",
            )
        app, syncs = open_app(screen, manifest, only or [])
        done = action.settle(app, syncs, path, action.KEEP[keep])
        screen.say(f"✓ Resolved {done.path}: kept {', '.join(done.kept)}")
        if done.trashed:
            screen.say(f"  in the trash (run {done.run}): {', '.join(done.trashed)}")
        screen.say("  Next: bisync sync")


@task(
    positional=["path"],
    iterable=["only"],
    help={
        "path": "the file or folder to bring back, relative to the sync dir",
        "run": "the version this run took away (see: bisync history); default: the latest",
        "to": "put it into this folder instead of the sync dir",
        "manifest": HELP["manifest"],
        "only": HELP["only"],
    },
)
def restore(
    c: Context,
    path: str,
    run: str | None = None,
    to: str | None = None,
    manifest: str | None = None,
    only: list[str] | None = None,
) -> None:
    """Bring back what a run overwrote or deleted: a file, or what is missing below a folder."""
    screen = Screen()
    with edge(screen):
        from bisync.actions import restore as action

        app, syncs = open_app(screen, manifest, only or [])
        target = Path(to).expanduser() if to else None
        done = action.bring_back(app, syncs, path, run_id=run, to=target)
        for each_one in done.restored:
            size = size_text(each_one.kept.size)
            screen.say(f"✓ Restored {each_one.path} (run {each_one.kept.run}, {size})")
            if each_one.replaced:
                screen.say("  the version that lay there is in the trash")
        if done.left:
            screen.say(
                f"{files(len(done.left))} still here, left alone; an older version comes back by its own "
                "name, with --run or with --to"
            )
        if target is None and done.restored:
            screen.say("  Next: bisync sync")


@task(
    iterable=["only"],
    help={
        "manifest": HELP["manifest"],
        "only": HELP["only"],
        "yes": "do it: move them to the cloud's trash",
        "json": HELP["json"],
    },
)
def prune(
    c: Context,
    manifest: str | None = None,
    only: list[str] | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """List files that are ignored now but lie in the cloud from before; remove them there with --yes."""
    screen = Screen(as_json=json)
    with edge(screen):
        from bisync.actions import prune as action

        app, syncs = open_app(screen, manifest, only or [])
        found = []

        def work(one: Sync) -> int:
            result = action.prune(app, one, yes=yes)
            found.append(result)
            for path, size in result.files:
                screen.say(f"  {size_text(size):>10}  {path}")
            total = size_text(sum(size for _, size in result.files))
            if not result.files:
                screen.say("nothing in the cloud is ignored")
            elif result.run:
                kept = f"kept in its trash (run {result.run})"
                screen.say(f"✓ Pruned {len(result.files)} from the cloud ({total}); {kept}")
            else:
                screen.say(
                    f"{len(result.files)} in the cloud ({total}). Remove them there with: bisync prune --yes"
                )
            return 0

        code = each(syncs, screen, work)
        screen.document(
            {
                "version": 1,
                "syncs": [
                    {"name": r.sync, "files": [{"path": p, "size": s} for p, s in r.files], "run": r.run}
                    for r in found
                ],
            }
        )
        leave(code)


@task(help={"keep": "leave the temporary home behind and say where it is"})
def demo(c: Context, keep: bool = False) -> None:
    """The whole story on an embedded S3 server in a temporary home."""
    screen = Screen()
    with edge(screen):
        from bisync.actions import demo as action

        leave(action.run(screen.verbatim, keep=keep))


TASKS = (sync, plan, resolve, restore, prune, demo)
