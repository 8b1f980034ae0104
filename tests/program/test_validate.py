"""What `validate` says of a manifest that is valid, without a network and without rclone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.actions import validate
from bisync.manifest.load import load
from bisync.report.words import validate_lines

pytestmark = pytest.mark.pure

MANIFEST = """\
version: 1
tenants:
  mine: {provider: rclone, remote: "%s"}
syncs:
  notes: {tenant: mine, dir: ~/notes}
"""
CONF = """\
[nas]
type = webdav
url = https://nas.example/dav

[short]
type = alias
remote = nas:notes

[round]
type = alias
remote = round:

[files]
type = sftp
"""


def said(home: Path, remote: str) -> list[str]:
    path = home / "bisync.yaml"
    path.write_text(MANIFEST % remote)
    manifest = load(path, env={"RCLONE_CONFIG": str(home / "rclone.conf")}, home=home)
    return list(validate_lines(manifest, validate.run(manifest)))


@pytest.mark.parametrize("remote", ["nas:notes", "short:"])
def test_it_says_where_devices_have_to_take_turns(remote: str, tmp_path: Path) -> None:
    (tmp_path / "rclone.conf").write_text(CONF)
    warning, fine = said(tmp_path, remote)
    assert warning.startswith(f"warning: tenants.mine: {remote} may keep the times")
    assert "take turns" in warning
    assert fine.startswith("OK: ")


@pytest.mark.parametrize("remote", ["files:notes", "unknown:notes", "round:"])
def test_it_says_nothing_of_others(remote: str, tmp_path: Path) -> None:
    (tmp_path / "rclone.conf").write_text(CONF)
    assert len(said(tmp_path, remote)) == 1


@pytest.mark.parametrize("text", [None, "# encrypted below\nRCLONE_ENCRYPT_V0:\nabc\n"])
def test_an_rclone_conf_that_nobody_can_read_is_for_doctor(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "rclone.conf").write_text(text)
    assert len(said(tmp_path, "nas:notes")) == 1
