"""Logging in by a code that is confirmed in a browser, on any device.

(RFC 8628, the device authorization grant, with PKCE as the vendor's server takes it: RFC 7636, S256.)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bisync.errors import CloudError, LoginNeeded
from bisync.providers.basic_memory.http import Answer, Host, shortened
from bisync.providers.basic_memory.refusals import LOGIN, refusal, strange
from bisync.providers.basic_memory.tokens import TOKEN, Client, Tokens, granted
from bisync.secret import Secret

DEVICE = "/oauth2/device_authorization"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access"
# RFC 8628, section 3.2 and 3.5.
DEFAULT_INTERVAL = 5.0
SLOWER = 5.0
DEFAULT_LIFE = 300.0
# Nobody waits longer for a code to be confirmed, whatever the server says.
LONGEST_LIFE = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a person has to confirm, and where. `complete`: the address with the code in it, where there is one."""

    user_code: str
    address: str
    complete: str | None
    seconds: float
    interval: float
    device_code: Secret = field(repr=False)
    verifier: Secret = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DeviceLogin:
    """One login at one authorization server. `sleep` and `clock` (monotonic seconds) are the world's."""

    client: Client
    host: Host
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time

    def begin(self) -> Code:
        """Ask for a code. Raises CloudError."""
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        form = {
            "client_id": self.client.client_id,
            "scope": SCOPE,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        answer = self.host.ask("POST", DEVICE, form=form)
        if answer.status != 200:
            raise refusal(answer, self.host.name, "a code to log in with")
        device, user, address = (
            _word(answer, name) for name in ("device_code", "user_code", "verification_uri")
        )
        if not (device and user and address):
            raise strange(answer, self.host.name, "a code to log in with")
        return Code(
            user_code=user,
            address=address,
            complete=_word(answer, "verification_uri_complete") or None,
            seconds=min(_number(answer, "expires_in", DEFAULT_LIFE), LONGEST_LIFE),
            interval=_number(answer, "interval", DEFAULT_INTERVAL),
            device_code=Secret(device),
            verifier=Secret(verifier),
        )

    def finish(self, code: Code, waiting: Callable[[float], None]) -> Tokens:
        """The login, once the code has been confirmed. `waiting` hears how many seconds are left.

        Raises LoginNeeded when it was refused or has run out, CloudError for an answer that cannot be taken.
        """
        ends, interval = self.clock() + code.seconds, max(code.interval, 1.0)
        form = {
            "client_id": self.client.client_id,
            "device_code": code.device_code.reveal(),
            "grant_type": GRANT,
            "code_verifier": code.verifier.reveal(),
        }
        while True:
            left = ends - self.clock()
            if left <= interval:
                raise _run_out()
            waiting(left)
            self.sleep(interval)
            try:
                # An answer that is lost may have held the login, and a code is good for one.
                answer = self.host.ask("POST", TOKEN, form=form, again=False)
            except CloudError:
                # Nobody answered: wait twice as long (RFC 8628, section 3.5).
                interval *= 2
                if ends - self.clock() <= interval:
                    raise
                continue
            if answer.status == 200:
                return replace(granted(answer, self.host.name, self.now()), host=None)
            interval += self._told(answer)

    def _told(self, answer: Answer) -> float:
        """How many seconds slower to ask from now on. Raises for what ends the login."""
        match answer.field("error"):
            case "authorization_pending":
                return 0.0
            case "slow_down":
                return SLOWER
            case "access_denied":
                raise LoginNeeded("the login was refused in the browser", hint=LOGIN)
            case "expired_token":
                raise _run_out()
            case str(other):
                words = answer.field("error_description")
                said = f": {shortened(words)}" if isinstance(words, str) else ""
                raise LoginNeeded(f"{self.host.name} ended the login ({shortened(other)}){said}", hint=LOGIN)
        if answer.status >= 500 or answer.status == 429:
            return SLOWER
        raise refusal(answer, self.host.name, "a login")


def _run_out() -> LoginNeeded:
    return LoginNeeded("the code was not confirmed in time", hint=LOGIN)


def _word(answer: Answer, name: str) -> str:
    """A short text that can be shown and sent; empty for anything else."""
    value: Any = answer.field(name)
    fits = isinstance(value, str) and len(value) <= 2048 and value.isprintable()
    return value if fits else ""


def _number(answer: Answer, name: str, default: float) -> float:
    value: Any = answer.field(name)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10 * LONGEST_LIFE
    return float(value) if fits else default
