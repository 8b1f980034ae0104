"""One rclone of this process that stays: S3 servers for tests that need not stop theirs, and what somebody else does.

It is real rclone, told over its remote control (rclone docs: Remote controlling rclone) what command lines tell new
ones otherwise: `serve s3`, `rcat`, `cat`, `deletefile`. To start it takes most of the time of any of these.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

SECONDS = 60.0

_started: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
_starting = threading.Lock()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("rclone", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@contextmanager
def serving_s3(rclone: Path, folder: Path, pair: tuple[str, str]) -> Iterator[str]:
    """An S3 server of its own for `folder` that accepts this pair of keys: its endpoint."""
    served = _told(rclone, "serve/start", {
        "type": "s3", "fs": str(folder), "addr": "127.0.0.1:0", "auth_key": [",".join(pair)],
    })  # fmt: skip
    try:
        yield f"http://{served['addr']}"
    finally:
        _told(rclone, "serve/stop", {"id": served["id"]})


def forget(rclone: Path, folder: Path) -> None:
    """Something was changed in this folder behind its server's back."""
    _told(rclone, "vfs/forget", {"fs": str(folder)})


def put(rclone: Path, fs: str, path: str, content: bytes) -> None:
    """`rclone rcat`."""
    folder, _, name = path.rpartition("/")
    boundary = secrets.token_hex(16)
    # (RFC 5987, for names of all kinds.)
    head = f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''{quote(name, safe='')}\r\n"
    body = f"{head}\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    where = urlencode({"fs": fs, "remote": folder, "_config": json.dumps(AS_TYPED)})
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    _asked(rclone, "POST", f"operations/uploadfile?{where}", body, headers)


def delete(rclone: Path, fs: str, path: str) -> None:
    """`rclone deletefile`."""
    _told(rclone, "operations/deletefile", {"fs": fs, "remote": path, "_config": AS_TYPED})


def names(rclone: Path, fs: str) -> list[str]:
    """The files of `rclone lsjson --recursive`."""
    options = {"recurse": True, "filesOnly": True, "noModTime": True, "noMimeType": True}
    found = _told(rclone, "operations/list", {"fs": fs, "remote": "", "opt": options, "_config": AS_TYPED})
    return [one["Path"] for one in found["list"] or []]


def read(rclone: Path, fs: str, path: str) -> bytes:
    """`rclone cat`."""
    return _asked(rclone, "GET", f"[{quote(fs, safe='')}]/{quote(path)}", None, {})


AS_TYPED: Mapping[str, Any] = {"LowLevelRetries": 2}


def _told(rclone: Path, command: str, parameters: Mapping[str, Any]) -> Any:
    body = json.dumps(parameters).encode()
    return json.loads(_asked(rclone, "POST", command, body, {"Content-Type": "application/json"}))


def _asked(rclone: Path, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    connection = _Connection(_address(rclone))
    try:
        connection.request(method, f"/{path}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    assert answer.status == http.HTTPStatus.OK, said.decode(errors="replace")
    return said


def _address(rclone: Path) -> str:
    """Where it listens; it is started when first needed, and ends with us."""
    with _starting:
        if os.getpid() not in _started:
            folder = tempfile.mkdtemp(prefix="bisync-staying-")
            path = str(Path(folder, "rclone"))
            env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
            process = subprocess.Popen(
                [str(rclone), "rcd", "--rc-addr", f"unix://{path}", "--rc-no-auth", "--rc-serve",
                 "--config", os.devnull,
                 # Another server may come to listen where one did: what was a connection to that is none to this.
                 "--disable-http-keep-alives"],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            _started[os.getpid()] = (path, process)
            until = time.monotonic() + 30
            while not Path(path).exists():
                assert process.poll() is None and time.monotonic() < until, "rclone does not stay"
                time.sleep(0.01)
        return _started[os.getpid()][0]


@atexit.register
def end() -> None:
    """End it, if this process has one."""
    path, process = _started.pop(os.getpid(), (None, None))
    if path is not None and process is not None:
        process.kill()
        process.wait(10)
        Path(path).unlink(missing_ok=True)
        Path(path).parent.rmdir()
