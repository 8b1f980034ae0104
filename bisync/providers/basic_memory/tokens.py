"""The login that our program shares with the vendor's: its file, its refreshing, and which host it may be sent to.

The file is the vendor's, `basic-memory-cloud.json`: what it writes we read, and the other way round. Its programs write
it in place and lock nothing, so half of it may be met; we replace it in one step, under a lock.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisync.core.printable import typed
from bisync.errors import CloudError, LoginNeeded
from bisync.files import atomic_write, private_dir
from bisync.locks.machine import waited
from bisync.manifest.cloud_address import origin
from bisync.providers.basic_memory.http import Answer, Host
from bisync.providers.basic_memory.refusals import LOGIN, refusal, strange
from bisync.secret import Secret
from bisync.stored import fits, open_plain, parse

NAME = "basic-memory-cloud.json"
# Before it runs out a token is refreshed: a request under way takes time, and clocks differ.
EARLY_SECONDS = 60
DEFAULT_LIFE = 3600
# Ten years: more is a mistake of whoever says it.
LONGEST_LIFE = 10 * 365 * 86_400
LOCK_SECONDS = 60.0
# The vendor's programs write the file in place: half of it becomes whole in no time.
HALF_SECONDS = 1.0
TOKEN = "/oauth2/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the file holds. `expires_at` in seconds since the epoch; `host`: what it was got for, where we noted it."""

    access: Secret
    refresh: Secret | None
    expires_at: int
    host: str | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether the access token is still good for a request."""
        return now < self.expires_at - EARLY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The client that the authorization server at `domain` knows us as."""

    domain: str
    client_id: str


def load(path: Path) -> Tokens | None:
    """The login in the file; None when there is no file.

    Raises LoginNeeded for a file that is not whole, CloudError for one that others can read, or that is not ours.
    """
    deadline = time.monotonic() + HALF_SECONDS
    while True:
        try:
            return _read(path)
        except _OpenToOthers as problem:
            # The vendor's programs close the file once it is written.
            if time.monotonic() > deadline:
                raise CloudError(problem.message, hint=problem.hint) from None
        except ValueError:
            if time.monotonic() > deadline:
                raise LoginNeeded(f"{path} holds no login that can be read", hint=LOGIN) from None
        time.sleep(0.05)


class _OpenToOthers(CloudError):
    """Others can read the file, for now at least."""


def _read(path: Path) -> Tokens | None:
    try:
        # Who else can read or change it is asked below.
        with os.fdopen(open_plain(path, os.O_RDONLY, foreign=True), "rb") as stream:
            about = os.fstat(stream.fileno())
            raw = stream.read(1 << 20)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CloudError(
            f"{path} cannot be read: {error.strerror}", hint=f"mend its permissions: chmod 600 {typed(path)}"
        ) from None
    if about.st_uid != os.geteuid():
        raise CloudError(f"{path} belongs to another user", hint=f"remove it, then {LOGIN}")
    if stat.S_IMODE(about.st_mode) & 0o077:
        mode = stat.S_IMODE(about.st_mode)
        raise _OpenToOthers(
            f"{path} can be read by others (mode {mode:04o}): they may have the login",
            hint=f"type: chmod 600 {typed(path)}; if somebody else uses this computer, then also: bisync login",
        )
    document = parse(raw)
    if not isinstance(document, dict):
        raise ValueError
    access, refresh = document.get("access_token"), document.get("refresh_token")
    expires, host = document.get("expires_at"), document.get("host")
    token = as_token(access)
    if token is None or expires is None or not fits(expires, float):
        raise ValueError
    return Tokens(
        access=token,
        refresh=as_token(refresh),
        expires_at=int(expires),
        host=host if isinstance(host, str) else None,
    )


def as_token(value: Any) -> Secret | None:
    """What can be sent as a token, visible ASCII on one line; None for anything else. (RFC 6750, section 2.1.)"""
    fits = isinstance(value, str) and value and value.isascii() and value.isprintable() and " " not in value
    return Secret(value) if fits else None


def save(path: Path, tokens: Tokens) -> None:
    """Write a login, in the vendor's form and ours, in one step and for nobody else to read."""
    document = {
        "access_token": tokens.access.reveal(),
        "refresh_token": tokens.refresh.reveal() if tokens.refresh is not None else None,
        "expires_at": tokens.expires_at,
        "token_type": "Bearer",
        **({"host": tokens.host} if tokens.host is not None else {}),
    }
    private_dir(path.parent)
    atomic_write(path, json.dumps(document, indent=2) + "\n")


def granted(answer: Answer, host: str, now: float, before: Tokens | None = None) -> Tokens:
    """The login that the authorization server's answer brings. Raises CloudError for one that brings none.

    `before`: its refresh token goes on when no new one comes (RFC 6749, section 6), and so does its host.
    """
    access = as_token(answer.field("access_token"))
    if access is None:
        raise strange(answer, host, "a login")
    known = before.refresh if before is not None else None
    return Tokens(
        access=access,
        refresh=as_token(answer.field("refresh_token")) or known,
        expires_at=int(now + _life(answer.field("expires_in"))),
        host=before.host if before is not None else None,
    )


def _life(seconds: Any) -> float:
    """How long a token is good for, where its server says it in a way that can be taken."""
    fits = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= LONGEST_LIFE
    return seconds if fits else DEFAULT_LIFE


@dataclass(frozen=True, kw_only=True)
class Login:
    """The stored login, kept fresh. `now`: seconds since the epoch."""

    path: Path
    client: Client
    now: Callable[[], float] = time.time

    def token(self, url: str, *, own: bool) -> Secret:
        """A token for the API at `url`. `own`: the user's own environment or config.json names that address.

        Raises LoginNeeded where there is none, or none that may be sent there; CloudError when it cannot be refreshed.
        """
        tokens = self._for(url, own)
        if tokens.is_fresh(self.now()):
            return tokens.access
        return self.refreshed(tokens.access, url, own=own).access

    def _for(self, url: str, own: bool) -> Tokens:
        """The login in the file, which somebody may have changed since it was last read."""
        tokens = load(self.path)
        if tokens is None:
            raise LoginNeeded("nobody is logged in to the cloud", hint=LOGIN)
        if not own and (tokens.host is None or not _same(tokens.host, url)):
            raise LoginNeeded(
                f"the login is not for {url}, an address that only the manifest names",
                hint="if you trust it, type: bisync login; or give the tenant a token of its own there",
            )
        return tokens

    def refreshed(self, stale: Secret, url: str, *, own: bool) -> Tokens:
        """A login whose token is not `stale`: refreshed once, by whichever program comes first.

        `url` and `own` as for `token`, and so is what is raised.
        """
        with _locked(self.path):
            tokens = self._for(url, own)
            if tokens.access != stale and tokens.is_fresh(self.now()):
                return tokens
            if tokens.refresh is None:
                raise LoginNeeded("the login has run out", hint=LOGIN)
            host = Host(url=self.client.domain)
            try:
                form = {
                    "client_id": self.client.client_id,
                    "grant_type": "refresh_token",
                    "refresh_token": tokens.refresh.reveal(),
                }
                # Never twice: a refresh token may be good for one time only.
                answer = host.ask("POST", TOKEN, form=form, again=False)
            finally:
                host.close()
            if answer.status == 200:
                fresh = granted(answer, host.name, self.now(), tokens)
                save(self.path, fresh)
                return fresh
            if answer.field("error") == "invalid_grant":
                # The vendor's program locks nothing and may have been faster.
                again = self._for(url, own)
                if again.access not in (stale, tokens.access):
                    return again
                raise LoginNeeded("the login has run out and cannot be refreshed", hint=LOGIN)
            raise refusal(answer, host.name, "a fresh login")


def _same(one: str, other: str) -> bool:
    try:
        return origin(one) == origin(other)
    except ValueError:
        return False


def _locked(path: Path) -> AbstractContextManager[None]:
    """Hold the lock beside a file, waiting for whoever has it."""
    return waited(
        path.with_name(path.name + ".lock"), seconds=LOCK_SECONDS, what=f"{path} is being refreshed"
    )


def keep(path: Path, tokens: Tokens) -> None:
    """Write a new login, and not while another program refreshes the one before it."""
    with _locked(path):
        save(path, tokens)


def forget(path: Path) -> bool:
    """Remove the stored login; whether there was one."""
    with _locked(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
    return True
