"""A new provider is one module, one config class, one building function, one line in the registry.

A toy one (a folder of this machine, without any server) is put into a copy of the package in just these places,
and a person's day is done with it. What a manifest may say about it stands in the schema, which is data.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.world import Device, Ran

ROOT = Path(__file__).parents[2]

MODULE = """
from bisync.core.abilities import Abilities
from bisync.config import ToyTenant
from bisync.providers.base import Credentials, Provider
from bisync.rclone.remote import Remote


class Toy(Provider[ToyTenant]):
    def remote(self, tenant, path, rclone):
        return Remote(fs=f"{tenant.storage / path}/", can=Abilities(), label=self.label(tenant))

    def label(self, tenant):
        return f"toy:{tenant.storage}"

    def credentials(self, tenant, path, rclone, env, *, rotate):
        return Credentials(text="a toy needs none")


PROVIDER = Toy()
"""

CONFIG_CLASS = """

@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTenant(Tenant):
    provider = "toy"
    storage: Path
"""

BUILDING = """

@builds("toy")
def _toy(reading: Reading, name: str, draft: Draft) -> Tenant:
    from bisync.config import ToyTenant

    return ToyTenant(name=name, tenant_id=name, storage=reading.local_path("tenants", name, "storage"))
"""

REGISTRY_LINE = '    "toy": "bisync.providers.toy",\n'


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """A device whose manifest names the toy, with a bisync that has it."""
    package = tmp_path / "package" / "bisync"
    shutil.copytree(ROOT / "bisync", package)
    for part in ("tasks", "schema", "templates"):
        shutil.copytree(ROOT / part, package / part)

    (package / "providers" / "toy.py").write_text(MODULE)
    append(package / "config.py", CONFIG_CLASS)
    append(package / "manifest" / "tenants.py", BUILDING)
    registry = package / "providers" / "__init__.py"
    text = registry.read_text()
    assert "_MODULES = {\n" in text
    registry.write_text(text.replace("_MODULES = {\n", "_MODULES = {\n" + REGISTRY_LINE))
    allow_in_manifests(package / "schema" / "bisync.schema.json")

    device = Device(tmp_path / "home", env={"PYTHONPATH": str(package.parent)})
    (device.home / "toys").mkdir()
    device.write_manifest(
        "version: 1\ntenants: {team: {provider: toy, storage: ~/toys}}\n"
        "syncs: {notes: {tenant: team, dir: ~/notes}}\n"
    )
    return device


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def allow_in_manifests(path: Path) -> None:
    schema = json.loads(path.read_text())
    tenant = schema["$defs"]["tenant"]
    tenant["properties"]["provider"]["enum"].append("toy")
    is_toy = {"type": "object", "required": ["provider"], "properties": {"provider": {"const": "toy"}}}
    tenant["allOf"].append({"if": is_toy, "then": {"$ref": "#/$defs/tenant_toy"}})
    schema["$defs"]["tenant_toy"] = {
        "description": "A toy.", "type": "object", "required": ["provider", "storage"],
        "additionalProperties": False,
        "properties": {
            "provider": {"description": "A toy.", "const": "toy"},
            "storage": {"description": "Its folder.", "$ref": "#/$defs/local_path"},
        },
    }  # fmt: skip
    path.write_text(json.dumps(schema))


def one_sync(ran: Ran) -> dict[str, object]:
    found: dict[str, object] = ran.json["syncs"][0]
    return found


def test_a_new_provider_does_a_persons_day(device: Device) -> None:
    toys = device.home / "toys"
    device.run("validate")
    said = device.run("setup").out
    assert "team (toy, team)" in said and "a toy needs none" in said
    device.write("a.md", "from here")
    (toys / "b.md").write_text("from there")

    assert one_sync(device.run("sync", "--json"))["outcome"] == "done"

    assert (toys / "a.md").read_text() == "from here"
    assert device.tree() == {"a.md": "from here", "b.md": "from there"}
    assert one_sync(device.run("status", "--json"))["remote"] == f"toy:{toys}"
    assert one_sync(device.run("check", "--json"))["match"] == 2
    assert f"toy:{toys} answers" in device.run("doctor", expect=None).out
    (device.notes / "a.md").unlink()
    device.run("plan", "--script", "plan.sh")
    assert one_sync(device.run("sync", "--json"))["deleted_cloud"] == 1
    assert not (toys / "a.md").exists()
    device.run("restore", "a.md")
    assert device.tree() == {"a.md": "from here", "b.md": "from there"}


def test_two_syncs_in_one_place_of_it_are_refused(device: Device) -> None:
    device.write_manifest(
        "version: 1\ntenants: {team: {provider: toy, storage: ~/toys}}\n"
        "syncs: {one: {tenant: team, dir: ~/one}, two: {tenant: team, dir: ~/two}}\n"
    )

    assert "overlaps what syncs.one keeps in the cloud" in device.run("validate", expect=2).err
