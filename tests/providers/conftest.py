"""The stand-in for the vendor's cloud: fresh ones, one of each generation for all tests, and somebody who uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.cloud_user import User
from tests.support.vendor import Generation, Vendor, serve_vendor


def served(path: Path, generation: Generation) -> Iterator[Vendor]:
    with serve_vendor(path, generation) as vendor:
        yield vendor


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Vendor]:
    yield from served(tmp_path, "old")


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Vendor]:
    yield from served(tmp_path, "new")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Vendor]:
    yield from served(tmp_path, "both")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Generation, Vendor]]:
    """A service of today and one of 0.15."""
    folder = tmp_path_factory.mktemp("vendor")
    with serve_vendor(folder / "new", "new") as new, serve_vendor(folder / "old", "old") as old:
        yield {"new": new, "old": old}


def as_new(vendor: Vendor) -> Vendor:
    """The service as if nobody had ever come."""
    vendor.clear_faults()
    vendor.reset()
    del vendor.tenants[1:]
    vendor.default.projects.clear()
    vendor.default.subscribed, vendor.default.role = True, "owner"
    vendor.default.workspace_type, vendor.default.is_default = "personal", True
    vendor.auto_approve, vendor.interval, vendor.expires_in, vendor.slow_down = 1, 1, 300, 0
    vendor.token_lifetime, vendor.rotates_refresh_tokens = 3600, True
    return vendor


@pytest.fixture
def today(running: dict[Generation, Vendor]) -> Vendor:
    """The service of today."""
    return as_new(running["new"])


@pytest.fixture
def in_2025(running: dict[Generation, Vendor]) -> Vendor:
    """The service that 0.15 spoke to."""
    return as_new(running["old"])


@pytest.fixture(params=["new", "old"])
def either(request: pytest.FixtureRequest, running: dict[Generation, Vendor]) -> Vendor:
    """Both, one after the other."""
    return as_new(running[request.param])


@pytest.fixture
def user(tmp_path: Path, today: Vendor) -> User:
    """Somebody with a login at the service of today."""
    return User(tmp_path / "home", today).logged_in()
