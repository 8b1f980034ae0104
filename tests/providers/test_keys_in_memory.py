"""`rclone: {keys: memory}`: keys are in the environment of rclone while it runs, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.rclone import conf
from tests.support.world import S3, SECRET, Device

ODD = "Acme.7f-3a_x"


@pytest.fixture
def device(tmp_path: Path, s3: S3) -> Device:
    """A device that keeps no keys, of a tenant whose id has every kind of character that one may have."""
    device = Device(tmp_path / "device", s3)
    text = device.s3_manifest().replace("    bucket:", f"    tenant_id: {ODD}\n    bucket:", 1)
    hook = ["sh", "-c", "env > ~/hook-env"]
    device.write_manifest(
        f"{text}    hooks: {json.dumps({'after_sync': [hook]})}\nrclone: {{keys: memory}}\n"
    )
    return device


def rclone_conf(device: Device) -> Path:
    return device.home / ".config/rclone/rclone.conf"


def spread(device: Device, secret: str = SECRET) -> list[str]:
    """The files in the home with the secret in them."""
    return [
        str(path.relative_to(device.home))
        for path in sorted(device.home.rglob("*"))
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def test_a_day_without_keys_on_the_disk(device: Device, s3: S3) -> None:
    said = device.run("setup")
    assert "no keys in it (rclone.keys: memory)" in said.out
    device.write("a.md", "one")
    device.run("sync", "--verbose")
    device.write("a.md", "two")
    plan = device.run("plan", "--json")
    device.run("sync")
    device.run("check")
    device.run("doctor", expect=None)

    assert s3.tree() == {"a.md": "two"}
    assert device.sync().outcome is Outcome.IDLE
    assert not rclone_conf(device).exists()
    assert SECRET not in plan.out + plan.err
    # The variable that the manifest names is the user's own, and a hook has it as every program has.
    hooked = (device.home / "hook-env").read_text()
    assert "RCLONE_CONFIG" not in hooked
    (device.home / "hook-env").unlink()
    assert spread(device) == []


def test_setup_takes_an_earlier_ones_keys_out(device: Device, s3: S3) -> None:
    manifest = device.home / "bisync.yaml"
    text = manifest.read_text()
    manifest.write_text(text.replace("keys: memory", "keys: file"))
    device.run("setup")
    rclone_conf(device).write_text(
        f"# mine\n[nas]\ntype = local\n\n{rclone_conf(device).read_text()}upload_cutoff = 1G\n"
    )
    device.write("a.md", "one")
    device.sync()
    manifest.write_text(text)
    assert "it still has keys of tenant team" in device.run("doctor", expect=1).out
    assert "would change" in device.run("setup", "--dry-run").out
    assert spread(device)

    device.run("setup")

    sections = conf.read_sections(rclone_conf(device).read_text())
    assert sections[f"basic-memory-{ODD}"].keys() & conf.SECRET_KEYS == set()
    assert sections[f"basic-memory-{ODD}"]["upload_cutoff"] == "1G" and "nas" in sections
    (device.home / "hook-env").unlink()
    assert spread(device) == []
    assert device.sync().outcome is Outcome.IDLE
    assert "it still has keys" not in device.run("doctor", expect=None).out

    manifest.write_text(text.replace("keys: memory", "keys: file"))
    device.run("setup")
    assert device.sync().outcome is Outcome.IDLE


def test_a_script_would_have_no_keys(device: Device) -> None:
    device.run("setup")

    said = device.run("plan", "--script", "plan.sh", expect=2)

    assert "a script has no keys" in said.err


def test_a_reference_that_gives_nothing_stops_the_run(device: Device, s3: S3) -> None:
    device.run("setup")
    device.write("a.md", "one")
    said = device.run("sync", env={"TEST_SECRET": ""}, expect=1)

    assert "is empty" in said.err + said.out
