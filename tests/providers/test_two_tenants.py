"""Several tenants of the vendor's cloud in one manifest: told apart by the cloud, not by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.rclone import conf
from tests.support.vendor import Vendor, serve_vendor
from tests.support.world import Device


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    with serve_vendor(tmp_path / "cloud", "new") as made:
        yield made


def device_with(vendor: Vendor, home: Path, **workspaces: str) -> Device:
    """A device with a tenant for each name, at the workspace of this slug; an empty one: the login's own."""
    device = Device(home, env={**vendor.environment, "BASIC_MEMORY_CLOUD_API_KEY": vendor.api_key()})
    store = f"endpoint: '{vendor.endpoint}', s3_provider: Rclone"
    tenants = "".join(
        f"  {name}: {{provider: basic-memory, {store}{', workspace: ' + slug if slug else ''}}}\n"
        for name, slug in workspaces.items()
    )
    syncs = "".join(f"  {name}: {{tenant: {name}, dir: ~/{name}}}\n" for name in workspaces)
    device.write_manifest(f"version: 1\ntenants:\n{tenants}syncs:\n{syncs}")
    return device


def test_two_workspaces_are_two_sections_and_two_pairs_of_keys(vendor: Vendor, tmp_path: Path) -> None:
    team = vendor.add_tenant(slug="team", name="The team", workspace_type="organization", role="owner")
    device = device_with(vendor, tmp_path / "home", mine="", ours="team")

    device.run("setup")
    (device.home / "ours" / "plans").mkdir()
    (device.home / "ours" / "plans" / "a.md").write_text("a")
    device.run("sync")

    sections = conf.read_sections((device.home / ".config/rclone/rclone.conf").read_text())
    names = [f"basic-memory-{one.tenant_id}" for one in (vendor.default, team)]
    assert set(sections) == set(names)
    assert sections[names[0]]["access_key_id"] != sections[names[1]]["access_key_id"]
    assert vendor.files(team) == {"plans/a.md": "a"}
    assert vendor.files() == {}
    assert [one.name for one in team.projects] == ["plans"]


def test_two_names_of_one_tenant_are_refused(vendor: Vendor, tmp_path: Path) -> None:
    device = device_with(vendor, tmp_path / "home", mine="", again=vendor.default.slug)

    ran = device.run("setup", expect=2)

    assert "syncs.again and syncs.mine lie in the same folder of the cloud" in ran.err
    assert vendor.count("POST", "/tenant/mount/credentials") == 1


def test_another_default_is_another_tenant_and_said_to_be(vendor: Vendor, tmp_path: Path) -> None:
    team = vendor.add_tenant(slug="team", name="The team", workspace_type="organization", role="owner")
    device = device_with(vendor, tmp_path / "home", mine="")
    device.run("setup")
    mine = vendor.tenants[0]
    mine.is_default, team.is_default = False, True

    said = device.run("setup").out

    assert f"bucket {team.bucket}) instead of {mine.tenant_id}" in said
