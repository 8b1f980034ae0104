"""Carry a plan out. What goes to the cloud, bisync does; what changes here, we swap in ourselves.

The order is what makes a crash harmless at any instruction:
1. the journal says that a run is under way;
2. downloads are staged beside the tree, conflicts' losers get their names, then each file is swapped in;
3. bisync uploads and deletes in the cloud, in the frame of the plan and with a workdir of its own;
4. held old versions go to the trash, the baseline is recorded, the journal closed.
Until 4 the baseline and its listings are the ones from before the run: a common ancestor of both sides whatever
the run managed to do, for files it moved are equal on both sides, and files it deleted are gone from both.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bisync import events, process
from bisync.app import Session
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT, MARKER_TIME
from bisync.core.plan import Plan
from bisync.core.result import Conflict, Tally
from bisync.core.snapshot import BaseFile, LeftOut, LocalFile
from bisync.errors import RcloneError
from bisync.files import atomic_write, private_dir
from bisync.rclone import filters, listings
from bisync.rclone.argv import Argv
from bisync.rclone.diagnosis import failure, is_no_file, is_out_of_step, troubled_files
from bisync.rclone.output import Finished
from bisync.sync import inside, swap, transfers
from bisync.sync.frame import Frame, delete_percent, frame_of, listed
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared
from bisync.sync.transfers import Fetch, PutIn, RunBisync, Send, Settle, Step
from bisync.sync.way import Way


@dataclass(slots=True)
class Execution:
    """One plan being carried out. `skipped`: what the user was faster at; the next run has what is left of it.

    `placed`: the files it has put into the tree, by their key: size, mtime and inode. `frame`: what bisync saw.
    `meanwhile` is called while rclone is at work.
    """

    session: Session
    prepared: Prepared
    run: str
    tally: Tally = field(default_factory=Tally)
    taken: dict[str, LocalFile] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[LeftOut] = field(default_factory=list)
    placed: dict[str, swap.Identity] = field(default_factory=dict)
    frame: Frame = field(default_factory=Frame)
    meanwhile: Callable[[], object] = lambda: None
    planned: dict[str, Action] = field(init=False)
    way: Way = field(init=False)

    def __post_init__(self) -> None:
        self.planned = {path: change.action for change in self.plan.changes for path in change.paths}
        self.way = Way.of(self.plan)

    @property
    def plan(self) -> Plan:
        """What is carried out."""
        return self.prepared.plan

    @property
    def seen(self) -> Observation:
        """What the plan was made from."""
        return self.prepared.seen

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What this run went without: known before it, or found out by a failed transfer."""
        return tuple(sorted({*self.plan.left_out, *self.failed}))

    @property
    def area(self) -> swap.Area:
        return transfers.area(self.session, self.run)

    def carry_out(self, steps: Iterable[Step]) -> None:
        """All of a plan's steps. Raises RcloneError and whatever the disk raises; nothing is lost then either."""
        self._write_filters()
        self.session.emit(self.way.begun if self.way.files else events.Step("syncing"))
        self._take(steps)
        if self._contested() and not self.frame.names:
            # The user was faster at a download, and the plan had nothing for bisync to do.
            self._bisync(
                RunBisync(Frame(), self.prepared.compare, percent=0, fast_list=False, width=transfers.FEW)
            )

    def fetch_only(self) -> None:
        """Bring the plan's downloads here and nothing else; bisync will find them equal."""
        self._take(transfers.fetching_steps(self.plan, self.seen.local, self.seen.cloud))
        for one in self.failed:
            # They may name what must not go up.
            raise RcloneError(
                f"{one.path}: ignore rules that cannot be brought here: {one.why}",
                hint="mend that, then run again: bisync sync; nothing was lost",
            )

    def _take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            process.check_interrupt()
            self._take_one(step)
        self.session.emit(events.Step("recording"))
        self._keep_late_edits()
        swap.empty_hold(self.area)
        shutil.rmtree(self.area.staging, ignore_errors=True)

    def _take_one(self, step: Step) -> None:
        """Take a step: many files at once, one in the cloud, or one here."""
        match step:
            case transfers.Fetch():
                self._fetch(step)
            case transfers.Send():
                self._send(step)
            case transfers.MoveThere():
                with self._list("moves", step.names):
                    self._move(step, step.names, step.changes)
            case transfers.RunBisync():
                self._bisync(step)
            case (
                transfers.PlaceMarker("cloud") | transfers.SendAs() | transfers.DeleteThere()
                | transfers.MoveOneThere() | transfers.RenameThere()
            ):  # fmt: skip
                self._take_there(step)
            case transfers.PlaceMarker():
                self._place_marker()
            case _:
                try:
                    self._take_here(step)
                except inside.InTheWay as found:
                    self._go_without(step.change, str(found))
                except OSError as error:
                    why = swap.refusal(error)
                    if why is None:
                        raise
                    self._go_without(step.change, why)

    def _go_without(self, change: Change, why: str) -> None:
        """One path that cannot be changed stops nothing else: it is left out, and tried again by the next run."""
        self.skipped.append(change.path)
        self._leave_out([(change.paths[-1], why)])

    def _take_there(self, step: Step) -> None:
        match step:
            case transfers.PlaceMarker():
                argv = self._argv(step)
                outcome = self._try(argv, count=False)
                if outcome.code != 0:
                    raise failure(argv, outcome, self.session.remote)
            case transfers.SendAs(change) if change.path not in self.skipped:
                if self._run_for(step, change):  # rclone names the file without its folder
                    self.tally.uploaded.add(change.path)
                    self.tally.bytes += change.size
            case transfers.DeleteThere(change):
                if self._run_for(step, change):
                    self.tally.deleted_cloud.add(change.path)
            case transfers.MoveOneThere(change, name):
                self._move(step, [name], [change])
            case transfers.RenameThere(change) if change.path not in self.skipped:
                if self._run_for(step, change) and change.winner == "folder":
                    self._note_conflict(change)

    def _take_here(self, step: Step) -> None:
        match step:
            case transfers.DeleteHere(change, name):
                file = self.seen.local.files[change.path]
                self._note(change, swap.take_away(self.area, name, file), self.tally.deleted_local)
                self.taken[name] = file
            case transfers.StepAside(change, name, copy):
                with inside.at(self.area.root, name) as here:
                    aside = here.with_name(Path(copy).name)
                    if self._note(change, swap.place(here, aside)):
                        self._note_conflict(change)
            case transfers.MoveHere(change, name, to):
                file = self.seen.local.files[change.path]
                self._note(change, swap.rename(self.area, name, to, file), self.tally.renamed)
            case transfers.PutIn():
                self._put_in(step)
            case transfers.Settle():
                self._settle(step)

    # -- here ---------------------------------------------------------------------------------------

    def _place_marker(self) -> None:
        marker = self.session.sync.dir / MARKER_PATH
        marker.parent.mkdir(mode=0o700, exist_ok=True)
        atomic_write(marker, MARKER_TEXT, mode=0o644)
        os.utime(marker, (MARKER_TIME, MARKER_TIME))

    def _put_in(self, step: PutIn) -> None:
        change = step.change
        here = self.seen.local.files.get(change.path)
        fetched = self._fetched(change, step.staged)
        if fetched is None:
            return
        if step.name != step.staged:
            # This side keeps its own spelling.
            swap.place(self.area.staging / step.staged, self.area.staging / step.name)
        if here is not None:
            self.taken[here.name] = here
        if self._note(change, swap.put_in(self.area, step.name, here), self.tally.downloaded):
            self.placed[change.path] = fetched
            self.tally.bytes += fetched.size

    def _settle(self, step: Settle) -> None:
        """Give a conflict's versions their names here. The cloud's half follows when bisync or a rename is run."""
        change = step.change
        fetched = self._fetched(change, step.staged)
        if fetched is None:
            return
        try:
            with inside.at(self.area.root, step.name) as here:
                staged = self.area.staging / step.staged
                done = swap.settle(here, staged, change.winner, [Path(copy).name for copy in step.copies])
        except FileNotFoundError:
            done = False
        if change.winner == "cloud":
            self.placed[change.path] = fetched
        if self._note(change, done, self.tally.downloaded):
            self._note_conflict(change)
            self.tally.bytes += self.seen.cloud.files[change.path].size

    def _fetched(self, change: Change, staged: str) -> swap.Identity | None:
        """The staged file; None where it is gone from the cloud since it was listed."""
        try:
            return swap.identity(self.area.staging / staged)
        except FileNotFoundError:
            self.skipped.append(change.path)
            return None

    def _note(self, change: Change, done: bool, counted: set[str] | None = None) -> bool:
        if not done:
            self.skipped.append(change.path)
        elif counted is not None:
            counted.add(change.path)
        return done

    def _note_conflict(self, change: Change) -> None:
        self.tally.conflicts.append(
            Conflict(path=change.path, copies=change.copies, winner=change.winner or "both", side=change.side)
        )

    # -- to and from the cloud ----------------------------------------------------------------------

    def _fetch(self, step: Fetch) -> None:
        self.area.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = self._argv(step)
        with self._list("downloads", step.names):
            outcome = self._try(argv, count=False)
        if outcome.code != 0:
            self._leave_out(self._troubled(argv, outcome).items())

    def _troubled(self, argv: Argv, outcome: Finished, *, others_follow: bool = False) -> Mapping[str, str]:
        """What a command failed on for reasons of its own, and these (see `troubled_files`). Raises RcloneError."""
        found = troubled_files(outcome, others_follow=others_follow)
        if not (troubled := {one.path or "": one.text for one in found}):
            raise failure(argv, outcome, self.session.remote)
        return troubled

    def _move(self, step: Step, moved: Iterable[str], changes: Iterable[Change]) -> None:
        """Move files in the cloud. What rclone does not say it moved is gone: the next run has it."""
        left: set[str] = set()

        def on_event(event: events.Event) -> None:
            if isinstance(event, events.Moved) or (isinstance(event, events.Deleted) and not event.kept):
                left.add(event.path)

        argv = self._argv(step)
        outcome = self._try(argv, count=False, on_event=on_event)
        went = outcome.code == 0 or is_no_file(outcome)
        troubled = {} if went else self._troubled(argv, outcome, others_follow=True)
        for name, change in zip(moved, changes, strict=True):
            if name in troubled:
                self._go_without(change, troubled[name])
            else:
                self._note(change, name in left, self.tally.renamed)

    def _send(self, step: Send) -> None:
        named = zip(step.changes, step.names, strict=True)
        wanted = [n for change, n in named if change.path not in self.skipped and self._lies_here(change)]
        if wanted:
            argv = self._argv(step)
            with self._list("uploads", wanted):
                outcome = self._try(argv)
            troubled = {} if outcome.code == 0 else self._troubled(argv, outcome)
            for change, name in zip(step.changes, step.names, strict=True):
                if name in troubled:
                    self._go_without(change, troubled[name])

    @contextmanager
    def _list(self, name: str, paths: Iterable[str]) -> Iterator[None]:
        """The file that a step's command names, with a path a line, for as long as the command runs."""
        listed = self.session.state.lists / name
        listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        try:
            yield
        finally:
            listed.unlink()

    def _bisync(self, step: RunBisync) -> None:
        """Run bisync, a second time without files that fail alone: one would keep every deletion from travelling."""
        while (opened := self._open_frame(step)).frame.names:
            argv = self._argv(opened)
            outcome = self._try(argv)
            if outcome.code == 0:
                return
            if step.check_sync and is_out_of_step(outcome):
                # A file moved while bisync looked, or has another time on either side. What it copied is equal by
                # now: looking again settles it, and says of what was equal before what it said before.
                step = step._replace(check_sync=False)
                continue
            troubled = self._troubled(argv, outcome)
            if all(names.key(path) in {one.path for one in self.failed} for path in troubled):
                raise failure(argv, outcome, self.session.remote)
            self._leave_out(troubled.items())

    def _open_frame(self, step: RunBisync) -> RunBisync:
        """Give bisync a workdir that knows the plan's paths and no others; the step as it is to be run."""
        seen = self.seen
        late = frame_of(self._contested(), seen.local, seen.cloud, self.known, seen.is_ignored)
        frame = (step.frame | late).without([*(one.path for one in self.failed), *self._unplanned()])
        state = self.session.state
        shutil.rmtree(state.frame, ignore_errors=True)
        private_dir(state.frame)
        filters.write(state.frame / transfers.FILTERS, filters.framed(frame.names))
        pair = listings.place(state.frame, self.session.sync.dir, self.session.remote.fs)
        texts = listed(frame.base, step.compare, self.seen.marker, self.session.app.now())
        listings.write(pair, texts)
        self.frame = frame
        return step._replace(frame=frame, percent=delete_percent(frame, self.plan, seen.local, seen.cloud))

    def _contested(self) -> list[Change]:
        """Downloads whose place the user has filled meanwhile: bisync makes conflicts of them."""
        skipped = set(self.skipped)
        return [
            change
            for change in self.plan.changes
            if change.action is Action.DOWNLOAD and change.path in skipped and self._lies_here(change)
        ]

    def _unplanned(self) -> list[str]:
        """Where bisync would act unplanned: the user has deleted an upload, or saved a file in a folder's place."""
        return [
            change.path
            for change in self.plan.changes
            if (change.action is Action.UPLOAD and not self._lies_here(change))
            or (change.winner == "folder" and self._lies_here(change))
        ]

    def _lies_here(self, change: Change) -> bool:
        known = self.seen.local.files.get(change.path)
        there = self.seen.cloud.files.get(change.path)
        name = known.name if known else names.from_rclone(there.name if there else change.path)
        return swap.is_file_here(self.area.root, name)

    @property
    def known(self) -> Mapping[str, BaseFile]:
        """What both sides held before this run."""
        return self.prepared.baseline.files if self.prepared.baseline is not None else {}

    def _leave_out(self, troubled: Iterable[tuple[str, str]]) -> None:
        """Go on without these files, each with its reason: no rclone of this run touches them any more."""
        self.failed += [LeftOut(names.key(path), why) for path, why in troubled]
        self._write_filters()

    def _write_filters(self) -> None:
        filters.write(self.session.state.filters, filters.leaving_out(self.seen.filters, self.left_out))

    def _argv(self, step: Step) -> Argv:
        argv = transfers.command(step, self.session, self.run)
        assert argv is not None, f"{step} is taken without rclone"
        return argv

    def _run_for(self, step: Step, change: Change) -> bool:
        """Take a step about one path; False where that failed alone and is left out, or is no file any more."""
        argv = self._argv(step)
        outcome = self._try(argv, count=False)
        if is_no_file(outcome):
            return self._note(change, False)
        for why in () if outcome.code == 0 else self._troubled(argv, outcome).values():
            self._go_without(change, why)
            return False
        return True

    def _try(
        self, argv: Argv, *, count: bool = True, on_event: Callable[[events.Event], None] | None = None
    ) -> Finished:
        def hear(event: events.Event) -> None:
            if count:
                self._count(event)
            if on_event is not None:
                on_event(event)
            self.session.emit(self.way.seen(event) if isinstance(event, events.Progress) else event)

        remote = self.session.remote
        outcome = self.session.rclone.run(argv, remote=remote, on_event=hear, meanwhile=self.meanwhile)
        self.way.next_command()
        return outcome

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
            case events.Deleted(side=side, kept=kept):
                # What is replaced or renamed leaves its place, too; a remote that is a folder here is "local" as well.
                planned = self.planned.get(key)
                if planned is Action.DELETE_CLOUD:
                    self.tally.deleted_cloud.add(key)
                elif kept and planned not in (Action.UPLOAD, Action.DOWNLOAD):
                    (self.tally.deleted_cloud if side == "cloud" else self.tally.deleted_local).add(key)
            case events.ConflictCopy(copy=copy):
                self.tally.conflicts.append(Conflict(path=key, copies=(copy,), winner="local", planned=False))

    # -- afterwards ---------------------------------------------------------------------------------

    def _keep_late_edits(self) -> None:
        """A program that had the old file open wrote to it after the swap: that text gets a name again."""
        for name in swap.late_edits(self.area, self.taken):
            spelled = names.to_rclone(name)
            try:
                copy = swap.name_late_edit(self.area, name)
            except (inside.InTheWay, OSError) as problem:
                why = swap.refusal(problem) if isinstance(problem, OSError) else str(problem)
                if why is None:
                    raise
                self._leave_out([(spelled, f"{why}; what was written to it during the run is in the trash")])
                continue
            kept = (names.key(names.to_rclone(copy)),)
            late = Conflict(path=names.key(spelled), copies=kept, winner="cloud", planned=False)
            self.tally.conflicts.append(late)
