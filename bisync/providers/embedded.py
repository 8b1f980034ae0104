"""rclone's own S3 server on loopback, for as long as a task runs; its files lie in a folder.

Address and keys are new each time and reach rclone by environment only: nothing to configure, nothing
to leak. A server that a crash left behind is ended by the next task.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bisync import process
from bisync.config import EmbeddedTenant
from bisync.core.abilities import OBJECTS
from bisync.errors import RcloneError
from bisync.files import atomic_write, private_dir
from bisync.providers.base import Around, Credentials, Provider
from bisync.rclone import conf
from bisync.rclone.argv import serve_s3_argv, serve_s3_env
from bisync.rclone.output import read_endpoint
from bisync.rclone.program import Rclone, environment
from bisync.rclone.remote import Remote
from bisync.stored import Damaged
from bisync.stored import load as load_stored

START_SECONDS = 20.0
STOP_SECONDS = 5.0

# The server keeps a tab in a name as a tab, and lists it as its picture, ␉, once it knows it from its disk: the next
# server would have another file in its place. (Seen with rclone 1.75.) Sent as the picture it comes back as that.
NAMES = "Slash,InvalidUtf8,Dot,Ctl,Del"


class Embedded(Provider[EmbeddedTenant]):
    """A folder of this machine behind rclone's own S3 server."""

    needs_us = True

    def remote(self, tenant: EmbeddedTenant, path: str, rclone: Rclone) -> Remote:
        bucket = f"{tenant.id}/{path}/" if path else f"{tenant.id}/"
        label = f"embedded:{tenant.storage / bucket}"
        fs = f"{conf.section_name(tenant.id)}:{bucket}"
        return Remote(fs=fs, label=label.rstrip("/"), can=OBJECTS)

    @contextmanager
    def reach(self, tenant: EmbeddedTenant, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        """Serve the tenant's storage. Raises RcloneError when the server does not start."""
        private_dir(tenant.storage / tenant.id)
        register = private_dir(state_dir / "embedded") / f"{tenant.id}.json"
        _end_orphans(register)
        key, secret = secrets.token_hex(10), secrets.token_hex(20)
        heard = _Log()
        server = process.Child(
            rclone.command(serve_s3_argv(tenant.storage, "127.0.0.1:0")),
            env=environment(rclone.env, serve_s3_env(key, secret)),
            on_line=heard.add,
            grace=STOP_SECONDS,
        )
        try:
            with server:
                _remember(register, server.pid)
                values = _values(heard.endpoint(server), key, secret)
                env = conf.environment(conf.section_name(tenant.id), values)
                yield replace(self.remote(tenant, path, rclone), env=env)
        finally:
            _forget(register, server.pid)

    def label(self, tenant: EmbeddedTenant) -> str:
        return f"embedded:{tenant.storage / tenant.id}"

    def place(self, tenant: EmbeddedTenant, path: str) -> str:
        return os.path.realpath(tenant.storage / tenant.id / path)

    def credentials(
        self,
        tenant: EmbeddedTenant,
        path: str,
        rclone: Rclone | None,
        around: Around,
        *,
        rotate: bool,
    ) -> Credentials:
        return Credentials(text="none needed")


def _values(endpoint: str, key: str, secret: str) -> dict[str, str]:
    return {"type": "s3", "provider": "Rclone", "endpoint": endpoint, "access_key_id": key,
            "secret_access_key": secret, "no_check_bucket": "true", "encoding": NAMES}  # fmt: skip


class _Log:
    """What the server says until it says where it listens."""

    def __init__(self) -> None:
        self._last = ""
        self._endpoint: str | None = None
        self._changed = threading.Event()

    def add(self, line: str) -> None:
        """One line of its log, from the thread that reads it."""
        if self._endpoint is None:
            self._last = line.strip()
            self._endpoint = read_endpoint(line)
            self._changed.set()

    def endpoint(self, server: process.Child) -> str:
        """Its address, once it has said it. Raises RcloneError when it ends or keeps silent instead."""
        deadline = time.monotonic() + START_SECONDS
        while self._endpoint is None and server.running and time.monotonic() < deadline:
            self._changed.wait(0.05)
            self._changed.clear()
        if self._endpoint is None:
            raise RcloneError(
                f"the embedded S3 server did not start: {self._last or 'it said nothing'}",
                hint="type: bisync doctor",
            )
        return self._endpoint


def _started(pid: int) -> str | None:
    """When a process began, in clock ticks since boot (proc(5)); None where that is not known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


_SERVER = {"pid": int, "started": (None, str), "owner": int, "owner_started": (None, str)}


def _read(register: Path) -> list[dict[str, Any]]:
    try:
        known: list[dict[str, Any]] = load_stored(register, [_SERVER])
    except (FileNotFoundError, Damaged):
        return []
    return known


def _remember(register: Path, pid: int) -> None:
    entry = {
        "pid": pid,
        "started": _started(pid),
        "owner": os.getpid(),
        "owner_started": _started(os.getpid()),
    }
    atomic_write(register, json.dumps([*_read(register), entry]) + "\n")


def _forget(register: Path, pid: int) -> None:
    rest = [entry for entry in _read(register) if entry.get("pid") != pid]
    if rest:
        atomic_write(register, json.dumps(rest) + "\n")
    else:
        register.unlink(missing_ok=True)


def _end_orphans(register: Path) -> None:
    """End servers whose owner is gone. A pid that another program has by now is left alone."""
    for entry in _read(register):
        pid, owner = entry["pid"], entry["owner"]
        if _started(owner) is not None and _started(owner) == entry["owner_started"]:
            continue
        if _started(pid) is not None and _started(pid) == entry["started"]:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 5
            while _started(pid) == entry["started"] and time.monotonic() < deadline:
                time.sleep(0.02)
        _forget(register, pid)


PROVIDER = Embedded()
