"""Which rclone is taken: real little programs that say what `rclone version` says."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from bisync.errors import RcloneError
from bisync.rclone import binary
from bisync.rclone.binary import Found, find, installed_path

pytestmark = pytest.mark.pure


def rclone_at(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'rclone v{version}'\necho '- os/version: debian 12'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if this interpreter had no rclone beside it."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    return tmp_path


def test_the_order_of_places(alone: Path) -> None:
    state, env = alone / "state", {"PATH": str(alone / "path")}
    with pytest.raises(RcloneError, match="rclone not found"):
        find(None, state, env)
    places = [
        rclone_at(installed_path(state), "1.70.0"),
        rclone_at(alone / "path" / "rclone", "1.71.0"),
        rclone_at(alone / "venv" / "bin" / "rclone", "1.72.0"),
    ]
    places[1].unlink()
    places[2].unlink()
    assert find(None, state, env) == Found(places[0], "1.70.0")
    rclone_at(places[1], "1.71.0")
    assert find(None, state, env) == Found(places[1], "1.71.0")
    rclone_at(places[2], "1.72.0")
    assert find(None, state, env) == Found(places[2], "1.72.0")
    named = rclone_at(alone / "named" / "rclone", "1.73.0")
    assert find(None, state, env | {"BISYNC_RCLONE": str(named)}) == Found(named, "1.73.0")
    manifests = rclone_at(alone / "manifests" / "rclone", "1.74.0")
    assert find(str(manifests), state, env | {"BISYNC_RCLONE": str(named)}) == Found(manifests, "1.74.0")
    assert find("rclone", state, env) == Found(places[2], "1.72.0"), "the plain name means: look for it"


@pytest.mark.parametrize(("version", "good"), [
    ("1.60.1-DEV", False), ("1.65.2", False), ("1.66.0", True), ("1.66", True), ("1.75.2", True),
    ("1.100.0", True), ("2.0.0", True), ("1.9.9", False), ("1.76.0-beta.8901.abc", True),
])  # fmt: skip
def test_what_is_new_enough(alone: Path, version: str, good: bool) -> None:
    path = rclone_at(alone / "path" / "rclone", version)
    env = {"PATH": str(path.parent)}
    if good:
        assert find(None, alone / "state", env).path == path
    else:
        with pytest.raises(RcloneError, match="rclone is too old") as caught:
            find(None, alone / "state", env)
        assert str(path) in caught.value.message
        assert "1.66 is needed" in caught.value.message
        assert "bisync setup" in (caught.value.hint or "")


def test_one_that_is_too_old_is_passed_over(alone: Path) -> None:
    old = rclone_at(alone / "venv" / "bin" / "rclone", "1.60.1-DEV")
    new = rclone_at(installed_path(alone / "state"), "1.75.2")

    assert find(None, alone / "state", {"PATH": str(old.parent)}) == Found(new, "1.75.2")


@pytest.mark.parametrize("by", ["manifest", "environment"])
def test_one_that_was_named_is_the_only_one(alone: Path, by: str) -> None:
    rclone_at(alone / "path" / "rclone", "1.75.2")
    old = rclone_at(alone / "old" / "rclone", "1.60.1")
    env = {"PATH": str(alone / "path")}
    for named, says in ((str(old), "too old"), (str(alone / "nosuch"), "there is no such program")):
        with pytest.raises(RcloneError, match=says):
            if by == "manifest":
                find(named, alone / "state", env)
            else:
                find(None, alone / "state", env | {"BISYNC_RCLONE": named})


@pytest.mark.parametrize("text", ["#!/bin/sh\necho 'hello'\n", "#!/nonexistent/sh\n", "no program at all"])
def test_something_else_called_rclone(alone: Path, text: str) -> None:
    path = alone / "path" / "rclone"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o755)

    with pytest.raises(RcloneError) as caught:
        find(None, alone / "state", {"PATH": str(path.parent)})
    assert str(path) in caught.value.message
    good = rclone_at(installed_path(alone / "state"), "1.75.2")
    assert find(None, alone / "state", {"PATH": str(path.parent)}).path == good, "what setup installs helps"
    with pytest.raises(RcloneError) as caught:
        find(str(path), alone / "state", {})
    assert caught.value.hint == "correct rclone.binary, or leave it out"


def test_a_version_is_asked_once_per_file(alone: Path) -> None:
    state = alone / "state"
    state.mkdir()
    asked = alone / "asked"
    path = rclone_at(alone / "path" / "rclone", "1.75.2")
    path.write_text(f"#!/bin/sh\necho >> {asked}\necho 'rclone v1.75.2'\n")
    env = {"PATH": f"{path.parent}:/usr/bin:/bin"}

    for _ in range(3):
        assert find(None, state, env).version == "1.75.2"
    assert len(asked.read_text()) == 1
    rclone_at(path, "1.76.0")
    assert find(None, state, env).version == "1.76.0"


def test_a_process_asks_once_also_where_nothing_can_be_noted(alone: Path) -> None:
    asked = alone / "asked"
    path = alone / "path" / "rclone"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\necho >> {asked}\necho 'rclone v1.75.2'\n")
    path.chmod(0o755)
    env = {"PATH": str(path.parent)}

    for state in (alone / "state", alone / "other"):
        assert find(None, state, env).version == "1.75.2"
        assert not state.exists()
    assert len(asked.read_text()) == 1

    as_new = path.with_name("new")
    as_new.write_text(path.read_text().replace("1.75.2", "1.76.0"))
    as_new.chmod(0o755)
    stat = path.stat()
    os.utime(as_new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    as_new.replace(path)
    assert find(None, alone / "state", env).version == "1.76.0", "another file of the same size and time"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 3}', json.dumps({"a": None})])
def test_a_broken_note_of_versions_is_no_trouble(alone: Path, text: str) -> None:
    state = alone / "state"
    state.mkdir()
    (state / "rclone-versions.json").write_text(text)
    path = rclone_at(alone / "path" / "rclone", "1.75.2")

    assert find(None, state, {"PATH": str(path.parent)}).version == "1.75.2"
    assert binary.PINNED == "1.75.2"
