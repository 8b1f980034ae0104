"""What is said and what is kept: requests, answers, tenants and their projects."""

from __future__ import annotations

import json
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal

Generation = Literal["old", "new", "both"]


@dataclass(frozen=True)
class Request:
    """One request. `path` is without the query and unquoted; `headers` do not care for case; `at` is monotonic."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes
    server: Literal["api", "auth"] = "api"
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, the last of a name."""
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def parameters(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """One answer. A dict or list as body is JSON, a text is HTML unless the headers say otherwise.

    `delay`: seconds before it comes. `hang`: it never comes, the connection stays open. `drop`: the connection is
    closed instead. `after`: the request is carried out all the same, only its own answer is lost. A
    `Content-Length` among the headers is sent as it is: one that is too large makes an answer that breaks off.
    """

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang: bool = False
    drop: bool = False
    after: bool = False

    @classmethod
    def detail(cls, status: int, detail: Any) -> Answer:
        """The form in which the API says no."""
        return cls(status, {"detail": detail})

    @classmethod
    def redirect(cls, location: str, status: int = 307) -> Answer:
        return cls(status, headers={"Location": location})

    @classmethod
    def rate_limited(cls, retry_after: str = "1") -> Answer:
        detail = {"code": "rate_limit_exceeded", "message": "Too many requests", "scope": "principal"}
        return cls(429, {"detail": detail}, {"Retry-After": retry_after})

    def encoded(self) -> tuple[bytes, str]:
        """The body as bytes, and its content type."""
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body, ensure_ascii=False).encode(), "application/json"


class Refused(Exception):
    """The API says no: a status and FastAPI's `detail`."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.answer = Answer.detail(status, detail)


@dataclass
class Project:
    """A project of a tenant. `path` is its folder in the bucket; `indexed` counts the index calls."""

    name: str
    path: str
    permalink: str
    id: int
    is_default: bool = False
    external_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    indexed: int = 0


@dataclass
class Tenant:
    """A workspace and its bucket. `keys`: the accepted pairs; `member` False: the user may not see it."""

    slug: str = "personal"
    name: str = "Personal"
    workspace_type: Literal["personal", "organization"] = "personal"
    role: str = "owner"
    is_default: bool = False
    subscribed: bool = True
    member: bool = True
    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    bucket: str = field(default_factory=lambda: f"basic-memory-{uuid.uuid4().hex[:12]}")
    projects: list[Project] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def may_mint(self) -> bool:
        return self.workspace_type == "personal" or self.role == "owner"


@dataclass(frozen=True)
class Tokens:
    """What a login gives. `expires_in` in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
