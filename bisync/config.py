"""What a manifest means once it is valid: frozen, typed values and nothing else.

Defaults that the manifest's schema documents live here, in one place; `bisync.manifest` builds these
values and no `dict` with configuration in it is seen past that room.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal


class ConflictResolve(StrEnum):
    """Who wins when both sides changed one file. `none` keeps both beside each other, `merge` does where it must."""

    NONE = "none"
    NEWER = "newer"
    OLDER = "older"
    LARGER = "larger"
    SMALLER = "smaller"
    LOCAL = "local"
    CLOUD = "cloud"
    MERGE = "merge"


class ConflictName(StrEnum):
    """Where the name of a conflict copy says that it is one, by the example of a `note.md`."""

    LAST = "note.md.conflict1"
    BEFORE_EXTENSION = "note.conflict1.md"


class Compare(StrEnum):
    """What counts as a change. `auto` is checksum where a listing carries content hashes.

    `stored` is what `auto` may also come to (no manifest says it): in the cloud by size and by when a file was stored.
    """

    AUTO = "auto"
    MODTIME = "modtime"
    CHECKSUM = "checksum"
    STORED = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret comes from; never the secret. `where` is its place in the manifest."""

    kind: Literal["env", "command", "file"]
    value: str | tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """S3 keys, as references."""

    access_key_id: SecretRef
    secret_access_key: SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsProfile:
    """The keys of one profile of the AWS SDK, as its own files have it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whose cloud. `provider` is its kind, as the manifest writes it.

    `tenant_id` names its state and its remote; None: the cloud has not said it yet.
    """

    provider: ClassVar[str]
    name: str
    tenant_id: str | None

    @property
    def id(self) -> str:
        """The name its state and its remote go by."""
        return self.tenant_id or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Tenant(Tenant):
    """A bucket of any S3-compatible store. `credentials` None: the AWS SDK's own chain."""

    provider = "s3"
    bucket: str
    endpoint: str | None
    region: str | None
    s3_provider: str
    credentials: KeyPair | AwsProfile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RcloneTenant(Tenant):
    """A remote that the user's rclone.conf already has, as `name:path`."""

    provider = "rclone"
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedTenant(Tenant):
    """rclone's own S3 server on loopback, alive as long as a task runs, files kept in `storage`."""

    provider = "embedded"
    storage: Path


# Where the vendor keeps its buckets.
TIGRIS = "https://fly.storage.tigris.dev"
DEFAULT_PROJECTS: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicMemoryTenant(Tenant):
    """The vendor's cloud: tenant id, bucket and scoped keys come from its API.

    `api_url` has no slash at its end; `own_address`: not only a manifest names it. `token` None: the user's API key
    or login. `workspace`: its slug, name or tenant id; None: the login's own. `projects`: which top-level folders
    may become projects, patterns in gitignore format. `tenant_id` and `bucket` are None until the API has said them.
    """

    provider = "basic-memory"
    api_url: str
    token: SecretRef | None
    workspace: str | None = None
    auto_register: bool = True
    projects: tuple[str, ...] = DEFAULT_PROJECTS
    endpoint: str = TIGRIS
    region: str = "auto"
    s3_provider: str = "Other"
    own_address: bool = True
    bucket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`max_delete` counts files over both sides, `max_new` new ones from the cloud; None: no limit."""

    name: str
    conflict_resolve: ConflictResolve
    max_delete: int | None
    conflict_name: ConflictName = ConflictName.LAST
    max_new: int | None = None
    compare: Compare = Compare.AUTO
    checkers: int | None = None
    transfers: int | None = None
    check_sync: bool = True
    bwlimit: str | None = None
    description: str = ""


# Seed table: safe keeps both and stops at 10 deletions, balanced takes the newer (25), fast too (50). merge is ours.
BUILTIN_PROFILES: dict[str, Profile] = {
    "safe": Profile(
        name="safe",
        conflict_resolve=ConflictResolve.NONE,
        max_delete=10,
        checkers=4,
        transfers=2,
        description="Keep both versions of a conflict; few transfers, verified after every run.",
    ),
    "balanced": Profile(
        name="balanced",
        conflict_resolve=ConflictResolve.NEWER,
        max_delete=25,
        description="The newer version wins; rclone's own speed.",
    ),
    "fast": Profile(
        name="fast",
        conflict_resolve=ConflictResolve.NEWER,
        max_delete=50,
        checkers=32,
        transfers=16,
        check_sync=False,
        description="The newer version wins; many transfers, no final listing check.",
    ),
    "merge": Profile(
        name="merge",
        conflict_resolve=ConflictResolve.MERGE,
        max_delete=25,
        description="Edits of a text that do not overlap become one text; else both versions are kept.",
    ),
}
DEFAULT_PROFILE = "balanced"
DEFAULT_WATCH_INTERVAL = 60
DEFAULT_KEEP_DAYS = 30
DEFAULT_HOOK_SECONDS = 300
DEFAULT_WEBDAV_VENDOR = "other"
DEFAULT_IGNORE_FILES: tuple[str, ...] = (".bmignore",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Commands (argv each) to run around a sync; never through a shell. `timeout` in seconds, for each command."""

    timeout: int = DEFAULT_HOOK_SECONDS
    before_sync: tuple[tuple[str, ...], ...] = ()
    on_conflict: tuple[tuple[str, ...], ...] = ()
    on_change: tuple[tuple[str, ...], ...] = ()
    after_sync: tuple[tuple[str, ...], ...] = ()
    on_failure: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that stands in the manifest itself. Whoever knows it may use it, so it is not shown."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Addresses to call around a run; None: nobody is called then."""

    start: SecretRef | Address | None = None
    success: SecretRef | Address | None = None
    failure: SecretRef | Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One local folder against one remote path. `path` is below the bucket's root, no slashes at its ends.

    `keeps_extensions`: conflict copies may be called `note.conflict1.md` here, for a profile of the manifest does so.
    """

    name: str
    tenant: Tenant
    dir: Path
    path: str = ""
    profile: Profile = BUILTIN_PROFILES[DEFAULT_PROFILE]
    ignore: tuple[str, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)
    ping: Ping = field(default_factory=Ping)
    keeps_extensions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OldTree:
    """A folder of a set-up that was there before. `to`: the folder of the sync dir it goes to; None: not said."""

    dir: Path
    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDav:
    """A WebDAV server to move over from: an address, or a remote (`name:path`) that rclone.conf has.

    `vendor` as rclone calls it. `to`: the folder of the sync dir that it goes to, "" for the sync dir itself.
    """

    url: str | None = None
    remote: str | None = None
    vendor: str = DEFAULT_WEBDAV_VENDOR
    user: str | None = None
    password: SecretRef | None = None
    token: SecretRef | None = None
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What `migrate` moves over. `sync`: into which one; None: the only one. `remove_old`: what it replaces goes."""

    sync: str | None = None
    trees: tuple[OldTree, ...] = ()
    webdav: WebDav | None = None
    remove_old: bool = False


class KeysIn(StrEnum):
    """Where keys are between runs: in rclone.conf, or nowhere."""

    FILE = "file"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything one manifest (and its local overlay) says.

    `digest` is the SHA-256 of the merged data, so two spellings of the same meaning are equal.
    `files` are the files it was read from, the manifest first. `device`: what this device is called; None: as its host.
    `rclone_keys`: where the keys of its tenants are between runs.
    """

    path: Path
    files: tuple[Path, ...]
    digest: str
    tenants: tuple[Tenant, ...]
    syncs: tuple[Sync, ...]
    profiles: tuple[Profile, ...]
    ignore: tuple[str, ...]
    ignore_files: tuple[str, ...]
    watch_interval: int
    keep_days: int
    device: str | None = None
    migration: Migration = Migration()
    mount_dir: Path
    state_dir: Path
    rclone_binary: str | None
    rclone_config: Path
    rclone_keys: KeysIn = KeysIn.FILE

    def select(self, names: tuple[str, ...] = ()) -> tuple[Sync, ...]:
        """The syncs called `names`, in the manifest's order; all of them when empty.

        Raises KeyError with the first unknown name.
        """
        known = {sync.name for sync in self.syncs}
        for name in names:
            if name not in known:
                raise KeyError(name)
        return tuple(sync for sync in self.syncs if not names or sync.name in names)

    def profile(self, name: str) -> Profile:
        """The profile called `name`, built-in or the user's own. Raises KeyError."""
        for profile in self.profiles:
            if profile.name == name:
                return profile
        raise KeyError(name)
