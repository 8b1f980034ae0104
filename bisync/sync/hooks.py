"""Commands a manifest runs around a sync. Never through a shell; their output is the user's, and kept in a log."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from bisync import process, programs
from bisync.app import App
from bisync.config import Sync
from bisync.core import hooks as rules
from bisync.core.hooks import About
from bisync.core.result import SyncResult, Tally
from bisync.errors import BisyncError, disk_error
from bisync.events import HookLine
from bisync.files import atomic_write, private_dir
from bisync.state.hook_log import HookLog
from bisync.sync.group import Group


def before(app: App, sync: Sync, about: About) -> None:
    """Run the hooks that come before a run. Raises BisyncError: then it does not take place."""
    _run_all(app, sync, rules.BEFORE, rules.facts(rules.BEFORE, sync, about), about)


def after(app: App, sync: Sync, result: SyncResult, about: About, done: Tally) -> SyncResult:
    """Run the hooks that follow a run. One that fails is a note, and the exit code is 1 at least.

    `done`: what the run did, also where it failed later.
    """
    for hook in rules.afterwards(result.outcome, done):
        if not getattr(sync.hooks, hook):
            continue
        told = {
            **rules.facts(hook, sync, about),
            **rules.outcome_facts(result.outcome, result.error, done),
        }
        try:
            with _paths_file(app, sync, hook, done) as more:
                _run_all(app, sync, hook, {**told, **more}, about)
        except BisyncError as problem:
            note = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            code = max(result.exit_code, problem.exit_code)
            result = replace(result, notes=(*result.notes, note), exit_code=code)
    return result


@contextmanager
def _paths_file(app: App, sync: Sync, hook: str, done: Tally) -> Iterator[dict[str, str]]:
    """The variable that names a file with the contested paths, for the hook that hears of them, while it runs."""
    if hook != "on_conflict":
        yield {}
        return
    file = app.state(sync).conflict_paths
    text = rules.conflict_paths(done.conflicts).encode("utf-8", "surrogateescape")
    try:
        private_dir(file.parent)
        atomic_write(file, text)
    except OSError as error:
        raise disk_error(error, where=file, then="run again") from None
    try:
        yield {rules.PATHS_FILE: str(file)}
    finally:
        file.unlink(missing_ok=True)


def _run_all(app: App, sync: Sync, hook: str, told: Mapping[str, str], about: About) -> None:
    """Run each command of a hook in the sync dir. Raises BisyncError for the first that does not end with 0."""
    app.must_be_granted(sync)
    env = {
        name: _spelled(value) if name in told else value
        for name, value in rules.environment(app.env, told).items()
    }
    log = HookLog(app.state(sync).hook_log)
    for command in getattr(sync.hooks, hook):
        at = app.now().isoformat(timespec="seconds")
        log.begin(rules.headline(at, about.run, hook, shlex.join(command)))
        _Hook(app, sync, hook, command, log).run(env)
    if log.problem is not None:
        app.on_event(sync.name, HookLine(f"{log.path} cannot be written: {log.problem}"))


def _spelled(value: str) -> str:
    """A value as the system's encoding can have it: no odd name keeps a hook from starting."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return value.encode("ascii", "backslashreplace").decode()
    return value


@dataclass(slots=True)
class _Hook:
    """One command of a hook."""

    app: App
    sync: Sync
    hook: str
    command: Sequence[str]
    log: HookLog
    last: str = field(default="", init=False)

    def run(self, env: Mapping[str, str]) -> None:
        """Run it to its end. Raises BisyncError when that is not a good one."""
        name, shown = self.sync.name, rules.shortened(shlex.join(self.command))
        try:
            code = self._ended(env, shown)
        except KeyboardInterrupt:
            self.log.add("-- interrupted")
            raise
        self.log.add(f"-- {_ending(code)}")
        if code != 0:
            raise BisyncError(
                f"{name}: the {self.hook} hook {_ending(code)}: {shown}{self._said}",
                hint=f"all that it said is in {self.log.path}; or run it by hand in {self.sync.dir}",
            )

    def _ended(self, env: Mapping[str, str], shown: str) -> int:
        """Its exit code. Raises BisyncError when it does not start, or takes too long."""
        name, timeout = self.sync.name, self.sync.hooks.timeout
        there = os.path.isdir(self.sync.dir)  # noqa: PTH112 - Path.is_dir raises where even a look is refused
        folder = self.sync.dir if there else None
        with ExitStack() as stack:
            try:
                synced = [sync.dir for sync in self.app.manifest.syncs]
                command = programs.command(self.command, env, synced)
                with process.unbroken():  # or what has just started would go on without us
                    group = stack.enter_context(Group(command, env=env, folder=folder, on_line=self._hear))
            except (OSError, ValueError, BisyncError) as error:
                reason = (isinstance(error, OSError) and error.strerror) or str(error)
                self.log.add(f"-- cannot start: {reason}")
                raise BisyncError(
                    f"{name}: the {self.hook} hook cannot start: {shown}: {reason}",
                    hint=f"correct syncs.{name}.hooks.{self.hook}",
                ) from None
            try:
                return group.wait(timeout)
            except subprocess.TimeoutExpired:
                ended = "cannot be ended" if group.running else "was ended"
                self.log.add(f"-- {ended}: it had {timeout} s")
                raise BisyncError(
                    f"{name}: the {self.hook} hook had {timeout} s, took longer and {ended}: {shown}{self._said}",
                    hint=f"give it more with syncs.{name}.hooks.timeout, or see why: {self.log.path}",
                ) from None

    @property
    def _said(self) -> str:
        return f": {rules.shortened(self.last)}" if self.last else ""

    def _hear(self, line: str) -> None:
        text = rules.shown_line(line)
        self.last = text if text.strip() else self.last
        self.log.add(text)
        self.app.on_event(self.sync.name, HookLine(text))


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
