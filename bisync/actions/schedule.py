"""Have runs started in the background, stop that, or see how it stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from bisync.app import App
from bisync.config import BasicMemoryTenant, KeyPair, Manifest, S3Tenant, SecretRef
from bisync.errors import BisyncError
from bisync.schedule import choice
from bisync.schedule.form import Form, Job, job_name, kept_environment, with_password
from bisync.schedule.scheduler import Around, Found, Scheduler, Todo
from bisync.schedule.texts import checked, program
from bisync.state import runs

# The variables that others read secrets from where the manifest names none: the AWS SDK, the vendor's clients.
_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_VENDOR = ("BASIC_MEMORY_CLOUD_API_KEY",)


class LastRun(NamedTuple):
    """The newest line of all histories. `at`: RFC 3339."""

    sync: str
    run: str | None
    at: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """How it stands with the runs in the background of one manifest.

    `outcome`: installed, replaced, started, unchanged, removed, absent (nothing to remove), or shown. `scheduler`:
    systemd, launchd or cron; None: nothing is installed. `form`: None where nothing is, or it was edited by hand.
    `up_to_date`: whether install would write the same now; `active`: None where nobody can say. `missing`: variables
    that secrets come from and a service does not have; they belong into `environment_file`, None where there can be
    none.
    """

    name: str
    manifest: Path
    outcome: str
    scheduler: str | None = None
    form: Form | None = None
    places: tuple[str, ...] = ()
    up_to_date: bool | None = None
    active: bool | None = None
    log: str | None = None
    missing: tuple[str, ...] = ()
    environment_file: Path | None = None
    to_type: tuple[Todo, ...] = ()
    last: LastRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The machine we are on: whose home, which system, how bisync is started, and the folder somebody types in."""

    around: Around
    platform: str
    program: tuple[str, ...]
    cwd: Path


def here(env: Mapping[str, str]) -> Here:
    """This machine and this user."""
    python = Path(sys.executable)
    return Here(
        around=Around(env=env, home=Path.home(), uid=os.getuid()),
        platform=sys.platform,
        program=program(python, script=os.access(python.with_name("bisync"), os.X_OK)),
        cwd=Path.cwd(),
    )


def install(app: App, on: Here, form: Form) -> Scheduled:
    """Have it run in this form and no other. Raises BisyncError, OSError; then it is as before."""
    app.must_be_granted()
    job = _job(app, on)
    scheduler = choice.chosen(on.around, on.platform, job.name)
    form = scheduler.as_it_can(form)
    before = choice.found_here(on.around, on.platform, job.name)
    changed = scheduler.install(job, form)
    for other, _ in before:
        # What the machine had before, as cron where there is a systemd by now: it would run twice.
        if other.kind != scheduler.kind:
            other.remove(job.name)
            changed = True
    found = scheduler.find(job.name)
    if found is None:
        raise BisyncError(
            f"{scheduler.kind} has taken {job.name} and does not have it", hint="install it again"
        )
    outcome = _outcome([each for _, each in before], found, changed=changed)
    return _told(app, on, job, outcome, scheduler, found)


def _outcome(before: Sequence[Found], now: Found, *, changed: bool) -> str:
    """What an installation was: "started" where only that was left to do."""
    if not changed:
        return "unchanged"
    if not before:
        return "installed"
    return "started" if [each.texts for each in before] == [now.texts] else "replaced"


def remove(app: App, on: Here) -> Scheduled:
    """Stop it and take it away, with whatever it is installed. Raises BisyncError, OSError."""
    name = job_name(app.manifest.path)
    found = choice.found_here(on.around, on.platform, name)
    for one, _ in found:
        one.remove(name)
    return Scheduled(
        name=name,
        manifest=app.manifest.path,
        outcome="removed" if found else "absent",
        places=tuple(place for _, each in found for place in each.texts),
        last=_last(app),
    )


def show(app: App, on: Here) -> Scheduled:
    """How it stands; changes nothing. Raises BisyncError."""
    name = job_name(app.manifest.path)
    found = choice.found_here(on.around, on.platform, name)
    if not found:
        return Scheduled(name=name, manifest=app.manifest.path, outcome="shown", last=_last(app))
    return _told(app, on, _job(app, on), "shown", *found[0])


def _job(app: App, on: Here) -> Job:
    """What would run here and now. Raises UsageError."""
    name = job_name(app.manifest.path)
    return checked(
        Job(
            name=name,
            manifest=app.manifest.path,
            program=on.program,
            env=kept_environment(on.around.env, on.cwd),
            log=app.manifest.state_dir / "schedule" / f"{name}.log",
        )
    )


def _told(app: App, on: Here, job: Job, outcome: str, scheduler: Scheduler, found: Found) -> Scheduled:
    form = found.form
    file = on.around.home / ".config" / "bisync" / "environment" if scheduler.kind == "systemd" else None
    steps = scheduler.to_type(job, form) if form is not None else ()
    if outcome in ("unchanged", "shown") and scheduler.kind == "cron":
        steps = ()
    if file is not None and file.exists() and file.stat().st_mode & 0o077:
        steps = (*steps, Todo("others may read your secrets there", f"chmod 600 {quote(str(file))}"))
    there = set[str]() if file is None else _names_in(file)
    return Scheduled(
        name=job.name,
        manifest=job.manifest,
        outcome=outcome,
        scheduler=scheduler.kind,
        form=form,
        places=tuple(found.texts),
        up_to_date=form is not None and _texts(scheduler, job, form) == found.texts,
        active=found.active,
        log=scheduler.log(job),
        missing=tuple(name for name in secret_variables(app.manifest, on.around.env) if name not in there),
        environment_file=file,
        to_type=steps,
        last=_last(app),
    )


def _texts(scheduler: Scheduler, job: Job, form: Form) -> dict[str, str] | None:
    """What would be installed now; None where it could not be, which is no reason not to say what is."""
    try:
        return scheduler.texts(job, form)
    except BisyncError:
        return None


def secret_variables(manifest: Manifest, env: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that secrets come from: all that the manifest names, and those of others that are set here."""
    named = [
        str(ref.value) for tenant in manifest.tenants for ref in _references(tenant) if ref.kind == "env"
    ]
    for tenant in manifest.tenants:
        if isinstance(tenant, S3Tenant) and tenant.credentials is None:
            named += [name for name in _AWS if name in env]
        if isinstance(tenant, BasicMemoryTenant) and tenant.token is None:
            named += [name for name in _VENDOR if name in env]
    return tuple(dict.fromkeys([*named, *with_password(env)]))


def _references(tenant: object) -> Iterator[SecretRef]:
    if isinstance(tenant, S3Tenant) and isinstance(tenant.credentials, KeyPair):
        yield tenant.credentials.access_key_id
        yield tenant.credentials.secret_access_key
    if isinstance(tenant, BasicMemoryTenant) and tenant.token is not None:
        yield tenant.token


def _names_in(file: Path) -> set[str]:
    """The variables that a file for EnvironmentFile= sets (systemd.exec(5)); their values are not kept."""
    try:
        lines = file.read_bytes().decode(errors="replace").splitlines()
    except OSError:
        return set()
    return {line.partition("=")[0].strip() for line in lines if "=" in line and line.lstrip()[:1] not in "#;"}


def _last(app: App) -> LastRun | None:
    """The newest run of all syncs."""
    newest: LastRun | None = None
    for sync in app.manifest.syncs:
        for entry in runs.read_history(app.state(sync)):
            at = str(entry.get("at") or "")
            if newest is None or at > newest.at:
                newest = LastRun(sync.name, entry.get("run"), at, str(entry.get("outcome") or "unknown"))
    return newest
