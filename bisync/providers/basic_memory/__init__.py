"""The vendor's cloud: tenant, bucket and scoped keys come from its API; the files lie in an S3 store.

The API is asked by setup, and by a sync for what is new. What it said is remembered (`known`), so that a sync without
news, and everything that only looks, needs no network but the store's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.config import BasicMemoryTenant
from bisync.core.abilities import OBJECTS
from bisync.core.drift import Purpose
from bisync.core.result import Finding
from bisync.errors import BaselineNeeded, CloudError, KeysRefused, RcloneError
from bisync.locks.machine import waited
from bisync.providers import agreement
from bisync.providers.base import Around, Asking, Credentials, Projects, Provider, knock
from bisync.providers.basic_memory import known
from bisync.rclone import conf
from bisync.rclone.argv import probe_argv
from bisync.rclone.diagnosis import failure, refuses_keys
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote, consistent
from bisync.secret import Secret
from bisync.stored import moment

if TYPE_CHECKING:
    from bisync.providers.basic_memory.wire import Cloud, Store, Workspace

# Sections that the vendor's clients write, today's and those of 0.16 to 0.21 (`basic-memory-cloud`).
VENDOR_SECTION = "basic-memory-cloud"
MINT_SECONDS = 120.0
# Until new keys are known everywhere: so many seconds between one try and the next.
NEW_KEYS_PAUSES = (0.5, 1.0, 2.0, 4.0)
# New keys that were refused, too, are not followed by others so soon: each pair stays in the cloud for good.
IN_VAIN = timedelta(days=1)


class BasicMemory(Provider[BasicMemoryTenant]):
    """The vendor's cloud."""

    has_section = True

    # -- what is known ------------------------------------------------------------------------------

    def recognise(self, tenant: BasicMemoryTenant, state_dir: Path) -> BasicMemoryTenant:
        return known.recognised(tenant, known.load(tenant, state_dir))

    def label(self, tenant: BasicMemoryTenant) -> str:
        return f"s3://{tenant.bucket}" if tenant.bucket is not None else f"{tenant.api_url} (not asked yet)"

    def place(self, tenant: BasicMemoryTenant, path: str) -> str:
        return f"{tenant.endpoint.rstrip('/').lower()}/{tenant.bucket}/{path}".rstrip("/")

    def remote(self, tenant: BasicMemoryTenant, path: str, rclone: Rclone) -> Remote:
        if tenant.bucket is None:
            raise BaselineNeeded(
                f"First bisync requires --resync to establish baseline: nobody has asked {tenant.api_url}"
                f" yet which bucket is that of tenants.{tenant.name}",
                hint="type: bisync setup",
            )
        folder = f"{tenant.bucket}/{path}/" if path else f"{tenant.bucket}/"
        return Remote(
            fs=f"{conf.section_name(tenant.id)}:{folder}",
            can=OBJECTS,
            label=f"s3://{folder.rstrip('/')} at {tenant.endpoint}",
            env=consistent(tenant.endpoint, always=True),
            keys_cure="have new ones made: bisync sync, or bisync setup --rotate",
        )

    @contextmanager
    def reach(
        self, tenant: BasicMemoryTenant, path: str, rclone: Rclone, state_dir: Path
    ) -> Iterator[Remote]:
        remote = self.remote(tenant, path, rclone)
        name = conf.section_name(tenant.id)
        wanted = {
            "type": "s3",
            "provider": tenant.s3_provider,
            "region": tenant.region,
            "endpoint": tenant.endpoint,
            "env_auth": "false",
        }
        agreement.agree(rclone.config, name, wanted, self.purpose(tenant), state_dir)
        # rclone says something else of a section without keys, as `bisync logout` leaves it.
        if "secret_access_key" not in conf.read_sections(conf.read(rclone.config)).get(name, {}):
            raise RcloneError(
                f"rclone.conf has no keys for tenants.{tenant.name} ([{name}] in {rclone.config})",
                hint="type: bisync setup",
            )
        yield remote

    def purpose(self, tenant: BasicMemoryTenant) -> Purpose:
        # Which login gave them is not told: what they open is.
        return agreement.purpose(reference=[tenant.api_url, tenant.tenant_id], bucket=tenant.bucket)

    # -- setup --------------------------------------------------------------------------------------

    def identify(self, tenant: BasicMemoryTenant, around: Around) -> BasicMemoryTenant:
        """Ask the cloud which tenant and bucket are meant, and remember it."""
        with _cloud(tenant, around) as cloud:
            # The host may have moved on since it was asked last.
            cloud.generation = None
            workspace = _workspace(cloud, tenant)
            store = cloud.store()
            if (
                tenant.workspace is not None
                and workspace is not None
                and store.tenant_id != workspace.tenant_id
            ):
                raise CloudError(
                    f"{cloud.host.name} was asked for the workspace {tenant.workspace} and named another's bucket",
                    hint="run again in a while; nothing was written",
                )
            before = known.load(tenant, around.state_dir)
            same = before is not None and before.tenant_id == store.tenant_id
            found = _known(cloud, store, workspace, around, before if same else None)
        if not around.dry_run:
            known.save(tenant, around.state_dir, found)
        return known.recognised(tenant, found)

    def describe(self, tenant: BasicMemoryTenant) -> str:
        return f"{tenant.name} ({tenant.provider}, {tenant.id} at {tenant.api_url}, bucket {tenant.bucket})"

    def credentials(
        self, tenant: BasicMemoryTenant, path: str, rclone: Rclone | None, around: Around, *, rotate: bool
    ) -> Credentials:
        """Keys that a section of rclone.conf has already, or new ones."""
        with self._minting(tenant, around):
            if rclone is not None and not rotate:
                found = self._adopted(tenant, path, rclone)
                if found is not None:
                    return found
            if around.dry_run:
                placeholder = Secret("new"), Secret("new")
                text = "new ones would be made"
                return Credentials(text=text, section=_section(tenant, placeholder), made=True)
            section = self._minted(tenant, path, rclone, around)
            if rclone is not None:
                # While the lock is held: whoever waits for it finds them.
                conf.write_section(rclone.config, conf.section_name(tenant.id), section)
            text = "new ones were made" + (" in place of the old" if rotate else "")
            return Credentials(text=text, section=section, made=True)

    def renew(self, tenant: BasicMemoryTenant, path: str, rclone: Rclone, around: Around) -> str:
        """Keys in place of those that the store refuses: what another program has by now, or new ones."""
        with self._minting(tenant, around):
            if (found := self._adopted(tenant, path, rclone)) is not None and found.section is not None:
                conf.write_section(rclone.config, conf.section_name(tenant.id), found.section)
                return "others that work were there already"
            _not_again(tenant, around)
            section = self._minted(tenant, path, rclone, around)
            conf.write_section(rclone.config, conf.section_name(tenant.id), section)
        return "new ones were made"

    @contextmanager
    def _minting(self, tenant: BasicMemoryTenant, around: Around) -> Iterator[None]:
        """One program at a time finds out whether new keys are needed: each mint leaves a pair behind for good."""
        if around.dry_run:
            yield
            return
        lock = known.place(tenant, around.state_dir).with_suffix(".lock")
        with waited(
            lock, seconds=MINT_SECONDS, what=f"the keys of tenants.{tenant.name} are being looked after"
        ):
            yield

    def _adopted(self, tenant: BasicMemoryTenant, path: str, rclone: Rclone) -> Credentials | None:
        """The keys of a section of ours, or of the vendor's, that open the bucket; None where none does.

        Raises RcloneError when the keys are not what is wrong: others would not help.
        """
        sections = conf.read_sections(conf.read(rclone.config))
        ours = conf.section_name(tenant.id)
        theirs = sorted(name for name in sections if name.startswith(VENDOR_SECTION))
        for name in (ours, *theirs):
            have = sections.get(name, {})
            if not (have.get("access_key_id") and have.get("secret_access_key")):
                continue
            keys = Secret(have["access_key_id"]), Secret(have["secret_access_key"])
            section = _section(tenant, keys)
            remote = self._trial(tenant, path, rclone, section)
            argv = probe_argv(remote)
            outcome = rclone.run(argv, remote=remote)
            if outcome.code == 0:
                text = "kept: they still work" if name == ours else f"taken from [{name}]: they work"
                return Credentials(text=text, section=section)
            if not refuses_keys(outcome):
                raise failure(argv, outcome, remote)
        return None

    def _minted(
        self, tenant: BasicMemoryTenant, path: str, rclone: Rclone | None, around: Around
    ) -> Mapping[str, str | Secret]:
        """A section with new keys, which open the bucket. Raises CloudError, and RcloneError when they do not."""
        with _cloud(tenant, around) as cloud:
            store = cloud.store()
            if store.tenant_id != tenant.tenant_id:
                raise CloudError(
                    f"the login is that of another tenant, {store.tenant_id}", hint="type: bisync setup"
                )
            keys = cloud.mint(
                otherwise="ask an owner to make you one; or to give you keys, as access_key_id and secret_access_key"
                f" of [{conf.section_name(tenant.id)}] in rclone.conf; or name another workspace in the manifest"
            )
        section = _section(tenant, keys)
        if rclone is not None:
            remote = self._trial(tenant, path, rclone, section)
            for pause in NEW_KEYS_PAUSES:
                try:
                    knock(rclone, remote)
                except KeysRefused:
                    time.sleep(pause)
                else:
                    return section
            try:
                knock(rclone, remote)
            except KeysRefused:
                _in_vain(tenant, around)
                raise
        return section

    def _trial(
        self, tenant: BasicMemoryTenant, path: str, rclone: Rclone, section: Mapping[str, str | Secret]
    ) -> Remote:
        """The same folder by an environment of its own: to try keys that are not in rclone.conf yet."""
        remote = self.remote(tenant, path, rclone)
        return replace(remote, env={**remote.env, **conf.environment(conf.section_name(tenant.id), section)})

    # -- projects -----------------------------------------------------------------------------------

    def projects(self, tenant: BasicMemoryTenant, around: Around) -> Projects | None:
        from bisync.providers.basic_memory.registry import Registry

        return Registry(tenant=tenant, around=around)

    # -- looking ------------------------------------------------------------------------------------

    def overview(self, tenant: BasicMemoryTenant, around: Around) -> Asking | None:
        from bisync.providers.basic_memory.overview import Question

        return Question(tenant, around)

    def look_here(self, tenant: BasicMemoryTenant, around: Around) -> Iterable[Finding]:
        from bisync.providers.basic_memory.papers import findings

        return findings(tenant, around)


def _section(tenant: BasicMemoryTenant, keys: tuple[Secret, Secret]) -> dict[str, str | Secret]:
    return conf.s3_values(
        provider=tenant.s3_provider, keys=keys, region=tenant.region, endpoint=tenant.endpoint
    )


def _in_vain(tenant: BasicMemoryTenant, around: Around) -> None:
    """Remember that the store refuses keys that were made just now."""
    found = known.load(tenant, around.state_dir)
    if found is not None:
        now = around.now().isoformat(timespec="seconds")
        known.save(tenant, around.state_dir, replace(found, refused_at=now))


def _not_again(tenant: BasicMemoryTenant, around: Around) -> None:
    """Raise RcloneError where new keys were made not long ago, and the store refused them, too."""
    found = known.load(tenant, around.state_dir)
    if found is None or found.refused_at is None:
        return
    refused = moment(found.refused_at)
    if refused is not None and around.now() - refused < IN_VAIN:
        raise RcloneError(
            f"those that were made at {found.refused_at} are refused, too",
            hint="try again yourself: bisync setup --rotate; if that does not help, ask the cloud's support",
        )


def _workspace(cloud: Cloud, tenant: BasicMemoryTenant) -> Workspace | None:
    """The workspace that is meant; the cloud is asked for it from now on."""
    from bisync.providers.basic_memory.wire import chosen

    found = chosen(cloud.workspaces(), tenant.workspace, cloud.host.name)
    cloud.workspace = found.tenant_id if found is not None else None
    return found


def _known(
    cloud: Cloud, store: Store, workspace: Workspace | None, around: Around, before: known.Known | None
) -> known.Known:
    return known.Known(
        tenant_id=store.tenant_id,
        bucket=store.bucket,
        asked_at=around.now().isoformat(timespec="seconds"),
        workspace=workspace.slug or workspace.name if workspace is not None else None,
        workspace_id=workspace.tenant_id if workspace is not None else None,
        subscribed=workspace.subscribed if workspace is not None else None,
        pointed_out=before.pointed_out if before is not None else (),
    )


@contextmanager
def _cloud(tenant: BasicMemoryTenant, around: Around) -> Iterator[Cloud]:
    from bisync.providers.basic_memory.opening import opened

    with opened(tenant, around) as cloud:
        yield cloud


PROVIDER = BasicMemory()
