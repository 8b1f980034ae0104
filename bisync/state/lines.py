"""A file of JSON lines that only grows, but for its last line; when it is full it is put aside, with a number.

No line is lost, whenever a crash comes. Who reads needs no lock: a line that is just being written is passed over, and
one that another has replaced already, too.

The last line is replaced in three steps. The new one is written after it, and flushed; then over it, and flushed; then
the first copy is cut off. The copy begins where the new line can never reach from the old one's place, so one of the
two is whole at any time. (A rewrite beside and a rename, as everywhere else, would write the whole file every minute.)
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from bisync.core.history import is_replaced
from bisync.stored import Damaged, open_plain, parse

Entry = dict[str, Any]
# A file is never longer than this, but for a line that alone is.
LIMIT = 8 << 20
# So many full ones are kept beside it, the newest as number 1.
KEEP = 4
# So much of a file is read: of one line that alone is longer, and of what is none of ours, the end.
MOST = LIMIT * 8
_TAIL = 4096


def aside(path: Path, number: int) -> Path:
    """Where a full file lies: history.1.jsonl is the newest of them."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def put(
    path: Path, text: str, instead: Callable[[Entry], str | None], *, limit: int = LIMIT, keep: int = KEEP
) -> str | None:
    """Add a line; or replace the last one by what `instead` makes of it, which may be two. What was replaced, or None.

    A line that a crash cut short is closed first, and never replaced. Raises OSError.
    """
    while True:
        with _alone(path) as file:
            end = os.fstat(file).st_size
            start, last, is_whole = _last(file, end)
            entry = _parsed(last)
            new = instead(entry) if entry is not None else None
            if new is not None:
                _replace(file, start, end, f"{new}\n".encode())
                return last.decode().rstrip("\n")
            raw = (b"" if is_whole else b"\n") + f"{text}\n".encode()
            if end == 0 or end + len(raw) <= limit:
                _write(file, raw, end)
                os.fsync(file)
                return None
            _put_aside(path, keep)


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """The file, private from birth, with no other writer. (A run that fails without its sync's lock writes, too.)"""
    while True:
        file = open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.stat()):
                    yield file
                    return
            # Another writer has put it aside meanwhile.
        finally:
            os.close(file)


def _last(file: int, end: int) -> tuple[int, bytes, bool]:
    """Where the last line begins, and the line; whether the file ends with a line break. A broken line is none."""
    size = _TAIL
    while True:
        begin = max(0, end - size)
        raw = os.pread(file, end - begin, begin)
        if raw and not raw.endswith(b"\n"):
            return end, b"", False
        cut = raw.rfind(b"\n", 0, len(raw) - 1) + 1
        if cut or begin == 0:
            return begin + cut, raw[cut:], True
        if size > MOST:
            return end, b"", True
        size *= 8


def _replace(file: int, start: int, end: int, raw: bytes) -> None:
    missing = start + len(raw) - end
    # An empty line keeps the two copies apart; readers pass it over.
    gap = b" " * (missing - 1) + b"\n" if missing > 0 else b""
    first, second = raw[: raw.index(b"\n") + 1], raw[raw.index(b"\n") + 1 :]
    if second:
        # Before the first, which alone would say less than the line that is there. (A hole is no line.)
        _write(file, second, end + len(gap + first))
        os.fsync(file)
    _write(file, gap + first, end)
    os.fsync(file)
    _write(file, raw, start)
    os.fsync(file)
    os.ftruncate(file, start + len(raw))


def _write(file: int, raw: bytes, at: int) -> None:
    while raw:
        written = os.pwrite(file, raw, at)
        raw, at = raw[written:], at + written


def _put_aside(path: Path, keep: int) -> None:
    """Make room under the name. From the oldest on, so that a reader who goes the other way misses none."""
    free = next((number for number in range(1, keep) if not aside(path, number).exists()), keep)
    for number in range(free, 1, -1):
        aside(path, number - 1).replace(aside(path, number))
    path.replace(aside(path, 1))


def oldest_first(path: Path, *, keep: int = KEEP) -> Iterator[Entry]:
    """Every line that can be read, in the order they were written. None without a file; raises OSError."""
    with _opened(path, keep) as streams:
        for stream in reversed(streams):
            yield from reversed(list(_backwards(stream)))


def newest_first(path: Path, *, keep: int = KEEP) -> Iterator[Entry]:
    """As `oldest_first`, the other way round; who stops early has read little."""
    with _opened(path, keep) as streams:
        for stream in streams:
            yield from _backwards(stream)


def end(path: Path, size: int, *, keep: int = KEEP) -> bytes:
    """The last `size` bytes: of the file, and of the full ones before it as far as it takes."""
    found = b""
    with _opened(path, keep) as streams:
        for stream in streams:
            if len(found) >= size:
                break
            there = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, there - size + len(found)))
            found = stream.read() + found
    return found


@contextmanager
def _opened(path: Path, keep: int) -> Iterator[list[BinaryIO]]:
    """The files that there are, the newest first. All are open before any is read: one may be put aside meanwhile."""
    with ExitStack() as stack:
        streams: list[BinaryIO] = []
        seen = set[tuple[int, int]]()
        for place in (path, *(aside(path, number) for number in range(1, keep + 1))):
            try:
                stream = stack.enter_context(os.fdopen(open_plain(place, os.O_RDONLY), "rb"))
            except FileNotFoundError:
                continue
            status = os.fstat(stream.fileno())
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                streams.append(stream)
        yield streams


def _backwards(stream: BinaryIO) -> Iterator[Entry]:
    # Somebody may have made it longer than we ever do.
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - MOST))
    # A replacement may be two lines.
    later: deque[Entry] = deque(maxlen=2)
    for line in reversed(stream.read(MOST).splitlines()):
        entry = _parsed(line)
        if entry is None or any(is_replaced(entry, by=one) for one in later):
            continue
        later.append(entry)
        yield entry


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = parse(line)
    except Damaged:
        return None
    return entry if isinstance(entry, dict) else None
