"""Addresses that are called around a run, of a service that gives the alarm when they stay away.

No run waits for one, fails by one or gets another exit code: what went wrong with it is a note. The address is a
secret, as whoever knows it may call it. No message holds it, nor any words of a library that may.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from bisync import __version__
from bisync.app import App
from bisync.config import Address, Ping, SecretRef, Sync
from bisync.core import pings as rules
from bisync.core.result import SyncResult, ended_well
from bisync.errors import BisyncError, Locked, SecretError
from bisync.manifest.cloud_address import is_safe
from bisync.secret import resolve

if TYPE_CHECKING:
    import httpx

# For one ping with all that belongs to it: its secret, its name's address, its second attempt.
SECONDS = 5.0
# Before the second and last attempt.
PAUSE = 0.5
_BUSY = (429, 500, 502, 503, 504)

When = Literal["start", "success", "failure"]


def around(app: App, sync: Sync, work: Callable[[], SyncResult]) -> SyncResult:
    """What the run `work` results in, with its pings around it: the first while it is at work, the other after it.

    What `work` raises goes on, after a ping of failure. A run that found another at work is neither good nor bad: that
    one pings, and a service notices when none does.
    """
    if sync.ping == Ping():
        return work()
    app.must_be_granted(sync)
    start = _Call(app, sync, "start")
    try:
        result = work()
    except BaseException as stopped:
        start.wait()
        _Call(app, sync, "failure", rules.shortened(f"{sync.name}: {_why(stopped)}")).wait()
        raise
    # One after the other, or the service would take the run for one that is still at work.
    notes = [start.wait()]
    if ended_well(result.outcome, result.exit_code):
        notes.append(_Call(app, sync, "success").wait())
    elif result.exit_code != Locked.exit_code:
        notes.append(_Call(app, sync, "failure", rules.failure_text(result)).wait())
    return replace(result, notes=(*result.notes, *(note for note in notes if note is not None)))


def _why(stopped: BaseException) -> str:
    if isinstance(stopped, KeyboardInterrupt):
        return "interrupted"
    if isinstance(stopped, BisyncError):
        return rules.brief(stopped.message)
    return f"an unexpected error: {type(stopped).__name__}"


class _Call:
    """One ping, called in a thread: neither a name server nor a password manager can hold anything up.

    `text`: what it says. Where the manifest has no address for it, nothing happens.
    """

    def __init__(self, app: App, sync: Sync, when: When, text: str = "") -> None:
        self._app, self._when, self._text = app, when, text
        self._ends = time.monotonic() + SECONDS
        self._ended = threading.Event()
        self._problem: str | None = None
        address: SecretRef | Address | None = getattr(sync.ping, when)
        if address is None:
            self._ended.set()
        else:
            # A daemon: the program does not wait for it at its end.
            threading.Thread(target=self._call, args=(address,), name=f"ping-{when}", daemon=True).start()

    def wait(self) -> str | None:
        """A note about a ping that did not get through by the time it has; else None."""
        ended = self._ended.wait(max(0.0, self._left))
        problem = self._problem if ended else f"no answer in {SECONDS:.0f} s"
        return None if problem is None else f"the {self._when} ping did not get through: {problem}"

    @property
    def _left(self) -> float:
        return self._ends - time.monotonic()

    def _call(self, address: SecretRef | Address) -> None:
        problem: str | None = None
        try:
            url = address.url if isinstance(address, Address) else resolve(address, self._app.env).reveal()
            safe = is_safe(url, page=True)
            problem = self._sent(url) if safe else "its address is neither https nor on this machine"
        except SecretError as error:
            problem = error.message
        except Exception as error:
            # Whatever it is, it is no reason for a run to fail; and its words may hold the address.
            problem = f"it cannot be called ({type(error).__name__})"
        self._problem = problem
        self._ended.set()

    def _sent(self, url: str) -> str | None:
        """Call it, a second time where that may help; what went wrong, or None."""
        import logging

        import httpx

        # It would log every address it asks for (httpx docs, "Logging").
        logging.getLogger("httpx").setLevel(logging.WARNING)
        with httpx.Client(
            headers={"User-Agent": f"bisync-tasks/{__version__}"},
            # Another place is not told the address. Without TLS there is but this machine, and no proxy.
            follow_redirects=False,
            trust_env=not url.startswith("http://"),
        ) as client:
            problem, again = self._once(client, url)
            if again and self._left > 2 * PAUSE:
                time.sleep(PAUSE)
                problem, _ = self._once(client, url)
        return problem

    def _once(self, client: httpx.Client, url: str) -> tuple[str | None, bool]:
        """One attempt: what went wrong, and whether another one may help. Every service takes a GET."""
        import httpx

        method, content = ("POST", self._text.encode()) if self._text else ("GET", None)
        try:
            with client.stream(method, url, content=content, timeout=max(0.1, self._left)) as response:
                status = response.status_code
        except httpx.TimeoutException:
            return f"no answer in {SECONDS:.0f} s", False
        except httpx.ConnectError as error:
            return f"no connection{_reason(error)}", True
        except httpx.TransportError:
            return "the connection broke", True
        if 200 <= status < 300:
            return None, False
        if 300 <= status < 400:
            return f"answered with {status}, a redirect, which is not followed", False
        return f"answered with {status}", status in _BUSY


def _reason(error: Exception) -> str:
    """What the system said of a connection; nothing of the address, whose host may be the secret in it."""
    import ssl

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLError):
        return ": its certificate is not accepted"
    return f": {cause.strerror}" if cause is not None and cause.strerror else ""
