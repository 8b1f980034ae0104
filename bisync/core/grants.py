"""What a manifest may do beyond moving files between a folder and a bucket: a set of capabilities. Pure.

Each says what would happen, so that whatever changes it is another one: the same secret for another address, the same
folder for another bucket. Profiles, limits and rules that hide files are none. A rule that shows files is one: the
machine keeps secrets from going up, and a manifest's `!` may take that back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bisync.config import (
    Address,
    AwsProfile,
    BasicMemoryTenant,
    EmbeddedTenant,
    KeyPair,
    Manifest,
    RcloneTenant,
    S3Tenant,
    SecretRef,
    Sync,
    Tenant,
    WebDav,
)
from bisync.core.printable import printable, typed
from bisync.errors import NotGranted

HOOKS = ("before_sync", "on_conflict", "on_change", "after_sync", "on_failure")
PINGS = ("start", "success", "failure")


class Kind(StrEnum):
    """What a capability is about, in the order in which they are shown."""

    PROGRAM = "program"
    SECRET = "secret"
    ADDRESS = "address"
    FOLDER = "folder"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that a manifest may do. `where`: the key that says so; `text` and, of a command, `argv`: for people.

    `form`: what tells it from every other. It may hold an address that is a secret, so only its digest is kept.
    """

    kind: Kind
    where: str
    text: str
    form: tuple[object, ...]
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where a manifest says nothing, by the user's home and environment: nobody else has chosen it."""

    state_dir: str
    rclone_config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was granted and when (RFC 3339): the digest of each capability, and the key that said so then."""

    at: str
    keys: Collection[str]
    places: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a manifest asks for beside what it was granted. `at` None: nothing was, here or ever.

    `changed`: keys whose grant was another one before. `trouble`: why what was written down does not count.
    """

    asked: tuple[Capability, ...]
    new: tuple[Capability, ...]
    at: str | None = None
    changed: Collection[str] = ()
    trouble: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it may do all it asks for."""
        return self.at is not None and not self.new

    @property
    def needs_a_word(self) -> bool:
        """Whether a person who is there is asked: what is new runs programs, or comes after an earlier grant."""
        return bool(self.new) and (self.at is not None or any(one.kind is Kind.PROGRAM for one in self.new))


def compare(
    asked: Collection[Capability], key: Callable[[Capability], str], record: Record | None
) -> Standing:
    """What `record` grants of what is asked for. Less than was granted needs no new word."""
    if record is None:
        return Standing(asked=tuple(asked), new=tuple(asked))
    new = tuple(one for one in asked if key(one) not in record.keys)
    changed = frozenset(one.where for one in new) & frozenset(record.places)
    return Standing(asked=tuple(asked), new=new, at=record.at, changed=changed)


def said(one: Capability) -> str:
    """What a capability is about, in one line for people, whatever stands in it."""
    return printable(" ".join(map(typed, one.argv)) if one.argv else one.text)


def not_granted(manifest: str, standing: Standing) -> NotGranted:
    """That a manifest asks for what it was not granted: all of it, and the cure."""
    if standing.at is None:
        why = f" ({standing.trouble})" if standing.trouble else ""
        return NotGranted(
            f"nobody has agreed on this machine to what {manifest} may do{why}",
            hint="see what that is: bisync setup --dry-run; agree to it, once: bisync setup",
        )
    new = "; ".join(
        f"{mark(one, standing)} {one.kind.value} {said(one)} ({one.where})" for one in standing.new
    )
    return NotGranted(
        f"{manifest} asks for more than was agreed to on {standing.at[:10]}: {new}",
        hint="if that is meant, agree to it: bisync setup",
    )


def mark(one: Capability, standing: Standing) -> str:
    """What a capability is beside what was granted."""
    if one not in standing.new:
        return ""
    return "changed" if one.where in standing.changed else "new"


def capabilities(manifest: Manifest, defaults: Defaults) -> tuple[Capability, ...]:
    """All that a manifest asks for, its local overlay included, programs first."""
    found = [*_rclone(manifest, defaults)]
    for tenant in manifest.tenants:
        found += _tenant(tenant)
    for sync in manifest.syncs:
        found += [*_hooks(sync), *_pings(sync), _folder(sync)]
        found += _shown(sync.ignore, f"syncs.{sync.name}.ignore", str(sync.dir))
    found += _migration(manifest)
    found += _shown(manifest.ignore, "ignore", "")
    order = list(Kind)
    # What a sync inherits is asked for once.
    unique: dict[tuple[object, ...], Capability] = {}
    for one in found:
        unique.setdefault(one.form, one)
    return tuple(sorted(unique.values(), key=lambda one: order.index(one.kind)))


def _rclone(manifest: Manifest, defaults: Defaults) -> Iterator[Capability]:
    """Where programs and their settings come from, where a manifest says so."""
    binary = manifest.rclone_binary
    if binary not in (None, "rclone"):
        yield Capability(Kind.PROGRAM, "rclone.binary", "", ("rclone", binary), (str(binary),))
    if str(manifest.rclone_config) != defaults.rclone_config:
        path = str(manifest.rclone_config)
        yield Capability(
            Kind.PROGRAM, "rclone.config", f"remotes and keys are those of {path}", ("config", path)
        )
    if str(manifest.state_dir) != defaults.state_dir:
        path = str(manifest.state_dir)
        text = f"{path} holds state, settings and an installed rclone"
        yield Capability(Kind.PROGRAM, "state_dir", text, ("state", path))


def _tenant(tenant: Tenant) -> Iterator[Capability]:
    """The secrets of a tenant and where they go."""
    at = f"tenants.{tenant.name}"
    if isinstance(tenant, S3Tenant):
        where = f"{at}.credentials"
        if tenant.credentials is None:
            text = f"the AWS SDK's own keys -> {_store(tenant)}"
            yield Capability(Kind.SECRET, where, text, ("keys", "aws", *_identity(tenant)))
        elif isinstance(tenant.credentials, AwsProfile):
            name = tenant.credentials.name
            text = f"the AWS SDK's keys of the profile {name} -> {_store(tenant)}"
            yield Capability(Kind.SECRET, where, text, ("keys", "aws", "profile", name, *_identity(tenant)))
        else:
            yield from _keys(tenant.credentials, where, tenant)
    elif isinstance(tenant, BasicMemoryTenant):
        if tenant.token is not None:
            yield from _secret(tenant.token, tenant.api_url, f"{at}.token", ("token", tenant.api_url))
        else:
            text = f"your login or API key -> {tenant.api_url}"
            yield Capability(Kind.ADDRESS, at, text, ("login", tenant.api_url))


def _keys(keys: KeyPair, where: str, tenant: S3Tenant) -> Iterator[Capability]:
    refs = (keys.access_key_id, keys.secret_access_key)
    for ref in refs:
        yield from _command(ref)
    text = f"{' + '.join(map(_reference, refs))} -> {_store(tenant)}"
    form = ("keys", *((ref.kind, ref.value) for ref in refs), *_identity(tenant))
    yield Capability(Kind.SECRET, where, text, form)


def _secret(ref: SecretRef, to: str, where: str, form: tuple[object, ...]) -> Iterator[Capability]:
    yield from _command(ref)
    yield Capability(Kind.SECRET, where, f"{_reference(ref)} -> {to}", (*form, ref.kind, ref.value))


def _command(ref: SecretRef) -> Iterator[Capability]:
    if ref.kind == "command":
        argv = (ref.value,) if isinstance(ref.value, str) else ref.value
        yield Capability(Kind.PROGRAM, ref.where, "", ("command", argv), argv)


def _reference(ref: SecretRef) -> str:
    """A reference as the manifest has it."""
    value = ref.value if isinstance(ref.value, str) else f"[{', '.join(ref.value)}]"
    return f"{{{ref.kind}: {value}}}"


def _identity(tenant: Tenant) -> tuple[object, ...]:
    """What tells a tenant's store from any other, as the manifest says it: nothing that a cloud has said of it.

    Without an endpoint the kind of store and the region say where it is. The id is that of the keys in rclone.conf.
    """
    if isinstance(tenant, S3Tenant):
        at: tuple[object, ...] = (tenant.endpoint,)
        if tenant.endpoint is None:
            at = (None, tenant.s3_provider, tenant.region)
        return ("s3", tenant.id, *at, tenant.bucket)
    if isinstance(tenant, RcloneTenant):
        return ("rclone", tenant.remote)
    if isinstance(tenant, EmbeddedTenant):
        return ("embedded", str(tenant.storage))
    if isinstance(tenant, BasicMemoryTenant):
        token = (tenant.token.kind, tenant.token.value) if tenant.token is not None else None
        return ("basic-memory", tenant.api_url, tenant.workspace, token, tenant.endpoint)
    # A kind that is not known here: all that the manifest says of it.
    return (tenant.provider, repr(tenant))


def _store(tenant: Tenant) -> str:
    """A tenant's store for people."""
    if isinstance(tenant, S3Tenant):
        region = f" in {tenant.region}" if tenant.region else ""
        return f"s3://{tenant.bucket} at {tenant.endpoint or tenant.s3_provider + region}"
    if isinstance(tenant, RcloneTenant):
        return f"{tenant.remote} of rclone.conf"
    if isinstance(tenant, EmbeddedTenant):
        return str(tenant.storage)
    if isinstance(tenant, BasicMemoryTenant):
        workspace = f", workspace {tenant.workspace}" if tenant.workspace else ""
        return f"{tenant.api_url}{workspace}, files at {tenant.endpoint}"
    return f"{tenant.name} ({tenant.provider})"


def _folder(sync: Sync) -> Capability:
    path = f"{sync.path} in " if sync.path else ""
    form = ("folder", str(sync.dir), sync.path, *_identity(sync.tenant))
    return Capability(Kind.FOLDER, f"syncs.{sync.name}", f"{sync.dir} <-> {path}{_store(sync.tenant)}", form)


def _hooks(sync: Sync) -> Iterator[Capability]:
    """A hook runs in its sync's folder: another folder, another deed."""
    for when in HOOKS:
        for argv in getattr(sync.hooks, when):
            where = f"syncs.{sync.name}.hooks.{when}"
            yield Capability(Kind.PROGRAM, where, "", ("hook", when, argv, str(sync.dir)), argv)


def _pings(sync: Sync) -> Iterator[Capability]:
    for when in PINGS:
        address: SecretRef | Address | None = getattr(sync.ping, when)
        if isinstance(address, SecretRef):
            yield from _command(address)
            form = ("ping", address.kind, address.value)
            yield Capability(Kind.ADDRESS, address.where, f"what {_reference(address)} says is called", form)
        elif address is not None:
            # Whoever knows all of it may call it.
            host = "/".join(address.url.split("/", 3)[:3])
            where = f"syncs.{sync.name}.ping.{when}"
            yield Capability(Kind.ADDRESS, where, f"{host}/… is called", ("ping", "url", address.url))


def _migration(manifest: Manifest) -> Iterator[Capability]:
    asked = manifest.migration
    into = f"the sync dir of {asked.sync}" if asked.sync is not None else "the sync dir"
    for tree in asked.trees:
        text = f"{tree.dir} is copied to {into}, by migrate"
        yield Capability(
            Kind.FOLDER, "migration.from", text, ("old", str(tree.dir), tree.to or "", asked.sync)
        )
    if asked.webdav is not None:
        yield from _webdav(asked.webdav, asked.sync, into)
    if asked.remove_old:
        text = "migrate takes the old remote out of rclone.conf, and points config.json to the sync dir"
        yield Capability(Kind.FOLDER, "migration.remove_old", text, ("remove_old",))


def _webdav(server: WebDav, sync: str | None, into: str) -> Iterator[Capability]:
    where, store = "migration.webdav", server.url if server.url is not None else f"{server.remote}"
    text = f"{store} is copied to {into}, by migrate"
    yield Capability(Kind.ADDRESS, where, text, ("webdav", server.url, server.remote, server.to, sync))
    for name, ref in (("password", server.password), ("token", server.token)):
        if ref is not None:
            yield from _secret(ref, store, f"{where}.{name}", ("webdav", name, server.url, server.user))


def _shown(patterns: Collection[str], where: str, folder: str) -> Iterator[Capability]:
    """Rules that show what others hide. (gitignore(5): a line that begins with `!`.)"""
    for pattern in patterns:
        if pattern.startswith("!"):
            text = f"{pattern} may go up, also where it is called like a secret"
            yield Capability(Kind.IGNORE, where, text, ("ignore", folder, pattern))
