"""A plan that is being carried out: what it was made from, what came of it so far, and how an rclone is run for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bisync import events
from bisync.app import Session
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.metadata import MARKER_PATH
from bisync.core.plan import Plan
from bisync.core.result import Conflict, Tally
from bisync.core.snapshot import BaseFile, CloudFile, LeftOut, LocalFile
from bisync.rclone import filters
from bisync.rclone.argv import Argv
from bisync.rclone.diagnosis import failure, troubled_files
from bisync.rclone.output import Finished
from bisync.sync import swap, transfers
from bisync.sync.frame import Frame
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared
from bisync.sync.steps import Step
from bisync.sync.way import Way


@dataclass(slots=True)
class Undertaking:
    """One plan being carried out. `skipped`: what the user was faster at; the next run has what is left of it.

    `placed`: the files it has put into the tree, by their key: size, mtime and inode. `frame`: what bisync saw.
    `changed`: what the cloud holds otherwise by now (keys).
    `merged`: the texts that it has merged here, by their key, as they lie there since.
    `sent`: what copies of our own were to bring to the cloud (keys), `there`: what it has of that afterwards, `unseen`:
    of which it shows what lay there before, whatever was tried.
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
    sent: dict[str, LocalFile] = field(default_factory=dict)
    there: Mapping[str, CloudFile] = field(default_factory=dict)
    merged: dict[str, LocalFile] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
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

    def go_without(self, change: Change, why: str) -> None:
        """One path that cannot be changed stops nothing else: it is left out, and tried again by the next run."""
        self.skipped.append(change.path)
        self.leave_out([(change.paths[-1], why)])

    def note(self, change: Change, done: bool, counted: set[str] | None = None) -> bool:
        if not done:
            self.skipped.append(change.path)
        elif counted is not None:
            counted.add(change.path)
        return done

    def troubled(self, argv: Argv, outcome: Finished, *, others_follow: bool = False) -> Mapping[str, str]:
        """What a command failed on for reasons of its own, and these (see `troubled_files`). Raises RcloneError."""
        found = troubled_files(outcome, others_follow=others_follow)
        if not (troubled := {one.path or "": one.text for one in found}):
            raise failure(argv, outcome, self.session.remote)
        return troubled

    @contextmanager
    def list_file(self, name: str, paths: Iterable[str]) -> Iterator[None]:
        """The file that a step's command names, with a path a line, for as long as the command runs."""
        listed = self.session.state.lists / name
        listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        try:
            yield
        finally:
            listed.unlink()

    def lies_here(self, change: Change) -> bool:
        known = self.seen.local.files.get(change.path)
        there = self.seen.cloud.files.get(change.path)
        name = known.name if known else names.from_rclone(there.name if there else change.path)
        return swap.is_file_here(self.area.root, name)

    @property
    def known(self) -> Mapping[str, BaseFile]:
        """What both sides held before this run."""
        return self.prepared.baseline.files if self.prepared.baseline is not None else {}

    def leave_out(self, troubled: Iterable[tuple[str, str]]) -> None:
        """Go on without these files, each with its reason: no rclone of this run touches them any more."""
        self.failed += [LeftOut(names.key(path), why) for path, why in troubled]
        self.write_filters()

    def write_filters(self) -> None:
        """Have the sync's filter file say what this run goes without."""
        filters.write(self.session.state.filters, filters.leaving_out(self.seen.filters, self.left_out))

    def argv(self, step: Step) -> Argv:
        argv = transfers.command(step, self.session, self.run)
        assert argv is not None, f"{step} is taken without rclone"
        return argv

    def attempt(
        self, argv: Argv, *, count: bool = True, at_length: bool = False,
        on_event: Callable[[events.Event], None] | None = None,
    ) -> Finished:  # fmt: skip
        """Run an rclone for the plan. `at_length`: see `Rclone.run`."""

        def hear(event: events.Event) -> None:
            if count:
                self._count(event)
            if on_event is not None:
                on_event(event)
            self.session.emit(self.way.seen(event) if isinstance(event, events.Progress) else event)

        remote = self.session.remote
        outcome = self.session.rclone.run(
            argv, remote=remote, on_event=hear, meanwhile=self.meanwhile, at_length=at_length
        )
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
