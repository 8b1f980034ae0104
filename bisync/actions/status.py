"""What state every sync is in, by what the last runs left behind, what its cloud says of itself, and who writes there.

A cloud is asked with little patience and on the side: that it is down, slow or closed to us is no failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bisync import ignore, providers
from bisync.app import App
from bisync.config import KeysIn, Sync
from bisync.core import conflict_names, names
from bisync.core.abilities import words
from bisync.core.place import moved
from bisync.core.snapshot import Baseline
from bisync.errors import BisyncError, IgnoreError, Interrupted
from bisync.locks.machine import is_held
from bisync.providers.base import Asking, Overview
from bisync.rclone import listings
from bisync.state import baseline, lease, runs

if TYPE_CHECKING:
    from bisync.locks.holders import Holder

LEASE_SECONDS = 3.0
"""Nobody waits longer to hear who writes to a store."""
LEASES_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """One sync. `last_sync` RFC 3339 or None; `blocked`: what stops the next run and its cure, or None.

    `left_out`: the files that the last run had to go without. A run that was interrupted speaks of neither.
    `cloud`: what the cloud says beside its files; None where it is a store and nothing else. `lease`: which other
    device writes to the store, as far as that was told in time. `abilities`: what the remote can do, as far as known.
    """

    name: str
    tenant: str
    initialised: bool
    local: Path
    remote: str
    profile: str
    last_sync: str | None
    last_outcome: str | None
    projects: int
    storage_bytes: int
    conflicts: int
    blocked: str | None
    running: bool
    left_out: tuple[str, ...] = ()
    keeps_cloud_versions: bool = True
    cloud: Overview | None = None
    lease: Holder | None = None
    abilities: str | None = None


class Asked(NamedTuple):
    """Questions under way: to the clouds by tenant, and who writes to their stores by sync. None raises."""

    clouds: Mapping[str, Asking] = {}
    leases: Mapping[str, Callable[[], Holder | None]] = {}


def ask(app: App, syncs: Sequence[Sync]) -> Asked:
    """Begin to ask the clouds of these syncs, each tenant once, and who writes to their stores. Waits for nothing."""
    if not app.standing.holds:
        return Asked()
    first = {sync.tenant.name: sync for sync in reversed(syncs)}
    begun = {
        name: providers.of(sync.tenant).overview(sync.tenant, app.around(sync))
        for name, sync in first.items()
    }
    clouds = {name: asking for name, asking in begun.items() if asking is not None}
    return Asked(clouds, _ask_for_leases(app, [sync for sync in syncs if _has_leases(app, sync)]))


def _has_leases(app: App, sync: Sync) -> bool:
    """Whether it is worth asking: devices take leases there, and it can be reached without more ado."""
    state, provider = app.state(sync), providers.of(sync.tenant)
    if lease.load(state.lease, app.place(sync).store).protocol is None or not state.baseline.exists():
        return False
    if provider.needs_us or not provider.has_section:
        return not provider.needs_us
    # Nobody is asked for keys just to look.
    return app.manifest.rclone_keys is KeysIn.FILE and app.manifest.rclone_config.exists()


def _ask_for_leases(app: App, syncs: Sequence[Sync]) -> dict[str, Callable[[], Holder | None]]:
    if not syncs:
        return {}
    from concurrent.futures import Future, ThreadPoolExecutor

    ends = time.monotonic() + LEASE_SECONDS
    # This program ends when its threads have ended, and they when their time is over: no rclone is left behind.
    pool = ThreadPoolExecutor(min(len(syncs), LEASES_AT_ONCE), thread_name_prefix="lease")
    begun = {sync.name: pool.submit(_holder, app, sync, ends) for sync in syncs}
    pool.shutdown(wait=False)

    def answer(asked: Future[Holder | None]) -> Holder | None:
        try:
            return asked.result(max(0.0, ends - time.monotonic()))
        except TimeoutError:
            asked.cancel()
            return None

    return {name: partial(answer, asked) for name, asked in begun.items()}


def _holder(app: App, sync: Sync, ends: float) -> Holder | None:
    from bisync.sync import lookout

    try:
        with app.session(sync) as session:
            return lookout.holder(session, patience=ends - time.monotonic())
    except (BisyncError, OSError):
        return None


def run(app: App, sync: Sync, *, asked: Asked) -> SyncStatus:
    """Read one sync's state. `asked`: what `ask` has begun."""
    found = _read(app, sync)
    asking, who = asked.clouds.get(sync.tenant.name), asked.leases.get(sync.name)
    if asking is not None:
        found = replace(found, cloud=_overview(app, sync, asking))
    return found if who is None else replace(found, lease=who())


def _read(app: App, sync: Sync) -> SyncStatus:
    state = app.state(sync)
    known = baseline.load(state.baseline)
    elsewhere = moved(known.place, app.place(sync)) if known is not None else None
    if elsewhere is not None:
        known = None
    initialised = (listings.are_there(state.work) or state.ancestor.is_dir()) and elsewhere is None
    files = known.files if known is not None else {}
    last_good, last, ended = None, None, None
    for last in runs.read_history(state):
        if last.get("exit_code") != Interrupted.exit_code:
            ended = last  # one that was interrupted has nothing to say: it ended in order
        if last.get("outcome") in ("done", "idle"):
            last_good = last
    return SyncStatus(
        name=sync.name,
        tenant=sync.tenant.name,
        initialised=initialised,
        local=sync.dir,
        remote=_remote(sync),
        profile=sync.profile.name,
        last_sync=str(last_good.get("at")) if last_good else None,
        last_outcome=str(last.get("outcome")) if last else None,
        projects=len({path.partition("/")[0] for path in files if "/" in path}),
        storage_bytes=sum(file.size for file in files.values()),
        conflicts=len(conflict_names.groups(files, extensions=sync.keeps_extensions)),
        blocked=_blocked(app, sync, initialised, ended, elsewhere),
        running=is_held(state.lock),
        keeps_cloud_versions=known.keeps_versions if known is not None else True,
        left_out=tuple(str(each["path"]) for each in (ended or {}).get("left_out") or ()),
        abilities=_abilities(app, sync, known),
    )


def _abilities(app: App, sync: Sync, known: Baseline | None) -> str | None:
    """What the remote can do, as it was found out; nobody is asked."""
    manifest = app.manifest
    can = providers.of(sync.tenant).known_abilities(sync.tenant, manifest.rclone_config, manifest.state_dir)
    told_by = known.compare if known is not None else can.told_by if can is not None else None
    return words(can, told_by) if can is not None and told_by is not None else None


def _blocked(
    app: App, sync: Sync, initialised: bool, last: dict[str, Any] | None, elsewhere: str | None
) -> str | None:
    if elsewhere is not None:
        return f"what is known speaks of another place: {elsewhere}; type: bisync setup"
    if not initialised:
        return "no baseline yet; type: bisync setup"
    if not app.standing.holds:
        if app.standing.at is None:
            return "nobody has agreed yet to what the manifest may do; type: bisync setup"
        return "the manifest asks for more than was agreed to; type: bisync setup"
    if not sync.dir.is_dir():
        return f"{sync.dir} is not there: is its disk mounted?"
    if last is not None and last.get("outcome") in ("failed", "refused") and last.get("error"):
        hint = f"; {last['hint']}" if last.get("hint") else ""
        return f"{last['error']}{hint}"
    return None


def _remote(sync: Sync) -> str:
    """The cloud side, for people."""
    base = providers.of(sync.tenant).label(sync.tenant)
    return f"{base.rstrip('/')}/{sync.path}" if sync.path else base


def _overview(app: App, sync: Sync, asking: Asking) -> Overview:
    if not sync.path:
        return asking(_top_folders(app, sync))
    # A folder of its bucket is one project, or lies in one; the cloud's others are not missing here.
    found = asking([sync.path.partition("/")[0]])
    if found.projects is None:
        return found
    return replace(found, projects=found.projects._replace(only_cloud=()))


def _top_folders(app: App, sync: Sync) -> list[str] | None:
    """The folders right in the sync dir that are neither hidden nor ignored; None where that cannot be told.

    The ignore files further down have no say in it: the tree is not walked.
    """
    try:
        here = [sync.dir / name for name in app.manifest.ignore_files]
        texts = [
            ignore.Layer(path.name, tuple(ignore.read_ignore_file(path)))
            for path in here
            if path.is_file() and not path.is_symlink()
        ]
        rules = ignore.outer_rules(app.layers(sync), texts)
        found = [one.name for one in sync.dir.iterdir() if one.is_dir() and not one.is_symlink()]
    except (OSError, IgnoreError):
        return None
    return sorted(
        name
        for name in found
        if not name.startswith(".")
        and names.obstacle(name) is None
        and not rules.decide(name, is_dir=True).ignored
    )
