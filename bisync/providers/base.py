"""What a kind of cloud must be able to say about itself.

A new provider is one module with one `Provider` in it, a config class, the function that builds it from a
manifest, and a line in the registry (`bisync.providers`). Nothing else asks what kind a tenant is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from bisync.config import KeysIn, Tenant
from bisync.core.abilities import OBJECTS, Abilities
from bisync.core.drift import Purpose
from bisync.core.projects import Compared
from bisync.core.result import Finding
from bisync.rclone.argv import probe_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.secret import Secret

T = TypeVar("T", bound=Tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What setup found about a tenant's keys, in words.

    `section`: what rclone.conf is to say about the tenant; None: it needs no section of ours. `made`: they are new.
    """

    text: str
    made: bool = False
    section: Mapping[str, str | Secret] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a provider may need to know of where it works. `say` hears why something takes long.

    `dry_run`: nothing may be made or written, here or in the cloud. `keys`: where keys are between runs.
    """

    env: Mapping[str, str] = field(repr=False)
    state_dir: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    say: Callable[[str], None] = field(default=lambda text: None, repr=False)
    dry_run: bool = False
    keys: KeysIn = KeysIn.FILE


class Projects(ABC):
    """The projects that a cloud makes of top-level folders."""

    @abstractmethod
    def missing(self, folders: Sequence[str]) -> Missing:
        """Which of the top-level folders the cloud has no project for. Never raises: what went wrong is a note."""

    @abstractmethod
    def create(self, folders: Sequence[str]) -> Created:
        """Make projects of folders that were found to be missing. Never raises: what went wrong is a note."""

    @abstractmethod
    def changed(self, folders: Sequence[str]) -> Sequence[str]:
        """Tell the cloud that files below these folders have changed; what went wrong, as notes."""


class Missing(NamedTuple):
    """Folders without a project, and what a person should know about them."""

    folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Created(NamedTuple):
    """Projects that are there now, and what a person should know about them."""

    folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a cloud has said of a tenant, beside its files. What is None it has not said.

    `as_of`: when it said so, RFC 3339; `trouble`: why it could not be asked again just now, with the cure; None: it
    was. `health`: the service's word on its own version, "" where it has none. `projects`: None also where the
    folders beside which to put them are not known.
    """

    host: str
    tenant_id: str | None = None
    workspace: str | None = None
    subscribed: bool | None = None
    health: str | None = None
    as_of: str | None = None
    trouble: str | None = None
    projects: Compared | None = None


Asking = Callable[[Sequence[str] | None], Overview]
"""A question under way: waits for the answer, some seconds at most, and puts these folders beside its projects."""


class Provider(ABC, Generic[T]):
    """One kind of cloud, for tenants of the config class `T`."""

    has_section = False
    """Whether its tenants are remotes in rclone.conf that `setup` writes."""

    needs_us = False
    """Whether its remotes exist only while one of our tasks runs, so that no script can reach them."""

    def recognise(self, tenant: T, state_dir: Path) -> T:
        """The tenant with what is remembered of it. Nobody is asked."""
        return tenant

    def identify(self, tenant: T, around: Around) -> T:
        """The tenant with what its cloud says of it, asked anew. Raises BisyncError when it cannot be found out."""
        return tenant

    @abstractmethod
    def remote(self, tenant: T, path: str, rclone: Rclone) -> Remote:
        """The folder `path` of the tenant's store, as rclone spells it; nothing is started for it.

        Raises BisyncError when there can be no such remote.
        """

    @contextmanager
    def reach(self, tenant: T, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        """The same folder, reachable until the block ends. Raises BisyncError when it cannot be."""
        yield self.remote(tenant, path, rclone)

    def prove(self, tenant: T, path: str, rclone: Rclone, state_dir: Path) -> Abilities | None:
        """Try what the folder `path` of the tenant's store keeps of its promises, and note it for later runs.

        A small file is written there. None where it is known beforehand. Raises RcloneError.
        """
        return None

    def known_abilities(self, tenant: T, config: Path, state_dir: Path) -> Abilities | None:
        """What the tenant's remote can do, as far as that is known; nobody is asked. `config`: rclone.conf."""
        return OBJECTS

    @abstractmethod
    def label(self, tenant: T) -> str:
        """The tenant's store, for people; nobody is asked."""

    def place(self, tenant: T, path: str) -> str:
        """What tells the folder `path` of the tenant's store from any other, whatever the tenant is called.

        Nobody is asked. What a baseline says of one such folder holds for no other.
        """
        return f"{self.label(tenant).rstrip('/')}/{path}".rstrip("/")

    def address(self, tenant: T, config: Path) -> str:
        """What tells where the tenant's remote is, by the user's own rclone.conf at `config`; "" where it is not known.

        Nobody is asked.
        """
        return ""

    def purpose(self, tenant: T) -> Purpose | None:
        """For what the keys in its section are; None where it has no section."""
        return None

    def describe(self, tenant: T) -> str:
        """Setup's word on the tenant, once it is identified."""
        return f"{tenant.name} ({tenant.provider}, {tenant.id})"

    @abstractmethod
    def credentials(
        self, tenant: T, path: str, rclone: Rclone | None, around: Around, *, rotate: bool
    ) -> Credentials:
        """Keys that open the folder `path`, tried before anything is written down.

        `rclone` is None where there is none yet (a dry run); then nothing is tried. `rotate`: resolve them
        again, also when those in use still work. Raises SecretError, and RcloneError for keys that do not
        open it.
        """

    def renew(self, tenant: T, path: str, rclone: Rclone, around: Around) -> str | None:
        """Bring other keys into rclone.conf in place of those that the store refuses, and say where they are from.

        None where nobody makes any.

        Raises BisyncError when they cannot be had.
        """
        return None

    def projects(self, tenant: T, around: Around) -> Projects | None:
        """What the cloud knows of top-level folders; None where it takes them for folders and nothing else."""
        return None

    def overview(self, tenant: T, around: Around) -> Asking | None:
        """Begin to ask what the cloud says of the tenant as a whole; None where it says nothing. Never raises."""
        return None

    def look_here(self, tenant: T, around: Around) -> Iterable[Finding]:
        """What `doctor` can find out on this machine, without a network."""
        return ()

    def look(
        self, tenant: T, remote: Remote, rclone: Rclone, now: Callable[[], datetime]
    ) -> Iterable[Finding]:
        """What `doctor` can find out beyond that the remote answers. `now` is this machine's clock."""
        return ()


def knock(rclone: Rclone, remote: Remote) -> None:
    """Raise RcloneError when a remote cannot be read. A folder that is not there yet is made later."""
    argv = probe_argv(remote)
    outcome = rclone.run(argv, remote=remote)
    if outcome.code != 0 and not (outcome.code == 3 and not remote.is_bucket):
        raise failure(argv, outcome, remote)
