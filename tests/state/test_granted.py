"""What was granted is written down in the home, and read as something that others may have touched."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.app import App
from bisync.config import Manifest
from bisync.errors import BisyncError
from bisync.manifest.load import load
from bisync.state import granted
from bisync.state.last_manifest import instead_of

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
TEXT = """\
version: 1
tenants: {t: {provider: embedded, storage: /srv/store}}
ping: {success: "https://ping.example.org/never-to-be-seen"}
"""


def manifest_in(folder: Path) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bisync.yaml").write_text(TEXT)
    return load(folder / "bisync.yaml", env={}, home=folder)


def granted_in(home: Path) -> tuple[Manifest, dict[str, str], Path]:
    manifest, env = manifest_in(home), {"HOME": str(home)}
    granted.grant(manifest, env, NOW)
    return manifest, env, granted.file_of(manifest, env)


def test_what_was_granted_holds_and_is_private(tmp_path: Path) -> None:
    manifest, env = manifest_in(tmp_path), {"HOME": str(tmp_path)}
    assert granted.standing(manifest, env).at is None

    granted.grant(manifest, env, NOW)

    found = granted.standing(manifest, env)
    file = granted.file_of(manifest, env)
    assert found.holds and found.at == "2026-11-01T10:00:00+00:00"
    assert file.is_relative_to(tmp_path / ".local" / "state" / "bisync" / "grants")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "never-to-be-seen" not in file.read_text()


def test_it_is_bound_to_the_path(tmp_path: Path) -> None:
    _, env, _ = granted_in(tmp_path / "home")
    copy = manifest_in(tmp_path / "elsewhere")

    assert granted.standing(copy, env).at is None


def test_a_link_to_it_is_the_same(tmp_path: Path) -> None:
    manifest, env, _ = granted_in(tmp_path / "home")
    link = tmp_path / "home" / "other.yaml"
    link.symlink_to(manifest.path)

    assert granted.standing(load(link, env={}, home=tmp_path / "home"), env).holds


@pytest.mark.parametrize(("said", "below"), [("{}/x", "x/bisync"), ("x", "home/.local/state/bisync")])
def test_where_it_lies_is_the_homes_word(said: str, below: str, tmp_path: Path) -> None:
    """(XDG: a relative folder is passed over.)"""
    env = {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": said.format(tmp_path)}

    assert granted.file_of(manifest_in(tmp_path), env).is_relative_to(tmp_path / below)


def edited(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def replaced_by_link(file: Path) -> None:
    real = file.rename(file.with_suffix(".real"))
    file.symlink_to(real)


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir(mode=0o700)


def another_capability(file: Path) -> None:
    found = json.loads(file.read_text())
    edited(file, granted=[*found["granted"], {"kind": "program", "key": "x", "sha256": "0" * 64}])


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (replaced_by_link, "cannot be read"),
    "a pipe": (piped, "is not a plain file"),
    "a folder": (a_folder, "is not a plain file"),
    "writable by all": (lambda file: file.chmod(0o666), "can be changed by other users"),
    "its folder too": (lambda file: file.parent.chmod(0o777), "can be changed by other users"),
    "empty": (lambda file: file.write_text(""), "is damaged"),
    "no JSON": (lambda file: file.write_text("{"), "is damaged"),
    "no UTF-8": (lambda file: file.write_bytes(b"\xff\xfe"), "is damaged"),
    "deep": (lambda file: file.write_text("[" * 100_000), "is damaged"),
    "a list": (lambda file: file.write_text("[]"), "is damaged"),
    "a number": (lambda file: file.write_text("1" * 5000), "is damaged"),
    "a key twice": (lambda file: file.write_text('{"version": 1, "version": 1}'), "is damaged"),
    "large": (lambda file: file.write_bytes(b" " * (granted.LARGEST + 1)), "is no file of ours"),
    "another version": (lambda file: edited(file, version=2), "is damaged"),
    "no moment": (lambda file: edited(file, at="yesterday"), "is damaged"),
    "odd grants": (lambda file: edited(file, granted={"a": 1}), "is damaged"),
    "grants that are no digests": (
        lambda file: edited(file, granted=[{"key": "a", "sha256": 1}]),
        "is damaged",
    ),
    "one more": (another_capability, "is damaged"),
    "another manifest's": (lambda file: edited(file, manifest="/x"), "is about another manifest"),
}


def test_a_disk_that_fails_is_no_missing_grant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, env, _ = granted_in(tmp_path)

    def fails(path: Path, flags: int) -> int:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(granted, "open_plain", fails)
    with pytest.raises(BisyncError, match="Input/output error") as raised:
        granted.standing(manifest, env)
    assert raised.value.exit_code == 1
    app = App(manifest=manifest, env=env)
    refused = app.refusal()
    assert refused is not None and refused.exit_code == 1
    with pytest.raises(BisyncError, match="Input/output error"):
        app.must_be_granted()


@pytest.mark.parametrize(("deed", "says"), ODD.values(), ids=ODD)
def test_an_odd_one_is_none_and_is_named(deed: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    manifest, env, file = granted_in(tmp_path)
    deed(file)

    found = granted.standing(manifest, env)

    assert found.at is None and not found.holds
    assert says in (found.trouble or "")


@pytest.mark.parametrize("deed", ["a link", "empty", "a pipe"])
def test_a_new_word_mends_it(deed: str, tmp_path: Path) -> None:
    manifest, env, file = granted_in(tmp_path)
    ODD[deed][0](file)
    before = {path: path.read_bytes() for path in file.parent.glob("*.real")}

    granted.grant(manifest, env, NOW)

    assert granted.standing(manifest, env).holds
    assert {path: path.read_bytes() for path in before} == before


def test_nothing_is_granted_where_everybody_can_write(tmp_path: Path) -> None:
    manifest, env, file = granted_in(tmp_path)
    file.parent.chmod(0o777)

    with pytest.raises(BisyncError, match="can be changed by other users") as caught:
        granted.grant(manifest, env, NOW)

    assert "chmod 700" in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give a file away")
@pytest.mark.parametrize("which", ["file", "folder"])
def test_another_users_is_none(which: str, tmp_path: Path) -> None:
    manifest, env, file = granted_in(tmp_path)
    os.chown(file if which == "file" else file.parent, 54321, 54321)

    assert "belongs to another user" in (granted.standing(manifest, env).trouble or "")


def test_another_manifest_than_last_time_is_named_once(tmp_path: Path) -> None:
    one, other, env = tmp_path / "one.yaml", tmp_path / "other.yaml", {"HOME": str(tmp_path)}
    assert instead_of(one, env) is None
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind where nothing was agreed to"

    (tmp_path / ".local" / "state" / "bisync" / "grants").mkdir(parents=True)

    assert [instead_of(path, env) for path in (one, one, other, other, one)] == [
        None, None, str(one), None, str(other),
    ]  # fmt: skip


@pytest.mark.parametrize("odd", [b"", b"\xff\n", b"x" * 100_000])
def test_an_odd_note_of_it_is_no_error(odd: bytes, tmp_path: Path) -> None:
    home = tmp_path / ".local" / "state" / "bisync"
    (home / "grants").mkdir(parents=True)
    (home / "last-manifest").write_bytes(odd)

    instead_of(tmp_path / "one.yaml", {"HOME": str(tmp_path)})
    assert instead_of(tmp_path / "one.yaml", {"HOME": str(tmp_path)}) is None
