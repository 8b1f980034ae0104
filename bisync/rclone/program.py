"""The rclone program: started with our own config file and environment, and run to its end.

Command lines come from `argv` as tuples that begin with "rclone"; `Rclone.run` puts the real binary and the
explicit `--config` in and runs them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from bisync import events, process
from bisync.config import KeysIn
from bisync.rclone import log
from bisync.rclone.argv import Argv
from bisync.rclone.calls import Call
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote

# Options of the local backend go by environment: as flags they rename bisync's session.
_LOCAL_OPTIONS = {"RCLONE_SKIP_LINKS": "true", "RCLONE_LOCAL_NO_CHECK_UPDATED": "true"}
# What a user may pass on to rclone by environment. Anything else named RCLONE_* could quietly change
# what is transferred (filters, dry runs), which only the manifest may.
_PASSED_ON = ("RCLONE_CONFIG_", "RCLONE_PASSWORD_COMMAND", "RCLONE_CA_CERT", "RCLONE_CLIENT_")


def environment(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment an rclone of ours runs in."""
    kept = {
        name: value
        for name, value in base.items()
        if not name.startswith("RCLONE_") or name.startswith(_PASSED_ON)
    }
    return {**kept, **_LOCAL_OPTIONS, **extra}


class Running(NamedTuple):
    """A command under way, what it has said so far, and the rclone.conf it goes by."""

    child: process.Child
    seen: list[events.Event]
    config: Path

    def outcome(self, timeout: float | None = None) -> Finished:
        """How it ended, once it has. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        ended = self.child.wait(timeout)
        return Finished(ended.code, ended.stdout, tuple(self.seen), self.config)


class Helper(Protocol):
    """An rclone that is at work already, and does as commands do (`standby`)."""

    def takes(self, argv: Argv, remote: Remote | None, *, whole: bool = False) -> Call | None:
        """The call for a command that it can do; None where an rclone of its own is needed.

        `whole`: also for one that lists a whole remote, which is known to be no large one.
        """

    def run(
        self, call: Call, on_event: Callable[[events.Event], None], meanwhile: Callable[[], object]
    ) -> Finished | None:
        """What came of it; None where an rclone of its own had better be asked after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rclone:
    """One rclone binary with one config file. `inherit`: locks its children keep; `leash`: what they depend on.

    `helper`: one that is at work already, for what it can do.
    `keys`: where remotes of ours have theirs from: that file, or the environment of each command.
    """

    binary: Path
    config: Path
    version: str
    keys: KeysIn = KeysIn.FILE
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    inherit: tuple[int, ...] = ()
    leash: process.Leash | None = field(default=None, repr=False, compare=False)
    helper: Helper | None = field(default=None, repr=False, compare=False)

    def holding(self, descriptor: int) -> Rclone:
        """The same rclone, whose children hold `descriptor` open."""
        return replace(self, inherit=(*self.inherit, descriptor))

    def leashed(self, leash: process.Leash) -> Rclone:
        """The same rclone, whose children end when `leash` is cut."""
        return replace(self, leash=leash)

    def helped_by(self, helper: Helper) -> Rclone:
        """The same rclone, with one that is at work already."""
        return replace(self, helper=helper)

    def command(self, argv: Argv) -> Argv:
        """`argv` as it is run: the binary's path, and the config file said out loud."""
        return (str(self.binary), *argv[1:], "--config", str(self.config))

    @contextmanager
    def started(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
        on_out: Callable[[bytes], None] | None = None,
        deaf: bool = False,
    ) -> Iterator[Running]:
        """One command under way, for as long as the block lasts; it is stopped at the end.

        `on_out` hears stdout as it comes, in another thread; then none of it is kept. `deaf`: it goes on after Ctrl-C.
        """
        seen: list[events.Event] = []

        def on_line(line: str) -> None:
            event = log.parse(line)
            if event is not None:
                if not isinstance(event, events.Progress):
                    seen.append(event)
                on_event(event)

        env = environment(self.env, remote.env if remote else {})
        command = self.command(argv)
        with ExitStack() as stack:
            with process.unbroken():  # or an rclone that has just started would go on without us
                child = stack.enter_context(
                    process.Child(
                        command, env=env, on_line=on_line, on_out=on_out,
                        inherit=self.inherit, leash=self.leash, deaf=deaf,
                    )
                )  # fmt: skip
            yield Running(child, seen, self.config)

    def run(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
        timeout: float | None = None,
        meanwhile: Callable[[], object] = lambda: None,
        at_length: bool = False,
    ) -> Finished:
        """Run one command to its end, whatever its exit code. `meanwhile` is called once it is under way.

        `at_length`: it may take so long that somebody wants to hear how it goes on.
        """
        begun = _Once(meanwhile)
        if timeout is None and not at_length:
            outcome = self._helped(argv, remote, on_event, begun, whole=False)
            if outcome is not None:
                return outcome
        with self.started(argv, remote=remote, on_event=on_event) as running:
            begun()
            return running.outcome(timeout)

    def listed(
        self,
        argv: Argv,
        on_out: Callable[[bytes], None],
        *,
        remote: Remote,
        meanwhile: Callable[[], object],
        few: bool,
    ) -> Finished:
        """Run a listing to its end; `on_out` hears it as it comes, or at once where it has `few` files and a helper.

        `meanwhile` is called once it is under way.
        """
        begun = _Once(meanwhile)
        outcome = self._helped(argv, remote, lambda event: None, begun, whole=True) if few else None
        if outcome is not None:
            on_out(outcome.stdout.encode())
            return outcome
        with self.started(argv, remote=remote, on_out=on_out) as running:
            begun()
            return running.outcome()

    def _helped(
        self,
        argv: Argv,
        remote: Remote | None,
        on_event: Callable[[events.Event], None],
        meanwhile: Callable[[], object],
        *,
        whole: bool,
    ) -> Finished | None:
        """What a helper makes of a command, if there is one that can do it."""
        call = self.helper.takes(argv, remote, whole=whole) if self.helper is not None else None
        if call is None or self.helper is None:
            return None
        self._check()
        outcome = self.helper.run(call, on_event, meanwhile)
        self._check()
        return outcome

    def _check(self) -> None:
        """Raise what stops all children: an interrupt, or the end of what they depend on."""
        process.check_interrupt()
        if self.leash is not None:
            self.leash.check()

    def check(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
        at_length: bool = False,
    ) -> Finished:
        """As `run`, but raise RcloneError with the cure when the exit code is not 0."""
        outcome = self.run(argv, remote=remote, on_event=on_event, at_length=at_length)
        if outcome.code != 0:
            raise failure(argv, outcome, remote)
        return outcome


class _Once:
    """What is to be done once, whoever is asked in the end."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work: Callable[[], object] | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work()


@contextmanager
def name_list(paths: Iterable[str]) -> Iterator[Path]:
    """A private file with one name a line, for rclone's --files-from-raw."""
    with tempfile.NamedTemporaryFile("w", prefix="bisync-", suffix=".list", encoding="utf-8") as file:
        file.write("".join(f"{path}\n" for path in paths))
        file.flush()
        yield Path(file.name)
