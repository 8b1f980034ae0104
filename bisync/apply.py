"""Carry a plan out. What goes to the cloud, bisync does; what changes here, we swap in ourselves.

The order is what makes a crash harmless at any instruction:
1. the listings from before the run are kept as ancestor, the journal says that a run is under way;
2. downloads are staged beside the tree, conflicts' losers get their names, then each file is swapped in;
3. bisync uploads and deletes in the cloud; it meets two equal sides in everything done before;
4. held old versions go to the trash, the baseline is recorded, the journal closed.
A run that dies before 4 is undone by `recover`, which puts the ancestor back; files that were already
moved are then equal on both sides and cost nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bisync import commands, events, listing, names, rclone, swap
from bisync.app import Target
from bisync.baseline import Baseline
from bisync.files import atomic_write, write_if_changed
from bisync.ignore import MARKER_PATH
from bisync.observe import Observation
from bisync.plan import Action, Change, Plan
from bisync.rclone import Argv, BisyncCall
from bisync.result import Conflict, Tally
from bisync.snapshot import LeftOut, LocalFile

MARKER_TEXT = (
    "This file tells bisync that the folder is the real one and not an empty mount point. Keep it.\n"
)
# The same everywhere, or the marker of each new device would be the newer one and travel to all others.
MARKER_TIME = 1_600_000_000


@dataclass(slots=True)
class Application:
    """One plan being carried out. `skipped`: what the user was faster at; bisync or the next run has it.

    `placed`: the files it has put into the tree, by their key: size, mtime and inode.
    """

    target: Target
    plan: Plan
    seen: Observation
    run: str
    tally: Tally = field(default_factory=Tally)
    taken: dict[str, LocalFile] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[LeftOut] = field(default_factory=list)
    placed: dict[str, swap.Identity] = field(default_factory=dict)
    planned: dict[str, Action] = field(init=False)

    def __post_init__(self) -> None:
        self.planned = {change.path: change.action for change in self.plan.changes}

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What this run went without: known before it, or found out by a failed transfer."""
        return tuple(sorted({*self.plan.left_out, *self.failed}))

    @property
    def area(self) -> swap.Area:
        return swap.Area(self.target.sync.dir, self.run, self.target.state.trash / self.run)

    def carry_out(self, baseline: Baseline | None) -> None:
        """Steps 2 and 3. Raises RcloneError and whatever the disk raises; nothing is lost then either."""
        set_filters(self.target, commands.run_filters(self.seen.filters, self.plan.left_out))
        self.target.emit(events.Step("syncing"))
        self._place_markers()
        self._stage()
        self._local_changes()
        self._settle_cloud()
        self._bisync(baseline)
        self._keep_late_edits()
        swap.empty_hold(self.area)
        shutil.rmtree(self.area.staging, ignore_errors=True)

    def fetch_only(self) -> None:
        """Bring the plan's downloads here and nothing else; bisync will find them equal."""
        self._stage()
        self._local_changes()
        self._keep_late_edits()
        swap.empty_hold(self.area)
        shutil.rmtree(self.area.staging, ignore_errors=True)

    # -- before bisync ------------------------------------------------------------------------------

    def _place_markers(self) -> None:
        """Both sides have the marker before bisync looks for it: on the first run, and after --force."""
        marker = self.target.sync.dir / MARKER_PATH
        if not self.seen.local.marker:
            marker.parent.mkdir(mode=0o700, exist_ok=True)
            atomic_write(marker, MARKER_TEXT, mode=0o644)
            os.utime(marker, (MARKER_TIME, MARKER_TIME))
        if not self.seen.cloud.marker:
            argv = rclone.copy_one_argv(str(marker), self.target.remote.below(MARKER_PATH))
            self.target.rclone.check(argv, remote=self.target.remote)

    def _stage(self) -> None:
        wanted = commands.fetched(self.plan)
        if not wanted:
            return
        self.area.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        cloud = self.seen.cloud.files
        with self._list("downloads", (cloud[change.path].name for change, _ in wanted)) as listed:
            argv = rclone.copy_argv(
                self.target.remote.fs, str(self.area.staging), listed, profile=self.target.profile
            )
            outcome = self._try(argv, count=False)
        if outcome.code != 0:
            troubled = rclone.troubled_files(outcome)
            if not troubled:
                raise rclone.failure(argv, outcome, self.target.remote)
            self.failed += [LeftOut(names.key(one.path or ""), one.text) for one in troubled]
            set_filters(self.target, commands.run_filters(self.seen.filters, self.left_out))

    @contextmanager
    def _list(self, name: str, paths: Iterable[str]) -> Iterator[Path]:
        """The file that the plan's command names, with a path a line, for as long as the command runs."""
        listed = self.target.state.lists / name
        listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        try:
            yield listed
        finally:
            listed.unlink()

    def _local_changes(self) -> None:
        """Deletions first: a folder may take the place of a file."""
        for change in self.plan.changes:
            if change.action is Action.DELETE_LOCAL:
                file = self.seen.local.files[change.path]
                self._note(change, swap.take_away(self.area, file.name, file), self.tally.deleted_local)
                self.taken[file.name] = file
        for change in self.plan.changes:
            if change.winner == "folder":
                self._make_room(change)
        for change in self.plan.changes:
            if change.winner == "folder":
                continue
            if change.action is Action.DOWNLOAD:
                self._download(change)
            elif change.action is Action.CONFLICT:
                self._local_conflict(change)

    def _make_room(self, change: Change) -> None:
        done = True
        if change.side == "local":
            name = self.seen.local.files[change.path].name
            done = swap.place(self.area.root / name, self.area.root / names.from_rclone(change.copies[0]))
        if done:
            self.tally.conflicts.append(Conflict(path=change.path, copies=change.copies, winner="folder"))
        else:
            self.skipped.append(change.path)

    def _download(self, change: Change) -> None:
        there = self.seen.cloud.files[change.path]
        here = self.seen.local.files.get(change.path)
        name = here.name if here is not None else names.from_rclone(there.name)
        staged = self.area.staging / names.from_rclone(there.name)
        if not staged.exists():  # gone from the cloud since it was listed
            self.skipped.append(change.path)
            return
        if here is not None and here.name != names.from_rclone(there.name):
            swap.place(staged, self.area.staging / here.name)  # this side keeps its own spelling
        if here is not None:
            self.taken[here.name] = here
        fetched = swap.identity(self.area.staging / name)
        if self._note(change, swap.put_in(self.area, name, here), self.tally.downloaded):
            self.placed[change.path] = fetched
            self.tally.bytes += fetched.size

    def _local_conflict(self, change: Change) -> None:
        """Give the losers their names here. The cloud's half follows in `_settle_cloud`."""
        here, there = self.seen.local.files[change.path], self.seen.cloud.files[change.path]
        root, staging = self.area.root, self.area.staging
        staged = staging / names.from_rclone(there.name)
        if not staged.exists():
            self.skipped.append(change.path)
            return
        copies = [names.from_rclone(copy) for copy in change.copies]
        fetched = swap.identity(staged)
        swap.keep_mode(root / here.name, staged)
        if change.winner == "local":
            done = swap.place(staged, root / copies[0])
        elif change.winner == "cloud":
            # Whatever the user has there by now is the local version: it is kept, not judged again.
            done = swap.place(root / here.name, root / copies[0]) and swap.place(staged, root / here.name)
            self.placed[change.path] = fetched
        else:
            done = swap.place(root / here.name, root / copies[0]) and swap.place(staged, root / copies[1])
        if self._note(change, done, self.tally.downloaded):
            self.tally.conflicts.append(
                Conflict(path=change.path, copies=change.copies, winner=change.winner or "both")
            )
            self.tally.bytes += there.size

    def _note(self, change: Change, done: bool, counted: set[str]) -> bool:
        if done:
            counted.add(change.path)
        else:
            self.skipped.append(change.path)
        return done

    def _settle_cloud(self) -> None:
        first = [c for c in commands.sent_first(self.plan) if c.path not in self.skipped]
        if first:
            local = self.seen.local.files
            with self._list("uploads", (names.to_rclone(local[c.path].name) for c in first)) as listed:
                argv = rclone.copy_argv(
                    str(self.target.sync.dir), self.target.remote.fs, listed, profile=self.target.profile,
                    backup=commands.cloud_backup(self.target, self.run),
                )  # fmt: skip
                self._run(argv)
        for change in commands.in_the_way(self.plan):
            name = self.seen.cloud.files[change.path].name
            backup = commands.cloud_backup(self.target, self.run)
            if backup is not None:
                moved = rclone.move_argv(self.target.remote.below(name), f"{backup}/{name}")
                self._run(moved, count=False)
                self.tally.deleted_cloud.add(change.path)
        for change in commands.renamed_in_cloud(self.plan):
            if change.path not in self.skipped:
                source = self.target.remote.below(self.seen.cloud.files[change.path].name)
                copy = self.target.remote.below(change.copies[-1])
                backup = commands.cloud_backup(self.target, self.run)
                self._run(rclone.move_argv(source, copy, backup=backup), count=False)

    # -- bisync -------------------------------------------------------------------------------------

    def _bisync(self, baseline: Baseline | None) -> None:
        for call in commands.bisync_calls(self.target, self.plan, baseline, self.run):
            self._bisync_once(self._admitting(call, len(self.failed)))
            if call.resync:
                # From here on a failure has something to go back to.
                pair = listing.find(self.target.state.work, self.target.sync.dir, self.target.remote.fs)
                if pair is not None:
                    listing.keep_ancestor(pair, self.target.state.ancestor)

    def _bisync_once(self, call: BisyncCall) -> None:
        """Run bisync; files that fail for a reason of their own are left out of a second try.

        One failing file ends bisync with an error and keeps every deletion from travelling.
        """
        argv = rclone.bisync_argv(call)
        outcome = self._try(argv)
        if outcome.code == 0:
            return
        if rclone.is_out_of_step(outcome):
            # A file moved while bisync looked. What it copied is equal now: looking again settles it.
            listing.restore_ancestor(self.target.state.ancestor, self.target.state.work)
            self._run(argv)
            return
        troubled = rclone.troubled_files(outcome)
        if not troubled:
            raise rclone.failure(argv, outcome, self.target.remote)
        self.failed += [LeftOut(names.key(one.path or ""), one.text) for one in troubled]
        set_filters(self.target, commands.run_filters(self.seen.filters, self.left_out))
        listing.restore_ancestor(self.target.state.ancestor, self.target.state.work)
        self._run(rclone.bisync_argv(self._admitting(call, len(troubled))))

    def _admitting(self, call: BisyncCall, left_out: int) -> BisyncCall:
        """The same call where so many files more look deleted: those left out since the plan was made."""
        known = max(1, len(self.seen.local.files))
        percent = min(100, call.max_delete_percent + -(-100 * left_out // known))
        return replace(call, max_delete_percent=percent)

    def _run(self, argv: Argv, *, count: bool = True) -> None:
        outcome = self._try(argv, count=count)
        if outcome.code != 0:
            raise rclone.failure(argv, outcome, self.target.remote)

    def _try(self, argv: Argv, *, count: bool = True) -> rclone.Outcome:
        def on_event(event: events.Event) -> None:
            if count:
                self._count(event)
            self.target.emit(event)

        return self.target.rclone.run(argv, remote=self.target.remote, on_event=on_event)

    def _count(self, event: events.Event) -> None:
        key = names.key(getattr(event, "path", None) or "")
        if key == MARKER_PATH:
            return
        match event:
            case events.Copied(to="cloud", size=size):
                self.tally.uploaded.add(key)
                self.tally.bytes += size
            case events.Copied(size=size):
                self.tally.downloaded.add(key)
                self.tally.bytes += size
            # Replaced files and renamed conflicts leave their place, too; only a deletion is one.
            case events.Deleted(side="cloud", kept=kept):
                planned = self.planned.get(key)
                if planned is Action.DELETE_CLOUD or (kept and planned is not Action.UPLOAD):
                    self.tally.deleted_cloud.add(key)
            case events.Deleted(side="local", kept=True) if self.planned.get(key) is not Action.DOWNLOAD:
                self.tally.deleted_local.add(key)
            case events.ConflictCopy(copy=copy):
                self.tally.conflicts.append(Conflict(path=key, copies=(copy,), winner="local"))

    # -- afterwards ---------------------------------------------------------------------------------

    def _keep_late_edits(self) -> None:
        """A program that had the old file open wrote to it after the swap: that text gets a name again."""
        for name in swap.late_edits(self.area, self.taken):
            copy = self.area.root / name
            number = 1
            while copy.exists():
                copy = self.area.root / f"{name}.conflict{number}"
                number += 1
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.area.hold / name, copy)
            kept = names.key(names.to_rclone(str(copy.relative_to(self.area.root))))
            self.tally.conflicts.append(
                Conflict(path=names.key(names.to_rclone(name)), copies=(kept,), winner="cloud")
            )


def set_filters(target: Target, text: str) -> bool:
    """Give bisync its filter file, and the MD5 beside it that it asks for; True when they changed.

    bisync refuses to run when the file is not the one of the last run. The plan has looked at both sides
    through the new rules, so nothing it does not know of can follow from them.
    (rclone docs, bisync, "--filters-file": the `.md5` file.)
    """
    changed = write_if_changed(target.state.filters, text)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    write_if_changed(target.state.filters.with_name(target.state.filters.name + ".md5"), digest)
    return changed
