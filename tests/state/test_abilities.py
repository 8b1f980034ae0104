"""The note of what a remote can do holds for one place, one rclone and whole files, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.core.abilities import OBJECTS, Abilities
from bisync.state.abilities import About, Found, load, save

pytestmark = pytest.mark.pure

ABOUT = About("nas:notes", "0f" * 16, "1.75.2")


@pytest.mark.parametrize("can", [OBJECTS, Abilities(precision_ns=None, own_times=False, proved=True)])
def test_what_was_found_out_is_known(can: Abilities, tmp_path: Path) -> None:
    save(tmp_path, ABOUT, Found("nas:notes", can))

    assert load(tmp_path, ABOUT) == Found("nas:notes", can)
    assert load(tmp_path, ABOUT._replace(rclone=None)) == Found("nas:notes", can)
    [note] = (tmp_path / "bisync-state" / ".remotes").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("other", [{"remote": "nas:other"}, {"address": "1e" * 16}, {"rclone": "1.76.0"}])
def test_of_another_place_or_by_another_rclone_it_says_nothing(other: dict[str, str], tmp_path: Path) -> None:
    save(tmp_path, ABOUT, Found("nas:notes", OBJECTS))

    assert load(tmp_path, ABOUT._replace(**other)) is None


def test_where_nobody_knows_what_a_remote_leads_to_nothing_is_noted(tmp_path: Path) -> None:
    save(tmp_path, ABOUT._replace(address=""), Found("nas:notes", OBJECTS))

    assert load(tmp_path, ABOUT._replace(address="")) is None
    assert not (tmp_path / "bisync-state").exists()


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", '"precision_ns": 0', '"precision_ns": -1', '"precision_ns": 1.5', '"version": 2'],
)
def test_a_damaged_note_is_none(damage: str, tmp_path: Path) -> None:
    save(tmp_path, ABOUT, Found("nas:notes", OBJECTS))
    [note] = (tmp_path / "bisync-state" / ".remotes").iterdir()
    key, _, _ = damage.partition(":")
    lines = {'"precision_ns"': '"precision_ns": 1', '"version"': '"version": 1'}
    note.write_text(note.read_text().replace(lines[key], damage) if key in lines else damage)

    assert load(tmp_path, ABOUT) is None
