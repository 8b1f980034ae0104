"""What hooks said lately."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bisync.state.hook_log import HookLog

pytestmark = pytest.mark.pure


def test_it_is_private_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "state" / "hooks.log"
    for run in ("one", "two"):
        log = HookLog(path)
        log.begin(f"== {run}")
        log.add("== said ☂ \ud800")

    assert path.read_text() == "== one\n  == said ☂ ?\n== two\n  == said ☂ ?\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_never_exceeds_its_limit_and_keeps_the_last(tmp_path: Path) -> None:
    log = HookLog(tmp_path / "hooks.log", limit=1000)
    for number in range(500):
        log.add(f"line {number}")
        assert log.path.stat().st_size <= 1000

    lines = log.path.read_text().splitlines()
    last = [f"  line {number}" for number in range(500 - len(lines), 500)]
    assert lines == last and len(lines) > 30
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["hooks.log"]


def test_what_the_disk_refuses_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "hooks.log").mkdir()
    log = HookLog(tmp_path / "hooks.log")
    log.begin("== one")
    log.add("two")

    assert log.problem == "Is a directory"


def test_it_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "hooks.log").symlink_to(tmp_path / "elsewhere")
    log = HookLog(tmp_path / "hooks.log")
    log.add("x")

    assert log.problem is not None and not (tmp_path / "elsewhere").exists()
