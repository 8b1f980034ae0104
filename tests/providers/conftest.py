"""The stand-in for the vendor's cloud, in each of its generations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
