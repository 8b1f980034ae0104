"""Which token is sent to which address: the manifest's reference, the user's API key, or the stored login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bisync.config import BasicMemoryTenant, SecretRef
from bisync.errors import CloudError, LoginNeeded, StateError
from bisync.manifest import cloud_address
from bisync.providers.basic_memory.refusals import LOGIN
from bisync.providers.basic_memory.tokens import NAME, Client, Login, as_token
from bisync.secret import Secret, describe, resolve
from bisync.stored import Damaged, parse, read

DEFAULT_DOMAIN = "https://eloquent-lotus-05.authkit.app"
DEFAULT_CLIENT = "client_01K6KWQPW6J1M8VV7R3TZP5A6M"
API_KEY = "BASIC_MEMORY_CLOUD_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What the user's own environment and config.json say about the cloud, whatever a manifest does."""

    env: Mapping[str, str]
    home: Path

    @property
    def config_file(self) -> Path:
        return cloud_address.find("config.json", self.env, self.home)

    @property
    def token_file(self) -> Path:
        return cloud_address.find(NAME, self.env, self.home)

    @property
    def token_files(self) -> tuple[Path, ...]:
        """All places that a login may be stored at: the first is where a new one goes."""
        return cloud_address.places(NAME, self.env, self.home)

    @property
    def login(self) -> Login:
        """The stored login."""
        return Login(path=self.token_file, client=self.client)

    @property
    def client(self) -> Client:
        """The client that logs in. The environment beats the file, as for the vendor's clients from 0.15.1 on."""
        domain = self._value("cloud_domain") or DEFAULT_DOMAIN
        if not cloud_address.is_safe(domain):
            raise CloudError(
                "the address of the login server is neither https nor on this machine",
                hint=f"correct $BASIC_MEMORY_CLOUD_DOMAIN, or cloud_domain in {self.config_file}",
            )
        return Client(domain=domain.rstrip("/"), client_id=self._value("cloud_client_id") or DEFAULT_CLIENT)

    @property
    def has_api_key(self) -> bool:
        """Whether there is an API key, good or not."""
        return bool(self.env.get(API_KEY) or self._value("cloud_api_key"))

    def api_key(self) -> tuple[Secret, str] | None:
        """The user's API key and where it stands."""
        if self.env.get(API_KEY):
            return _sendable(self.env[API_KEY], f"${API_KEY}")
        value = self._value("cloud_api_key")
        return _sendable(value, f"cloud_api_key in {self.config_file}") if value else None

    def _value(self, key: str) -> str | None:
        found = self.env.get(f"BASIC_MEMORY_{key.upper()}") or self._config().get(key)
        return found if isinstance(found, str) and found else None

    def _config(self) -> dict[str, object]:
        """config.json; nothing of one that cannot be read. (The manifest's reader says what is wrong with it.)"""
        try:
            found = parse(read(self.config_file))
        except (OSError, Damaged, StateError):
            return {}
        return found if isinstance(found, dict) else {}


def _sendable(text: str, place: str) -> tuple[Secret, str]:
    key = as_token(text)
    if key is None:
        raise CloudError(f"{place} holds no API key", hint="an API key is one word that begins with bmc_")
    return key, place


@dataclass(slots=True)
class Access:
    """The token for one tenant's API. `cure`: what helps when it is refused."""

    url: str
    own: bool
    user: Own
    reference: SecretRef | None
    cure: str = LOGIN
    _stored: Login | None = None

    @classmethod
    def of(cls, tenant: BasicMemoryTenant, user: Own) -> Access:
        """The access that a manifest's tenant means."""
        return cls(url=tenant.api_url, own=tenant.own_address, user=user, reference=tenant.token)

    def token(self) -> Secret:
        """The token to send. Raises SecretError, and LoginNeeded where there is none that may be sent there."""
        if self.reference is not None:
            self.cure = f"give another token: {describe(self.reference)}"
            found = resolve(self.reference, self.user.env)
            if as_token(found.reveal()) is None:
                raise LoginNeeded(f"{describe(self.reference)} gives no token", hint="a token is one word")
            return found
        if self.own and (key := self.user.api_key()) is not None:
            secret, place = key
            self.cure = f"make another API key, and put it where this one is: {place}"
            return secret
        self._stored = self.user.login
        return self._stored.token(self.url, own=self.own)

    def instead_of(self, refused: Secret) -> Secret | None:
        """Another token to try once, where the one that was refused can be refreshed."""
        return (
            self._stored.refreshed(refused, self.url, own=self.own).access
            if self._stored is not None
            else None
        )
