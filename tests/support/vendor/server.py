"""The running stand-in: two HTTP servers on loopback, what they were asked, and what a test may do to them."""

from __future__ import annotations

import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from tests.support.vendor.api import Api
from tests.support.vendor.oauth import Authorization, Grant
from tests.support.vendor.store import Store
from tests.support.vendor.values import Answer, Generation, Request, Tenant, Tokens
from tests.support.world import S3


@dataclass
class _Fault:
    method: str
    path: str
    answer: Answer
    times: int | None


class Vendor(Authorization):
    """The service. `url`: the API host; `auth`: the authorization server; `tenants`: the default one first.

    `requests`: every request, in order. What it knows of logins, and how to change that, is in `Authorization`.
    """

    def __init__(self, folder: Path, generation: Generation) -> None:
        super().__init__()
        self.url = ""
        self.generation = generation
        self.tenants: list[Tenant] = []
        self.requests: list[Request] = []
        self.store = Store(folder)
        self.api = Api(self, self.store, self.tenants, generation)
        self._faults: list[_Fault] = []
        self._seen = threading.Lock()
        self._closing = threading.Event()

    @property
    def endpoint(self) -> str:
        """The address of the S3 store. It stays the same."""
        return self.store.endpoint

    @property
    def s3(self) -> S3:
        """The store with a pair of its own, as `serve_s3` has it: for a proxy before it, or a look inside."""
        return self.store.s3

    @property
    def environment(self) -> dict[str, str]:
        """What a device's environment needs to find the stand-in instead of the service."""
        return {
            "BASIC_MEMORY_CLOUD_HOST": self.url,
            "BASIC_MEMORY_CLOUD_DOMAIN": self.auth,
            "BASIC_MEMORY_CLOUD_CLIENT_ID": self.client_id,
        }

    rclone_env = environment

    @property
    def default(self) -> Tenant:
        return self.tenants[0]

    def add_tenant(self, tenant: Tenant | None = None, **values: Any) -> Tenant:
        """One more workspace, by itself or by the values in which it differs."""
        tenant = tenant or Tenant(**values)
        with self._lock:
            if tenant.is_default:
                for one in self.tenants:
                    one.is_default = False
            self.tenants.insert(0 if tenant.is_default else len(self.tenants), tenant)
            self.store.start(tenant.bucket)
        return tenant

    def login(self, tenant: Tenant | None = None) -> Tokens:
        """Tokens without the device flow, for a workspace other than the default one if need be."""
        return self.mint(Grant(None if tenant is None else tenant.tenant_id))

    def api_key(self, tenant: Tenant | None = None) -> str:
        return self.mint_api_key(Grant(None if tenant is None else tenant.tenant_id))

    def mint_keys(self, tenant: Tenant | None = None) -> tuple[str, str]:
        """A pair of keys for the store, access and secret, without asking the API."""
        with self._lock:
            return self.api.mint_pair(tenant or self.default)

    def revoke_keys(self, tenant: Tenant | None = None) -> None:
        """The store refuses every key minted so far, or those of one workspace."""
        with self._lock:
            for one in self.tenants if tenant is None else [tenant]:
                one.keys.clear()
            self.api.pass_keys_on()

    def files(self, tenant: Tenant | None = None) -> dict[str, str]:
        """The bucket's objects as text, our own metadata left out."""
        return self.store.files((tenant or self.default).bucket)

    def put(self, path: str, text: str, tenant: Tenant | None = None) -> None:
        """Another device's edit, straight to the bucket."""
        self.store.put((tenant or self.default).bucket, path, text.encode())

    def delete(self, path: str, tenant: Tenant | None = None) -> None:
        self.store.delete((tenant or self.default).bucket, path)

    def count(self, method: str, path: str) -> int:
        """How many requests of this method there were for exactly this path."""
        with self._seen:
            return sum((one.method, one.path) == (method, path) for one in self.requests)

    def reset(self) -> None:
        """Forget what was asked."""
        with self._seen:
            self.requests.clear()

    def fault(self, method: str, path: str, answer: Answer, times: int | None = 1) -> None:
        """Give this answer to the next `times` requests of exactly this kind, before all others; None: for ever.

        A method or path "*" is any. Of several faults that match, the one that was set first comes first.
        """
        with self._seen:
            self._faults.append(_Fault(method, path, answer, times))

    def clear_faults(self) -> None:
        with self._seen:
            self._faults.clear()

    def _take(self, request: Request) -> Answer | None:
        with self._seen:
            self.requests.append(request)
            for one in self._faults:
                matches = one.method in ("*", request.method) and one.path in ("*", request.path)
                if matches and one.times != 0:
                    if one.times is not None:
                        one.times -= 1
                    return one.answer
        return None

    def _carry_out(self, request: Request) -> Answer:
        if request.server == "auth":
            return super().answer(request)
        with self._lock:
            return self.api.answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; together they wait for the other side's late acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in `requests`."""

    def handle_one_request(self) -> None:
        # BaseHTTPRequestHandler wants one do_METHOD for each; all do the same here.
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self._serve()
        except OSError:
            self.close_connection = True

    def _serve(self) -> None:
        vendor = self.server.vendor
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command, urllib.parse.unquote(path), query, self.headers, body, self.server.part
        )
        fault = vendor._take(request)
        if fault is None:
            self._send(vendor._carry_out(request))
            return
        if fault.after:
            vendor._carry_out(request)
        vendor._closing.wait(fault.delay)
        if fault.hang:
            self._hang(vendor._closing)
        if fault.hang or fault.drop:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(fault)

    def _hang(self, closing: threading.Event) -> None:
        """Until the client gives up, or all is over."""
        ends = time.monotonic() + 120
        while not closing.wait(0.05) and time.monotonic() < ends:
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def _send(self, answer: Answer) -> None:
        body, kind = answer.encoded()
        headers = {"content-type": kind, "content-length": str(len(body))}
        headers |= {name.lower(): value for name, value in answer.headers.items()}
        if not body and "Content-Type" not in answer.headers:
            del headers["content-type"]
        if answer.status == 204:
            del headers["content-length"]
        elif headers["content-length"] != str(len(body)):
            self.close_connection = True
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, vendor: Vendor, part: Literal["api", "auth"], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.vendor, self.part = vendor, part

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def serve_vendor(folder: Path, generation: Generation = "new", *, port: int = 0) -> Iterator[Vendor]:
    """The service of one user with one personal workspace, its buckets below `folder`. `port`: the API host's."""
    vendor = Vendor(folder, generation)
    with ExitStack() as stack:
        stack.callback(vendor.store.stop)
        vendor.add_tenant(is_default=True)
        api, auth = _Server(vendor, "api", port), _Server(vendor, "auth")
        vendor.url, vendor.auth = api.url, auth.url
        for server in (api, auth):
            stack.enter_context(_listening(server))
        stack.callback(vendor._closing.set)
        yield vendor


@contextmanager
def _listening(server: _Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
