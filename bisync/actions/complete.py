"""Names of this machine for a shell that completes a word. Nothing is written, no program started, nobody asked.

Whatever stands in the way, a manifest that is broken or none, there are no names then, and no word about it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from bisync.config import Manifest, Sync
from bisync.core import conflict_names
from bisync.core.completing import Kind
from bisync.core.metadata import METADATA_DIR
from bisync.core.printable import printable
from bisync.manifest.load import find, load

PATIENCE = 3.0
"""So many seconds somebody at a prompt waits at most, be it for a disk that does not answer."""
WALK_SECONDS = 0.4
"""So long a large tree is searched for conflict copies."""
RUNS = 30
"""So many runs of each sync, the newest."""


def names(
    kinds: Collection[Kind],
    manifest: Path | None,
    only: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    home: Path,
) -> dict[str, str]:
    """The names of these kinds, and what there is to say of each. `only`: of these syncs; none: of all.

    A name that cannot be seen as it is typed is left out.
    """

    def look() -> dict[str, str]:
        found: dict[str, str] = {}
        known = load(find(manifest, env, cwd, home), env=env, home=home)
        syncs = [sync for sync in known.syncs if not only or sync.name in only]
        for kind in kinds:
            for name, said in _LOOK[kind](known, syncs, cwd):
                if name and not name.startswith("-") and printable(name) == name:
                    found.setdefault(name, printable(said))
        return found

    return _in_time(look)


def _in_time(look: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What is found while somebody waits for it; nothing, and no word of it, where something goes wrong."""
    found: list[dict[str, str]] = []

    def quietly() -> None:
        with suppress(Exception):
            found.append(look())

    looking = threading.Thread(target=quietly, daemon=True)
    looking.start()
    looking.join(PATIENCE)
    return found[0] if found else {}


Said = Iterator[tuple[str, str]]


def _syncs(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    for sync in manifest.syncs:
        yield sync.name, str(sync.dir)


def _profiles(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    for profile in manifest.profiles:
        yield profile.name, profile.description


def _tenants(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    for tenant in manifest.tenants:
        yield tenant.name, tenant.provider


def _projects(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    for sync in syncs:
        with os.scandir(sync.dir) as entries:
            for name in sorted(each.name for each in entries if each.is_dir(follow_symlinks=False)):
                if not name.startswith("."):
                    yield name, sync.name


def _conflicts(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    """Contested paths, as they are typed from `cwd`: from there in a sync dir, else from the sync's dir."""
    here = next((sync for sync in syncs if cwd.resolve().is_relative_to(sync.dir.resolve())), None)
    until = time.monotonic() + WALK_SECONDS
    for sync in [here] if here is not None else syncs:
        start = cwd.resolve().relative_to(sync.dir.resolve()).as_posix() if here is not None else "."
        for group in conflict_names.groups(_files(sync.dir, until), extensions=sync.keeps_extensions):
            path = os.path.relpath(group.path, start)
            yield (f"./{path}" if path.startswith(("-", "~")) else path), sync.name


def _files(root: Path, until: float) -> Iterator[str]:
    """The files that look like conflict copies, as far as there is time. No link is followed."""
    folders = [""]
    while folders and time.monotonic() < until:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                for each in entries:
                    path = f"{folder}/{each.name}" if folder else each.name
                    if each.is_dir(follow_symlinks=False):
                        if each.name not in (METADATA_DIR, ".git"):
                            folders.append(path)
                    elif ".conflict" in each.name and each.is_file(follow_symlinks=False):
                        yield path
        except OSError:
            continue


def _runs(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    from bisync import providers
    from bisync.app import App
    from bisync.state import runs

    app = App(manifest=providers.recognised(manifest), env={})
    for sync in app.manifest.select(tuple(sync.name for sync in syncs)):
        for entry in islice(runs.latest_history(app.state(sync)), RUNS):
            yield str(entry.get("run") or ""), f"{sync.name}: {entry.get('outcome') or ''}"


def _nothing(manifest: Manifest, syncs: Iterable[Sync], cwd: Path) -> Said:
    yield from ()


_LOOK: dict[Kind, Callable[[Manifest, Iterable[Sync], Path], Said]] = {
    Kind.SYNC: _syncs,
    Kind.PROFILE: _profiles,
    Kind.TENANT: _tenants,
    Kind.PROJECT: _projects,
    Kind.CONFLICT: _conflicts,
    Kind.RUN: _runs,
    Kind.FILE: _nothing,
    Kind.FOLDER: _nothing,
}
