"""A migration: its steps in their order, each looked at before and after, journaled, and begun again where it stopped.

No step is skipped because it was done once: each finds out what is left to do, which is nothing where it is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

from bisync import events, providers
from bisync.app import App
from bisync.config import Sync
from bisync.core.migration import STEPS, Gathering, files, path_key
from bisync.core.place import moved
from bisync.core.printable import typed
from bisync.core.result import SetupStep, SyncResult
from bisync.errors import BisyncError, disk_error
from bisync.files import private_dir
from bisync.migrate import backup, old, together, undo, verify
from bisync.migrate.found import Found
from bisync.migrate.looking import Looked, View, need
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Source
from bisync.migrate.webdav import Server
from bisync.rclone import listings
from bisync.state import baseline
from bisync.state.migration import (
    PENDING,
    Journal,
    MigrationState,
    digest,
    file_digest,
)
from bisync.sync import run as sync_run
from bisync.sync import setup
from bisync.sync.setup import SetupResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. `servers`: for each source on a WebDAV server, how it is reached.

    `asked`: the same for the journal. `on_look` hears what was found before anything is done.
    """

    sources: tuple[Source, ...]
    servers: Mapping[str, Server] = field(default_factory=dict)
    old: old.Old = field(default_factory=old.Old)
    asked: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    on_look: Callable[[Migrated], None] = lambda migrated: None


@dataclass(slots=True, kw_only=True)
class Migrated:
    """What came of it. `found`: where nothing was asked for, what there is. `undone`: of `--undo`.

    `done_before`: there was nothing to do.
    """

    name: str
    dir: Path
    steps: list[SetupStep] = field(default_factory=list)
    sources: list[Looked] = field(default_factory=list)
    gathering: Gathering | None = None
    backups: list[Path] = field(default_factory=list)
    setup: SetupResult | None = None
    result: SyncResult | None = None
    verified: verify.Verified | None = None
    notes: list[str] = field(default_factory=list)
    found: Found | None = None
    undone: undo.Undone | None = None
    dry_run: bool = False
    done_before: bool = False

    @property
    def exit_code(self) -> int:
        """Of the step that failed; 1 where something could not be taken back; else 0."""
        kept = bool(self.undone and self.undone.kept)
        return max([int(kept), *(step.exit_code for step in self.steps)])


def state_of(app: App, sync: Sync) -> MigrationState:
    """Where what is written down of a sync's migration lies. (Whose cloud it is may not be known yet.)"""
    return MigrationState(app.manifest.state_dir / "bisync-state" / ".migrations" / sync.name)


def run(app: App, sync: Sync, wish: Wish) -> Migrated:
    """Carry out every step, stopping at the first that fails; in a dry run only the look.

    For the holder of the migration's lock. Raises KeyboardInterrupt; nothing is lost then, and it can be run again.
    """
    made = Moving(app, sync, wish)
    if made.journal.dir != str(sync.dir):
        raise BisyncError(
            f"a migration into {made.journal.dir} is known here, and the sync dir is {sync.dir} now",
            hint=f"take it back first (bisync migrate --undo), or forget it: rm -r {typed(made.state.root)}",
        )
    for name, step in made.steps():
        try:
            made.add(step())
        except BisyncError as error:
            made.add(_failed(name, error.message, error.hint, error.exit_code))
        except OSError as error:
            refused = disk_error(error, where=None, then="type: bisync migrate", failed="read or written")
            made.add(_failed(name, refused.message, refused.hint, refused.exit_code))
        if made.out.steps[-1].exit_code:
            break
    return made.out


def _failed(name: str, detail: str, hint: str | None, exit_code: int = 1) -> SetupStep:
    return SetupStep(step=name, state="failed", detail=detail, hint=hint, exit_code=exit_code)


def _step(name: str, changed: bool, detail: str) -> SetupStep:
    return SetupStep(step=name, state="changed" if changed else "ok", detail=detail)


class Moving:
    """One migration, as far as it has come."""

    def __init__(self, app: App, sync: Sync, wish: Wish) -> None:
        self.app = app
        self.sync = sync
        self.wish = wish
        self.state = state_of(app, sync)
        self.out = Migrated(name=sync.name, dir=sync.dir, dry_run=wish.dry_run)
        self.journal = self.state.load() or self._new_journal()
        conf = app.manifest.rclone_config
        if wish.old.section in self.journal.gone and not old.has_section(wish.old, conf):
            # It was moved over, and we took it away: nobody can look at it any more.
            left = tuple(one for one in wish.sources if one.label not in wish.servers)
            self.wish = wish = replace(wish, sources=left, servers={})
        self.view = View(app=app, sync=sync, state=self.state, sources=wish.sources, servers=wish.servers)
        self.left_out: dict[str, str] = {}
        self.over = False

    def _new_journal(self) -> Journal:
        now = self.app.now().astimezone(UTC)
        return Journal(
            id=f"{now:%Y%m%dT%H%M%SZ}",
            began=now.isoformat(timespec="seconds"),
            dir=str(self.sync.dir),
            sources=[],
            made_dir=not os.path.lexists(self.sync.dir),
        )

    def steps(self) -> Iterator[tuple[str, Callable[[], SetupStep]]]:
        """Each step's name, and what does it."""
        yield STEPS[0], self._look
        if self.wish.dry_run:
            return
        if self.over:
            for name in STEPS[1:-1]:
                done = self.journal.done.get(name, self.journal.finished)
                yield name, partial(_step, name, False, f"done on {done}")
            yield STEPS[-1], self._remove_old
            return
        for name, do in zip(
            STEPS[1:],
            (self._back_up, self._set_up, self._together, self._baseline, self._verify, self._remove_old),
            strict=True,
        ):
            yield name, do

    def add(self, step: SetupStep) -> None:
        """Note how a step ended."""
        self.out.steps.append(step)
        if self.wish.dry_run:
            return
        if step.exit_code == 0 and not self.over:
            self.journal.done[step.step] = self._now()
            self.state.save(self.journal)

    def _now(self) -> str:
        return self.app.now().astimezone(UTC).isoformat(timespec="seconds")

    def tell(self, event: events.Event) -> None:
        """Pass an event on."""
        self.app.on_event(self.sync.name, event)

    # look

    def _look(self) -> SetupStep:
        """What is where; every source is read once, so that it is known by its content from here on."""
        self.view.look(contents=not self.wish.dry_run)
        self.out.gathering, self.out.sources = self.view.counted()
        count, size = sum(one.files for one in self.out.sources), sum(one.bytes for one in self.out.sources)
        lost = sum(one.lost for each in self.out.sources for one in each.passed)
        fresh = sum(one.fresh for one in self.out.sources)
        done = self.journal.finished is not None and fresh == lost == 0
        labels = {one.label for one in self.wish.sources}
        self.over = self.out.done_before = done and labels <= set(self.journal.sources)
        if self.over:
            for server in self.wish.servers.values():
                server.forget()  # ignore files were fetched for the look
        elif not self.wish.dry_run:
            self._begin()
        detail = f"{files(count)}, {size:,} bytes"
        if self.over:
            detail = f"{files(count)}, all of them moved over on {self.journal.finished}"
        if self.wish.dry_run:
            plans = old.planned(self.wish.old, self.app.manifest.rclone_config)
            self.out.notes += [f"in the end: {one}" for one in plans]
        self.wish.on_look(self.out)
        return _step(STEPS[0], False, detail)

    def _begin(self) -> None:
        """Write down what the sources hold before anything is changed."""
        if self.journal.finished is not None:
            # What was there before is what was there before the first one: `--undo` takes all of it back.
            self.journal = replace(self.journal, finished=None, done={})
        labels = [one.label for one in self.wish.sources]
        self.journal.sources = list(dict.fromkeys([*self.journal.sources, *labels]))
        self.journal.wish = dict(self.wish.asked)
        self.view.note()
        self.state.save(self.journal)

    # back up

    def _back_up(self) -> SetupStep:
        made, there = [], []
        for source in self.wish.sources:
            if source.kind != "folder":
                continue
            state = digest(self.view.holdings[source.label].files.values())
            known = self.journal.backups.get(source.label)
            if known is not None and known["of"] == state and Path(known["path"]).is_dir():
                there.append(Path(known["path"]))
                continue
            self._check_room(source)
            copy = backup.make(source.root, Pace(self.tell, f"backing up {source.label}", reading=False))
            self.journal.backups[source.label] = {"path": str(copy.path), "of": state}
            self.state.save(self.journal)
            made.append(copy.path)
            self.out.notes += [f"not in the backup: {path}: {why}" for path, why in copy.missing]
        self.out.backups = [*made, *there]
        shown = ", ".join(map(str, self.out.backups))
        return _step(STEPS[1], bool(made), shown or "nothing on this disk to copy")

    def _check_room(self, source: Source) -> None:
        """Raise BisyncError where the disks have no room for the copy and for what is brought."""
        need(source.root.parent, backup.size_of(source.root)[1], f"a backup of {source.label}")
        assert self.out.gathering is not None
        brought = sum(kept.version.size for one in self.out.gathering.meetings for kept in one.brought)
        need(self.sync.dir, brought, "what is to be brought together")

    # set up

    def _set_up(self) -> SetupStep:
        with self._config_noted():
            result = setup.run(self.app, self.sync, baseline=False)
        self.out.setup = result
        # Setup may have found out whose cloud it is.
        tenant = providers.of(self.sync.tenant).recognise(self.sync.tenant, self.app.manifest.state_dir)
        self.sync = self.view.sync = replace(self.sync, tenant=tenant)
        for step in result.steps:
            if step.state == "failed":
                return _failed(STEPS[2], f"{step.step}: {step.detail}", step.hint, step.exit_code)
        changed = [step.step for step in result.steps if step.state == "changed"]
        return _step(STEPS[2], bool(changed), ", ".join(changed) or "was set up already")

    @contextmanager
    def _config_noted(self) -> Iterator[None]:
        """Keep the configuration files as they are, and note what this makes of them.

        Where somebody else has written to one since it was noted last, it is not ours to put back.
        """
        manifest = self.app.manifest
        ignore = self.app.ignore_file
        paths = (manifest.rclone_config, ignore, ignore.with_name(".bmignore.rclone"))
        ours = []
        for path in (*paths, *self.wish.old.configs):
            if str(path) not in self.journal.config:
                self.journal.config[str(path)] = self.state.keep(path)
            row = self.journal.config[str(path)]
            if row["now"] == PENDING or file_digest(path) in (row["before"], row["now"]):
                ours.append((path, row))
                row["now"] = PENDING
        self.state.save(self.journal)
        try:
            yield
        finally:
            for path, row in ours:
                row["now"] = file_digest(path)
            self.state.save(self.journal)

    # bring together

    def _together(self) -> SetupStep:
        view = self.view
        with self.app.locked_dir(self.sync):
            view.look_here()
            known = baseline.load(self.app.state(self.sync).baseline)
            view.note_here(known.files if known is not None else {})
            passed = view.fetch_unknown()
            gathering, _ = view.decide()
            passed += view.fetch_wanted(gathering)
            pace = Pace(self.tell, "bringing together", reading=False)
            seen = view.here.files
            passed += together.carry_out(self.sync.dir, self.wish.sources, gathering, seen, pace)
            view.look_here()
        self.out.gathering = gathering
        self.out.notes += [f"not brought: {one.path}: {one.why}" for one in passed]
        brought = sum(len(one.brought) for one in gathering.meetings)
        beside = sum(len(one.beside) + (one.aside is not None) for one in gathering.meetings)
        kept = f", {beside:,} kept beside as conflict copies" if beside else ""
        detail = f"{files(brought)} brought{kept}"
        changed = bool(gathering.meetings or gathering.folders)
        return _step(STEPS[3], changed, detail if changed else "all of it was here")

    # baseline

    def _baseline(self) -> SetupStep:
        state = self.app.state(self.sync)
        with self.app.session(self.sync) as session:
            known = baseline.load(state.baseline)
            elsewhere = known is not None and moved(known.place, session.place)
            first = bool(elsewhere) or listings.find(state.work, self.sync.dir, session.remote.fs) is None
        result = self._synced(sync_run.Options(resync=first, moved_in=True))
        if result.error is not None:
            return _failed(STEPS[4], result.error, result.hint, result.exit_code or 1)
        self.left_out = {path_key(one.path): one.why for one in result.left_out}
        detail = f"{result.uploaded:,} uploaded, {result.downloaded:,} downloaded"
        return _step(STEPS[4], bool(result.uploaded or result.downloaded or first), detail)

    def _synced(self, options: sync_run.Options) -> SyncResult:
        """A run of the sync, and what it left in the sync dir written down."""
        with self._config_noted():  # keys may be new
            result = sync_run.run(self.app, self.sync, options)
        self.out.result = result
        if result.run is not None and result.run not in self.journal.runs:
            self.journal.runs.append(result.run)
        self.state.save(self.journal)
        known = baseline.load(self.app.state(self.sync).baseline)
        files_known = known.files if known is not None else {}
        self.view.note_brought({key: one.md5 for key, one in files_known.items() if one.md5 is not None})
        return result

    # verify

    def _verify(self) -> SetupStep:
        sources = [(source, self.view.fresh(source)) for source in self.wish.sources]
        pace = Pace(self.tell, "verifying by content")
        found = verify.check(self.app, self.sync, sources, self.left_out, pace)
        self.out.verified = found
        trouble = [f"{one.source}: {one.path}: {one.why}" for one in found.missing]
        trouble += [f"{label}: {path}: {why}" for label, path, why in self.view.changed()]
        trouble += [
            f"{label}: {one.path}: {one.why}"
            for label, holding in self.view.holdings.items()
            for one in holding.passed
            if one.lost
        ]
        self.out.notes += [f"in the sync dir alone: {path}: {why}" for path, why in found.apart]
        if found.by_size:
            self.out.notes.append("the cloud's listings carry no contents: compared there by size")
        if trouble:
            self.out.notes += [f"not verified: {one}" for one in trouble]
            text = f"not safe yet: {files(len(trouble))}, the first: {trouble[0]}"
            return _failed(
                STEPS[5], text, "mend that, then type again: bisync migrate (it goes on from here)"
            )
        self._finish()
        how = "there by size, here by content" if found.by_size else "all by content"
        return _step(STEPS[5], False, f"{found.here} in the sync dir, {found.cloud} in the cloud, {how}")

    def _finish(self) -> None:
        self.view.settle()
        self.journal.finished = self._now()
        self.state.save(self.journal)
        for server in self.wish.servers.values():
            server.forget()

    # remove the old

    def _remove_old(self) -> SetupStep:
        removed: list[str] = []
        if old.is_there(self.wish.old, self.app.manifest.rclone_config):
            if self.wish.old.section is not None:
                self.journal.gone = list(dict.fromkeys([*self.journal.gone, self.wish.old.section]))
            with self._config_noted():
                removed = old.remove(self.wish.old, self.app.manifest.rclone_config)
                self.journal.removed += removed
        left = old.left(self.wish.old, self.app.manifest.rclone_config)
        self.out.notes += [f"left as it is: {one}" for one in left]
        if not self.wish.old.wanted:
            return _step(STEPS[6], False, "not asked for (--remove-old)")
        return _step(STEPS[6], bool(removed), "; ".join(removed) or "nothing of it is left")


def prepare(state: MigrationState) -> None:
    """Make the folder for what is written down, private."""
    private_dir(state.root)
