"""Log in to the vendor's cloud, and out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bisync.config import BasicMemoryTenant, Manifest
from bisync.core.grants import not_granted
from bisync.core.printable import typed
from bisync.errors import BisyncError, CloudError, UsageError
from bisync.manifest import cloud_address
from bisync.manifest.bm_config import SharedConfig, read
from bisync.providers.basic_memory import browser, tokens
from bisync.providers.basic_memory.access import API_KEY, Access, Own
from bisync.providers.basic_memory.http import Host
from bisync.providers.basic_memory.login import Code, DeviceLogin
from bisync.providers.basic_memory.wire import Cloud, chosen
from bisync.rclone import conf
from bisync.state import granted


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who is logged in where. `trouble`: the login is there, and the cloud says no for another reason."""

    host: str
    file: Path
    tenant_id: str | None = None
    workspace: str | None = None
    trouble: BisyncError | None = None

    @property
    def exit_code(self) -> int:
        return self.trouble.exit_code if self.trouble is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """What was forgotten, and what stays."""

    file: Path
    was_there: bool
    sections: tuple[str, ...]
    stays: tuple[str, ...]


def address_of(manifest: Manifest | None, name: str | None, user: Own) -> tuple[str, str | None]:
    """The API to log in to, and the workspace that is meant: those of the manifest's tenant, else the user's own.

    Raises UsageError where the manifest names several and nobody says which, NotGranted for an address that it alone
    names and nobody has agreed to.
    """
    tenants = [one for one in manifest.tenants if isinstance(one, BasicMemoryTenant)] if manifest else []
    if name is not None:
        tenants = [one for one in tenants if one.name == name]
        if not tenants:
            raise UsageError(
                f"the manifest has no tenant {name} with provider basic-memory", hint="see: bisync validate"
            )
    # Who has a token of his own there needs no login.
    tenants = [one for one in tenants if one.token is None] or tenants
    if len({one.api_url for one in tenants}) > 1:
        raise UsageError(
            "the manifest's tenants are at several addresses, and a login is for one",
            hint=f"say for which: bisync login --tenant {typed(tenants[0].name)}",
        )
    if tenants:
        if manifest is not None and not tenants[0].own_address:
            # What a login is for it is sent to.
            standing = granted.standing(manifest, user.env)
            if not standing.holds:
                raise not_granted(str(manifest.path), standing)
        return tenants[0].api_url, tenants[0].workspace if len(tenants) == 1 else None
    nobody = SharedConfig()
    own = read(user.config_file)
    found = cloud_address.address(user.env, own, user.config_file, nobody, user.config_file)
    if not cloud_address.is_safe(found.url):
        raise UsageError(
            f"{found.place}: the cloud's address is neither https nor on this machine",
            hint="write https://… there (http only for localhost or 127.0.0.1)",
        )
    return found.url, None


def run(
    url: str,
    workspace: str | None,
    user: Own,
    *,
    open_browser: bool,
    on_code: Callable[[Code, bool], None],
    waiting: Callable[[str], None],
) -> LoggedIn:
    """Log in by a code, and keep the login. `on_code` hears the code, and whether a browser was opened for it.

    Raises LoginNeeded when it is refused or not confirmed in time, CloudError when a server cannot be asked.
    """
    host = Host(url=user.client.domain, say=waiting)
    try:
        device = DeviceLogin(client=user.client, host=host)
        code = device.begin()
        opened = open_browser and browser.show(code.complete or code.address)
        on_code(code, opened)
        found = device.finish(
            code, lambda left: waiting(f"waiting for the code to be confirmed ({left:.0f} s left)")
        )
    finally:
        host.close()
    # The next program reads it before any other request is made: what follows may fail.
    tokens.keep(user.token_files[0], replace(found, host=url))
    return _looked_around(url, workspace, user, waiting)


def _looked_around(url: str, workspace: str | None, user: Own, say: Callable[[str], None]) -> LoggedIn:
    """Who that is, in the cloud's words."""
    host = Host(url=url, say=say)
    result = LoggedIn(host=host.name, file=user.token_files[0])
    access = Access(url=url, own=False, user=user, reference=None)
    cloud = Cloud(host=host, access=access)
    try:
        cloud.health()
        one = chosen(cloud.workspaces(), workspace, host.name)
        cloud.workspace = one.tenant_id if one is not None else None
        store = cloud.store()
        return replace(
            result, tenant_id=store.tenant_id, workspace=(one.slug or one.name) if one is not None else None
        )
    except CloudError as error:
        return replace(result, trouble=error)
    finally:
        host.close()


def forget(manifest: Manifest | None, user: Own) -> LoggedOut:
    """Remove the login, and the store's keys of the manifest's tenants that it had brought."""
    there = [path for path in user.token_files if path.parent.is_dir() and tokens.forget(path)]
    strange = manifest is not None and not granted.standing(manifest, user.env).holds
    if strange:
        manifest = None  # which rclone.conf is meant is nobody's word
    sections = []
    tenants = [one for one in manifest.tenants if isinstance(one, BasicMemoryTenant)] if manifest else []
    for tenant in tenants:
        assert manifest is not None
        name = conf.section_name(tenant.id)
        if tenant.tenant_id is not None and conf.forget_keys(manifest.rclone_config, name):
            sections.append(name)
    return LoggedOut(
        file=there[0] if there else user.token_file,
        was_there=bool(there),
        sections=tuple(sections),
        stays=tuple(_staying(user, manifest, strange=strange)),
    )


def _staying(user: Own, manifest: Manifest | None, *, strange: bool) -> list[str]:
    """What a logout leaves, for people. `strange`: nobody has agreed to what the manifest may do."""
    left = ["the synced folders, their baselines and old versions"]
    if user.env.get(API_KEY):
        left.append(f"the API key in ${API_KEY}")
    elif user.has_api_key:
        left.append(f"the API key in {user.config_file}")
    if manifest is not None:
        sections = conf.read_sections(conf.read(manifest.rclone_config))
        theirs = sorted(name for name in sections if name.startswith("basic-memory-cloud"))
        left += [f"the keys that bm keeps in [{name}] of {manifest.rclone_config}" for name in theirs]
    if strange:
        left.append("its keys in rclone.conf, as nobody has agreed to what the manifest may do: bisync setup")
    left.append("keys that were made stay valid in the cloud until they are revoked there")
    return left


def environment(env: Mapping[str, str], home: Path) -> Own:
    """What the user's own environment and config.json say of the cloud."""
    return Own(env=env, home=home)
