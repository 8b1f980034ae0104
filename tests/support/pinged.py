"""A service that is pinged, on loopback: it notes who called, and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

SECRET_PATH = "5b1c9d04-never-to-be-seen"


class Ping(NamedTuple):
    """One call: what it was about, how it was made, and what it said."""

    when: str
    method: str
    text: str


@dataclass
class Pinged:
    """The service. `answers`: the statuses of the next calls, then 200; `delay`: seconds before it answers any."""

    port: int
    calls: list[Ping] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay: float = 0.0
    drips: bool = False
    called: threading.Event = field(default_factory=threading.Event)

    def url(self, when: str) -> str:
        return f"http://127.0.0.1:{self.port}/{SECRET_PATH}/{when}"

    def manifest(self, *whens: str) -> str:
        """The addresses as a manifest has them, for its end."""
        return "ping: {" + ", ".join(f"{when}: '{self.url(when)}'" for when in whens) + "}\n"

    @property
    def whens(self) -> list[str]:
        return [one.when for one in self.calls]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """In silence."""

    def _answer(self) -> None:
        service = self.server.service
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        service.calls.append(Ping(self.path.rpartition("/")[2], self.command, text))
        service.called.set()
        status = service.answers.pop(0) if service.answers else 200
        ends = time.monotonic() + service.delay
        while time.monotonic() < ends and not self.server.over.is_set():
            if service.drips:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" if service.delay else b"X-Drip: 1\r\n")
                self.wfile.flush()
            self.server.over.wait(0.2)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if 300 <= status < 400:
            self.send_header("Location", service.url("elsewhere"))
        self.end_headers()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: Pinged

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.over = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever called has gone."""


@contextmanager
def pinged() -> Iterator[Pinged]:
    """Such a service, for as long as the block lasts."""
    server = _Server()
    server.service = Pinged(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.service
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
