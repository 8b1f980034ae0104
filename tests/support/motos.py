"""moto's S3 server, loaded once: each server is a fork of it, and a process of its own that can be stopped or killed.

To load it, and what its first requests load, takes most of what a server costs a test.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_loaded: dict[int, subprocess.Popen[str]] = {}
_one_asks = threading.Lock()


@dataclass(frozen=True)
class Forked:
    """A server, with what its users need of `subprocess.Popen`: it is no child of ours."""

    pid: int

    def poll(self) -> int | None:
        """0 once it has ended, whatever its exit code was."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float = 60) -> int:
        """Raises TimeoutExpired."""
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("moto", timeout)
            time.sleep(0.005)
        return 0

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def start(port: int) -> Forked:
    """A new and empty server on that port of loopback, soon; it ends with us at the latest."""
    with _one_asks:
        asked = _server()
        assert asked.stdin is not None and asked.stdout is not None
        asked.stdin.write(f"{port}\n")
        asked.stdin.flush()
        return Forked(int(asked.stdout.readline()))


def _server() -> subprocess.Popen[str]:
    if os.getpid() not in _loaded:
        loaded = subprocess.Popen(
            [sys.executable, "-m", "tests.support.motos"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        atexit.register(loaded.communicate)
        _loaded[os.getpid()] = loaded
    return _loaded[os.getpid()]


def _load() -> None:
    """Load moto, and what it loads when it is first asked."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import Client

    client = Client(DomainDispatcherApplication(create_backend_app))
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request"}
    client.put("/bucket", headers=signed)
    client.put("/bucket/key", headers=signed, data=b"text")
    client.get("/bucket/key", headers=signed)
    client.get("/bucket?list-type=2", headers=signed)
    client.delete("/bucket/key", headers=signed)
    assert client.post("/moto-api/reset").status_code == 200


def _one_creation_at_a_time() -> None:
    """Honour `If-None-Match: *` also for those who create at the same moment, as S3 does.

    moto looks for the object, then writes it, in a thread for each request: on a busy machine two of them find none
    and both are told that the object is theirs. `Together` of the proxy is the store that does so.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    answer, one = DomainDispatcherApplication.__call__, threading.Lock()

    def alone(app: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT" and "HTTP_IF_NONE_MATCH" in environ:
            with one:
                return answer(app, environ, start_response)
        return answer(app, environ, start_response)

    setattr(DomainDispatcherApplication, "__call__", alone)  # noqa: B010  mypy lets no method be assigned to


def _serve() -> int:
    """A fork for each port that is asked for. Returns the port in one that is to listen there."""
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return int(line)
        print(pid, flush=True)
    sys.exit(0)


def _reap(*_: object) -> None:
    """Whoever has ended is gone, for those who wait until it is."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_with_them() -> None:
    """Wait until whoever asked is gone, and read nothing of what it asks."""
    gone = select.poll()
    gone.register(sys.stdin.fileno(), 0)
    gone.poll()
    os._exit(0)


if __name__ == "__main__":
    import moto.server

    _load()
    _one_creation_at_a_time()
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1
    port = _serve()
    threading.Thread(target=_end_with_them, daemon=True).start()
    moto.server.main(["-H", "127.0.0.1", "-p", str(port)])
