"""A proxy before a real S3 or WebDAV server: counts requests, slows them down, stops them, breaks them.

    with proxied(s3) as proxy:
        device = Device(home, proxy.s3)
        gate = proxy.on("PUT", Gate(), path="a.md")     # the first rule that matches a request decides
        ... gate.wait() returns when a request stands before the gate; gate.open() lets it through
        proxy.on("LIST", Status(503, "SlowDown"), times=2)
        proxy.clear()                                    # healthy again

Kinds of a request are those of S3: LIST, HEAD, GET, PUT, COPY, DELETE, POST (multi-part, multi-delete),
BUCKET (made or asked for); "*" is any. Other methods (PROPFIND) are their own kind.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from tests.support.world import S3

CHUNK = 16 * 1024


@dataclass(frozen=True)
class Request:
    """One request: its kind, its path without the query, unquoted ("/bucket/a b.md"), the query and its headers.

    `at`: when it came, by time.monotonic.
    """

    kind: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    at: float = field(default_factory=time.monotonic, repr=False, compare=False)


@dataclass(frozen=True)
class Status:
    """Answer with this status and S3 error code; the server behind never hears of the request.

    `unless`: but pass on what has this in its query.
    """

    status: int
    code: str = "InternalError"
    unless: str = ""


@dataclass(frozen=True)
class Drop:
    """Close the connection; with `after`, only when the server has done what was asked."""

    after: bool = False


@dataclass(frozen=True)
class Delay:
    """Wait before passing the request on."""

    seconds: float


@dataclass(frozen=True)
class Slow:
    """Pass the bodies on at this many bytes a second."""

    rate: float


@dataclass(frozen=True)
class Double:
    """The request arrives twice; the second answer is passed on."""


@dataclass(frozen=True)
class Together:
    """Creations of one name within so many seconds all succeed, as on a store that looks before it writes."""

    seconds: float = 0.2


@dataclass(frozen=True)
class Without:
    """The request arrives without this parameter of its query. (moto looks at no signature.)"""

    parameter: str


class Gate:
    """Requests stop here until the gate is opened."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def wait(self, seconds: float = 30) -> None:
        """Until a request stands before the gate."""
        assert self._reached.wait(seconds), "no request came to the gate"

    def open(self) -> None:
        self._opened.set()

    def _pass(self) -> None:
        self._reached.set()
        self._opened.wait(60)


Action = Status | Drop | Delay | Slow | Double | Together | Without | Gate
A = TypeVar("A", bound=Action)


@dataclass
class _Rule:
    kind: str
    path: str
    action: Action
    times: int | None


@dataclass
class Proxy:
    """A running proxy. `seen`: every request, in order; `rate`: bytes a second for all bodies, or None."""

    s3: S3
    delay: float = 0.0
    rate: float | None = None
    seen: list[Request] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: Counter[str] = field(default_factory=Counter)

    def on(self, kind: str, action: A, *, path: str = "", times: int | None = None) -> A:
        """Do `action` to requests of this kind whose path contains `path`, at most `times` times."""
        with self._lock:
            self._rules.append(_Rule(kind, path, action, times))
        return action

    def clear(self) -> None:
        """Forget all rules, and open every gate."""
        with self._lock:
            for rule in self._rules:
                if isinstance(rule.action, Gate):
                    rule.action.open()
            self._rules.clear()

    @property
    def counts(self) -> Counter[str]:
        """How many requests of each kind."""
        with self._lock:
            return Counter(request.kind for request in self.seen)

    def reset(self) -> None:
        """Forget what was seen."""
        with self._lock:
            self.seen.clear()

    def _gathered(self, path: str, seconds: float) -> bool:
        """Wait for others that ask for this path at the same time; whether somebody did, and came first."""
        with self._lock:
            self._waiting[path] += 1
            first = self._waiting[path] == 1
        time.sleep(seconds)
        with self._lock:
            self._waiting[path] -= 1
        return not first

    def _take(self, request: Request) -> Action | None:
        with self._lock:
            self.seen.append(request)
            for rule in self._rules:
                if rule.kind in ("*", request.kind) and rule.path in request.path and rule.times != 0:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.action
        return None


def _kind(method: str, path: str, headers: Any) -> str:
    in_bucket = path.strip("/").partition("/")[2]
    if method == "GET" and not in_bucket:
        return "LIST"
    if method in ("PUT", "HEAD") and not in_bucket:
        return "BUCKET"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "COPY"
    return method


class _Kept(bytearray):
    """A body that is to be sent more than once."""

    def sendall(self, data: bytes) -> None:
        self.extend(data)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in `seen`."""

    def handle_one_request(self) -> None:
        # BaseHTTPRequestHandler wants one do_METHOD for each; all do the same here.
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        try:
            self._proxy()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def _proxy(self) -> None:
        proxy = self.server.proxy
        path, _, query = self.path.partition("?")
        path = urllib.parse.unquote(path)
        kind, headers = _kind(self.command, path, self.headers), dict(self.headers.items())
        action = proxy._take(Request(kind, self.command, path, query, headers))
        rate, bare = proxy.rate, False
        time.sleep(proxy.delay)
        match action:
            case Status(status, code, unless) if not unless or unless not in query:
                self._read_body(None, rate)
                self._answer(status, code)
                return
            case Drop(after=False):
                self._hang_up()
                return
            case Delay(seconds):
                time.sleep(seconds)
            case Slow(slower):
                rate = slower
            case Together(seconds):
                bare = proxy._gathered(path, seconds)
            case Without(parameter):
                left = [one for one in query.split("&") if one.partition("=")[0] != parameter]
                self.path = f"{self.path.partition('?')[0]}?{'&'.join(left)}"
            case Gate():
                action._pass()
        if isinstance(action, Double):
            body = _Kept()
            self._read_body(body, rate)
            with self._upstream() as upstream:
                upstream.sock.sendall(bytes(body))
                upstream.getresponse().read()
            with self._upstream() as upstream:
                upstream.sock.sendall(bytes(body))
                self._pass_on(upstream.getresponse(), rate)
            return
        with self._upstream(bare=bare) as upstream:
            self._read_body(upstream.sock, rate)
            response = upstream.getresponse()
            if isinstance(action, Drop):
                self._hang_up()
                return
            self._pass_on(response, rate)

    @contextmanager
    def _upstream(self, *, bare: bool = False) -> Iterator[http.client.HTTPConnection]:
        """The server behind, which has heard the request's head; `bare`: but for its condition."""
        passed_over = ("expect", "connection", *(("if-none-match",) if bare else ()))
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in passed_over:
                    upstream.putheader(name, value)
            upstream.endheaders()
            yield upstream
        finally:
            upstream.close()

    def _read_body(self, target: socket.socket | _Kept | None, rate: float | None) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while True:
                line = self.rfile.readline()
                size = int(line.partition(b";")[0], 16)
                block = line + self.rfile.read(size + 2)
                if target is not None:
                    target.sendall(block)
                if size == 0:
                    return
        for block in _blocks(self.rfile, int(self.headers.get("Content-Length") or 0), rate):
            if target is not None:
                target.sendall(block)

    def _answer(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
        body = b"" if self.command == "HEAD" else text.encode()
        self.send_response_only(status, "Injected")
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self, response: http.client.HTTPResponse, rate: float | None) -> None:
        length = response.headers.get("Content-Length")
        empty = self.command == "HEAD" or response.status in (204, 304)
        self.send_response_only(response.status, response.reason)
        for name, value in response.headers.items():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if length is None and not empty:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if empty:
            return
        for block in _blocks(response, None if length is None else int(length), rate):
            self.wfile.write(block)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _blocks(source: Any, length: int | None, rate: float | None) -> Iterator[bytes]:
    while length is None or length > 0:
        block = source.read(CHUNK if length is None else min(CHUNK, length))
        if not block:
            return
        length = None if length is None else length - len(block)
        if rate:
            time.sleep(len(block) / rate)
        yield block


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def proxied(server: S3) -> Iterator[Proxy]:
    """A proxy before `server`; `Proxy.s3` is the same server through it."""
    port = urllib.parse.urlsplit(server.endpoint).port
    assert port is not None
    listening = _Server(port)
    proxy = listening.proxy = Proxy(replace(server, endpoint=f"http://127.0.0.1:{listening.server_port}"))
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.clear()
        listening.shutdown()
        listening.server_close()
        thread.join(10)
