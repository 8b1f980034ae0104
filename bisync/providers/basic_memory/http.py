"""Requests to the vendor's servers, with manners: bounded in time and size, repeated where that is safe.

What a server says is foreign text: it is shortened, and the token that was sent is taken out of it before anybody
sees it. Redirects are never followed, or a token would follow them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NamedTuple

import httpx
import stamina

from bisync import __version__
from bisync.errors import CloudError
from bisync.secret import Secret

CONNECT_SECONDS = 10.0
# For one answer to begin, to go on, and to end.
SILENT_SECONDS = 20.0
WHOLE_SECONDS = 60.0
MAX_BYTES = 4 << 20
# For one request with its repetitions; a server may ask for a longer pause than that in vain.
PATIENCE_SECONDS = 90.0
ATTEMPTS = 4
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
    """One server. `say` hears why a request takes long; `env` has the proxies."""

    url: str
    say: Callable[[str], None] = field(default=lambda text: None, repr=False)
    patience: float = PATIENCE_SECONDS

    @cached_property
    def _client(self) -> httpx.Client:
        # Proxies and certificates come from the environment, as every program takes them (httpx docs, trust_env).
        return httpx.Client(
            timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            headers={
                "User-Agent": f"bisync-tasks/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )

    def close(self) -> None:
        """Close what connections there are."""
        if "_client" in self.__dict__:
            self._client.close()

    @property
    def name(self) -> str:
        """The host, for people."""
        return self.url.partition("://")[2].partition("/")[0]

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
        sent, secrets = dict(headers), list((form or {}).values())
        if token is not None:
            sent["Authorization"] = f"Bearer {token.reveal()}"
            secrets.append(token.reveal())
        send = {"json": body} if body is not None else {"data": form} if form is not None else {}

        def once() -> Answer:
            return self._once(method, path, sent, send, secrets)

        if not again:
            return once()
        try:
            for attempt in stamina.retry_context(
                on=self._pause, attempts=ATTEMPTS, timeout=self.patience, wait_initial=0.5, wait_max=10.0
            ):
                with attempt:
                    answer = once()
                    if answer.status in _BUSY:
                        raise _Busy(answer)
                    return answer
        except _Busy as busy:
            return busy.answer
        raise AssertionError("every attempt returns or raises")

    def _pause(self, problem: Exception) -> bool | float:
        """Whether to try again; how long the server asks to wait, where it does. (stamina docs, backoff hooks.)"""
        if isinstance(problem, _Busy):
            asked = problem.answer.retry_after
            self.say(f"{self.name} is busy ({problem.answer.status}), trying again")
            return True if asked is None else asked <= self.patience and max(asked, 0.1)
        return isinstance(problem, _Unreachable)

    def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        send: Mapping[str, Any],
        secrets: Iterable[str],
    ) -> Answer:
        deadline = time.monotonic() + WHOLE_SECONDS
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
                        raise _silent(self.name)
                return _read(response, bytes(raw), secrets)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
            raise _Unreachable(
                f"{self.name} cannot be reached: {_reason(error)}",
                hint="check your network and the address, then run again",
            ) from None
        except httpx.TimeoutException:
            raise _silent(self.name) from None
        except httpx.HTTPError as error:
            raise CloudError(
                f"{self.name} cannot be asked: {_reason(error)}", hint="check your network, then run again"
            ) from None


class _Unreachable(CloudError):
    """Nobody took the request: it can be sent again."""


def _silent(name: str) -> CloudError:
    return CloudError(
        f"{name} did not answer in {SILENT_SECONDS:.0f} s", hint="check your network, then run again"
    )


def _reason(error: Exception) -> str:
    """The error's own words; httpx puts no header into them."""
    return shortened(str(error)) or type(error).__name__


def _read(response: httpx.Response, raw: bytes, secrets: Iterable[str]) -> Answer:
    location = response.headers.get("location", "")
    for secret in secrets:
        # Nothing that was sent comes back in an error, whatever the server does with it.
        if len(secret) >= LEAST_SECRET:
            raw = raw.replace(secret.encode(), b"***")
            location = location.replace(secret, "***")
    try:
        body, is_json = json.loads(raw), True
    except (ValueError, RecursionError):
        body, is_json = None, False
    return Answer(
        response.status_code, body, is_json, _seconds(response.headers.get("retry-after")), location
    )


def _seconds(text: str | None) -> float | None:
    """A Retry-After: seconds, or a moment. (RFC 9110, section 10.2.3.)"""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def shortened(text: str) -> str:
    """Foreign text on one short line."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
