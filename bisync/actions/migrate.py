"""Move over from what was there before: the verb. How it is done is `bisync.migrate`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bisync.app import App
from bisync.config import Migration, OldTree, RcloneTenant, Sync, WebDav
from bisync.core.migration import files
from bisync.core.printable import typed
from bisync.core.result import SetupStep
from bisync.errors import UsageError
from bisync.locks.machine import held
from bisync.migrate import found, old, run, sources, undo, webdav
from bisync.migrate.run import Migrated, Wish
from bisync.migrate.trees import Source
from bisync.state.migration import MigrationState


def into(syncs: tuple[Sync, ...], migration: Migration, only: Sequence[str] | None) -> Sync:
    """The sync that it goes to: the one named, else the manifest's, else the only one. Raises UsageError."""
    wanted = (
        [one for one in syncs if one.name == migration.sync] if migration.sync and not only else list(syncs)
    )
    if len(wanted) != 1:
        names = ", ".join(one.name for one in syncs)
        raise UsageError(
            f"which sync does it go to? ({names})",
            hint=f"as in: bisync migrate --only {typed(syncs[0].name)}",
        )
    return wanted[0]


def migrate(
    app: App,
    sync: Sync,
    home: Path,
    *,
    trees: Sequence[str] = (),
    server: str | None = None,
    all_found: bool = False,
    remove_old: bool = False,
    dry_run: bool = False,
    on_look: Callable[[Migrated], None] = lambda migrated: None,
    agree: Callable[[App], App] = lambda app: app,
) -> Migrated:
    """Carry out the migration that the flags, else the manifest, ask for, else the one that was begun before.

    Without any of them say what there is.

    `trees`, `server`: --from and --webdav. `all_found`: --yes. `on_look` hears what was found before anything is done.
    `agree` asks whether the manifest may do what it asks for; folders of this machine alone are looked at without.

    Raises UsageError, BisyncError, Locked, NotGranted.
    """
    manifest = app.manifest
    there = found.look(manifest.state_dir, manifest.rclone_config, app.env, home)
    state = run.state_of(app, sync)
    before = _before(state)
    asked = _asked(app, trees, server) or (before if not all_found else None)
    if asked is None and not all_found:
        return Migrated(name=sync.name, dir=sync.dir, found=there, dry_run=dry_run)
    asked = asked or sources.Asked(folders=sources.all_found(there, sync))
    asked = replace(asked, remove_old=asked.remove_old or remove_old or manifest.migration.remove_old)
    # Where config.json says that a project is may have been changed by the migration itself.
    known = {one.dir: one.to for one in (before.folders if before is not None else ())}
    folders = [one if one.to is not None else replace(one, to=known.get(one.dir)) for one in asked.folders]
    taken = sources.folders(folders, sync, manifest.state_dir, there.projects, there.home)
    dav = asked.server
    if not taken and dav is None:
        raise UsageError(
            "nothing to move over was found", hint="name it: bisync migrate --from DIR, or --webdav URL"
        )
    resolved = tuple(replace(one, to=each.below) for one, each in zip(folders, taken, strict=True))
    asked = replace(asked, folders=resolved)
    wanted = old.Old(
        wanted=asked.remove_old,
        section=dav.remote.partition(":")[0] if dav is not None and dav.remote is not None else None,
        projects=_moved(there, taken, sync),
        others=there.others,
    )
    _check_unused(app, wanted)
    if dav is not None or not dry_run:
        app = agree(app)
        app.must_be_granted()

    def carried_out(scratch: Path | None) -> Migrated:
        wish = _wish(app, sync, taken, dav, scratch)
        wish = replace(wish, old=wanted, asked=asked.row(), dry_run=dry_run, on_look=on_look)
        return run.run(app, sync, wish)

    if dry_run:
        with tempfile.TemporaryDirectory(prefix="bisync-") as scratch:
            return carried_out(Path(scratch))
    run.prepare(state)
    with held(state.lock, name=f"{sync.name}: migration"):
        return carried_out(None)


def _check_unused(app: App, wanted: old.Old) -> None:
    """Raise UsageError where what is to go is what a sync needs."""
    for sync in app.manifest.syncs:
        remote = sync.tenant.remote if isinstance(sync.tenant, RcloneTenant) else ""
        if wanted.wanted and wanted.section is not None and remote.partition(":")[0] == wanted.section:
            raise UsageError(
                f"{sync.name} is synced with {remote}: its remote is not an old one",
                hint="leave out --remove-old (remove_old in the manifest)",
            )


def _asked(app: App, trees: Sequence[str], server: str | None) -> sources.Asked | None:
    """What the flags, else the manifest, ask for; None where neither does. Raises UsageError."""
    said = app.manifest.migration
    if trees or server is not None:
        named = tuple(OldTree(dir=sources.as_typed(one)) for one in trees)
        return sources.Asked(folders=named, server=sources.server(server, said, app.env) if server else None)
    if said.trees or said.webdav is not None:
        return sources.Asked(folders=said.trees, server=said.webdav)
    return None


def _before(state: MigrationState) -> sources.Asked | None:
    """What the migration asked for that was begun before; None where none was."""
    journal = state.load()
    return sources.Asked.of(journal.wish) if journal is not None and journal.wish else None


def _wish(app: App, sync: Sync, taken: tuple[Source, ...], dav: WebDav | None, scratch: Path | None) -> Wish:
    if dav is None:
        return Wish(sources=taken)
    label = webdav.staged(Path(), dav).label
    source = webdav.staged(scratch or run.state_of(app, sync).fetched(label), dav)
    remote = webdav.reach(dav, app.env)
    server = webdav.Server(app, sync, source, remote, lambda event: app.on_event(sync.name, event))
    return Wish(sources=(*taken, source), servers={source.label: server})


def _moved(
    there: found.Found, taken: tuple[Source, ...], sync: Sync
) -> tuple[tuple[found.Project, Path], ...]:
    """The projects of config.json that are among what is moved over, each with where it will be."""
    moved = []
    for project in there.projects:
        root = Path(os.path.realpath(project.dir))
        for source in taken:
            if source.kind == "folder" and (root == source.root or source.root in root.parents):
                moved.append((project, sync.dir / source.below / root.relative_to(source.root)))
    return tuple(moved)


def take_back(app: App, sync: Sync, *, dry_run: bool = False) -> Migrated:
    """Put things back as they were before the migration. Raises UsageError where there is none."""
    state = run.state_of(app, sync)
    out = Migrated(name=sync.name, dir=sync.dir, dry_run=dry_run)
    if state.load() is None:
        raise UsageError(
            f"{sync.name}: no migration is known that could be taken back", hint="see: bisync history"
        )
    app.must_be_granted()
    with held(state.lock, name=f"{sync.name}: migration"):
        journal = state.load()
        assert journal is not None
        out.undone = undo.undo(app, sync, state, journal, dry_run=dry_run)
        out.backups = [Path(one["path"]) for one in journal.backups.values()]
        if not dry_run:
            state.forget()
    done = out.undone
    config = f", {len(done.config)} of the configuration" if done.config else ""
    detail = f"{files(done.removed)} taken away, {len(done.restored)} put back{config}"
    out.steps.append(SetupStep(step="undo", state="would change" if dry_run else "changed", detail=detail))
    return out
