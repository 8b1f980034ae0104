"""The authorization server: the device flow with PKCE (RFC 8628, RFC 7636), refresh tokens, API keys."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import Literal

from tests.support.vendor.values import Answer, Request, Tokens

CLIENT_ID = "client_01K6KWQPW6J1M8VV7R3TZP5A6M"
SCOPE = "openid profile email offline_access"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# Consonants alone: no code spells a word.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass
class _Device:
    """A device that asks to be let in. `state`: pending, approved, denied or spent."""

    device_code: str
    user_code: str
    client_id: str
    challenge: str
    scope: str
    ends: float
    state: str = "pending"
    polls: int = 0


@dataclass(frozen=True)
class Grant:
    """What a token stands for. `tenant_id`: the workspace when none is named; None: the user's default."""

    tenant_id: str | None
    client_id: str = CLIENT_ID
    scope: str = SCOPE
    ends: float = float("inf")
    is_api_key: bool = False


class _Error(Exception):
    """An OAuth error by its code."""


class Authorization:
    """Who may come in. Its attributes are for tests to set, at any time.

    `auto_approve`: at which poll a login is approved; None: by `approve` alone. `interval` and `expires_in`: what the
    device is told, in seconds; no interval is sent for None. `slow_down`: so many polls, from the first on, are
    answered with it. `token_lifetime`: seconds, also what `expires_in` of a token says. `rotates_refresh_tokens`:
    True, each refresh spends its token and brings a new one; False, it brings the same one; "none", it brings none.
    """

    def __init__(self) -> None:
        self.auth = ""
        self.client_id = CLIENT_ID
        self.auto_approve: int | None = 2
        self.interval: float | None = 1
        self.expires_in: float = 300
        self.slow_down = 0
        self.token_lifetime = 3600
        self.rotates_refresh_tokens: bool | Literal["none"] = True
        self._devices: dict[str, _Device] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._lock = threading.RLock()

    def approve(self, user_code: str | None = None) -> None:
        """The user says yes in the browser; without a code, to the newest device."""
        self._decide(user_code, "approved")

    def deny(self, user_code: str | None = None) -> None:
        """The user says no."""
        self._decide(user_code, "denied")

    def expire_tokens(self) -> None:
        """Every access token so far answers 401; refresh tokens and API keys go on."""
        with self._lock:
            self._access = {token: grant for token, grant in self._access.items() if grant.is_api_key}

    def expire_devices(self) -> None:
        """The time for every login that is under way is up."""
        with self._lock:
            for device in self._devices.values():
                device.ends = 0

    def revoke_refresh_tokens(self) -> None:
        """Every refresh token so far is refused: only a new login helps."""
        with self._lock:
            self._refresh.clear()

    def grant(self, bearer: str) -> Grant | None:
        """What this access token or API key stands for, if it is good."""
        with self._lock:
            found = self._access.get(bearer)
        return found if found is not None and time.monotonic() < found.ends else None

    def answer(self, request: Request) -> Answer:
        """What the authorization server says."""
        known = {"/oauth2/device_authorization": self._device, "/oauth2/token": self._token}
        if request.path == "/device" and request.method == "GET":
            return Answer(200, "<title>Sign in</title><p>A program asks to be let in.</p>")
        if request.path not in known:
            return Answer(404, "<title>Not found</title>")
        if request.method != "POST":
            return Answer(405, {"error": "invalid_request"}, {"Allow": "POST"})
        try:
            if request.headers.get_content_type() != "application/x-www-form-urlencoded":
                raise _Error("invalid_request")
            with self._lock:
                answer = known[request.path](request.form)
        except _Error as error:
            answer = Answer(400, {"error": str(error)})
        return Answer(answer.status, answer.body, {"Cache-Control": "no-store"})

    def mint(self, grant: Grant, *, refresh: str | None = None) -> Tokens:
        """An access token and, unless one is given to go on with, a refresh token."""
        access = f"eyJ{secrets.token_urlsafe(32)}"
        ends = time.monotonic() + self.token_lifetime
        with self._lock:
            self._access[access] = Grant(grant.tenant_id, grant.client_id, grant.scope, ends)
            if refresh is None:
                refresh = secrets.token_urlsafe(24)
                self._refresh[refresh] = grant
        return Tokens(access, refresh, self.token_lifetime)

    def mint_api_key(self, grant: Grant) -> str:
        key = f"bmc_{secrets.token_hex(20)}"
        with self._lock:
            self._access[key] = Grant(grant.tenant_id, grant.client_id, grant.scope, is_api_key=True)
        return key

    def _decide(self, user_code: str | None, state: str) -> None:
        with self._lock:
            asking = [d for d in self._devices.values() if user_code in (None, d.user_code)]
            assert asking, f"no login under way with the code {user_code}"
            asking[-1].state = state

    def _device(self, form: dict[str, str]) -> Answer:
        client_id, challenge = form.get("client_id", ""), form.get("code_challenge", "")
        if not client_id or form.get("code_challenge_method") != "S256":
            raise _Error("invalid_request")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge):
            raise _Error("invalid_request")
        code = "".join(secrets.choice(LETTERS) for _ in range(8))
        device = _Device(
            secrets.token_urlsafe(32), f"{code[:4]}-{code[4:]}", client_id, challenge, form.get("scope", ""),
            time.monotonic() + self.expires_in,
        )  # fmt: skip
        self._devices[device.device_code] = device
        page = f"{self.auth}/device"
        body = {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urllib.parse.urlencode({'user_code': device.user_code})}",
            "expires_in": self.expires_in,
            "interval": self.interval,
        }
        return Answer(200, {key: value for key, value in body.items() if value is not None})

    def _token(self, form: dict[str, str]) -> Answer:
        match form.get("grant_type"):
            case "refresh_token":
                return self._refreshed(form)
            case kind if kind == DEVICE_GRANT:
                return self._polled(form)
            case None:
                raise _Error("invalid_request")
        raise _Error("unsupported_grant_type")

    def _polled(self, form: dict[str, str]) -> Answer:
        device = self._devices.get(form.get("device_code", ""))
        if device is None or device.state == "spent" or device.client_id != form.get("client_id"):
            raise _Error("invalid_grant")
        if not _proves(form.get("code_verifier", ""), device.challenge):
            raise _Error("invalid_grant")
        if time.monotonic() >= device.ends:
            raise _Error("expired_token")
        if device.state == "denied":
            raise _Error("access_denied")
        device.polls += 1
        if device.polls <= self.slow_down:
            raise _Error("slow_down")
        if device.state != "approved" and (self.auto_approve is None or device.polls < self.auto_approve):
            raise _Error("authorization_pending")
        device.state = "spent"
        grant = Grant(None, device.client_id, device.scope)
        if "offline_access" in device.scope.split():
            return self._tokens(self.mint(grant), grant)
        return self._tokens(self.mint(grant, refresh=""), grant)

    def _refreshed(self, form: dict[str, str]) -> Answer:
        spent = form.get("refresh_token", "")
        grant = self._refresh.get(spent)
        if grant is None or grant.client_id != form.get("client_id"):
            raise _Error("invalid_grant")
        if self.rotates_refresh_tokens is True:
            del self._refresh[spent]
            return self._tokens(self.mint(grant), grant)
        tokens = self.mint(grant, refresh=spent)
        if self.rotates_refresh_tokens == "none":
            tokens = Tokens(tokens.access_token, "", tokens.expires_in)
        return self._tokens(tokens, grant)

    def _tokens(self, tokens: Tokens, grant: Grant) -> Answer:
        body = {
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_in": tokens.expires_in,
            "scope": grant.scope,
        }
        return Answer(200, body | ({"refresh_token": tokens.refresh_token} if tokens.refresh_token else {}))


def _proves(verifier: str, challenge: str) -> bool:
    """RFC 7636: whether this verifier belongs to the challenge that began the login."""
    if not 43 <= len(verifier) <= 128 or not set(verifier) <= set(
        string.ascii_letters + string.digits + "-._~"
    ):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
