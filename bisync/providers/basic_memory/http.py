"""Requests to the vendor's servers, with manners: bounded in time and size, repeated where that is safe.

What a server says is foreign text: it is shortened, and the token that was sent is taken out of it before anybody
sees it. Redirects are never followed, or a token would follow them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NamedTuple

import httpx
import stamina

from bisync import __version__
from bisync.errors import CloudError, HostTrouble
from bisync.secret import Secret

CONNECT_SECONDS = 10.0
# For one answer to begin, to go on, and to end.
SILENT_SECONDS = 20.0
WHOLE_SECONDS = 60.0
MAX_BYTES = 4 << 20
# For one request with its repetitions; a server may ask for a longer pause than that in vain.
PATIENCE_SECONDS = 90.0
ATTEMPTS = 4
FIRST_PAUSE = 0.5
SHOWN = 300
LEAST_SECRET = 8
_BUSY = (429, 500, 502, 503, 504)


# It would print what is sent, tokens and all, whenever it tries again.
stamina.instrumentation.set_on_retry_hooks([])


class Answer(NamedTuple):
    """What a server answered: its status, and its body as JSON; None where that is none."""

    status: int
    body: Any
    is_json: bool
    retry_after: float | None = None
    location: str = ""

    def field(self, name: str) -> Any:
        """A value of the object that the body is; None where it has none, or is no object."""
        return self.body.get(name) if isinstance(self.body, dict) else None


class _Busy(Exception):
    """An answer after which the same request may be sent again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class Host:
    """One server. `say` hears why a request takes long; the other fields are seconds, explained above."""

    url: str
    say: Callable[[str], None] = field(default=lambda text: None, repr=False)
    patience: float = PATIENCE_SECONDS
    connecting: float = CONNECT_SECONDS
    silent: float = SILENT_SECONDS
    whole: float = WHOLE_SECONDS
    first_pause: float = FIRST_PAUSE

    @cached_property
    def _client(self) -> httpx.Client:
        try:
            # Proxies and certificates come from the environment, as every program takes them (httpx docs, trust_env).
            # Without TLS there is but this machine: through a proxy a token would leave it in the clear.
            return httpx.Client(
                timeout=httpx.Timeout(self.silent, connect=self.connecting),
                follow_redirects=False,
                trust_env=not self.url.startswith("http://"),
                headers={
                    "User-Agent": f"bisync-tasks/{__version__}",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                },
            )
        except (ImportError, ValueError, OSError, httpx.InvalidURL):
            # Not its own words: a proxy's address may hold a password.
            raise CloudError(
                "the proxy or the certificates that the environment names cannot be used",
                hint="correct $HTTPS_PROXY or $ALL_PROXY (http://…, no socks), or $SSL_CERT_FILE or $SSL_CERT_DIR",
            ) from None

    def open(self) -> None:
        """Make ready for requests from several threads. Raises CloudError."""
        _ = self._client

    def close(self) -> None:
        """Close what connections there are."""
        if "_client" in self.__dict__:
            self._client.close()

    @property
    def name(self) -> str:
        """The host, for people."""
        return self.url.partition("://")[2].partition("/")[0].rpartition("@")[2]

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: Secret | None = None,
        headers: Mapping[str, str] = {},
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> Answer:
        """The answer to one request, whatever its status. `again`: it may be repeated when the server is busy.

        Raises CloudError when there is no answer, or none that can be taken.
        """
        sent, secrets = dict(headers), [*(form or {}).values()]
        if token is not None:
            sent["Authorization"] = f"Bearer {token.reveal()}"
            secrets.append(token.reveal())
        secrets = [secret for secret in secrets if len(secret) >= LEAST_SECRET]
        send = {"json": body} if body is not None else {"data": form} if form is not None else {}

        ends, tried = time.monotonic() + self.patience, 0

        def once() -> Answer:
            nonlocal tried
            tried += 1
            return self._once(method, path, sent, send, secrets)

        def pause(problem: Exception) -> bool | float:
            """Whether to try again; how long the server asks to wait, where it does. (stamina docs, backoff hooks.)"""
            if tried >= ATTEMPTS or not isinstance(problem, _Busy):
                return tried < ATTEMPTS and isinstance(problem, _CutOff)
            asked = problem.answer.retry_after
            if asked is not None and asked > ends - time.monotonic():
                return False
            self.say(f"{self.name} is busy ({problem.answer.status}), trying again")
            return True if asked is None else max(asked, 0.1)

        if not again:
            return once()
        try:
            for attempt in stamina.retry_context(
                on=pause,
                attempts=ATTEMPTS,
                timeout=self.patience,
                wait_initial=self.first_pause,
                wait_max=10.0,
                wait_jitter=2 * self.first_pause,
            ):
                with attempt:
                    answer = once()
                    if answer.status in _BUSY:
                        raise _Busy(answer)
                    return answer
        except _Busy as busy:
            return busy.answer
        raise AssertionError("every attempt returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        send: Mapping[str, Any],
        secrets: Sequence[str],
    ) -> Answer:
        deadline = time.monotonic() + self.whole
        try:
            with self._client.stream(method, self.url + path, headers=headers, **send) as response:
                raw = bytearray()
                for piece in response.iter_bytes():
                    raw += piece
                    if len(raw) > MAX_BYTES:
                        raise CloudError(
                            f"{self.name} sent more than {MAX_BYTES >> 20} MiB in answer to {method} {path}",
                            hint="is this the address of the API? see: bisync doctor",
                        )
                    if time.monotonic() > deadline:
                        raise self._no_answer(self.whole)
                return _read(response, bytes(raw), secrets)
        except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
            raise _CutOff(
                f"{self.name} cannot be reached: {_reason(error)}",
                hint="check your network and the address, then run again",
            ) from None
        except httpx.TimeoutException:
            raise self._no_answer(self.silent) from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise HostTrouble(
                f"{self.name} cannot be asked: {_reason(error)}",
                hint="check your network and the address, then run again",
            ) from None

    def _no_answer(self, seconds: float) -> HostTrouble:
        return HostTrouble(
            f"{self.name} did not answer in {seconds:.0f} s", hint="check your network, then run again"
        )


class _CutOff(HostTrouble):
    """There was no connection, or it broke: a request that may be repeated can be sent again."""


def _reason(error: Exception) -> str:
    """The error's own words; httpx puts no header into them."""
    return shortened(str(error)) or type(error).__name__


def _read(response: httpx.Response, raw: bytes, secrets: Sequence[str]) -> Answer:
    """Nothing that was sent comes back in an error, whatever the server does with it.

    (A success is not shown, and may rightly repeat what was sent: a refresh token that goes on.)
    """
    status = response.status_code
    hidden = () if 200 <= status < 300 else secrets
    try:
        body, is_json = _hide(json.loads(raw), hidden), True
    except (ValueError, RecursionError):
        body, is_json = None, False
    location = _hide(response.headers.get("location", ""), hidden)
    return Answer(status, body, is_json, retry_seconds(response.headers.get("retry-after")), location)


def _hide(value: Any, secrets: Sequence[str]) -> Any:
    """The same value, without the secrets in its texts."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
    elif isinstance(value, list):
        return [_hide(one, secrets) for one in value]
    elif isinstance(value, dict):
        return {_hide(key, secrets): _hide(one, secrets) for key, one in value.items()}
    return value


def retry_seconds(text: str | None) -> float | None:
    """A Retry-After: seconds, or a moment. None for what is neither. (RFC 9110, section 10.2.3.)"""
    if text is None:
        return None
    if re.fullmatch("[0-9]+", text.strip()):
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def shortened(text: str) -> str:
    """Foreign text on one short line."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
