"""What past runs did, and how to get back what they overwrote or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisync import state, swap, trash
from bisync.app import App, Target
from bisync.config import Sync
from bisync.errors import UsageError
from bisync.trash import Kept


def run(app: App, sync: Sync, *, limit: int | None = None) -> tuple[dict[str, Any], ...]:
    """The runs of one sync, newest first, at most `limit`."""
    entries = list(state.read_history(app.state(sync)))[::-1]
    return tuple(entries if limit is None else entries[:limit])


def versions(app: App, sync: Sync) -> tuple[Kept, ...]:
    """Every version both trashes keep, oldest run first."""
    with app.target(sync) as target:
        return _versions(target)


def _versions(target: Target) -> tuple[Kept, ...]:
    found = [*trash.local_versions(target), *trash.cloud_versions(target)]
    return tuple(sorted(found, key=lambda kept: (kept.run, kept.path, kept.side)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back: the kept version and where it lies now. `replaced`: what was there is in the trash."""

    sync: str
    kept: Kept
    path: Path
    replaced: bool


def restore(
    app: App, sync: Sync, path: str, *, run_id: str | None = None, to: Path | None = None
) -> tuple[Restored, ...]:
    """Bring a file, or everything below a folder, back from the trash: its latest version, or that of `run_id`.

    Into the sync dir, or into the folder `to`. What lies there now goes to the trash itself first.
    Raises UsageError when nothing of that name is kept.
    """
    wanted = path.strip("/")
    with app.locked_target(sync) as target:
        found = [
            kept
            for kept in _versions(target)
            if (kept.path == wanted or kept.path.startswith(wanted + "/")) and run_id in (None, kept.run)
        ]
        if not found:
            where = f" by run {run_id}" if run_id else ""
            raise UsageError(
                f"{sync.name}: nothing called {path} was overwritten or deleted{where} in the last "
                f"{app.manifest.keep_days} days",
                hint="see what is kept: bisync history",
            )
        latest = {kept.path: kept for kept in found}
        began = state.new_run_id(app.now())
        area = swap.Area(sync.dir, began, target.state.trash / began)
        done = []
        for name, kept in sorted(latest.items()):
            if to is not None:
                trash.fetch(target, kept, to / name)
                done.append(Restored(sync=sync.name, kept=kept, path=to / name, replaced=False))
                continue
            trash.fetch(target, kept, area.staging / name)
            replaced = swap.take_away(area, name, None)
            (sync.dir / name).parent.mkdir(parents=True, exist_ok=True)
            if not swap.place(area.staging / name, sync.dir / name):
                swap.put_back(sync.dir, target.state.trash)
                raise UsageError(f"{name} was written to just now", hint="restore it elsewhere with --to DIR")
            done.append(Restored(sync=sync.name, kept=kept, path=sync.dir / name, replaced=replaced))
        swap.empty_hold(area)
        swap.put_back(sync.dir, target.state.trash)  # removes the emptied working folders
    return tuple(done)
