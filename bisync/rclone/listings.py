"""bisync's own memory: the `.lst` pair in its workdir. Found, read, made durable, mended.

Format (rclone 1.66 and later, "# bisync listing v1"): flag, size, hash, id, modtime, quoted name.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bisync import stored
from bisync.core import names
from bisync.files import write_if_changed
from bisync.rclone.output import parse_time

_LINE = re.compile(r'^(\S) +(-?\d{1,18}) (\S+) (\S+) (\d{4}-\S+) (".*")$', re.MULTILINE)
# Go's \s is of ASCII.
_SESSION_CHARACTERS = re.compile(r"[\t\n\f\r \\/:?*]")
_HEADER = "# bisync listing v1"
_NO_TIME = "0001-01-01T00:00:00.000000000+0000"
SIDES = ("path1", "path2")
NAME_BYTES = 255
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds since then: the years 1 to 9999. A disk may say more.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_GO = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


class ListedFile(NamedTuple):
    """One file in a listing: size in bytes, MD5 or None, modtime in ns since the epoch or None."""

    path: str
    size: int
    md5: str | None
    mtime_ns: int | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The two listing files of one session."""

    path1: Path
    path2: Path

    def is_whole(self) -> bool:
        """Whether both files are there."""
        return self.path1.is_file() and self.path2.is_file()

    def digest(self) -> str:
        """SHA-256 over both files: changes whenever bisync has written either."""
        seen = hashlib.sha256()
        for one in (self.path1, self.path2):
            seen.update(stored.read(one, limit=stored.LARGE))
        return seen.hexdigest()


def read_pair(pair: Pair) -> tuple[list[ListedFile], list[ListedFile]]:
    """The files in both listings. Raises ValueError for a damaged one."""
    ours, theirs = _read_text(pair.path1), _read_text(pair.path2)
    first = _parse(ours, pair.path1)
    # By checksum, equal sides have equal listings, but for the moment in the first line.
    equal = ours.partition("\n")[2] == theirs.partition("\n")[2]
    return first, first if equal else _parse(theirs, pair.path2)


def read(path: Path) -> list[ListedFile]:
    """The files in one listing. Raises ValueError for a damaged one."""
    return _parse(_read_text(path), path)


def _read_text(path: Path) -> str:
    return stored.read(path, limit=stored.LARGE).decode("utf-8", "surrogateescape")


def _parse(text: str, path: Path) -> list[ListedFile]:
    if not text.startswith(_HEADER):
        raise ValueError(f"{path}: not a bisync listing: it begins with {text[:20]!r}")
    found = _LINE.findall(text)
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    if len(found) != len(lines):
        strange = next(line for line in lines if not _LINE.match(line))
        raise ValueError(f"{path}: not a line of a bisync listing: {strange[:80]!r}")
    return [
        ListedFile(
            unquote_go(name),
            int(size),
            digest[4:] or None if digest.startswith("md5:") else None,
            _time(time, path),
        )
        for flag, size, digest, _, time, name in found
        if flag == "-"
    ]


def _time(text: str, path: Path) -> int | None:
    found = parse_time(text)
    if found is None and not text.startswith("0001-"):
        raise ValueError(f"{path}: no time: {text[:80]!r}")
    return found


def session_name(local: Path, remote: str) -> str:
    """What bisync calls a pair of paths (rclone docs, bisync, "Lock file": the session name)."""
    one, two = (
        _SESSION_CHARACTERS.sub("_", text.strip("/\\")) for text in (names.to_rclone(str(local)), remote)
    )
    # A remote that is a folder here has the local backend's options in its name, too (see `find`).
    two = two if ":" in remote else f"local__{two}"
    return f"{one}..{two}"


def header(at: datetime) -> str:
    """The first line of a listing that was made `at` that moment. (rclone: cmd/bisync/listing.go.)"""
    return f"{_HEADER} from {at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond * 1000:09d}+0000\n"


def line(file: ListedFile) -> str:
    """The line of one file in a listing. Its quoted name is last, and stands in no other line."""
    path, size, md5, mtime_ns = file
    time = _NO_TIME if mtime_ns is None else _time_text(mtime_ns)
    return f"- {size:>8} {'md5:' if md5 else ''}{md5 or '-'} - {time} {quote_go(path)}\n"


def _time_text(ns: int) -> str:
    whole, rest = divmod(ns, 1_000_000_000)
    if not _FIRST <= whole <= _LAST:
        return _NO_TIME
    return f"{_EPOCH + timedelta(seconds=whole):%Y-%m-%dT%H:%M:%S}.{rest:09d}+0000"


def place(workdir: Path, local: Path, remote: str) -> Pair:
    """Where the pair of this local path and this remote lies, or will."""
    known = find(workdir, local, remote)
    session = session_name(local, remote)
    return known or Pair(*(workdir / f"local__{session}.{side}.lst" for side in SIDES))


def write(pair: Pair, texts: tuple[str, str]) -> None:
    """Bring the pair in line with `texts`, each in one step."""
    for path, raw in zip((pair.path1, pair.path2), _encoded(texts), strict=True):
        write_if_changed(path, raw)


def digest_of(texts: tuple[str, str]) -> str:
    """`Pair.digest` of a pair that holds these texts."""
    digest = hashlib.sha256()
    for raw in _encoded(texts):
        digest.update(raw)
    return digest.hexdigest()


def _encoded(texts: tuple[str, str]) -> tuple[bytes, bytes]:
    """Both texts as bytes; once where they are one."""
    ours = os.fsencode(texts[0])
    return ours, ours if texts[1] is texts[0] else os.fsencode(texts[1])


def is_too_long(local: Path, remote: str) -> bool:
    """Whether the name of a listing of this pair of paths is longer than a file's may be."""
    return len(f"local__{session_name(local, remote)}.path1.lst-new".encode()) > NAME_BYTES


def are_there(workdir: Path) -> bool:
    """Whether any pair of listings lies in the workdir, whatever paths it is of."""
    return all(any(workdir.glob(f"*.{side}.lst")) for side in SIDES)


def locks(workdir: Path) -> list[Path]:
    """bisync's lock files in the workdir, sorted."""
    return sorted(workdir.glob("*.lck"))


def find(workdir: Path, local: Path, remote: str) -> Pair | None:
    """The listing pair of this local path and this remote; None when it is not whole."""
    session = session_name(local, remote)
    # Options of the local backend, also by environment, put "local__" in front.
    for prefix in ("local__", ""):
        pair = Pair(*(workdir / f"{prefix}{session}.{side}.lst" for side in SIDES))
        if pair.is_whole():
            return pair
    return None


def clear_locks(workdir: Path) -> list[Path]:
    """Remove bisync's lock files. Only for the holder of our own lock: then no rclone of ours lives."""
    stale = locks(workdir)
    for lock in stale:
        lock.unlink(missing_ok=True)
    return stale


def unquote_go(text: str) -> str:
    """The string in a Go-quoted literal (strconv.Quote), quotes included. Raises ValueError for what is none."""
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    return re.sub(
        r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)",
        lambda m: _GO[m.group(1)] if m.group(1) in _GO else _character(m.group(1)[1:]),
        inner,
    )


def _character(code: str) -> str:
    number = int(code, 16)
    if number > sys.maxunicode:
        raise ValueError(f"no character has the code {code}")
    return chr(number)


def quote_go(text: str) -> str:
    """A Go-quoted literal of a name in rclone's spelling, which has no control characters left."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
