"""What lets this machine in at the cloud, looked at for `doctor`: a token, an API key, the login. Asks no server."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from bisync.config import BasicMemoryTenant
from bisync.core.counting import counted
from bisync.core.printable import typed
from bisync.core.result import Finding
from bisync.manifest import cloud_address
from bisync.providers.base import Around
from bisync.providers.basic_memory import tokens
from bisync.providers.basic_memory.access import API_KEY, Own
from bisync.providers.basic_memory.refusals import LOGIN
from bisync.secret import describe, resolve

ABOUT = "login"


def findings(tenant: BasicMemoryTenant, around: Around) -> Iterator[Finding]:
    """What is sent to the tenant's API, and what is odd about it. Raises BisyncError for what cannot be sent."""
    user = Own(env=around.env, home=Path(around.env.get("HOME") or Path.home()))
    yield from _two_places(user)
    if tenant.token is not None:
        resolve(tenant.token, around.env)
        yield Finding(
            about=ABOUT,
            level="ok",
            text=f"{tenant.name}: a token from {describe(tenant.token)} for {tenant.api_url}",
        )
    elif tenant.own_address and (key := user.api_key()) is not None:
        _, place = key
        yield Finding(about=ABOUT, level="ok", text=f"the API key in {place}, for {tenant.api_url}")
        if not around.env.get(API_KEY):
            yield from _open_to_others(user.config_file, "the API key")
    else:
        yield from _login(tenant, around, user)


def _login(tenant: BasicMemoryTenant, around: Around, user: Own) -> Iterator[Finding]:
    path = user.token_file
    found = tokens.load(path)
    if found is None:
        yield Finding(
            about=ABOUT, level="warning", cure=LOGIN,
            text="nobody is logged in to the cloud: what is set up is synced, new projects and new keys are not made",
        )  # fmt: skip
        return
    now = around.now().timestamp()
    host = (
        f"for {found.host}" if found.host is not None else "made by another program, which notes no address"
    )
    left = int(found.expires_at - now) // 60
    if found.is_fresh(now):
        yield Finding(
            about=ABOUT, level="ok", text=f"{path} (mode 600), {host}, good for {counted(left, 'minute')}"
        )
    elif found.refresh is not None:
        yield Finding(
            about=ABOUT, level="ok", text=f"{path} (mode 600), {host}; it is refreshed when it is used"
        )
    else:
        yield Finding(about=ABOUT, level="warning", text=f"the login in {path} has run out", cure=LOGIN)
    if not tenant.own_address and (found.host is None or not _same(found.host, tenant.api_url)):
        yield Finding(
            about=ABOUT, level="warning",
            text=f"the login is not for {tenant.api_url}, an address that only the manifest names for"
            f" tenants.{tenant.name}: it is not sent there",
            cure="if you trust it, type: bisync login; or give the tenant a token of its own",
        )  # fmt: skip


def _two_places(user: Own) -> Iterator[Finding]:
    """The vendor's clients of today and of old keep their login in different folders, if a variable says so."""
    there = [
        path
        for folder in cloud_address.folders(user.env, user.home)
        if (path := folder / tokens.NAME).exists()
    ]
    if len(there) > 1:
        used, other = there
        yield Finding(
            about=ABOUT, level="warning", text=f"there are two logins: {used}, which is used, and {other}",
            cure=f"remove the one that you do not need: rm {typed(other)}",
        )  # fmt: skip


def _open_to_others(path: Path, what: str) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            about=ABOUT, level="problem", text=f"{path} holds {what} and can be read by others (mode {mode:o})",
            cure=f"chmod 600 {typed(path)}",
        )  # fmt: skip


def _same(one: str, other: str) -> bool:
    try:
        return cloud_address.origin(one) == cloud_address.origin(other)
    except ValueError:
        return False
