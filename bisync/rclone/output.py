"""What rclone printed, as values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from bisync import events
from bisync.core.metadata import PARTIAL_SUFFIX
from bisync.errors import RcloneError
from bisync.events import Problem
from bisync.stored import Damaged, fits, parse

_FRACTION = re.compile(r"(?:\.(\d+))?(.*)$")
_ENTRY = {
    "Path": str,
    "Size": int,
    "ModTime?": str,
    "IsDir?": bool,
    "Hashes?": (None, {"md5?": str}),
}


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command did: exit code, stdout, and the events in their order. `config`: the rclone.conf it went by."""

    code: int
    stdout: str
    events: tuple[events.Event, ...]
    config: Path | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The errors, in order."""
        return tuple(e for e in self.events if isinstance(e, Problem) and e.level == "error")


_PARTIAL = re.compile(rf".+\.[0-9a-z]{{1,8}}{re.escape(PARTIAL_SUFFIX)}", re.DOTALL)


def is_partial_name(name: str) -> bool:
    """Whether rclone may have given a half-written download this name.

    Before the suffix it puts a checksum in hexadecimal, in its older versions letters by chance.
    """
    return _PARTIAL.fullmatch(name) is not None


def count_unchecked(outcome: Finished) -> int:
    """How many files a `check` has compared by size alone, because a side has no hash of them."""
    found = (
        re.match(r"(\d+) hashes could not be checked", e.text)
        for e in outcome.events
        if isinstance(e, Problem)
    )
    return next((int(match.group(1)) for match in found if match), 0)


def read_features(stdout: str) -> dict[str, Any]:
    """What a remote promises, from what `backend features` printed. Raises RcloneError."""
    found: dict[str, Any] = _parsed(
        stdout, {"Features?": dict, "Hashes?": (None, [str]), "Precision?": int}, "features of a backend"
    )
    return found


def _parsed(text: str | bytes, shape: Any, what: str) -> Any:
    """What rclone printed as JSON. Raises RcloneError for what is none, and for another shape."""
    try:
        found = parse(text)
    except Damaged as error:
        raise RcloneError(f"rclone printed no {what}: {error}", hint="type: bisync doctor") from None
    if not fits(found, shape):
        raise RcloneError(f"rclone printed no {what} that is known here", hint="type: bisync doctor")
    return found


def read_remotes(stdout: str) -> dict[str, str]:
    """Name to type, from what `listremotes --long` printed ("name:   type")."""
    found = {}
    for line in stdout.splitlines():
        name, _, kind = line.partition(":")
        found[name.strip()] = kind.strip()
    return found


def read_alias(stdout: str) -> str:
    """What an alias stands for, from what `config show` printed ("remote = nas:notes")."""
    values = [line.partition("=")[2].strip() for line in stdout.splitlines() if line.startswith("remote")]
    return values[-1] if values else ""


def read_endpoint(line: str) -> str | None:
    """The address in the line with which `serve s3` says where it listens; None for any other line."""
    if "Starting s3 server on" not in line:
        return None
    return line.partition("[")[2].partition("]")[0].rstrip("/")


class Listed(NamedTuple):
    """One file of a remote's listing. `modtime` RFC 3339, as rclone prints it; "" when not asked for."""

    path: str
    size: int
    md5: str | None
    modtime: str


class Written(Enum):
    """What became of a small object that was to be written. UNKNOWN: there was no answer, it may be there."""

    DONE = "done"
    EXISTS = "exists"
    UNKNOWN = "unknown"


def read_listing(stdout: str) -> list[Listed]:
    """The files in what `lsjson` printed."""
    found: list[Listed] = []
    ListingReader(found.append).feed(stdout.encode("utf-8", "surrogateescape"))
    return found


def read_tree(stdout: str) -> tuple[list[Listed], list[str]]:
    """The files and the folders in what `lsjson` printed. Raises RcloneError for what is no listing."""
    files, folders = [], []
    for entry in _parsed(stdout or "[]", [_ENTRY], "listing"):
        if entry.get("IsDir"):
            folders.append(entry["Path"])
        else:
            files.append(_listed(entry))
    return files, folders


def _listed(entry: dict[str, Any]) -> Listed:
    md5 = (entry.get("Hashes") or {}).get("md5") or None
    return Listed(entry["Path"], entry["Size"], md5, entry.get("ModTime", ""))


def read_answer(answer: bytes) -> list[Listed]:
    """The files in the answer of `operations/list`. Raises RcloneError for what is none."""
    found = _parsed(answer, {"list?": (None, [_ENTRY])}, "listing")
    return [_listed(entry)._replace(md5=None) for entry in found.get("list") or ()]


class ListingReader:
    """Reads what `lsjson` prints while it comes, so that a listing is never held as text. `take` gets each file.

    rclone prints a line with `[`, one a file that ends in a comma unless it is the last, and a line with `]`.
    """

    def __init__(self, take: Callable[[Listed], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises RcloneError for what is no listing."""
        whole, ended, rest = (self._rest + chunk).rpartition(b"\n")
        self._rest = rest
        if ended:
            for entry in _parsed(b"[" + whole.strip(b"[],\r\n ") + b"]", [_ENTRY], "listing"):
                self._take(_listed(entry))


def parse_time(text: str) -> int | None:
    """RFC 3339 as rclone writes it, with up to nine digits, to ns since the epoch.

    None for year 1, and for what is no time: a store may say what it likes.
    """
    if not text or text.startswith("0001-"):
        return None
    match = _FRACTION.match(text, 19)
    if match is None:
        return None
    digits, zone = match.groups()
    try:
        whole = datetime.fromisoformat(text[:19] + ("+00:00" if zone in ("Z", "") else zone))
    except ValueError:
        return None
    return int(whole.timestamp()) * 1_000_000_000 + (int(digits.ljust(9, "0")[:9]) if digits else 0)
