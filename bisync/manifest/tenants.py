"""How a manifest's tenants become values: one function for each provider, under its name.

A building function is called once the whole document is known to be right. With it stands what tells two
stores of its kind apart, which is asked of a document that may be wrong anywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from bisync.config import (
    DEFAULT_PROJECTS,
    TIGRIS,
    AwsProfile,
    BasicMemoryTenant,
    EmbeddedTenant,
    KeyPair,
    RcloneTenant,
    S3Tenant,
    SecretRef,
    Tenant,
)
from bisync.manifest.cloud_address import origin
from bisync.manifest.document import KeyPath, dotted
from bisync.manifest.draft import Draft, Reading


class Store(NamedTuple):
    """Where a tenant's files lie: what tells its store from others, and the folder in it that it begins at."""

    identity: tuple[Any, ...]
    folder: tuple[str, ...] = ()


Build = Callable[[Reading, str, Draft], Tenant]
FindStore = Callable[[Reading, str], Store | None]


class _Kind(NamedTuple):
    build: Build
    store: FindStore


_KINDS: dict[str, _Kind] = {}


def _alone(reading: Reading, name: str) -> Store | None:
    """A tenant that shares its store with no other one."""
    return Store((reading.text("tenants", name, "provider"), name))


def builds(provider: str, *, store: FindStore = _alone) -> Callable[[Build], Build]:
    """The decorated function builds the tenants of `provider`; `store` finds where one's files lie."""

    def register(build: Build) -> Build:
        _KINDS[provider] = _Kind(build, store)
        return build

    return register


def build(reading: Reading, name: str, draft: Draft) -> Tenant:
    """The value of the tenant called `name`, from a document without problems."""
    return _KINDS[reading.get("tenants", name, "provider")].build(reading, name, draft)


def store_of(reading: Reading, name: str) -> Store | None:
    """Where the files of the tenant called `name` lie; None where the document does not say it rightly."""
    kind = _KINDS.get(reading.text("tenants", name, "provider") or "")
    return kind.store(reading, name) if kind else None


def _s3_store(reading: Reading, name: str) -> Store | None:
    tenant = reading.mapping("tenants", name)
    endpoint = str(tenant.get("endpoint", tenant.get("s3_provider", "AWS"))).rstrip("/").lower()
    return Store(("s3", endpoint, str(tenant.get("bucket"))))


@builds("s3", store=_s3_store)
def _s3(reading: Reading, name: str, draft: Draft) -> Tenant:
    where = ("tenants", name)
    tenant = reading.mapping(*where)
    endpoint = tenant.get("endpoint")
    keys: KeyPair | AwsProfile | None = None
    if tenant["credentials"] == "aws":
        pass
    elif "aws" in tenant["credentials"]:
        keys = AwsProfile(name=tenant["credentials"]["aws"])
    else:
        keys = KeyPair(
            access_key_id=secret_ref(reading, (*where, "credentials", "access_key_id")),
            secret_access_key=secret_ref(reading, (*where, "credentials", "secret_access_key")),
        )
    return S3Tenant(
        name=name,
        tenant_id=tenant.get("tenant_id", name),
        bucket=tenant["bucket"],
        endpoint=endpoint,
        region=tenant.get("region"),
        s3_provider=tenant.get("s3_provider", "Other" if endpoint else "AWS"),
        credentials=keys,
    )


def _rclone_store(reading: Reading, name: str) -> Store | None:
    text = reading.text("tenants", name, "remote")
    if text is None:
        return None
    remote, _, path = text.partition(":")
    return Store(("rclone", remote), tuple(part for part in path.split("/") if part))


@builds("rclone", store=_rclone_store)
def _rclone(reading: Reading, name: str, draft: Draft) -> Tenant:
    tenant = reading.mapping("tenants", name)
    return RcloneTenant(name=name, tenant_id=tenant.get("tenant_id", name), remote=tenant["remote"])


def _embedded_store(reading: Reading, name: str) -> Store | None:
    storage = reading.local_path("tenants", name, "storage")
    return None if storage is None else Store(("embedded", os.path.realpath(storage)))


@builds("embedded", store=_embedded_store)
def _embedded(reading: Reading, name: str, draft: Draft) -> Tenant:
    storage = reading.local_path("tenants", name, "storage")
    assert storage is not None
    tenant_id = reading.mapping("tenants", name).get("tenant_id", name)
    return EmbeddedTenant(name=name, tenant_id=tenant_id, storage=storage)


def _basic_memory_store(reading: Reading, name: str) -> Store | None:
    # Which tenant a token opens only the API knows; without one, all use the same login.
    tenant = reading.mapping("tenants", name)
    token = json.dumps(tenant.get("token"), sort_keys=True)
    return Store(("basic-memory", str(tenant.get("api_url")), token, str(tenant.get("workspace"))))


@builds("basic-memory", store=_basic_memory_store)
def _basic_memory(reading: Reading, name: str, draft: Draft) -> Tenant:
    where = ("tenants", name)
    tenant = reading.mapping(*where)
    return BasicMemoryTenant(
        name=name,
        tenant_id=None,
        api_url=tenant.get("api_url", draft.cloud.url).rstrip("/"),
        own_address=draft.cloud.own
        and origin(tenant.get("api_url", draft.cloud.url)) == origin(draft.cloud.url),
        token=secret_ref(reading, (*where, "token")) if "token" in tenant else None,
        workspace=tenant.get("workspace"),
        auto_register=tenant.get("auto_register", True),
        projects=tuple(tenant.get("projects", DEFAULT_PROJECTS)),
        endpoint=tenant.get("endpoint", TIGRIS),
        region=tenant.get("region", "auto"),
        s3_provider=tenant.get("s3_provider", "Other"),
    )


def secret_ref(reading: Reading, path: KeyPath) -> SecretRef:
    """The secret reference at `path`, from a document without problems."""
    ref = reading.mapping(*path)
    where = dotted(path)
    if "env" in ref:
        return SecretRef(kind="env", value=ref["env"], where=where)
    if "command" in ref:
        return SecretRef(kind="command", value=tuple(ref["command"]), where=where)
    return SecretRef(kind="file", value=str(reading.local_path(*path, "file")), where=where)
