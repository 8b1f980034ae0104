"""Real WebDAV servers on loopback: rclone's own, and wsgidav as a stranger, also over TLS.

    with serve_rclone(folder) as dav, proxied_dav(dav) as (proxy, far):
        device.run("migrate", "--webdav", far.url, env=far.env)

Their addresses end in /dav, so that the proxy tells a file from a listing as it does for a bucket.
"""

from __future__ import annotations

import base64
import logging
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from wsgidav.wsgidav_app import WsgiDAVApp

from tests.support.proxy import Proxy, proxied
from tests.support.world import S3, end, free_port, rclone_path, wait_for

USER = "dav-user"
PASSWORD = "dav-password, that must never be seen: anywhere"
BASE = "/dav"


@dataclass(frozen=True)
class Dav:
    """A running WebDAV server. `folder`: what it serves; `vendor`: as which rclone should talk to it."""

    endpoint: str
    folder: Path
    vendor: str
    user: str = USER
    password: str = PASSWORD

    @property
    def url(self) -> str:
        return f"{self.endpoint}{BASE}"

    def below(self, path: str) -> Dav:
        """The same server; the address leads to a folder of it, which is there."""
        (self.folder / path).mkdir(parents=True, exist_ok=True)
        return _Below(self.endpoint, self.folder / path, self.vendor, self.user, self.password, path)

    @property
    def env(self) -> dict[str, str]:
        """What goes with `--webdav URL`."""
        return {"BISYNC_WEBDAV_USER": self.user, "BISYNC_WEBDAV_PASSWORD": self.password}

    @property
    def basic(self) -> str:
        """What user and password amount to in a header (RFC 7617)."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def manifest(self) -> str:
        """The lines of a manifest's `migration`."""
        return f"""\
  webdav:
    url: {self.url}
    vendor: {self.vendor}
    user: {self.user}
    password: {{env: DAV_PASSWORD}}
"""

    def section(self, name: str) -> str:
        """A section of rclone.conf as `rclone config` writes it."""
        obscured = subprocess.run(
            [str(rclone_path()), "obscure", "-"],
            input=self.password,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        return (
            f"[{name}]\ntype = webdav\nurl = {self.url}\nvendor = {self.vendor}\n"
            f"user = {self.user}\npass = {obscured}\n"
        )

    def write(self, path: str, text: str | bytes, *, mtime: float | None = None) -> Path:
        """A file, straight into what is served."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        if mtime is not None:
            os.utime(target, (mtime, mtime))
        return target


@dataclass(frozen=True)
class _Below(Dav):
    path: str = ""

    @property
    def url(self) -> str:
        return f"{self.endpoint}{BASE}/{self.path}"


@contextmanager
def serve_rclone(
    folder: Path, *, vendor: str = "other", port: int | None = None, cached: str = "0", folds: bool = False
) -> Iterator[Dav]:
    """rclone's own server. What is written into the folder by others is seen at once, or after `cached`.

    (Without any cache it may stall where it is written to.) `folds`: names that differ in case alone are one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    process = subprocess.Popen(
        [str(rclone_path()), "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}", "--baseurl", BASE,
         "--dir-cache-time", cached, "--config", os.devnull, *(["--vfs-case-insensitive"] if folds else [])],
        env={**env, "RCLONE_USER": USER, "RCLONE_PASS": PASSWORD},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, process)
        yield Dav(f"http://127.0.0.1:{port}", folder, vendor)
    finally:
        end(process)


class _Server(wsgi.Server):  # type: ignore[misc, unused-ignore]
    def error_log(self, *_: object, **__: object) -> None:
        """A client that went away is no news."""


@contextmanager
def serve_wsgidav(folder: Path, *, certificate: tuple[Path, Path] | None = None) -> Iterator[Dav]:
    """wsgidav, in a thread of this process. `certificate`: with its key; over TLS then."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("wsgidav").setLevel(logging.CRITICAL)
    app: Any = WsgiDAVApp(
        {
            "provider_mapping": {BASE: str(folder)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False, "enable_loggers": []},
            "lock_storage": False,
            "property_manager": False,
            "verbose": 0,
        }
    )
    server = _Server(("127.0.0.1", 0), app, numthreads=4, shutdown_timeout=1)
    if certificate is not None:
        server.ssl_adapter = BuiltinSSLAdapter(*map(str, certificate))
        server.ssl_adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    scheme = "http" if certificate is None else "https"
    try:
        yield Dav(f"{scheme}://127.0.0.1:{server.bind_addr[1]}", folder, "other")
    finally:
        server.stop()
        thread.join(10)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that nobody trusts, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@contextmanager
def proxied_dav(dav: Dav) -> Iterator[tuple[Proxy, Dav]]:
    """A proxy before a WebDAV server, and the server through it."""
    with proxied(S3(dav.endpoint, dav.folder, "webdav", None)) as proxy:
        yield proxy, replace(dav, endpoint=proxy.s3.endpoint)
