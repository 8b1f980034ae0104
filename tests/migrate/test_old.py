"""What goes of the old set-up, and that every other byte stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bisync.manifest import bm_config
from bisync.migrate import old
from bisync.migrate.found import Find, Project
from bisync.migrate.old import Old
from bisync.rclone import conf

pytestmark = pytest.mark.pure

CONF = """\
# mine
[s3]
type = s3

[dav]
; of the old server
type = webdav
url = https://dav.example.org

[last]
type = alias
remote = dav:
"""


@pytest.fixture
def rclone_conf(tmp_path: Path) -> Path:
    path = tmp_path / "rclone.conf"
    path.write_text(CONF)
    return path


def test_a_section_goes_and_no_other_byte(rclone_conf: Path) -> None:
    assert conf.remove_section(rclone_conf, "dav")

    begin, end = CONF.index("[dav]"), CONF.index("[last]")
    assert rclone_conf.read_text() == CONF[:begin] + CONF[end:]
    assert rclone_conf.stat().st_mode & 0o777 == 0o600
    assert not conf.remove_section(rclone_conf, "dav")


def test_only_what_is_asked_for_and_is_webdav_goes(rclone_conf: Path) -> None:
    assert old.remove(Old(section="dav"), rclone_conf) == []
    assert old.remove(Old(wanted=True, section="s3"), rclone_conf) == []
    assert rclone_conf.read_text() == CONF
    assert old.planned(Old(wanted=True, section="s3"), rclone_conf) == []
    (said,) = old.planned(Old(wanted=True, section="dav"), rclone_conf)
    (done,) = old.remove(Old(wanted=True, section="dav"), rclone_conf)
    assert "[dav]" in said
    assert "[dav]" in done
    assert "[dav]" not in rclone_conf.read_text()


def test_what_is_left_to_its_owner(rclone_conf: Path) -> None:
    others = (
        Find("webdav remote", "dav:", "one"),
        Find("webdav mount entry", "/mnt/dav", "a line of /etc/fstab"),
    )

    left = old.left(Old(wanted=True, section="dav", others=others), rclone_conf)

    assert left == ["webdav mount entry /mnt/dav (a line of /etc/fstab)"]
    assert len(old.left(Old(section="dav", others=others), rclone_conf)) == 2


POINTED = {
    '{ "projects" : {"a": "/o", "b":"/b"}, "x": [1, 2] }': '{ "projects" : {"a": "/new", "b":"/b"}, "x": [1, 2] }',
    '{"projects": {"a": {"path": "/o", "x": 1}}}': '{"projects": {"a": {"path": "/new", "x": 1}}}',
    '{"projects": {"a": {"mode": "cloud"}}}': None,
    '{"projects": {"b": "/old/b"}}': None,
    '{"projects": []}': None,
    "{}": None,
    "": None,
}


@pytest.mark.parametrize(("before", "after"), POINTED.items())
def test_a_project_is_pointed_elsewhere_and_no_other_byte(
    before: str, after: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(before)
    path.chmod(0o640)

    assert bm_config.set_project_path(path, "a", Path("/new")) is (after is not None)

    assert path.read_text() == (before if after is None else after)
    assert path.stat().st_mode & 0o777 == 0o640
    assert not bm_config.set_project_path(path, "a", Path("/new"))


def test_projects_are_pointed_to_their_new_places(rclone_conf: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"projects": {"a": "/old/a", "b": "/old/b"}}))
    project = Project("a", Path("/old/a"), config)

    wanted = Old(wanted=True, projects=((project, Path("/new/a")),))
    assert "point project a at /new/a" in old.planned(wanted, rclone_conf)[0]
    old.remove(wanted, rclone_conf)

    assert json.loads(config.read_text())["projects"] == {"a": "/new/a", "b": "/old/b"}
    assert wanted.configs == (config,)
    assert Old(projects=wanted.projects).configs == ()
