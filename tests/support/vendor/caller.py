"""Somebody who asks the stand-in, for its own tests and for a look at it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.vendor.server import Vendor


class Caller:
    """Asks as a client does that is logged in; redirects are not followed."""

    def __init__(self, vendor: Vendor, token: str | None = None) -> None:
        self.vendor = vendor
        self.headers = {"Authorization": f"Bearer {token or vendor.login().access_token}"}

    def __call__(
        self, method: str, path: str, body: Any = None, workspace: str | None = None
    ) -> httpx.Response:
        more = {} if workspace is None else {"X-Workspace-ID": workspace}
        return httpx.request(
            method, self.vendor.url + path, headers={**self.headers, **more}, json=body, timeout=10
        )

    def create(self, path: str, name: str, wanted: str = "x") -> httpx.Response:
        return self("POST", path, {"name": name, "path": wanted, "set_default": False})
