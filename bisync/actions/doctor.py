"""Everything that could be wrong here, each finding with its cure. Changes nothing.

(Only where another device holds the lease of the cloud does it say there for a moment that it waits, too.)
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from bisync import ignore, providers
from bisync.app import App, Session
from bisync.config import KeysIn, Sync
from bisync.core import abilities
from bisync.core.counting import counted
from bisync.core.grants import not_granted
from bisync.core.lease_folder import Protocol
from bisync.core.place import moved, overlap
from bisync.core.printable import typed
from bisync.core.result import Finding
from bisync.errors import BisyncError, Interrupted, disk_error
from bisync.locks.machine import is_held
from bisync.providers.base import Around
from bisync.rclone import binary, conf, listings
from bisync.rclone.argv import probe_argv
from bisync.state import baseline, runs
from bisync.sync import leased, lookout, trash

OLD_DAYS = 30
LITTLE_SPACE = 1 << 30
# What holds a secret in rclone.conf.
_KEY_LINE = re.compile(
    r"^\s*(secret_access_key|access_key_id|session_token|token|pass|password)\s*=\s*\S", re.MULTILINE
)


def everything(app: App, syncs: Sequence[Sync]) -> list[Finding]:
    """What is wrong, or right, with this machine and with each of `syncs`."""
    return [*machine(app), *(finding for sync in syncs for finding in run(app, sync))]


def machine(app: App) -> list[Finding]:
    """What is not about one sync: rclone, its configuration and copies of it, folders, what lets us in at clouds."""
    looks: tuple[tuple[str, Callable[[App], Iterator[Finding]]], ...] = (
        ("grant", _grant),
        ("rclone", _rclone),
        ("rclone.conf", _conf),
        ("rclone.conf", _conf_copies),
        ("state dir", _state_dir),
        ("ignore file", _ignore_file),
        ("mount dir", _mount_dir),
    )
    found = [finding for about, look in looks for finding in _guarded(about, look, app)]
    for tenant in app.manifest.tenants if app.standing.holds else ():
        around = Around(env=app.env, state_dir=app.manifest.state_dir, now=app.now)
        found += _guarded(tenant.name, providers.of(tenant).look_here, tenant, around)
    # Tenants may share a login: it is told once.
    return list(dict.fromkeys([*found, *_overlaps(app)]))


def run(app: App, sync: Sync) -> list[Finding]:
    """What is about one sync: its dir, lock, baseline, trash, and the cloud as its keys see it."""
    found = [
        *_guarded(sync.name, _sync_dir, app, sync),
        *_guarded(sync.name, _rules, app, sync),
        *_guarded(sync.name, _memory, app, sync),
    ]
    return [*found, *_guarded(sync.name, _cloud, app, sync)] if app.standing.holds else found


def _guarded(about: str, look: Callable[..., Iterable[Finding]], *arguments: object) -> Iterator[Finding]:
    """A look that fails is a finding of its own."""
    try:
        yield from look(*arguments)
    except BisyncError as error:
        yield Finding(about=about, level="problem", text=error.message, cure=error.hint)
    except OSError as error:
        refused = disk_error(error, where=None, failed="read", then="look again: bisync doctor")
        yield Finding(about=about, level="problem", text=refused.message, cure=refused.hint)


def _grant(app: App) -> Iterator[Finding]:
    """What the manifest may do. Without a word on that no program is started, no secret read and nobody asked."""
    standing, name = app.standing, str(app.manifest.path)
    if standing.holds:
        assert standing.at is not None
        text = f"{name} may do the {len(standing.asked)} things it asks for, since {standing.at[:10]}"
        yield Finding(about="grant", level="ok", text=text)
        return
    refused = not_granted(name, standing)
    yield Finding(about="grant", level="problem", text=refused.message, cure=refused.hint)


def _rclone(app: App) -> Iterator[Finding]:
    if not app.standing.holds:
        return
    found = binary.find(app.manifest.rclone_binary, app.manifest.state_dir, app.env)
    yield Finding(about="rclone", level="ok", text=f"{found.version} at {found.path}")


def _conf(app: App) -> Iterator[Finding]:
    path = app.manifest.rclone_config
    if not path.exists():
        in_file = app.manifest.rclone_keys is KeysIn.FILE
        needed = in_file and any(providers.of(sync.tenant).has_section for sync in app.manifest.syncs)
        yield Finding(
            about="rclone.conf", level="problem" if needed else "ok", text=f"{path} does not exist",
            cure="type: bisync setup" if needed else None,
        )  # fmt: skip
        return
    sections = conf.read_sections(conf.read(path))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            about="rclone.conf", level="problem", text=f"{path} can be read by others (mode {mode:o})",
            cure=f"chmod 600 {typed(path)}",
        )  # fmt: skip
    else:
        yield Finding(
            about="rclone.conf",
            level="ok",
            text=f"{path} (mode {mode:o}, {counted(len(sections), 'remote')})",
        )
    for tenant in app.manifest.tenants:
        if not providers.of(tenant).has_section:
            continue
        section = sections.get(conf.section_name(tenant.id))
        if app.manifest.rclone_keys is KeysIn.MEMORY:
            if section is not None and conf.SECRET_KEYS & section.keys():
                yield Finding(
                    about="rclone.conf", level="problem", text=f"it still has keys of tenant {tenant.name}",
                    cure="have them taken out: bisync setup",
                )  # fmt: skip
        elif section is None and any(sync.tenant.name == tenant.name for sync in app.manifest.syncs):
            yield Finding(
                about="rclone.conf", level="problem", text=f"no section for tenant {tenant.name}",
                cure="type: bisync setup",
            )  # fmt: skip


def _conf_copies(app: App) -> Iterator[Finding]:
    """Copies of rclone.conf that the vendor's clients leave, one each time they write it, keys and all."""
    home = Path(app.env.get("HOME") or Path.home())
    ours, theirs = app.manifest.rclone_config, home / ".config" / "rclone" / "rclone.conf"
    for path in dict.fromkeys([ours, theirs]):
        copies = sorted(path.parent.glob(f"{path.name}.backup-*"))
        held = [copy for copy in copies if copy.is_file() and _holds_keys(copy)]
        if not held:
            continue
        modes = [stat.S_IMODE(copy.stat().st_mode) for copy in held]
        shown = ", ".join(f"{copy} (mode {mode:o})" for copy, mode in zip(held[:3], modes, strict=False))
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        yield Finding(
            about="rclone.conf", level="problem" if any(mode & 0o077 for mode in modes) else "warning",
            text=f"copies of rclone.conf with keys in them: {shown}{more}",
            cure=f"remove them: rm {typed(path)}.backup-*",
        )  # fmt: skip


def _holds_keys(path: Path) -> bool:
    try:
        return _KEY_LINE.search(path.read_text(errors="replace")) is not None
    except PermissionError:
        return False  # then nobody of us reads keys in it, either


def _overlaps(app: App) -> Iterator[Finding]:
    """Syncs of different tenants that turn out to be one folder of one store, or to lie in each other.

    (What the manifest alone says about that it is held to when it is read.)
    """
    known = [sync for sync in app.manifest.syncs if sync.tenant.tenant_id is not None]
    places = {sync.name: providers.of(sync.tenant).place(sync.tenant, sync.path) for sync in known}
    for one, other in combinations(known, 2):
        here, there = places[one.name], places[other.name]
        if one.tenant.name == other.tenant.name or not overlap(here, there):
            continue
        yield Finding(
            about="manifest", level="problem",
            text=f"{one.name} and {other.name} sync the same folder of the cloud, or one within the other:"
            f" tenants.{one.tenant.name} and tenants.{other.tenant.name} are one store"
            f" ({min(here, there, key=len)})",
            cure="keep one of the two tenants, and give each sync a path of its own",
        )  # fmt: skip


def _state_dir(app: App) -> Iterator[Finding]:
    path = app.manifest.state_dir
    if not path.is_dir():
        yield Finding(
            about="state dir", level="problem", text=f"{path} does not exist", cure="type: bisync setup"
        )
        return
    yield from _access("state dir", path)
    yield _space("state dir", path)


def _access(about: str, path: Path) -> Iterator[Finding]:
    if path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            about=about, level="problem", text=f"{path} cannot be read and written",
            cure=f"chmod u+rwx {typed(path)}",
        )  # fmt: skip


def _space(about: str, path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    text = f"{path}: {free / (1 << 30):.1f} GiB free"
    if free < LITTLE_SPACE:
        return Finding(about=about, level="warning", text=text, cure="free some space")
    return Finding(about=about, level="ok", text=text)


def _ignore_file(app: App) -> Iterator[Finding]:
    if not app.ignore_file.exists():
        yield Finding(
            about="ignore file", level="warning", text=f"{app.ignore_file} is missing; the default patterns apply",
            cure="type: bisync setup",
        )  # fmt: skip
        return
    lines = tuple(ignore.read_ignore_file(app.ignore_file))
    warnings = ignore.lint(ignore.Layer(str(app.ignore_file), lines))
    for warning in warnings:
        yield Finding(
            about="ignore file",
            level="warning",
            text=str(warning),
            cure="look at it with: bisync explain PATH",
        )
    if not warnings:
        yield Finding(
            about="ignore file", level="ok", text=f"{app.ignore_file} ({counted(len(lines), 'line')})"
        )


def _mount_dir(app: App) -> Iterator[Finding]:
    mount = app.manifest.mount_dir
    inside = [sync.name for sync in app.manifest.syncs if mount == sync.dir or mount in sync.dir.parents]
    if inside:
        yield Finding(
            about="mount dir", level="problem", text=f"{', '.join(inside)} would sync the mount {mount}",
            cure="choose another dir in the manifest",
        )  # fmt: skip
    else:
        yield Finding(about="mount dir", level="ok", text=f"{mount} is no sync dir")


def _sync_dir(app: App, sync: Sync) -> Iterator[Finding]:
    if not sync.dir.is_dir():
        yield Finding(
            about=sync.name, level="problem", text=f"{sync.dir} is not there: is its disk mounted?",
            cure="mount it, or type: bisync setup",
        )  # fmt: skip
        return
    yield from _access(sync.name, sync.dir)
    yield _space(sync.name, sync.dir)


def _rules(app: App, sync: Sync) -> Iterator[Finding]:
    if not sync.dir.is_dir():
        return
    tree = app.walk(sync)
    for one in tree.unreadable:
        yield Finding(
            about=sync.name, level="problem", text=f"{one.path} cannot be read: {one.error.strerror}",
            cure="mend its permissions, or ignore it",
        )  # fmt: skip
    skipped = [entry.path for entry in tree.entries if entry.kind is not ignore.Kind.FILE]
    if skipped:
        files = counted(len(skipped), "link or special file is", "links or special files are")
        shown = ", ".join(skipped[:3]) + (" …" if len(skipped) > 3 else "")
        yield Finding(
            about=sync.name, level="warning", text=f"{files} not synced: {shown}",
            cure="put the files themselves there, or ignore the links",
        )  # fmt: skip
    for notice in tree.rules.notices:
        yield Finding(
            about=sync.name, level="warning", text=notice, cure="put a plain, readable ignore file there"
        )
    for layer in app.layers(sync)[1:]:
        for warning in ignore.lint(layer):
            yield Finding(about=sync.name, level="warning", text=str(warning), cure="correct the manifest")
    yield Finding(
        about=sync.name, level="ok", text=f"{counted(len(tree.rules.rules), 'ignore rule')} in force"
    )


def _memory(app: App, sync: Sync) -> Iterator[Finding]:
    state = app.state(sync)
    yield from _access(sync.name, state.lock.parent)
    if is_held(state.lock):
        yield Finding(
            about=sync.name, level="warning", text="a run is at work right now", cure="wait for its end"
        )
    elif runs.read_journal(state) is not None:
        yield Finding(
            about=sync.name,
            level="warning",
            text="the last run was killed",
            cure="type: bisync sync (it recovers)",
        )
    if listings.locks(state.work) and not is_held(state.lock):
        yield Finding(
            about=sync.name,
            level="warning",
            text="a dead rclone left its lock",
            cure="type: bisync sync (it clears it)",
        )
    known = baseline.load(state.baseline)
    if known is None:
        yield Finding(about=sync.name, level="problem", text="no baseline", cure="type: bisync setup")
        return
    elsewhere = moved(known.place, app.place(sync))
    if elsewhere is not None:
        yield Finding(
            about=sync.name, level="problem", text=f"the baseline speaks of another place: {elsewhere}",
            cure="take it back, or start afresh: bisync setup",
        )  # fmt: skip
        return
    began = runs.run_time(known.run)
    age = (app.now() - began).days if began is not None else 0
    yield Finding(
        about=sync.name, level="warning" if age >= OLD_DAYS else "ok",
        text=f"baseline of {counted(len(known.files), 'file')}, {counted(age, 'day')} old",
        cure="type: bisync sync" if age >= OLD_DAYS else None,
    )  # fmt: skip
    ended = (one for one in runs.latest_history(state) if one.get("exit_code") != Interrupted.exit_code)
    if (last := next(ended, None)) is not None and last.get("error"):
        outcome = last["outcome"]
        yield Finding(
            about=sync.name, level="problem" if outcome == "refused" else "warning",
            text=f"the last run {'was refused' if outcome == 'refused' else outcome}: {last['error']}",
            cure=last.get("hint") or "try again: bisync sync",
        )  # fmt: skip


def _cloud(app: App, sync: Sync) -> Iterator[Finding]:
    with app.session(sync) as session:
        began = time.monotonic()
        session.rclone.check(probe_argv(session.remote), remote=session.remote)
        took = time.monotonic() - began
        yield Finding(about=sync.name, level="ok", text=f"{session.remote.label} answers ({took:.1f} s)")
        can = session.remote.can
        tried = "" if can.proved else " (as rclone promises; the next sync tries it)"
        yield Finding(about=sync.name, level="ok", text=f"{abilities.words(can, session.compare)}{tried}")
        looks = providers.of(sync.tenant).look(sync.tenant, session.remote, session.rclone, app.now)
        yield from (replace(found, about=sync.name) for found in looks)
        yield from _trash(session)
        yield from _leases(session)


def _leases(session: Session) -> Iterator[Finding]:
    """How devices take turns in this sync's cloud, and whose turn it is."""
    how = {
        Protocol.NUMBERED: "by number, as this store creates an object only once",
        Protocol.LISTED: "by listing, as this store would create an object twice",
        None: "not found out yet how; the first run that writes does",
    }[leased.known(session).protocol]
    about = session.sync.name
    yield Finding(about=about, level="ok", text=f"devices take turns: {how}")
    if not session.remote.can.own_times:
        yield Finding(
            about=about, level="warning",
            text="this store may keep the times that devices tell it: their clocks have to agree to within 25 s",
            cure="keep the devices' clocks right (NTP), or let one finish before another starts: docs/devices.md",
        )  # fmt: skip
    for one in lookout.survey(session).holders:
        who = one.device or "another device"
        if one.dead:
            yield Finding(
                about=about, level="warning", text=f"{who} is gone without giving its lease of the cloud back",
                cure=f"type: bisync unlock --only {typed(about)}",
            )  # fmt: skip
        else:
            yield Finding(about=about, level="ok", text=f"{who} is syncing (for {one.seconds} s)")


def _trash(session: Session) -> Iterator[Finding]:
    local = sum(kept.size for kept in trash.local_versions(session))
    cloud = sum(kept.size for kept in trash.cloud_versions(session))
    kept = counted(session.app.manifest.keep_days, "day")
    yield Finding(
        about=session.sync.name, level="ok",
        text=f"trash: {local / (1 << 20):.1f} MiB here, {cloud / (1 << 20):.1f} MiB in the cloud, kept {kept}",
    )  # fmt: skip
    if not session.remote.keeps_versions:
        yield Finding(
            about=session.sync.name,
            level="warning",
            text="this remote cannot keep what runs overwrite or delete in it",
            cure="use a remote that can copy or move on its own side",
        )
