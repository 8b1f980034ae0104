"""Watching: one process that runs each sync when it is due, until it is told to stop.

What is due is decided in `core.agenda`; here are the clock, the threads and the signals. All that happens comes through
one inbox, so that one thread alone changes what is known.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

from bisync import process
from bisync.app import App
from bisync.config import Sync
from bisync.core import agenda as machine
from bisync.core import names
from bisync.core.agenda import Agenda, Due, Reason
from bisync.core.result import Outcome, SyncResult
from bisync.errors import BisyncError, Locked, disk_error
from bisync.locks.guard import clock
from bisync.locks.lease import guarded
from bisync.locks.machine import held, is_held
from bisync.manifest.load import OVERLAY_NAME
from bisync.rclone.resident import Residents
from bisync.state import granted
from bisync.sync.memory import Memory
from bisync.sync.run import Options, run
from bisync.watch import news
from bisync.watch.beacon import Beacon
from bisync.watch.edits import Edits
from bisync.watch.news import News
from bisync.watch.notify import Notifier

TICK_SECONDS = 1.0
"""So often it is looked whether a file of the configuration has changed."""
GLIMPSE_SECONDS = 0.5
"""Whoever only looks whether a lock is held has it for less."""
STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143}

Opened = tuple[App, tuple[Sync, ...]]
Measured = Callable[[Sync, Callable[[], SyncResult]], SyncResult]


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One sync that is watched. `lock`: that nobody else does. `heard`: edits and when, while a run is under way."""

    sync: Sync
    agenda: Agenda
    lock: ExitStack
    memory: Memory
    heard: list[tuple[frozenset[str], float]] = field(default_factory=list)
    edits: Edits | None = None
    beacon: Beacon | None = None

    def stop(self) -> None:
        for each in (self.edits, self.beacon):
            if each is not None:
                each.stop()
        self.lock.close()


class Watch:
    """The loop. `opened` reads the manifest: anew whenever its files change. `tell` hears what happens.

    `interval`: in place of the manifest's; `options` of every run; `jobs` runs at a time.
    `measuring`: what each run goes through.
    """

    def __init__(
        self,
        opened: Callable[[], Opened],
        tell: Callable[[News], None],
        *,
        options: Options,
        interval: float | None,
        jobs: int,
        measuring: Callable[[App], Measured],
    ) -> None:
        self._opened = opened
        self._tell = tell
        self._options = options
        self._interval = interval
        self._jobs = jobs
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._syncs: dict[str, _Watched] = {}
        self._stop: int | None = None
        self._on_terminal = _on_terminal()
        self._notifier = Notifier()
        self._residents = Residents(guarded)
        self._ticked = clock()
        self._measuring = measuring
        self._app, syncs = self._opened_and_granted()
        self._measured = measuring(self._app)
        self._files = _configuration(self._app)
        self._read = self._seen = _fingerprint(self._files)
        try:
            self._take_on(syncs)
        except BaseException:
            self._let_go()
            raise

    # -- the loop -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Until a signal ends it: the exit code (128 and the signal's number)."""
        with _signals(self._signalled), ThreadPoolExecutor(self._jobs) as pool:
            try:
                gc.freeze()  # all that is loaded stays
                self._notifier.ready(f"watching {', '.join(self._syncs)}")
                self._tell(news.Watching(tuple(self._syncs), self._seconds()))
                while self._stop is None:
                    self._begin(pool)
                    self._wait()
                self._notifier.stopping()
                process.interrupt()
            finally:
                pool.shutdown(wait=True)
                process.resume()
                self._drain()
                self._let_go()
        why = "interrupted" if self._stop == signal.SIGINT else "told to end"
        self._tell(news.Stopped(f"{why}; everything is in order"))
        return STOPS.get(signal.Signals(self._stop), 128 + self._stop)

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        now = clock()
        for one in self._syncs.values():
            due = machine.due(one.agenda, now)
            if due is not None and due.at <= now:
                if is_held(self._app.state(one.sync).wish):
                    one.agenda = machine.postponed(machine.begun(one.agenda, due), now)
                    continue  # somebody has typed a sync, and waits for its turn
                one.agenda = machine.begun(one.agenda, due)
                self._tell(news.Began(one.sync.name, due.reason))
                pool.submit(self._work, one, self._app, due)

    def _work(self, one: _Watched, app: App, due: Due) -> None:
        """A run, in a thread of the pool."""
        unsettled = frozenset(names.key(names.to_rclone(path)) for path in due.unsettled)
        glance = due.reason is Reason.EDITED
        options = replace(self._options, unsettled=unsettled, memory=one.memory, glance=glance)
        try:
            result = self._measured(one.sync, partial(run, app, one.sync, options))
        except KeyboardInterrupt:
            return  # we are told to stop
        except BaseException as bug:
            self._inbox.put(partial(self._raise, bug))
            return
        earnest = one.memory.earnest
        self._inbox.put(partial(self._ended, one, result))
        if earnest:
            # What a look has built is large, and the edge has switched the collector off for its sake.
            gc.collect()

    def _wait(self) -> None:
        """Until something happens or is due. What has come is taken in."""
        now = clock()
        dues = [due.at for one in self._syncs.values() if (due := machine.due(one.agenda, now))]
        every = min(TICK_SECONDS, self._notifier.interval)
        with suppress(Empty):
            self._inbox.get(timeout=max(0.0, min([*dues, self._ticked + every]) - now))()
        self._drain()
        if clock() >= self._ticked + every:
            self._ticked = clock()
            self._tick()

    def _drain(self) -> None:
        with suppress(Empty):
            while True:
                self._inbox.get_nowait()()

    def _tick(self) -> None:
        self._notifier.alive()
        found = _fingerprint(self._files)
        if found != self._seen:
            self._seen = found  # it is read once it has been the same for a moment
        elif found != self._read:
            self._read = found
            self._reload()

    # -- what happens -------------------------------------------------------------------------------

    def _raise(self, bug: BaseException) -> None:
        raise bug

    def _signalled(self, number: int) -> None:
        if number == signal.SIGHUP and self._on_terminal == _on_terminal():
            self._inbox.put(self._reload)
        elif self._stop is None:
            self._stop = number
            self._inbox.put(lambda: None)
        else:
            # Once more: at once. (Not here: what it locks may be locked by what this signal has interrupted.)
            threading.Thread(target=process.interrupt, daemon=True).start()

    def _ended(self, one: _Watched, result: SyncResult) -> None:
        now, name = clock(), one.sync.name
        if result.exit_code == Locked.exit_code and result.outcome is Outcome.REFUSED:
            one.agenda = machine.postponed(one.agenda, now)
            self._take_in(one)
            self._tell(news.Busy(name, result.error or ""))
            return
        failed = result.error is not None
        one.agenda = machine.ended(
            one.agenda, now, failed=failed, chance=random.random(), glanced=one.memory.glanced
        )
        self._take_in(one)
        due = machine.due(one.agenda, now)
        self._tell(news.Ended(name, result, max(0.0, due.at - now) if due is not None else 0.0))
        self._notifier.status(f"{name}: {result.error or result.outcome.value}")

    def _edited(self, one: _Watched, paths: frozenset[str]) -> None:
        """Files here were changed: by somebody else than our own run, as far as can be told."""
        one.heard.append((paths, clock()))
        if one.agenda.running is None:
            self._take_in(one)

    def _take_in(self, one: _Watched) -> None:
        """(What the run itself does to files is known once it has ended.)"""
        for paths, at in one.heard:
            others = [path for path in paths if not one.memory.is_own(one.sync.dir, path)]
            if others:
                one.agenda = machine.edited(one.agenda, others, at)
        one.heard.clear()

    def _hear(self, one: _Watched, what: Callable[[Agenda], Agenda]) -> None:
        one.agenda = what(one.agenda)

    # -- the manifest -------------------------------------------------------------------------------

    def _opened_and_granted(self) -> Opened:
        """The manifest as it is now. Raises NotGranted for one that asks for more than was agreed to."""
        app, syncs = self._opened()
        for sync in syncs:
            app.must_be_granted(sync)
        return app, syncs

    def _reload(self) -> None:
        """Read the manifest again. A broken one changes nothing, nor does one that nobody has agreed to."""
        try:
            app, syncs = self._opened_and_granted()
        except (BisyncError, OSError) as problem:
            error = disk_error(problem, where=None, then="") if isinstance(problem, OSError) else problem
            self._tell(news.Broken(error.message, error.hint))
            return
        is_other = app.manifest != self._app.manifest
        self._app, self._measured = app, self._measuring(app)
        self._files = _configuration(app)
        self._read = self._seen = _fingerprint(self._files)
        for name in self._syncs.keys() - {one.name for one in syncs}:
            self._syncs.pop(name).stop()
        try:
            self._take_on(syncs, anew=is_other)
        except BisyncError as problem:
            self._tell(news.Note(None, problem.message))
        self._tell(news.Note(None, "the configuration has changed and was read again"))

    def _seconds(self) -> float:
        return self._interval or self._app.manifest.watch_interval

    def _take_on(self, syncs: Sequence[Sync], *, anew: bool = False) -> None:
        """Watch these, the new ones and the others as they are now. `anew`: by another manifest.

        Raises Locked for one watched elsewhere.
        """
        for sync in syncs:
            one = self._syncs.get(sync.name)
            if one is None:
                lock = ExitStack()
                lock.enter_context(_watching(self._app, sync))
                memory = Memory(residents=self._residents)
                one = _Watched(sync=sync, agenda=Agenda(self._seconds()), lock=lock, memory=memory)
                self._syncs[sync.name] = one
                self._listen(one)
                continue
            one.agenda = machine.changed(one.agenda, self._seconds())
            if anew:
                lock, one.lock = one.lock, ExitStack()
                one.stop()
                one.sync, one.lock = sync, lock
                self._listen(one)

    def _listen(self, one: _Watched) -> None:
        name = one.sync.name

        def later(what: Callable[[], None]) -> None:
            self._inbox.put(what)

        one.edits = Edits(
            one.sync.dir,
            heard=lambda paths: later(partial(self._edited, one, paths)),
            said=lambda text: later(partial(self._tell, news.Note(name, text))),
            is_ignored=partial(one.memory.is_ignored, one.sync.dir),
        )
        one.beacon = Beacon(
            self._app,
            one.sync,
            self._residents,
            fellow=lambda: later(partial(self._hear, one, machine.noticed)),
            answered=lambda: later(partial(self._hear, one, machine.mended)),
            is_busy=lambda: one.agenda.running is not None,
        )

    def _let_go(self) -> None:
        for one in self._syncs.values():
            one.stop()


@contextmanager
def _watching(app: App, sync: Sync) -> Iterator[None]:
    """Nobody else watches this sync. Raises Locked where somebody does."""
    state = app.state(sync)
    state.prepare()
    try:
        with held(state.watch, name=sync.name, patience=GLIMPSE_SECONDS):
            yield
    except Locked as other:
        raise Locked(
            other.message.replace("another run is at work on", "another bisync sync --watch is at work on"),
            hint="end it first; bisync sync works beside it",
        ) from None


@contextmanager
def _signals(hear: Callable[[int], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP are told to `hear` as long as the block lasts."""

    def handle(number: int, frame: FrameType | None) -> None:
        hear(number)

    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _on_terminal() -> bool:
    """Whether we have one. After a hangup that was none of ours alone it is gone."""
    return any(map(os.isatty, range(3)))


def _configuration(app: App) -> tuple[Path, ...]:
    """The files of the configuration: the manifest's, what it was granted, and the ignore file of the machine."""
    manifest = app.manifest
    overlay = manifest.path.with_name(OVERLAY_NAME)
    shared, grant = manifest.state_dir / "config.json", granted.file_of(manifest, app.env)
    files = {*manifest.files, manifest.path, overlay, app.ignore_file, shared, grant}
    return tuple(sorted(files))


def _fingerprint(files: Sequence[Path]) -> tuple[object, ...]:
    """Tells whether one of these files has changed."""
    return tuple(map(_look, files))


def _look(path: Path) -> tuple[int, int, int, int] | None:
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_size, there.st_mtime_ns, there.st_ino, there.st_dev
