"""The wiring: one manifest, one rclone, one clock, and what a task needs to work on a sync."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bisync import events, ignore, programs, providers, stored
from bisync.config import Compare, Manifest, Profile, Sync
from bisync.core.change import Change
from bisync.core.grants import Standing, not_granted
from bisync.core.place import Place
from bisync.core.printable import printable
from bisync.errors import BaselineNeeded, BisyncError, DriftError, RcloneError, UsageError
from bisync.ignore import Layer
from bisync.ignore.defaults import DEFAULT_IGNORES
from bisync.locks.machine import held, is_held
from bisync.manifest.schema_check import did_you_mean, nearest
from bisync.providers.base import Around, Projects
from bisync.rclone import binary, listings
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.state import aside, baseline, granted
from bisync.state.paths import SyncState, sync_state

WATCH_PATIENCE = 60.0
"""So many seconds a run waits for another of this device where the sync is being watched."""


@contextmanager
def _held(state: SyncState, sync: Sync, *, watching: bool = False) -> Iterator[int]:
    """The sync's lock. Where somebody watches it, that one's runs are waited for: nobody has typed them just now.

    They begin none meanwhile: they see the wish. `watching`: it is such a run.
    """
    if watching or not is_held(state.watch):
        with held(state.lock, name=sync.name) as descriptor:
            yield descriptor
        return
    with ExitStack() as wish:
        wish.enter_context(held(state.wish, name=sync.name, patience=WATCH_PATIENCE))
        with held(state.lock, name=sync.name, patience=WATCH_PATIENCE) as descriptor:
            wish.close()
            yield descriptor


@contextmanager
def _reading(sync: Sync) -> Iterator[None]:
    """Say what is the matter with a sync dir that cannot be read, and what to do."""
    try:
        yield
    except FileNotFoundError:
        raise BisyncError(
            f"the sync dir {sync.dir} does not exist: is its disk mounted?",
            hint="mount it, or make it with: bisync setup",
        ) from None
    except NotADirectoryError:
        raise BisyncError(
            f"the sync dir {sync.dir} is not a folder",
            hint=f"move it away, or correct syncs.{sync.name}.dir in the manifest",
        ) from None
    except PermissionError:
        raise BisyncError(f"the sync dir {sync.dir} cannot be read", hint="mend its permissions") from None


def baseline_needed(name: str) -> BaselineNeeded:
    """The seed's words for a sync without a baseline, and the two ways to one."""
    return BaselineNeeded(
        "First bisync requires --resync to establish baseline",
        hint=f"type: bisync setup   (or: bisync sync --only {name} --resync)",
    )


def _quiet(sync: str, event: events.Event) -> None:
    """Nobody listens to events."""


def _silent(sync: str, changes: tuple[Change, ...]) -> None:
    """Nobody wants to know the plan."""


@dataclass(frozen=True, kw_only=True)
class App:
    """Everything from outside that a task works with; tests pass their own clock and listeners.

    `now` is the clock, `now_ns` the same in ns since the epoch, as file systems stamp. `on_plan` hears what a
    run is about to do, `on_event` what happens. `for_now`: what the manifest asks for was agreed to for this once.
    """

    manifest: Manifest
    env: Mapping[str, str] = field(repr=False)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    now_ns: Callable[[], int] = time.time_ns
    on_event: Callable[[str, events.Event], None] = _quiet
    on_plan: Callable[[str, tuple[Change, ...]], None] = _silent
    for_now: bool = False

    @cached_property
    def standing(self) -> Standing:
        """What the manifest asks for beside what its user has agreed to."""
        found = granted.standing(self.manifest, self.env)
        return replace(found, new=(), at=self.now().isoformat()) if self.for_now else found

    def must_be_granted(self, sync: Sync | None = None) -> None:
        """Raise unless the user has agreed to all that the manifest asks for.

        Whatever runs a program, resolves a secret, asks the network or writes where a manifest says comes through
        here first. `sync`: what it is for.

        Raises NotGranted, BaselineNeeded.
        """
        refused = self.refusal(sync)
        if refused is not None:
            raise refused

    def refusal(self, sync: Sync | None = None, *, resync: bool = False) -> BisyncError | None:
        """Why nothing may be done for this manifest; None where all it asks for was agreed to.

        Before the first setup a sync needs a baseline, too: that is said of it, unless one is being made (`resync`).
        """
        try:
            if self.standing.holds:
                return None
        except BisyncError as error:
            return error  # the disk has it, and does not give it
        if sync is not None and self.standing.at is None and not resync:
            state = self.state(sync)
            if not state.baseline.exists() and not listings.are_there(state.work):
                return self._without_rclone() or baseline_needed(sync.name)
            try:
                baseline.stay(baseline.load(state.baseline), self.place(sync), sync.name)
            except BaselineNeeded as error:
                return error
        return not_granted(str(self.manifest.path), self.standing)

    def _without_rclone(self) -> RcloneError | None:
        """That there is no rclone, as far as that can be told without starting one."""
        try:
            found = binary.seen(self.manifest.rclone_binary, self.manifest.state_dir, self.env)
        except RcloneError as error:
            return error
        return binary.not_found() if found is None else None

    def agreed(self, *, for_now: bool = False) -> App:
        """The same app once the user has agreed to all that its manifest asks for; it is written down.

        `for_now`: it is not.
        """
        if not for_now:
            granted.grant(self.manifest, self.env, self.now())
        return replace(self, for_now=for_now)

    def __post_init__(self) -> None:
        # Whatever is started finds programs by this: ours, secrets' commands, hooks and what they start.
        synced = [sync.dir for sync in self.manifest.syncs]
        object.__setattr__(self, "env", programs.searched(self.env, synced))

    @cached_property
    def rclone(self) -> Rclone:
        """The rclone this manifest means. Raises NotGranted, and RcloneError when there is none that will do."""
        self.must_be_granted()
        found = binary.find(self.manifest.rclone_binary, self.manifest.state_dir, self.env)
        return Rclone(
            binary=found.path,
            config=self.manifest.rclone_config,
            version=found.version,
            env=self.env,
            keys=self.manifest.rclone_keys,
        )

    @cached_property
    def device(self) -> str:
        """What this device is called where other devices hear of it: by the manifest, else as its host."""
        return self.manifest.device or os.uname().nodename.partition(".")[0] or "unnamed"

    @property
    def ignore_file(self) -> Path:
        """The ignore file for every sync of this machine."""
        return self.manifest.state_dir / ".bmignore"

    def layers(self, sync: Sync) -> list[Layer]:
        """The ignore rules outside the tree, weakest first. Raises IgnoreError for an unreadable file."""
        there = os.path.lexists(self.ignore_file)
        lines = ignore.read_ignore_file(self.ignore_file) if there else list(DEFAULT_IGNORES)
        shared = self.manifest.path.name
        return [
            Layer(str(self.ignore_file), tuple(lines)),
            Layer(f"{shared}: ignore", self.manifest.ignore),
            Layer(f"{shared}: syncs.{sync.name}.ignore", sync.ignore),
        ]

    def walk(
        self, sync: Sync, coming: ignore.Texts | None = None, *, fingerprinted: bool = False
    ) -> ignore.Tree:
        """The sync dir as far as it is not ignored. `coming`: other versions of its ignore files.

        Raises BisyncError when it cannot be read, IgnoreError.
        """
        layers = self.layers(sync)
        with _reading(sync):
            return ignore.walk(
                sync.dir, layers, self.manifest.ignore_files,
                coming=coming, fingerprinted=fingerprinted, secrets=True, aside=self._aside(sync),
            )  # fmt: skip

    def is_same(self, sync: Sync, before: ignore.Fingerprint) -> bool:
        """Whether the sync dir is as an earlier walk found it, by the same rules of this machine."""
        return ignore.is_same(sync.dir, before, self.manifest.ignore_files)

    def rules(self, sync: Sync) -> ignore.RuleSet:
        """The sync's ignore rules, those in its tree among them. Raises as `walk`."""
        layers = self.layers(sync)
        with _reading(sync):
            return ignore.load_rules(
                sync.dir, layers, self.manifest.ignore_files, secrets=True, aside=self._aside(sync)
            )

    def _aside(self, sync: Sync) -> frozenset[str]:
        """Ignore files of the cloud that cannot be honoured, by their contents."""
        return aside.load(self.state(sync).aside)

    def filters(self, rules: ignore.RuleSet) -> str:
        """The rules as the text of an rclone filter file. Raises IgnoreError."""
        cache = self.manifest.state_dir / "cache" if self.standing.holds else None
        return ignore.compile_rules(rules, cache)

    def profile(self, sync: Sync, override: str | None) -> Profile:
        """The sync's profile, or the one named on the command line. Raises UsageError for an unknown name."""
        if override is None:
            return sync.profile
        try:
            return self.manifest.profile(override)
        except KeyError:
            known = [profile.name for profile in self.manifest.profiles]
            near = did_you_mean(override, known)
            raise UsageError(
                f'unknown profile "{printable(override)}"{near} ({", ".join(known)})',
                hint=f"as in: --profile {nearest(override, known) or known[0]}",
            ) from None

    def around(self, sync: Sync) -> Around:
        """What the sync's provider may need to know of where it works. Raises NotGranted."""
        self.must_be_granted(sync)
        return Around(
            env=self.env,
            state_dir=self.manifest.state_dir,
            now=self.now,
            keys=self.manifest.rclone_keys,
            say=lambda text: self.on_event(sync.name, events.Step(text)),
        )

    def state(self, sync: Sync) -> SyncState:
        """Where the sync's state lies. Raises StateError where others can change what is in it."""
        _ = self._own_state_dir
        return sync_state(self.manifest.state_dir, sync.tenant.id, sync.name)

    @cached_property
    def _own_state_dir(self) -> None:
        for folder in (self.manifest.state_dir, self.manifest.state_dir / "bisync-state"):
            stored.own_folder(folder)

    def place(self, sync: Sync, fs: str = "") -> Place:
        """Where the sync is, as the manifest says it; nobody is asked. `fs`: its remote, where it is known."""
        store = providers.of(sync.tenant).place(sync.tenant, sync.path)
        address = providers.of(sync.tenant).address(sync.tenant, self.manifest.rclone_config)
        manifest = os.path.realpath(self.manifest.path)
        remote = os.path.realpath(fs) if fs.startswith("/") else fs
        return Place(
            store=store, remote=remote, dir=os.path.realpath(sync.dir), manifest=manifest, address=address
        )

    @contextmanager
    def session(self, sync: Sync, *, profile: str | None = None) -> Iterator[Session]:
        """The sync with its cloud side reachable, for reading. Raises NotGranted, BaselineNeeded."""
        self.must_be_granted(sync)
        rclone = self.rclone
        provider = providers.of(sync.tenant)
        with ExitStack() as stack:
            try:
                remote = stack.enter_context(
                    provider.reach(sync.tenant, sync.path, rclone, self.manifest.state_dir)
                )
            except DriftError:
                # Where the manifest has moved on from what is known here, that is what its user has to decide.
                baseline.stay(baseline.load(self.state(sync).baseline), self.place(sync), sync.name)
                raise
            chosen = self.profile(sync, profile)
            yield Session(
                app=self, sync=sync, profile=chosen, remote=remote, rclone=rclone, state=self.state(sync)
            )

    @contextmanager
    def locked_session(
        self, sync: Sync, *, profile: str | None = None, watching: bool = False
    ) -> Iterator[Session]:
        """As `session`, with the sync's lock held by us and every rclone we start. `watching`: for a run of a watch.

        Raises Locked, NotGranted, BaselineNeeded.
        """
        self.must_be_granted(sync)
        state = self.state(sync)
        state.prepare()
        with (
            _held(state, sync, watching=watching) as descriptor,
            self.session(sync, profile=profile) as session,
        ):
            yield replace(session, rclone=session.rclone.holding(descriptor))

    @contextmanager
    def locked_dir(self, sync: Sync) -> Iterator[SyncState]:
        """The sync's state with its lock held, for work on the local side alone. Raises Locked, NotGranted."""
        self.must_be_granted(sync)
        state = self.state(sync)
        state.prepare()
        with _held(state, sync):
            yield state


@dataclass(frozen=True, kw_only=True)
class Session:
    """One sync, its two sides and its state."""

    app: App
    sync: Sync
    profile: Profile
    remote: Remote
    rclone: Rclone
    state: SyncState

    @property
    def compare(self) -> Compare:
        """How this run tells changes: `auto` resolved for this remote."""
        return self.remote.compare(self.profile)

    @property
    def place(self) -> Place:
        """Where this sync is."""
        return self.app.place(self.sync, self.remote.fs)

    @property
    def above(self) -> dict[str, str]:
        """The folders of the cloud that this one lies in, as far as the tenant's own root: path to fs."""
        path = self.sync.path
        root = self.remote.fs.removesuffix(f"{path}/")
        parts = path.split("/") if path else []
        found = ["/".join(parts[:number]) for number in range(len(parts))]
        return {one: f"{root}{one}/" if one else root for one in found}

    def proved(self) -> Session:
        """The same session once it was tried what its remote keeps of its promises. Raises RcloneError."""
        if self.remote.can.proved:
            return self
        provider, tenant = providers.of(self.sync.tenant), self.sync.tenant
        can = provider.prove(tenant, self.sync.path, self.rclone, self.app.manifest.state_dir)
        return self if can is None else replace(self, remote=replace(self.remote, can=can))

    def projects(self, *, dry_run: bool) -> Projects | None:
        """The projects that the cloud makes of top-level folders; None where it makes none."""
        around = replace(self.app.around(self.sync), dry_run=dry_run)
        return providers.of(self.sync.tenant).projects(self.sync.tenant, around)

    def emit(self, event: events.Event) -> None:
        """Pass an event on to whoever shows progress."""
        self.app.on_event(self.sync.name, event)
