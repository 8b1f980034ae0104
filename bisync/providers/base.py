"""What a kind of cloud must be able to say about itself.

A new provider is one module with one `Provider` in it, a config class, the function that builds it from a
manifest, and a line in the registry (`bisync.providers`). Nothing else asks what kind a tenant is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from bisync.config import Tenant
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

    `section`: what rclone.conf is to say about the tenant; None: it needs no section of ours.
    """

    text: str
    section: Mapping[str, str | Secret] | None = field(default=None, repr=False)


class Provider(ABC, Generic[T]):
    """One kind of cloud, for tenants of the config class `T`."""

    has_section = False
    """Whether its tenants are remotes in rclone.conf that `setup` writes."""

    needs_us = False
    """Whether its remotes exist only while one of our tasks runs, so that no script can reach them."""

    @abstractmethod
    def remote(self, tenant: T, path: str, rclone: Rclone) -> Remote:
        """The folder `path` of the tenant's store, as rclone spells it; nothing is started for it.

        Raises BisyncError when there can be no such remote.
        """

    @contextmanager
    def reach(self, tenant: T, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        """The same folder, reachable until the block ends. Raises BisyncError when it cannot be."""
        yield self.remote(tenant, path, rclone)

    @abstractmethod
    def label(self, tenant: T) -> str:
        """The tenant's store, for people; nobody is asked."""

    def place(self, tenant: T, path: str) -> str:
        """What tells the folder `path` of the tenant's store from any other, whatever the tenant is called.

        Nobody is asked. What a baseline says of one such folder holds for no other.
        """
        return f"{self.label(tenant).rstrip('/')}/{path}".rstrip("/")

    def describe(self, tenant: T) -> str:
        """Setup's word on the tenant, once it is known. Raises BisyncError when it cannot be found out."""
        return f"{tenant.name} ({tenant.provider}, {tenant.id})"

    @abstractmethod
    def credentials(
        self, tenant: T, path: str, rclone: Rclone | None, env: Mapping[str, str], *, rotate: bool
    ) -> Credentials:
        """Keys that open the folder `path`, tried before anything is written down.

        `rclone` is None where there is none yet (a dry run); then nothing is tried. `rotate`: resolve them
        again, also when those in use still work. Raises SecretError, and RcloneError for keys that do not
        open it.
        """

    def look(
        self, tenant: T, remote: Remote, rclone: Rclone, now: Callable[[], datetime]
    ) -> Iterable[Finding]:
        """What `doctor` can find out beyond that the remote answers. `now` is this machine's clock."""
        return ()


def knock(rclone: Rclone, remote: Remote) -> None:
    """Raise RcloneError when a remote cannot be read. A folder that is not there yet is made later."""
    argv = probe_argv(remote)
    outcome = rclone.run(argv, remote=remote)
    if outcome.code != 0 and not (outcome.code == 3 and not remote.hashes):
        raise failure(argv, outcome, remote)
