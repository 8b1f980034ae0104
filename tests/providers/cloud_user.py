"""Somebody who uses the vendor's cloud, for tests of what asks it: a home, an environment, a login."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bisync.config import BasicMemoryTenant
from bisync.providers.base import Around
from bisync.providers.basic_memory import PROVIDER, tokens
from bisync.providers.basic_memory.access import Access, Own
from bisync.providers.basic_memory.http import Host
from bisync.providers.basic_memory.known import Generation
from bisync.providers.basic_memory.registry import Registry
from bisync.providers.basic_memory.wire import Cloud
from bisync.secret import Secret
from tests.support.vendor import Tokens, Vendor

INFO, KEYS = "/tenant/mount/info", "/tenant/mount/credentials"
OLD, NEW = "/proxy/projects/projects", "/proxy/v2/projects/"
TOKEN, DEVICE = "/oauth2/token", "/oauth2/device_authorization"


def quick(url: str, **values: Any) -> Host:
    """A host that is asked without long pauses."""
    return Host(url=url, **{"first_pause": 0.01, "patience": 5.0, **values})


@dataclass
class User:
    """A home, and the environment that names the service."""

    home: Path
    vendor: Vendor
    env: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.env = {"HOME": str(self.home), **self.vendor.environment, **self.env}

    @property
    def own(self) -> Own:
        return Own(env=self.env, home=self.home)

    @property
    def token_file(self) -> Path:
        return self.home / ".basic-memory" / tokens.NAME

    @property
    def state(self) -> Path:
        return self.home / ".basic-memory"

    def logged_in(
        self, given: Tokens | None = None, *, host: str | None = None, expires_in: float = 3600
    ) -> User:
        """With a login as the vendor's client keeps it; `host`: as we do."""
        got = given or self.vendor.login()
        document = {
            "access_token": got.access_token,
            "refresh_token": got.refresh_token,
            "expires_at": int(time.time() + expires_in),
            "token_type": "Bearer",
            **({"host": host} if host is not None else {}),
        }
        self.token_file.parent.mkdir(mode=0o700, exist_ok=True)
        self.token_file.write_text(json.dumps(document))
        self.token_file.chmod(0o600)
        return self

    @property
    def stored(self) -> dict[str, Any]:
        """What the token file holds."""
        found: dict[str, Any] = json.loads(self.token_file.read_text())
        return found

    def access(self, *, own: bool = True, url: str | None = None) -> Access:
        return Access(url=url or self.vendor.url, own=own, user=self.own, reference=None)

    @contextmanager
    def cloud(
        self, *, generation: Generation | None = None, own: bool = True, **host: Any
    ) -> Iterator[Cloud]:
        """The API as this user's program asks it."""
        asked = quick(self.vendor.url, say=self.said.append, **host)
        try:
            yield Cloud(host=asked, access=self.access(own=own), generation=generation)
        finally:
            asked.close()

    def tenant(self, **values: Any) -> BasicMemoryTenant:
        """What a manifest means; not asked for yet."""
        plain = {"name": "team", "tenant_id": None, "api_url": self.vendor.url, "token": None}
        return BasicMemoryTenant(**{**plain, "endpoint": self.vendor.endpoint, **values})

    def around(self, **values: Any) -> Around:
        return Around(env=self.env, state_dir=self.state, say=self.said.append, **values)

    def identified(self, **values: Any) -> BasicMemoryTenant:
        return PROVIDER.identify(self.tenant(**values), self.around())

    def registry(self, **values: Any) -> Registry:
        return Registry(tenant=self.identified(**values), around=self.around())


def secret(text: str) -> Secret:
    return Secret(text)
