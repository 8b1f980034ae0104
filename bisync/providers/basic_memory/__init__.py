"""The vendor's cloud: tenant, bucket and scoped keys come from its API; the files lie in an S3 store.

The API is asked by setup, and by a sync for what is new. What it said is remembered (`known`), so that a sync without
news, and everything that only looks, needs no network but the store's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.config import BasicMemoryTenant
from bisync.core.result import Finding
from bisync.errors import BaselineNeeded, RcloneError
from bisync.locks.machine import waited
from bisync.providers.base import Around, Asking, Credentials, Projects, Provider, knock
from bisync.providers.basic_memory import known
from bisync.rclone import conf
from bisync.rclone.argv import probe_argv
from bisync.rclone.diagnosis import failure, refuses_keys
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote, consistent
from bisync.secret import Secret

if TYPE_CHECKING:
    from bisync.providers.basic_memory.wire import Cloud, Store, Workspace

# Sections that the vendor's clients write, today's and those of 0.16 to 0.21 (`basic-memory-cloud`).
VENDOR_SECTION = "basic-memory-cloud"
MINT_SECONDS = 120.0


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
            hashes=True,
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
        # rclone says something else of a section without keys, as `bisync logout` leaves it.
        if "secret_access_key" not in conf.read_sections(conf.read(rclone.config)).get(name, {}):
            raise RcloneError(
                f"rclone.conf has no keys for tenants.{tenant.name} ([{name}] in {rclone.config})",
                hint="type: bisync setup",
            )
        yield remote

    # -- setup --------------------------------------------------------------------------------------

    def identify(self, tenant: BasicMemoryTenant, around: Around) -> BasicMemoryTenant:
        """Ask the cloud which tenant and bucket are meant, and remember it."""
        with _cloud(tenant, around) as cloud:
            workspace = _workspace(cloud, tenant)
            store = cloud.store()
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
                return Credentials(text="new ones would be made", section=_section(tenant, placeholder))
            return Credentials(
                text="new ones were made" + (" in place of the old" if rotate else ""),
                section=self._minted(tenant, path, rclone, around),
            )

    def renew(self, tenant: BasicMemoryTenant, path: str, rclone: Rclone, around: Around) -> bool:
        """New keys in place of those that the store refuses; False when another program has made them already."""
        with self._minting(tenant, around):
            if (found := self._adopted(tenant, path, rclone)) is not None and found.section is not None:
                conf.write_section(rclone.config, conf.section_name(tenant.id), found.section)
                return True
            section = self._minted(tenant, path, rclone, around)
            conf.write_section(rclone.config, conf.section_name(tenant.id), section)
        return True

    @contextmanager
    def _minting(self, tenant: BasicMemoryTenant, around: Around) -> Iterator[None]:
        """One program at a time finds out whether new keys are needed: each mint leaves a pair behind for good."""
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
            section = _section(tenant, cloud.mint())
        if rclone is not None:
            knock(rclone, self._trial(tenant, path, rclone, section))
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
        generation=cloud.generation,
        workspace=workspace.slug or workspace.name if workspace is not None else None,
        workspace_id=workspace.tenant_id if workspace is not None else None,
        subscribed=workspace.subscribed if workspace is not None else None,
        projects=before.projects if before is not None else None,
        pointed_out=before.pointed_out if before is not None else (),
    )


@contextmanager
def _cloud(tenant: BasicMemoryTenant, around: Around) -> Iterator[Cloud]:
    from bisync.providers.basic_memory.opening import opened

    with opened(tenant, around) as cloud:
        yield cloud


PROVIDER = BasicMemory()
