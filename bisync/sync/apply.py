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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisync import events, process
from bisync.core import names
from bisync.core.change import Change
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT, MARKER_TIME
from bisync.core.result import Conflict
from bisync.errors import RcloneError
from bisync.files import atomic_write
from bisync.rclone.diagnosis import failure, is_no_file
from bisync.sync import bisync_run, inside, merging, own_copies, room, steps, swap, transfers, upward
from bisync.sync.frame import Frame
from bisync.sync.steps import Fetch, Merge, PutIn, RunBisync, Send, Settle, Step
from bisync.sync.undertaking import Undertaking


@dataclass(slots=True)
class Execution(Undertaking):
    """One plan being carried out, step by step."""

    def carry_out(self, steps: Iterable[Step]) -> None:
        """All of a plan's steps. Raises RcloneError and whatever the disk raises; nothing is lost then either."""
        self.write_filters()
        self.session.emit(self.way.begun if self.way.files else events.Step("syncing"))
        self._take(steps)
        by_bisync = not upward.is_used(self.prepared.compare)
        if by_bisync and bisync_run.contested(self) and not self.frame.names:
            # The user was faster at a download, and the plan had nothing for bisync to do.
            bisync_run.run(
                self,
                RunBisync(Frame(), self.prepared.compare, percent=0, fast_list=False, width=transfers.FEW),
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

    def change_here(self, steps: Iterable[Step]) -> None:
        """Take steps that change nothing in the cloud. Raises as `carry_out`."""
        self._take(steps)

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
            case steps.Fetch():
                self._fetch(step)
            case steps.Send():
                self._send(step)
            case steps.MoveThere():
                with self.list_file("moves", step.names):
                    self._move(step, step.names, step.changes)
            case steps.DeleteAllThere():
                own_copies.delete(self, step)
            case steps.LookAgain() | steps.ReadBack():
                own_copies.look_for(self, step)
            case steps.RunBisync():
                bisync_run.run(self, step)
            case (
                steps.PlaceMarker("cloud") | steps.SendAs() | steps.DeleteThere()
                | steps.MoveOneThere() | steps.RenameThere() | steps.MakeRoom()
            ):  # fmt: skip
                self._take_there(step)
            case steps.PlaceMarker():
                self._place_marker()
            case _:
                try:
                    self._take_here(step)
                except inside.InTheWay as found:
                    self.go_without(step.change, str(found))
                except OSError as error:
                    why = swap.refusal(error)
                    if why is None:
                        raise
                    self.go_without(step.change, why)

    def _take_there(self, step: Step) -> None:
        match step:
            case steps.PlaceMarker():
                argv = self.argv(step)
                outcome = self.attempt(argv, count=False)
                if outcome.code != 0:
                    raise failure(argv, outcome, self.session.remote)
            case steps.MakeRoom():
                room.make(self, step)
            case steps.SendAs(change, name) if own_copies.may_go(self, change, name):
                if self._run_for(step, change):  # rclone names the file without its folder
                    self.tally.uploaded.add(names.key(name))
                    self.tally.bytes += change.size
            case steps.DeleteThere(change):
                if self._run_for(step, change):
                    self.tally.deleted_cloud.add(change.path)
            case steps.MoveOneThere(change, name):
                self._move(step, [name], [change])
            case steps.RenameThere(change) if change.path not in self.skipped:
                if self._run_for(step, change) and change.winner == "folder":
                    self._note_conflict(change)

    def _take_here(self, step: Step) -> None:
        match step:
            case steps.DeleteHere(change, name):
                file = self.seen.local.files[change.path]
                self.note(change, swap.take_away(self.area, name, file), self.tally.deleted_local)
                self.taken[name] = file
            case steps.StepAside(change, name, copy):
                with inside.at(self.area.root, name) as here:
                    aside = here.with_name(Path(copy).name)
                    if self.note(change, swap.place(here, aside)):
                        self._note_conflict(change)
            case steps.MoveHere(change, name, to):
                file = self.seen.local.files[change.path]
                self.note(change, swap.rename(self.area, name, to, file), self.tally.renamed)
            case steps.PutIn():
                self._put_in(step)
            case steps.Settle():
                self._settle(step)
            case steps.Merge():
                self._merge(step)

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
        if not self.note(change, swap.put_in(self.area, step.name, here)):
            return
        key = names.key(names.to_rclone(step.name))
        self.tally.downloaded.add(key)
        self.placed[key] = fetched
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
        if self.note(change, done, self.tally.downloaded):
            self._note_conflict(change)
            self.tally.bytes += self.seen.cloud.files[change.path].size

    def _merge(self, step: Merge) -> None:
        """Bring the edits of the fetched version into the file here, if that comes to what was planned.

        The version that was here goes to the trash, that of the cloud to the cloud's when the text is sent; where the
        cloud keeps none, to the one here, too.
        """
        change, area = step.change, self.area
        if self._fetched(change, step.staged) is None:
            return
        here, base = self.seen.local.files[change.path], self.known.get(change.path)
        text = merging.again(self.session, change, base, step.name, area.staging / step.staged)
        if text is None:
            self.note(change, False)
            return
        if not self.session.remote.keeps_versions:
            swap.keep_aside(area, step.staged, step.name)
        swap.stage(area, step.name, text)
        self.taken[here.name] = here
        if self.note(change, swap.put_in(area, step.name, here), self.tally.merged):
            lies = own_copies.local_copy(self.session, names.to_rclone(step.name))
            if lies is not None:
                self.merged[change.path] = lies

    def _fetched(self, change: Change, staged: str) -> swap.Identity | None:
        """The staged file; None where it is gone from the cloud since it was listed."""
        try:
            return swap.identity(self.area.staging / staged)
        except FileNotFoundError:
            self.skipped.append(change.path)
            return None

    def _note_conflict(self, change: Change) -> None:
        self.tally.conflicts.append(
            Conflict(path=change.path, copies=change.copies, winner=change.winner or "both", side=change.side)
        )

    # -- to and from the cloud ----------------------------------------------------------------------

    def _fetch(self, step: Fetch) -> None:
        self.area.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = self.argv(step)
        sizes = [self.seen.cloud.files[names.key(name)].size for name in step.names]
        with self.list_file("downloads", step.names):
            outcome = self.attempt(argv, count=False, at_length=transfers.is_long(sizes))
        if outcome.code != 0:
            self.leave_out(self.troubled(argv, outcome).items())
        if upward.is_used(self.prepared.compare) and (missing := own_copies.not_given(self, step.names)):
            self.leave_out(missing)

    def _move(self, step: Step, moved: Sequence[str], changes: Iterable[Change]) -> None:
        """Move files in the cloud. What rclone does not say it moved is gone: the next run has it."""
        left: set[str] = set()

        def on_event(event: events.Event) -> None:
            if isinstance(event, events.Moved) or (isinstance(event, events.Deleted) and not event.kept):
                left.add(event.path)

        argv, many = self.argv(step), transfers.is_long([0] * len(moved))
        outcome = self.attempt(argv, count=False, on_event=on_event, at_length=many)
        went = outcome.code == 0 or is_no_file(outcome)
        troubled = {} if went else self.troubled(argv, outcome, others_follow=True)
        for name, change in zip(moved, changes, strict=True):
            if name in troubled:
                self.go_without(change, troubled[name])
            else:
                self.note(change, name in left, self.tally.renamed)

    def _send(self, step: Send) -> None:
        named = zip(step.changes, step.names, strict=True)
        wanted = [name for change, name in named if own_copies.may_go(self, change, name)]
        if wanted:
            argv = self.argv(step)
            sizes = [change.size for change in step.changes]
            with self.list_file("uploads", wanted):
                outcome = self.attempt(argv, at_length=transfers.is_long(sizes))
            troubled = {} if outcome.code == 0 else self.troubled(argv, outcome)
            for change, name in zip(step.changes, step.names, strict=True):
                if name in troubled:
                    self.go_without(change, troubled[name])

    def _run_for(self, step: Step, change: Change) -> bool:
        """Take a step about one path; False where that failed alone and is left out, or is no file any more."""
        argv = self.argv(step)
        outcome = self.attempt(argv, count=False)
        if is_no_file(outcome):
            return self.note(change, False)
        for why in () if outcome.code == 0 else self.troubled(argv, outcome).values():
            self.go_without(change, why)
            return False
        return True

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
                self.leave_out([(spelled, f"{why}; what was written to it during the run is in the trash")])
                continue
            kept = (names.key(names.to_rclone(copy)),)
            late = Conflict(path=names.key(spelled), copies=kept, winner="cloud", planned=False)
            self.tally.conflicts.append(late)
