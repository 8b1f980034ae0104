"""rclone's own S3 server on loopback, for as long as a task runs; its files lie in a folder.

Address and keys are new each time and reach rclone by environment only: nothing to configure, nothing
to leak. A server that a crash left behind is ended by the next task.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bisync import rclone as rclone_cli
from bisync import rcloneconf
from bisync.config import EmbeddedTenant
from bisync.errors import RcloneError
from bisync.files import atomic_write, private_dir
from bisync.providers.base import Credentials, Provider
from bisync.rclone import Rclone, Remote

START_SECONDS = 20.0


class Embedded(Provider[EmbeddedTenant]):
    """A folder of this machine behind rclone's own S3 server."""

    needs_us = True

    def remote(self, tenant: EmbeddedTenant, path: str, rclone: Rclone) -> Remote:
        bucket = f"{tenant.id}/{path}/" if path else f"{tenant.id}/"
        label = f"embedded:{tenant.storage / bucket}"
        fs = f"{rcloneconf.section_name(tenant.id)}:{bucket}"
        return Remote(fs=fs, hashes=True, label=label.rstrip("/"))

    @contextmanager
    def reach(self, tenant: EmbeddedTenant, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        """Serve the tenant's storage. Raises RcloneError when the server does not start."""
        private_dir(tenant.storage / tenant.id)
        register = private_dir(state_dir / "embedded") / f"{tenant.id}.json"
        _end_orphans(register)
        key, secret = secrets.token_hex(10), secrets.token_hex(20)
        child = subprocess.Popen(
            rclone.command(rclone_cli.serve_s3_argv(tenant.storage, "127.0.0.1:0")),
            env=rclone_cli.environment(rclone.env, rclone_cli.serve_s3_env(key, secret)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            _remember(register, child.pid)
            env = _remote_env(rcloneconf.section_name(tenant.id), _wait_for_endpoint(child), key, secret)
            yield replace(self.remote(tenant, path, rclone), env=env)
        finally:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            _forget(register, child.pid)
            if child.stderr is not None:
                child.stderr.close()

    def label(self, tenant: EmbeddedTenant) -> str:
        return f"embedded:{tenant.storage / tenant.id}"

    def credentials(
        self,
        tenant: EmbeddedTenant,
        path: str,
        rclone: Rclone | None,
        env: Mapping[str, str],
        *,
        rotate: bool,
    ) -> Credentials:
        return Credentials(text="none needed")


def _remote_env(section: str, endpoint: str, key: str, secret: str) -> dict[str, str]:
    values = {"type": "s3", "provider": "Rclone", "endpoint": endpoint, "access_key_id": key,
              "secret_access_key": secret, "no_check_bucket": "true"}  # fmt: skip
    return {f"RCLONE_CONFIG_{section.upper()}_{name.upper()}": value for name, value in values.items()}


def _wait_for_endpoint(child: subprocess.Popen[bytes]) -> str:
    """Read the server's log until it says where it listens; then keep the pipe drained."""
    assert child.stderr is not None
    stream = child.stderr
    timer = threading.Timer(START_SECONDS, child.kill)
    timer.start()
    said = ""
    try:
        for raw in stream:
            said = raw.decode(errors="replace").strip()
            if "Starting s3 server on" in said:
                endpoint = said.partition("[")[2].partition("]")[0]
                threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
                return endpoint.rstrip("/")
    finally:
        timer.cancel()
    raise RcloneError(f"the embedded S3 server did not start: {said or 'it said nothing'}",
                      hint="type: bisync doctor")  # fmt: skip


def _started(pid: int) -> str | None:
    """When a process began, in clock ticks since boot (proc(5)); None where that is not known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _read(register: Path) -> list[dict[str, object]]:
    try:
        found = json.loads(register.read_text())
    except (FileNotFoundError, ValueError):
        return []
    return found if isinstance(found, list) else []


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
        pid, owner = int(str(entry["pid"])), int(str(entry["owner"]))
        if _started(owner) is not None and _started(owner) == entry["owner_started"]:
            continue
        if _started(pid) is not None and _started(pid) == entry["started"]:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 5
            while _started(pid) == entry["started"] and time.monotonic() < deadline:
                time.sleep(0.02)
        _forget(register, pid)


PROVIDER = Embedded()
